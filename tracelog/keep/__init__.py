"""Which traces to keep, each whole: its spans and its log lines together.

A service decides about a trace when it knows how it went. What it knows is `Evidence`; `policies` say what to make of
it, in the words of the OpenTelemetry Collector's tail sampling.

policies, policy_files    what they are, and how they are read
keeping                   `Keep`: handlers and span processors go through it
recorder, undecided       the flight recorder: holds, decides, lets go
spans                     the SDK's span processor
replay, outcome           what policies would have kept of what is stored
"""

from __future__ import annotations
