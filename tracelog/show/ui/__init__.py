"""The page, served on this machine: search, a plot of durations by time, latency per operation, and each trace.

asked     what is looked for, from the address of a page and back to it
found     what a store answers to that
plot      the answer as a plot: a dot per trace, a step per percentile
pages     each of these as HTML
server    who is answered, and with which page

It reads only, keeps nothing, and has a script only where a trace is shown. Every page has an address of its own.
"""
