"""The senders of this process: one for each destination, made on first use, drained when the interpreter exits.

They are kept until then, whatever becomes of handlers. A forked child has them too, each begun anew: also those that
are closed, which handlers may go on to use.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Literal
from weakref import WeakSet, finalize

from tracelog.keep.keeping import Given, Keep, decide_all, resolve_keep
from tracelog.ship.folder import DestinationFolder, spool_root
from tracelog.ship.sender import EXIT_TIMEOUT, Sender
from tracelog.ship.sending import forget_threads
from tracelog.store import Store, open_store, public_url, resolve_destination, resolve_url

_senders: dict[Hashable, Sender] = {}
"""Those that are open, by their destination."""
_made: WeakSet[Sender] = WeakSet()
"""Those that are open, and those that are closed and still in somebody's hands."""
_registry = threading.RLock()  # reentrant: a signal handler may flush, or shut down, in the middle of a configure


def sender_for(
    store: str | Store | None = None,
    *,
    dataset: str | None = None,
    namespace: str | None = None,
    api_key: str | None = None,
    ca_certs: str | None = None,
    ssl_fingerprint: str | None = None,
    compress: bool = False,
    spool: str | os.PathLike[str] | Literal[False] | None = None,
) -> Sender:
    """Return the process's one sender to a destination, made on first use. No connection is opened here.

    `spool`: the folder of all spools, else `TRACELOG_SPOOL`, else the user's own; False for memory.
    """
    root = spool_root(spool)
    destination = resolve_destination(dataset, namespace)
    target: Callable[[], Store]
    if isinstance(store, Store):
        ready = store
        key: Hashable = (id(ready), destination, root)
        url, target = ready.url, lambda: ready
    else:
        given = resolve_url(store)
        url = public_url(given)
        key = (given, destination, root, api_key, ca_certs, ssl_fingerprint, compress)
        options: dict[str, Any] = {
            "dataset": dataset,
            "namespace": namespace,
            "api_key": api_key,
            "ca_certs": ca_certs,
            "ssl_fingerprint": ssl_fingerprint,
            "compress": compress,
        }
        target = lambda: open_store(given, **options)  # noqa: E731 - a name would say no more
    with _registry:
        if key not in _senders:
            folder = None if root is None else DestinationFolder.of(root, url, destination)
            _senders[key] = Sender(target, url, destination, owns_store=not isinstance(store, Store), folder=folder)
            _made.add(_senders[key])
        return _senders[key]


def flush(timeout: float = EXIT_TIMEOUT, *, durable: bool = False) -> bool:
    """Wait until all that this process emitted is stored; False when `timeout` seconds ran out.

    With `durable`, wait until it is on the disk of this machine instead, safe from a power cut: as long as the disk
    takes, whatever `timeout` says.
    """
    deadline = time.monotonic() + timeout
    waiting = [sender for sender in _all_made() if not sender.is_over]
    flushed = [sender.flush(max(deadline - time.monotonic(), 0.0), durable=durable) for sender in waiting]
    return all(flushed)


def keep_for(sender: Sender, given: Given | None) -> Keep | None:
    """Return what decides of which traces something goes to a sender; its spool says how many are undecided."""
    keep = resolve_keep(given)
    if keep is not None:
        keep.tell(sender.note_undecided)
    return keep


def shutdown(timeout: float = EXIT_TIMEOUT) -> None:
    """Decide what is undecided, send what waits, for at most `timeout` seconds in all, and close.

    Runs by itself when the interpreter exits.
    """
    deadline = time.monotonic() + timeout
    decide_all()
    with _registry:
        _senders.clear()
    for sender in _all_made():
        sender.close(max(deadline - time.monotonic(), 0.0))


def _all_made() -> list[Sender]:
    with _registry:
        return list(_made)


def _reset_after_fork() -> None:
    global _registry  # noqa: PLW0603 - the parent may have held it when it forked
    _registry = threading.RLock()
    forget_threads()
    for sender in _all_made():
        sender.begin_in_child()


# At exit, what was registered last runs first. Finalizers, which are all registered with the first of them, empty the
# pools of connections: whatever had to be sent after that would wait for one in vain.
finalize(shutdown, bool)
atexit.register(shutdown)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
