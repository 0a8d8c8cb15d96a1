"""What can be said of a plan before a pilot: what is known of the mix, what is not, and what learning it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from refinelab_dsl.data.profile import Profile
from refinelab_dsl.declarations import Dimension
from refinelab_dsl.ir import Program
from refinelab_dsl.measures import list_labels
from refinelab_dsl.plan.figures import count_of, render_share, render_usd
from refinelab_dsl.plan.layout import align_table
from refinelab_dsl.plan.outlook import build_outlook, render_outlook
from refinelab_dsl.plan.pilot import Phase

FORMAT_VERSION = "1.0"
_ROOM = 100
_LABELS_SHOWN = 12


@dataclass(frozen=True)
class Unknown:
    """A paid measure of which `missing` of all items have no value yet, and the dimensions over it."""

    measure: str
    dimensions: tuple[str, ...]
    missing: int


@dataclass(frozen=True)
class Preview:
    """A spec whose allocation rests on what a pilot is still to learn."""

    program: Program
    profile: Profile
    unknown: tuple[Unknown, ...]
    phases: tuple[Phase, ...]


def build_preview(program: Program, profile: Profile, phases: tuple[Phase, ...]) -> Preview:
    """The preview of a program of which evidence does not have everything."""
    unknown = tuple(
        Unknown(
            measure.name,
            tuple(each.name for each in program.dimensions if each.measure == measure.name),
            profile.pending[measure.name],
        )
        for measure in program.measures
        if measure.name in profile.pending
    )
    return Preview(program, profile, unknown, phases)


def render_preview(preview: Preview) -> str:
    """The preview as text: shares of what is unknown are intervals."""
    program, profile = preview.program, preview.profile
    lines = [
        f"  dataset  {program.dataset.name}   {count_of(profile.size, 'row')} in {count_of(len(profile.files), 'file')}"
    ]
    for each in preview.unknown:
        about = f" ({', '.join(each.dimensions)})" if each.dimensions else ""
        missing = f"{each.missing:,} of {count_of(profile.size, 'item')}"
        lines.append(f"  unknown  {each.measure}{about}: known after pilot for {missing}")
    rows: list[tuple[str, ...]] = [("Mix", "", "now", "target")]
    for dimension in program.dimensions:
        shares = _shares(preview, dimension)
        targets = _targets(profile, dimension, tuple(shares))
        for number, (label, (low, high)) in enumerate(list(shares.items())[:_LABELS_SHOWN]):
            now = render_share(low) if low == high else f"{render_share(low)} - {render_share(high)}"
            target = render_share(targets.get(label)) if targets else "-"
            rows.append((f"  {dimension.name}" if number == 0 else "", label, now, target))
        if not shares:
            rows.append((f"  {dimension.name}", "labels known after pilot", "", ""))
    lines += ["", *align_table(rows, "<<>>", room=_ROOM, flexible=1), ""]
    lines.append(render_outlook(preview.phases, program).rstrip())
    budget = program.budget
    if budget is not None and budget.cost is not None:
        lines.append(f"  then     the plan itself costs $0.00 - {render_usd(budget.cost)}: known after pilot")
    lines += ["", "No plan yet: what it rests on is known after `refinec pilot`."]
    return "\n".join(lines) + "\n"


def build_preview_json(preview: Preview) -> dict[str, Any]:
    """The preview as JSON; what a plan would state is null, what is unknown an interval."""
    program, profile = preview.program, preview.profile
    mix: dict[str, Any] = {}
    for dimension in program.dimensions:
        shares = _shares(preview, dimension)
        targets = _targets(profile, dimension, tuple(shares))
        mix[dimension.name] = {
            label: {
                "now": {"low": round(low, 9), "high": round(high, 9)},
                "target": targets.get(label),
                "planned": None,
            }
            for label, (low, high) in shares.items()
        }
    cost = None if program.budget is None else program.budget.cost
    return {
        "format_version": FORMAT_VERSION,
        "status": "known_after_pilot",
        "spec": program.name,
        "size": {"now": profile.size, "planned": None},
        "mix": mix,
        "unknown": [
            {"measure": each.measure, "dimensions": list(each.dimensions), "items": each.missing, "of": profile.size}
            for each in preview.unknown
        ],
        "pilot": build_outlook(preview.phases),
        "cost": {"usd": {"low": "0", "high": None if cost is None else format(cost.normalize(), "f")}},
    }


def _shares(preview: Preview, dimension: Dimension) -> Mapping[str, tuple[float, float]]:
    """Label -> the least and the largest share that it can turn out to have."""
    profile = preview.profile
    if dimension.name not in profile.label_names:
        return {}
    counts = profile.counts(dimension.name)
    for label in list_labels(dimension) or ():
        counts.setdefault(label, 0)
    missing = profile.pending.get(dimension.measure, 0)
    total = max(1, sum(counts.values()) + missing)
    return {label: (count / total, (count + missing) / total) for label, count in counts.items()}


def _targets(profile: Profile, dimension: Dimension, labels: Sequence[str]) -> Mapping[str, float]:
    target = dimension.target
    if target is None:
        return {}
    if target.kind == "weights":
        return {label: float(weight) for label, weight in target.weights.items()}
    if target.kind == "uniform" and labels:
        return dict.fromkeys(labels, float(Decimal(1) / len(labels)))
    return profile.mixes.get(dimension.name, {})
