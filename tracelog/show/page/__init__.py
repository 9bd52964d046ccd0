"""A trace -> one HTML file that needs nothing else: no network, no build, no framework.

data      the trace as columns, in the order of the timeline
sources   the files of `source/`, joined into one script and one style, and the policy that lets nothing else run

All that users wrote is in one inert element, as JSON in which no tag can end or begin; the script makes text of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracelog.model import Trace
from tracelog.show.page.data import encode
from tracelog.show.page.sources import frame


def page_html(trace: Trace, home: str = "") -> Iterator[bytes]:
    """Yield the page of a trace. `home`: the address below which a server has every trace, empty for a file."""
    before, behind = frame()
    yield before
    yield encode(trace, home)
    yield behind
