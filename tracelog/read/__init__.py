"""The pure middle of the reading side: lists in, answers out. It knows the model and nothing else.

tree      spans and logs -> a Trace, with the help of
            parents    span ids -> who stands below whom
            placing    lines -> the spans that wrote them
            ghosts     what is proven of spans that never arrived
            critical   what the root waited for
            findings   what is remarkable, in few sentences, of which each kind is a function of
                retries, repeats, serial, errors, gaps
            calls      what spans are to each other, for these, by semconv: what one says of itself
skew      calls between hosts -> by how much their clocks differ
clocks    a Trace -> the same with its clocks set right
outlines  what is read of each span for dependencies -> who was called by whom, which these count
latency   durations -> percentiles
"""
