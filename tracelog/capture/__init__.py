"""What the call knew: ids, values and exceptions, taken in the thread that logs, before any queue can drop them.

context        the stamp: the active span's ids, read once
stdlib         the stamp on every `logging.LogRecord`
baggage        what the baggage holds under allowed keys
fork           whether the active span came along over a fork
execution      contexts for threads, timers and executors, which lose them
crash_lines    ids for the lines that a server writes after the span's end
middleware     the ASGI and WSGI wrapper that notes a request's server span
request_spans  what the SDK's spans tell `crash_lines`
record         a LogRecord -> a LogEntry
queues         the queue handler that keeps stamp and exception
structlog      the processor that adds ids, and an event dict -> a LogEntry
json           the python-json-logger formatter
json_renderer  the structlog renderer that does it all in one step
pretty         the formatter for people at a terminal
spans          an ended SDK span -> a Span
span_events    span events as log records
exceptions     an exception as text
values         anything -> something that JSON can hold
redact         secrets out, before anything is stored
"""
