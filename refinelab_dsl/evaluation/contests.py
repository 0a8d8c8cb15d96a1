"""What a `refine` is worth beside other ways of answering, and how far its judge agrees with itself: figures, as JSON
and as text.

Intervals are Wilson's, over items and over pairs: what several verdicts on one pair say hangs together, so pairs are
counted and not verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from refinelab_dsl.diagnostics.display import escape, width
from refinelab_dsl.metrics import wilson_interval

WAYS = {
    "original": "as it came in",
    "zero_shot": "at once",
    "best_of_ten": "best of ten",
    "unjudged": "no judge",
    "refine": "refine",
}
"""The ways of answering, in words."""


@dataclass(frozen=True, slots=True)
class Cost:
    """calls, tokens, dollars (None where a price is unknown), of all items together."""

    calls: int
    tokens: int
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Duel:
    """`refine` against another way of answering: items that it won, tied and lost, of those that both answered and the
    judge told apart."""

    won: int
    tied: int
    lost: int

    @property
    def items(self) -> int:
        return self.won + self.tied + self.lost

    def rate(self, confidence: float) -> tuple[float, float, float] | None:
        """The share won, a tie being half of it, and its interval; None without an item."""
        if not self.items:
            return None
        points = self.won + self.tied / 2
        low, high = wilson_interval(points, self.items, confidence)
        return points / self.items, low, high


@dataclass(frozen=True)
class Standing:
    """The result of `--baselines`. duels: by way of answering. costs: of these and of `refine`. rounds: mean number of
    a chain's. items: compared, of `wanted`."""

    target: str
    operator: str
    judge: str
    confidence: float
    wanted: int
    items: int
    rounds: float
    duels: Mapping[str, Duel]
    costs: Mapping[str, Cost]
    judged: Cost
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """What a judge says again of the pairs at one place of their chains.

    agreed: per pair, the share of readable verdicts that are the run's own (a tie is half). unanimous: pairs of which
    every verdict is the same. first: verdicts that name what stood first, of `named` that name either.
    """

    name: str
    agreed: tuple[float, ...]
    verdicts: int
    unanimous: int
    first: int
    named: int

    def rate(self, confidence: float) -> tuple[float, float, float] | None:
        """Mean agreement over the pairs, and its interval; None without a pair."""
        if not self.agreed:
            return None
        total = min(sum(self.agreed), float(len(self.agreed)))  # floats may add up to a hair more
        low, high = wilson_interval(total, len(self.agreed), confidence)
        return total / len(self.agreed), low, high


@dataclass(frozen=True)
class SelfConsistency:
    """The result of `--consistency`. places: by judge and model, in the order of the chain, its end last."""

    target: str
    repeats: int
    confidence: float
    places: Mapping[str, Sequence[Place]]
    notes: tuple[str, ...] = ()


def dump_standing(standing: Standing) -> dict[str, Any]:
    """The members of the JSON document; shares are numbers, None where nothing is known."""
    return {
        "target": standing.target,
        "operator": standing.operator,
        "judge": standing.judge,
        "confidence": standing.confidence,
        "items": {"wanted": standing.wanted, "compared": standing.items},
        "rounds": round(standing.rounds, 6),
        "refine_against": {
            name: {"won": duel.won, "tied": duel.tied, "lost": duel.lost, **_dump_rate(duel.rate(standing.confidence))}
            for name, duel in standing.duels.items()
        },
        "costs": {name: _dump_cost(cost) for name, cost in standing.costs.items()},
        "judged": _dump_cost(standing.judged),
        "notes": list(standing.notes),
    }


def render_standing(standing: Standing) -> str:
    """A table: one row for each way of answering."""
    count = max(1, standing.items)
    rows = [["", "refine wins", "ties", "loses", f"win rate ({standing.confidence:.0%})", "calls", "tokens", "an item"]]
    for name, cost in standing.costs.items():
        duel = standing.duels.get(name)
        counts = ["", "", "", ""] if duel is None else [str(duel.won), str(duel.tied), str(duel.lost), ""]
        if duel is not None:
            counts[3] = _say_rate(duel.rate(standing.confidence))
        price = "unknown" if cost.usd is None else f"${cost.usd / count:.6f}"
        rows.append([WAYS[name], *counts, f"{cost.calls / count:.1f}", f"{cost.tokens / count:,.0f}", price])
    head = (
        f"  {escape(standing.target)}   operator {escape(standing.operator)}, compared by {escape(standing.judge)}; "
        f"{standing.items:,} of {standing.wanted:,} items, {standing.rounds:.1f} rounds a chain"
    )
    lines = [head, "", "Refine against", *_lay_out(rows), ""]
    lines.append("  calls, tokens and dollars are a mean per item, as if nothing had been asked before")
    lines += [f"  {escape(note)}" for note in standing.notes]
    return "\n".join(lines) + "\n"


def dump_consistency(found: SelfConsistency) -> dict[str, Any]:
    """The members of the JSON document."""
    return {
        "target": found.target,
        "repeats": found.repeats,
        "confidence": found.confidence,
        "judges": {
            name: [
                {
                    "place": place.name, "pairs": len(place.agreed), "verdicts": place.verdicts,
                    "unanimous": place.unanimous, **_dump_rate(place.rate(found.confidence), "agreement"),
                    "first_named": {"first": place.first, "of": place.named},
                }
                for place in places
            ]
            for name, places in found.places.items()
        },
        "notes": list(found.notes),
    }  # fmt: skip


def render_consistency(found: SelfConsistency) -> str:
    """A table for each voice: one row for each place of the chains."""
    lines = [f"  {escape(found.target)}   each pair of answers {found.repeats} times, in random order"]
    for name, places in found.places.items():
        rows = [["", "pairs", f"agreement ({found.confidence:.0%})", "unanimous", "names the first"]]
        for place in places:
            share = "nothing" if not place.named else f"{place.first / place.named:.1%} of {place.named:,}"
            rows.append([
                place.name, str(len(place.agreed)), _say_rate(place.rate(found.confidence)),
                f"{place.unanimous} of {len(place.agreed)}", share,
            ])  # fmt: skip
        lines += ["", f"Judge {escape(name)}", *_lay_out(rows)]
    lines += [
        "", "  agreement: share of verdicts that are the run's own, a tie being half; intervals count pairs",
        *(f"  {escape(note)}" for note in found.notes),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _lay_out(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(width(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  " + "   ".join(cell + " " * (room - width(cell)) for cell, room in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _say_rate(rate: tuple[float, float, float] | None) -> str:
    return "unknown" if rate is None else f"{rate[0]:.1%}  ({rate[1]:.1%} to {rate[2]:.1%})"


def _dump_rate(rate: tuple[float, float, float] | None, name: str = "win_rate") -> dict[str, Any]:
    share, low, high = rate or (None, None, None)
    return {name: share, "low": low, "high": high}


def _dump_cost(cost: Cost) -> dict[str, Any]:
    usd = None if cost.usd is None else format(cost.usd, "f")
    return {"calls": cost.calls, "tokens": cost.tokens, "usd": usd}
