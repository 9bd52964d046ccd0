"""Answers -> what people and programs read.

json_output   the JSON of every command
timeline      a trace -> rows: spans, and the lines and events within them, in order
bars          the bar of a span on the time axis
console       rows and tables on a terminal
text          durations, times and hostile text, made fit for one line
words         what commands say beside their answer
progress      the progress bar
exports       a trace -> files that other tools read: otlp, perfetto
"""
