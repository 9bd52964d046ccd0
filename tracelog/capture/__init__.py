"""What the call knew: ids, values and exceptions, taken in the thread that logs, before any queue can drop them.

context      the stamp: the active span's ids, read once
stdlib       the stamp on every `logging.LogRecord`
record       a LogRecord -> a LogEntry
structlog    the processor that adds ids, and an event dict -> a LogEntry
json         the python-json-logger formatter
spans        an ended SDK span -> a Span
span_events  span events as log records
values       anything -> something that JSON can hold
"""
