"""What waits on this machine to be sent, who left it, and what was refused: for `tracelog spool`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from tracelog.errors import StoreRejectedError, StoreUnavailableError
from tracelog.model import UNKNOWN_SERVICE
from tracelog.schema.otel import Destination
from tracelog.schema.times import format_iso
from tracelog.ship.folder import DestinationFolder, is_held
from tracelog.ship.gaps import origin_of
from tracelog.ship.pipeline import Stats
from tracelog.ship.refused import read_refused, refused_file
from tracelog.ship.segment_files import SUFFIX, WrittenSegment, about_of
from tracelog.ship.sender import Sender
from tracelog.store import open_store, public_url, resolve_url


class Waiting(msgspec.Struct, frozen=True):
    """What one process has not yet sent. `state`: `running`, or `left` by one that is gone. `oldest`: RFC 3339."""

    url: str
    dataset: str
    namespace: str
    pid: int | None
    service: str
    state: str
    documents: int
    damaged: int
    bytes: int
    oldest: str | None

    def words(self) -> str:
        """Say it in one line for people."""
        since = f" since {self.oldest}" if self.oldest else ""
        damage = f", {self.damaged:,} damaged" if self.damaged else ""
        return (
            f"{self.documents:,} documents{damage} wait{since} for {self.url} "
            f"({self.service}, pid {self.pid}, {self.state}, {self.bytes / 2**20:.1f} MiB)"
        )


class RefusedDocuments(msgspec.Struct, frozen=True):
    """What a store would not take. `reason`: that of the latest."""

    url: str
    documents: int
    reason: str
    file: str

    def words(self) -> str:
        """Say it in one line for people."""
        return f"{self.documents:,} documents were refused by {self.url}, the last for {self.reason} ({self.file})"


class _Resource(msgspec.Struct):
    name: str = msgspec.field(name="service.name", default=UNKNOWN_SERVICE)


class _About(msgspec.Struct):
    pid: int | None = None
    resource: _Resource = msgspec.field(default_factory=_Resource)


class _Errand(Sender):
    """A sender that ends with what it was sent for: who sent it says what kept it from that, and that it ended."""

    def _complain(self, message: str) -> None:
        pass


def waiting(root: Path) -> Iterator[Waiting]:
    """Yield what each process below a root has not yet sent, where it has any."""
    for destination in DestinationFolder.all(root):
        for folder in destination.processes():
            found = _look_into(destination, folder)
            if found.documents or found.damaged:
                yield found


def refused(root: Path) -> Iterator[RefusedDocuments]:
    """Yield what the store of each destination would not take."""
    for destination in DestinationFolder.all(root):
        lines = read_refused(destination.path)
        if lines:
            file = refused_file(destination.path)
            yield RefusedDocuments(destination.about.url, len(lines), lines[-1].reason, str(file))


def send_left(destination: DestinationFolder, url: str | None = None, timeout: float = 3600.0) -> Stats:
    """Send what dead processes left for a destination, to another store where a URL is given.

    `timeout`: s. Raise StoreUnavailableError or StoreRejectedError where the store does not take it; it stays.
    """
    about = destination.about
    target = url or _with_credentials(about.url)
    options = {"dataset": about.dataset, "namespace": about.namespace}
    sender = _Errand(
        lambda: open_store(target, **options),
        public_url(target),
        Destination(about.dataset, about.namespace),
        owns_store=True,
        folder=destination,
    )
    sender.drain(timeout)
    state, stats = sender.state, sender.stats
    sender.stop()
    if stats.in_spool:
        if state != "ready":
            raise StoreRejectedError(f"{state} ({stats.in_spool:,} documents still wait)")
        raise StoreUnavailableError(f"{sender.url} is too slow ({stats.in_spool:,} documents still wait)")
    return stats


def _with_credentials(url: str) -> str:
    """Return the URL of the environment where that is the same store, for the credentials in it."""
    own = resolve_url()
    return own if public_url(own) == url else url


def words_of(stats: Stats) -> str:
    """Say in one line what became of what was left."""
    parts = [f"{stats.stored:,} documents stored"]
    others = (
        (stats.duplicate_suppressed, "were there already"),
        (stats.failure_stored, "went to the failure store"),
        (stats.refused, "were refused (tracelog spool says why)"),
        (stats.lost_damaged, "were damaged"),
    )
    return ", ".join(parts + [f"{count:,} {what}" for count, what in others if count])


def _look_into(destination: DestinationFolder, folder: Path) -> Waiting:
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    records, damaged, size = 0, 0, 0
    oldest: tuple[int, Mapping[str, object]] | None = None
    for path in paths:
        with suppress(OSError):
            segment = WrittenSegment.find(path)
            found = [record for _, record in segment.waiting()]
            size += segment.size
            records += len(found)
            damaged += segment.damaged + segment.waits - len(found)
            oldest = oldest or next(filter(None, map(origin_of, found)), None)
    about, own = _about(paths), destination.about
    return Waiting(
        url=own.url,
        dataset=own.dataset,
        namespace=own.namespace,
        pid=about.pid,
        service=str(oldest[1].get("service.name", "")) if oldest else about.resource.name,
        state="running" if is_held(folder) else "left",
        documents=records,
        damaged=damaged,
        bytes=size,
        oldest=None if oldest is None else format_iso(oldest[0]),
    )


def _about(paths: list[Path]) -> _About:
    for path in paths:
        with suppress(msgspec.MsgspecError):
            return msgspec.json.decode(about_of(path), type=_About)
    return _About()
