"""What the store of replies holds, put together and shown."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from refinelab_dsl.cli import terminal
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.execute.runs import UNFINISHED
from refinelab_dsl.execute.uses import Loss, Use
from refinelab_dsl.plan.layout import align_table
from refinelab_dsl.store import Kept

_DAY = 86_400.0
_AGES = (("today", _DAY), ("7 days", 7 * _DAY), ("30 days", 30 * _DAY), ("90 days", 90 * _DAY))
_OLDER = "older"
_SHOWN = 12  # hex digits of a hash
_UNITS = ("B", "kB", "MB", "GB", "TB")

QUESTION = """
This takes {what} out of the store, of {total:,}.
{losses}Only `yes` is accepted."""


@dataclass
class Heap:
    """Some replies, counted. size: bytes."""

    replies: int = 0
    size: int = 0

    def add(self, kept: Kept) -> None:
        self.replies += 1
        self.size += kept.size


@dataclass(frozen=True)
class Listing:
    """Replies by what is known of them; a reply that several uses were told counts for each. undated: those of a store
    of an older version, whose age is at least what is shown. entries: each with its uses, where they were asked for."""

    all: Heap = field(default_factory=Heap)
    unused: Heap = field(default_factory=Heap)
    undated: Heap = field(default_factory=Heap)
    models: dict[tuple[str, str], Heap] = field(default_factory=dict)
    templates: dict[str, Heap] = field(default_factory=dict)
    ages: dict[str, Heap] = field(default_factory=dict)
    uses: dict[Use, Heap] = field(default_factory=dict)
    entries: list[tuple[Kept, tuple[Use, ...]]] = field(default_factory=list)


def build_listing(kept: Iterable[Kept], uses: Sequence[Use], now: float, *, with_entries: bool) -> Listing:
    """Counts replies; memory grows with them only where `with_entries` keeps them."""
    listing = Listing(ages={name: Heap() for name, _ in (*_AGES, (_OLDER, 0))})
    for reply in kept:
        users = tuple(use for use in uses if reply.hash in use.replies)
        heaps = [
            listing.all,
            listing.models.setdefault((reply.origin.provider, reply.origin.model), Heap()),
            listing.templates.setdefault(reply.origin.template, Heap()),
            listing.ages[_age(now - reply.stored_at)],
            *(listing.uses.setdefault(use, Heap()) for use in users),
        ]
        if not any(use.needs(reply) for use in uses):
            heaps.append(listing.unused)
        if not reply.is_dated:
            heaps.append(listing.undated)
        for heap in heaps:
            heap.add(reply)
        if with_entries:
            listing.entries.append((reply, users))
    return listing


def dump_listing(listing: Listing) -> dict[str, Any]:
    """Of the JSON document."""
    return {
        **_dump(listing.all),
        "unused": _dump(listing.unused),
        "undated": _dump(listing.undated),
        "models": [
            {"provider": provider, "model": model, **_dump(heap)}
            for (provider, model), heap in sorted(listing.models.items())
        ],
        "templates": [{"template": name or None, **_dump(heap)} for name, heap in sorted(listing.templates.items())],
        "ages": [{"within": name, **_dump(heap)} for name, heap in listing.ages.items()],
        "uses": [
            {use.kind: use.number, "status": use.status, "spec": use.spec, **_dump(heap)}
            for use, heap in _in_order(listing)
        ],
        "entries": [
            {
                "reply": reply.hash, "calls": list(reply.keys), "provider": reply.origin.provider,
                "model": reply.origin.model, "template": reply.origin.template or None, "bytes": reply.size,
                "stored_at": _moment(reply.stored_at), "dated": reply.is_dated,
                "uses": [{use.kind: use.number} for use in users],
            }
            for reply, users in listing.entries
        ],
    }  # fmt: skip


def render_listing(listing: Listing, name: str, *, entries: bool) -> str:
    """Text for a terminal. name: of the store's file."""
    if not listing.all.replies:
        return "no reply is kept\n"
    lines = [f"{name}: {count_replies(listing.all.replies, listing.all.size)}"]
    if entries:
        rows = [("reply", "model", "prompt", "stored", "bytes", "used by")]
        rows += [
            (reply.hash[:_SHOWN], escape(reply.origin.model), escape(reply.origin.template or "-"),
             _moment(reply.stored_at)[:16].replace("T", " "), f"{reply.size:,}",
             ", ".join(use.title for use in users) or "-")
            for reply, users in listing.entries
        ]  # fmt: skip
        lines += ["", *align_table(rows, "<<<<><", room=terminal.width_of(sys.stdout), flexible=1)]
    else:
        models = {f"{escape(model)} ({escape(provider)})": heap for (provider, model), heap in listing.models.items()}
        lines += _table("model", models)
        lines += _table("prompt", {escape(text) or "-": heap for text, heap in listing.templates.items()})
        ages = {name: heap for name, heap in listing.ages.items() if heap.replies}
        lines += _table("stored within", ages, sort=False)
        users = {_describe(use): heap for use, heap in _in_order(listing)}
        if listing.unused.replies:
            users["none of them"] = listing.unused
        lines += _table("used by", users, sort=False)
    if listing.undated.replies:
        undated = count_replies(listing.undated.replies, listing.undated.size)
        lines += ["", f"{undated} are from a store of an older version, which knew no times: they are older than shown"]
    return "\n".join(lines) + "\n"


def render_question(replies: int, size: int, total: int, losses: Sequence[Loss]) -> str:
    """What a person is asked before replies are taken out."""
    told = "".join(f"{line}\n" for line in render_losses(losses)) or "  No run needs them.\n"
    return QUESTION.format(what=count_replies(replies, size), total=total, losses=told)


def render_losses(losses: Sequence[Loss]) -> list[str]:
    """A line for each run that loses something, with what that means for it."""
    return [f"  {_describe(loss.use)} loses {loss.lost:,} of {loss.of:,}: {_consequence(loss.use)}" for loss in losses]


def count_replies(count: int, size: int) -> str:
    """`1 reply, 312 B`, `1,204 replies, 3.2 MB`."""
    return f"{count:,} {'reply' if count == 1 else 'replies'}, {_bytes(size)}"


def _consequence(use: Use) -> str:
    if use.kind == "evaluation":
        return "to repeat it, its models are asked and paid again"
    if use.status in UNFINISHED:
        return "`apply --resume` buys them again"
    return "`replay` cannot rebuild its output, `logs` shows no text, and it is no inventory of plans"


def _describe(use: Use) -> str:
    known = ", ".join(each for each in (use.status if use.kind == "run" else "", escape(use.spec or "")) if each)
    return f"{use.title} ({known})" if known else use.title


def _in_order(listing: Listing) -> list[tuple[Use, Heap]]:
    return sorted(listing.uses.items(), key=lambda entry: (entry[0].kind != "run", entry[0].number))


def _table(title: str, heaps: Mapping[str, Heap], *, sort: bool = True) -> list[str]:
    order = sorted(heaps.items(), key=lambda entry: (-entry[1].size, entry[0])) if sort else list(heaps.items())
    rows = [(title, "replies", "size"), *((name, f"{heap.replies:,}", _bytes(heap.size)) for name, heap in order)]
    return ["", *align_table(rows, "<>>", room=terminal.width_of(sys.stdout), flexible=0)]


def _age(seconds: float) -> str:
    return next((name for name, limit in _AGES if seconds < limit), _OLDER)


def _dump(heap: Heap) -> dict[str, int]:
    return {"replies": heap.replies, "bytes": heap.size}


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _bytes(size: float) -> str:
    unit = 0
    while size >= 1_000 and unit < len(_UNITS) - 1:
        size, unit = size / 1_000, unit + 1
    return f"{size:,.0f} {_UNITS[unit]}" if unit == 0 or size >= 100 else f"{size:.1f} {_UNITS[unit]}"
