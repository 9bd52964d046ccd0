"""From a log call to the store: one pipeline for records and spans.

pipeline   what was emitted and not yet stored: a bounded queue, and the place of the durable spool
sender     one thread that empties a pipeline into its store, in batches, as often as it takes
handler    the logging handler
renderer   the last structlog processor
exporter   the OpenTelemetry SDK span exporter
imports    files -> the store, in bulk
"""
