"""The result of an audit: as JSON, as text, and as rows that a spec can join to its items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from refinelab_dsl.audit.merge import Merged, Rate
from refinelab_dsl.diagnostics.display import escape, width

_INDENT = "  "


def dump_merged(merged: Merged) -> dict[str, Any]:
    """The members of the JSON document; shares are numbers in [0, 1], None where nothing is known."""
    return {
        "source": merged.key.source,
        "items": len(merged.items),
        "annotators": len(merged.key.sheets),
        "confidence": merged.confidence,
        "error_rate": {**_dump_rate(merged.rate), "weighted": merged.weighted},
        "undecided": merged.undecided,
        "agreement": {"alpha": merged.alpha, "alpha_flaw": merged.alpha_flaw},
        "verdicts": dict(sorted(merged.verdicts.items())),
        "parts": {
            name: {label: _dump_rate(rate) for label, rate in rates.items()} for name, rates in merged.parts.items()
        },
    }


def render_merged(merged: Merged) -> str:
    """The same for people."""
    rate = merged.rate
    lines = [
        f"{_INDENT}audit      {escape(merged.key.source)}   {len(merged.items):,} items, "
        f"{_count(len(merged.key.sheets), 'annotator')}",
        f"{_INDENT}errors     {_describe(rate, merged.confidence)}",
    ]
    if merged.weighted is not None and rate.share is not None and abs(merged.weighted - rate.share) >= 5e-4:
        lines.append(f"{_INDENT}           {merged.weighted:.1%} with each stratum at its share of the set")
    if merged.undecided:
        undecided = _count(merged.undecided, "item")
        lines.append(f"{_INDENT}undecided  {undecided} without a majority, left out of the rates")
    words = ", ".join(f"{count:,} {word}" for word, count in sorted(merged.verdicts.items(), key=lambda each: -each[1]))
    lines.append(f"{_INDENT}verdicts   {words}")
    lines.append(
        f"{_INDENT}agreement  Krippendorff's alpha {_figure(merged.alpha)} over words, "
        f"{_figure(merged.alpha_flaw)} over flaw or none"
    )
    for name, rates in merged.parts.items():
        room = max(width(escape(label)) for label in rates)
        for at, (label, each) in enumerate(rates.items()):
            head = escape(name) if not at else ""
            fill = " " * (room - width(escape(label)))
            lines.append(f"{_INDENT}{head:<9}  {escape(label)}{fill}  {_describe(each, merged.confidence)}")
    return "\n".join(lines) + "\n"


def dump_verdicts(merged: Merged) -> bytes:
    """JSON Lines, one item each: `{"id", "row", "verdict", "is_flawed", "votes", "notes"}`; as signals of a spec they
    are joined by `id`."""
    encode = msgspec.json.Encoder().encode
    return b"".join(
        encode({
            "id": item.entry.id, "row": item.entry.row, "verdict": item.verdict, "is_flawed": item.is_flawed,
            "votes": list(item.votes), "notes": list(item.notes),
        }) + b"\n"
        for item in sorted(merged.items, key=lambda item: item.entry.row)
    )  # fmt: skip


def _dump_rate(rate: Rate) -> Mapping[str, Any]:
    return {
        "flawed": rate.flawed, "decided": rate.decided, "share": rate.share, "low": rate.low, "high": rate.high,
    }  # fmt: skip


def _describe(rate: Rate, confidence: float) -> str:
    if rate.share is None:
        return "nothing decided"
    within = f"({rate.low:.1%} to {rate.high:.1%} at {confidence:.0%})"
    return f"{rate.share:.1%}  {within}  {rate.flawed:,} of {rate.decided:,}"


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
