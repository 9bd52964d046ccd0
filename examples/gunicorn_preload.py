"""gunicorn with `preload` and Flask: configured once, before the workers are forked, every line has its ids, once.

This one module is gunicorn's configuration and its application: `gunicorn -c python:gunicorn_preload`.
"""

import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import flask
import httpx
from opentelemetry.instrumentation.flask import FlaskInstrumentor

import tracelog

bind, wsgi_app, workers, preload_app = "unix:gunicorn.sock", "gunicorn_preload:app", 2, True
accesslog, loglevel = "/dev/null", "warning"

tracelog.configure(service="billing", store="sqlite:tracelog.db", console=False)
log = logging.getLogger("billing")

service = flask.Flask(__name__)
FlaskInstrumentor().instrument_app(service)  # type: ignore[no-untyped-call]
app = tracelog.CrashLineMiddleware(service)  # outermost: the access line comes after the span's end


@service.get("/invoices/<name>")
def read_invoice(name: str) -> str:
    log.info("invoice %s read", name, extra={"worker": os.getpid()})
    return name


def on_starting(_server: object) -> None:
    for name in ("gunicorn.error", "gunicorn.access"):  # gunicorn keeps its lines to itself
        logging.getLogger(name).propagate = True


def when_ready(_server: object) -> None:
    print("ready", flush=True)


def main() -> None:
    """Serve twenty requests from two workers, then read the store."""
    command = [sys.executable, "-m", "gunicorn", "-c", "python:gunicorn_preload"]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        server.stdout.readline()
        with httpx.Client(transport=httpx.HTTPTransport(uds="gunicorn.sock"), base_url="http://billing") as client:
            for number in range(20):
                client.get(f"/invoices/I-{number}").raise_for_status()
        server.terminate()
    with tracelog.open_store("sqlite:tracelog.db") as store:
        spans = {(span.trace_id, span.span_id) for span in store.spans(kind="SERVER")}
        lines = [line for line in store.logs() if line.logger in {"billing", "gunicorn.access"}]
    print(len(spans), "requests:", sorted(Counter(line.logger for line in lines).items()))
    print("every line has its span:", all((line.trace_id, line.span_id) in spans for line in lines))


if __name__ == "__main__":
    main()
