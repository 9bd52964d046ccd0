"""Stored or foreign document <-> model, one file per layout.

otel        the OpenTelemetry data-stream layout: what tracelog stores, and the Collector's `otel` mode
otlp        OTLP/JSON, as exporters write it to files
json_lines  JSON log lines as structlog, python-json-logger and ecs-logging print them
lines       the names under which a formatter prints a log entry: otel, ecs
escaping    text that a terminal does not obey
"""
