"""How many items leave is settled last, from what the other operators really reached (`optimisation.md`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from refinelab_dsl.artifacts.plan import ASKING, Header
from refinelab_dsl.builtins import OPERATOR_KINDS
from refinelab_dsl.declarations import complete_labels

_ROUNDS = 2_000  # with a larger shortfall several removals are taken back at a time


@dataclass(frozen=True, slots=True)
class Settled:
    """counts: removal id -> candidates that leave, those of lowest rank first. size: what the set comes to."""

    counts: Mapping[int, int]
    size: int


def settle_removals(header: Header, missed: Mapping[int, int]) -> Settled:
    """Takes removals back so that a shortfall of additions leaves no hole in a set of fixed size. What was to change an
    item and did not leaves the item where it was.

    missed: action id -> accepted results missing from its count. For each addition among them one planned removal is
    taken back:
    the one whose items help the objective most at the counts reached so far (weighted JSD from the targets, base 2; at
    fixed size it is a sum over bins, `optimisation.md`); ties go to the later removal. With none left to take back the
    set is smaller than planned. A pure function of the plan and of `missed`.
    """
    counts = {removal.id: removal.planned for removal in header.removals}
    adding = {
        action.id for action in header.actions if action.kind not in ASKING and OPERATOR_KINDS[action.kind].adds_items
    }
    shortfall = sum(count for action, count in missed.items() if action in adding)
    goal = header.size_planned
    mix = {name: {label: share.count_planned for label, share in shares.items()} for name, shares in header.mix.items()}
    for action in header.actions:
        for name, label in complete_labels(action.to, header.measures).items():
            if label in mix.get(name, {}):
                mix[name][label] -= missed.get(action.id, 0)
        if action.id not in adding:
            for name, label in complete_labels(action.from_, header.measures).items():
                if label in mix.get(name, {}):
                    mix[name][label] += missed.get(action.id, 0)
    left = min(shortfall, sum(counts.values()))
    portion = max(1, left // _ROUNDS)
    while left > 0:
        amount = min(portion, left)
        best = min(
            (removal for removal in header.removals if counts[removal.id] > 0),
            key=lambda removal: (_change(header, mix, removal.from_, goal), -removal.id),
        )
        amount = min(amount, counts[best.id])
        counts[best.id] -= amount
        left -= amount
        for name, label in complete_labels(best.from_, header.measures).items():
            if label in mix.get(name, {}):
                mix[name][label] += amount
    returned = sum(removal.planned for removal in header.removals) - sum(counts.values())
    return Settled(counts, goal - shortfall + returned)


def _change(header: Header, mix: Mapping[str, Mapping[str, int]], labels: Mapping[str, str], goal: int) -> float:
    """By how much the objective changes if one item with these labels stays."""
    weights = {dimension.name: float(dimension.weight) for dimension in header.dimensions}
    change = 0.0
    for name, label in complete_labels(labels, header.measures).items():
        share = header.mix.get(name, {}).get(label)
        if share is None or share.target is None:
            continue
        count = max(mix[name][label], 0)
        change += weights.get(name, 1.0) * (
            _term((count + 1) / goal, share.target) - _term(count / goal, share.target)
        )
    return round(change, 15)


def _term(p: float, t: float) -> float:
    """One bin's part of the divergence: p its share, t its target."""
    total = 0.0
    if p > 0:
        total += 0.5 * p * math.log2(2 * p / (p + t))
    if t > 0:
        total += 0.5 * t * math.log2(2 * t / (p + t))
    return total
