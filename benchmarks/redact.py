"""What redaction costs a record: run this, with or without a number of rounds.

said       `Redactor.said` alone, as a formatter calls it
callback   the same by a redactor whose callback sees every scalar
entry      a redactor called with an entry of the same text, with ids, a resource and a place in the code
encoded    the entry encoded as the store has it, without redaction, for comparison

Rounds are interleaved, so that a drifting machine drifts for all. Printed is the minimum of the rounds, in µs, and for
`said` the median too.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from tracelog.capture.redact import Redactor
from tracelog.model import ExceptionInfo, LogEntry
from tracelog.schema.otel import encode_log

ROUNDS, SECONDS = 25, 0.02
Call = Callable[[], object]
Said = tuple[str, dict[str, Any], ExceptionInfo | None]

MESSAGE = "order 4711 for customer 8812 was charged after 182 ms, try 1"
EXTRAS = {"order_id": "A-4711", "amount_cents": 1290}
URL = {"url": "https://pay.example.com/v1/charges/ch_4711"}
PLACE = {"code.file.path": "/srv/orders/orders/charge.py", "code.line.number": 42, "code.function.name": "charge"}
STACK = '  File "/srv/orders/orders/charge.py", line 42, in charge\n    provider.charge(order, timeout=3)\n' * 20
BASE = LogEntry(
    id="0af7651916cd43dd-000000000001",
    time=1_776_608_581_200_000_000,
    observed_time=1_776_608_581_200_000_000,
    severity_number=9,
    severity_text="INFO",
    logger="orders.charge",
    service="orders",
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="b7ad6b7169203331",
    trace_flags=1,
    resource={"service.name": "orders", "service.version": "1.4.2", "host.name": "orders-7f9c", "process.pid": 4711},
)

RECORDS: dict[str, Said] = {
    "60 characters": (MESSAGE, {}, None),
    "60 characters, 2 attributes": (MESSAGE, EXTRAS, None),
    "60 characters, 3 attributes, one a URL": (MESSAGE, EXTRAS | URL, None),
    "50 attributes": (MESSAGE, {f"order.item_{number}": f"sku-{number:08}" for number in range(50)}, None),
    "10 KB": ((MESSAGE + "\n") * 168, EXTRAS, None),
    "an exception, 20 frames": (MESSAGE, EXTRAS, ExceptionInfo("TimeoutError", "no answer in 3 s", STACK)),
    "the word token, no secret": ("invalid token: unexpected end of input after 182 ms, try 1", EXTRAS, None),
    "a secret in the message": ("charging with token=31d4d96e407aad42 after 182 ms, try 1", EXTRAS, None),
    "a secret in an attribute": (MESSAGE, {**EXTRAS, "api_key": "31d4d96e407aad42"}, None),
    "10 KB, a secret in it": ((MESSAGE + "\n") * 167 + "password=hunter2", EXTRAS, None),
}
COLUMNS = ("said", "callback", "entry", "encoded")


def calls(said: Said) -> dict[str, Call]:
    """Return what is measured for one record, by column."""
    redactor, asking = Redactor(), Redactor(extra=lambda _key, value: value)
    body, attributes, exception = said
    entry = replace(BASE, body=body, attributes=attributes | PLACE, exception=exception)
    return {
        "said": lambda: redactor.said(body, attributes, exception),
        "callback": lambda: asking.said(body, attributes, exception),
        "entry": lambda: redactor(entry),
        "encoded": lambda: encode_log(entry),
    }


def measure(rounds: int) -> dict[tuple[str, str], list[float]]:
    """Return the µs of each round of each call, by record and column."""
    todo = {(name, column): call for name, said in RECORDS.items() for column, call in calls(said).items()}
    repeats = {key: max(int(SECONDS / time_of(call, 50) * 50), 20) for key, call in todo.items()}
    figures: dict[tuple[str, str], list[float]] = {key: [] for key in todo}
    for _ in range(rounds):
        for key, call in todo.items():
            figures[key].append(time_of(call, repeats[key]) / repeats[key] * 1e6)
    return figures


def time_of(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - start


def main() -> None:
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
    print(f"{'µs':38}{'said':>8}  median{''.join(f'{column:>10}' for column in COLUMNS[1:])}")
    for name in RECORDS:
        said, *others = (figures[name, column] for column in COLUMNS)
        rest = "".join(f"{min(other):10.2f}" for other in others)
        print(f"{name:38}{min(said):8.2f}{statistics.median(said):8.2f}{rest}")


if __name__ == "__main__":
    main()
