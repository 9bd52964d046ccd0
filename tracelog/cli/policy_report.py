"""What `tracelog policies test` prints of a replay: two tables and what they say in words, or one object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from tracelog import ids
from tracelog.keep.outcome import Amount, Fates, Loss, Replay
from tracelog.keep.policies import MILLISECOND, Latency, Level, Policy, Probabilistic, StatusCode
from tracelog.read.wording import three_digits
from tracelog.schema.times import format_iso
from tracelog.show import text
from tracelog.show.json_output import milliseconds
from tracelog.show.styled import Line, folded, writer
from tracelog.show.tables import Table, operation_label, share

if TYPE_CHECKING:
    from rich.console import Console

_FIGURES = ("traces", "spans", "lines", "bytes", "share", "a day")
_UNITS = (("P", 10**15), ("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3))
_COUNTED = 1_000_000
"""Up to which number, exclusive, every digit of a count is shown."""
_LOSS_WIDTH = 84


def print_report(console: Console, policies: Sequence[Policy], replay: Replay, limit: int) -> None:
    """Print what is kept, by policy, and up to so many of the losses."""
    write = writer(console)
    _print_amounts(console, policies, replay)
    write(Line())
    for said in _said(replay):
        for line in folded(Line(), Line(said), Line("  "), width=console.width, rows=5):
            write(line)
    shown = replay.losses[:limit]
    if shown:
        write(Line())
        _print_losses(console, shown)
    if len(replay.losses) > len(shown):
        write(Line(f"and {len(replay.losses) - len(shown):,} more (see --limit)", "dim"))


def _print_losses(console: Console, losses: Sequence[Loss]) -> None:
    figures = ("duration", "kept", "why")
    table = Table(console, "slow or failed, and not whole", figures, "trace, services that lose it", wide=_LOSS_WIDTH)
    for loss in losses:
        label = operation_label(loss.name or "-", loss.service, loss.service)
        kept = f"{len(loss.services) - len(loss.lost)} of {len(loss.services)}"
        cells = (text.duration(loss.duration), kept, "failed" if loss.failed else "slow")
        lost = text.escape(", ".join(loss.lost))
        table.print(label, cells, f"{ids.format_trace_id(loss.trace_id)}  {lost}", failed=loss.failed)


def _print_amounts(console: Console, policies: Sequence[Policy], replay: Replay) -> None:
    table = Table(console, "policy", _FIGURES, "")
    for policy in policies:
        label = Line(text.escape(policy.name), "bold").add(f"  {_described(policy)}", "dim")
        table.print(label, _figures(replay.by_policy[policy.name], replay), "")
    table.print(Line("lines outside of traces"), ("-", "-", *_figures(replay.untraced, replay)[2:]), "")
    table.print(Line("kept", "bold"), _figures(replay.kept, replay), "")
    table.print(Line("stored"), _figures(replay.stored, replay), "")


def _figures(amount: Amount, replay: Replay) -> tuple[str, ...]:
    part = share(amount.size, replay.stored.size, none="0.0%")
    daily = _size(amount.size / replay.days) if replay.days else "-"
    return (_number(amount.traces), _number(amount.spans), _number(amount.lines), _size(amount.size), part, daily)


def _said(replay: Replay) -> list[str]:
    window = f"from {format_iso(replay.start, digits=0)} until {format_iso(replay.end, digits=0)}"
    slow_by = f"the threshold of {replay.slow_by}" if replay.slow_by else "the 99th percentile"
    said = [
        f"all traces: {_fates(replay.fates)}",
        f"failed ones: {_fates(replay.failed)}",
        f"slow ones (from {text.duration(replay.slow_from)}, {text.escape(slow_by)}): {_fates(replay.slow)}",
    ]
    if not replay.days:
        return said
    kept = (replay.kept.traces, replay.kept.spans, replay.kept.lines)
    traces, spans, lines = (_number(number / replay.days) for number in kept)
    return [*said, f"kept a day, at the rate {window}: {traces} traces, {spans} spans, {lines} lines"]


def _fates(fates: Fates) -> str:
    if not fates.traces:
        return "there are none"
    parts = f"{fates.in_part:,} in part (by some services)" if fates.in_part else "0 in part"
    return f"{fates.whole:,} of {fates.traces:,} kept whole, {parts}, {fates.lost:,} lost"


def _described(policy: Policy) -> str:
    """Say what a policy keeps, so short that it fits beside its name."""
    if isinstance(policy, StatusCode):
        return "ERROR spans"
    if isinstance(policy, Latency):
        return f"from {text.duration(round(policy.threshold_ms * MILLISECOND))}"
    if isinstance(policy, Probabilistic):
        return f"{policy.sampling_percentage:g} %"
    return f"{policy.level} lines" if isinstance(policy, Level) else "a function"


def _number(value: float) -> str:
    return f"{round(value):,}" if value < _COUNTED else _size(value).removesuffix("B").rstrip()


def _size(value: float) -> str:
    """Return bytes with three digits that matter: `850 B`, `12.3 MB`."""
    for unit, size in _UNITS:
        if value >= size:
            return f"{three_digits(value / size)} {unit}B"
    return f"{round(value)} B"


def as_object(policies: Sequence[Policy], replay: Replay, limit: int) -> dict[str, Any]:
    """Return the same as an object, with up to so many of the losses."""
    return {
        "start_time": format_iso(replay.start),
        "end_time": format_iso(replay.end),
        "stored": _amount(replay.stored, replay),
        "kept": _amount(replay.kept, replay),
        "untraced": _amount(replay.untraced, replay),
        "policies": [
            {
                "name": policy.name,
                "type": getattr(policy, "type", None),
                "is_share": policy.is_share,
                **_amount(replay.by_policy[policy.name], replay),
            }
            for policy in policies
        ],
        "slow_ms": milliseconds(replay.slow_from),
        "slow_by": replay.slow_by,
        "traces": msgspec.to_builtins(replay.fates),
        "failed_traces": msgspec.to_builtins(replay.failed),
        "slow_traces": msgspec.to_builtins(replay.slow),
        "loss_count": len(replay.losses),
        "losses": [_loss(loss) for loss in replay.losses[:limit]],
    }


def _amount(amount: Amount, replay: Replay) -> dict[str, Any]:
    sums = {"traces": amount.traces, "spans": amount.spans, "lines": amount.lines, "bytes": amount.size}
    daily = {name: round(number / replay.days) for name, number in sums.items()} if replay.days else None
    return {**sums, "per_day": daily}


def _loss(loss: Loss) -> dict[str, Any]:
    return {
        "trace_id": ids.format_trace_id(loss.trace_id),
        "service": loss.service,
        "name": loss.name,
        "start_time": format_iso(loss.start),
        "duration_ms": milliseconds(loss.duration),
        "failed": loss.failed,
        "slow": loss.slow,
        "services": list(loss.services),
        "lost": list(loss.lost),
    }
