"""The pure middle of the reading side: lists in, answers out. It knows the model and nothing else.

tree      spans and logs -> a Trace
latency   durations -> percentiles
"""
