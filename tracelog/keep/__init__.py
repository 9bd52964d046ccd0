"""Which traces to keep, each whole: its spans and its log lines together.

A service decides about a trace when it knows how it went. What it knows is `Evidence`; `policies` say what to make of
it, in the words of the OpenTelemetry Collector's tail sampling; `policy_files` reads them; `replay` tries them on what
is stored.
"""

from __future__ import annotations
