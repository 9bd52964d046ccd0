"""A service that checks its logging when it starts: a line without ids is found before the first incident is."""

import logging
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import tracelog
from tracelog.doctor import assert_healthy, examine
from tracelog.errors import ConfigurationError

trace.set_tracer_provider(TracerProvider())

# What somebody wrote a year ago: the filter is on a logger, where it does not see the lines of loggers below it.
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(logging.Formatter("%(levelname)s %(trace_id)s %(message)s", defaults={"trace_id": "-"}))
root = logging.getLogger()
root.setLevel(logging.INFO)
root.addHandler(handler)
root.addFilter(tracelog.TraceContextFilter())

# At start: refuse to serve, or only say so, as you prefer. Nothing is written or sent by the examination.
try:
    assert_healthy()
except ConfigurationError as error:
    print(error)

# What the advice says, done.
handler.addFilter(root.filters[0])
assert_healthy()
print("examined:", [f"{found.logger} {found.state}" for found in examine()])

with trace.get_tracer("payments").start_as_current_span("charge card") as span:
    logging.getLogger("payments").info("card charged")
print(f"in trace {span.get_span_context().trace_id:032x}")
