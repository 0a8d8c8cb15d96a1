"""What a pilot is to learn and what that costs, and what is known after it: as JSON and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any, Final

from refinelab_dsl.artifacts.evidence import Evidence, sum_rates
from refinelab_dsl.builtins import OPERATOR_KINDS
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.estimate.estimate import success_interval
from refinelab_dsl.estimate.estimates import Estimates
from refinelab_dsl.ir import Program
from refinelab_dsl.measures.table import is_paid
from refinelab_dsl.plan.figures import count_of, render_interval, render_tokens, render_usd
from refinelab_dsl.plan.layout import align_table
from refinelab_dsl.plan.pilot import Phase, Wish
from refinelab_dsl.prompts.asking import NO_USE, Use
from refinelab_dsl.prompts.identity import operator_key
from refinelab_dsl.prompts.steps import StepContext

WHAT: Final = {
    "embed": "items are embedded",
    "discover": "labels are found in a sample",
    "compare": "seeds are compared",
    "label": "items are measured",
    "try": "operators are tried",
}
_ROOM: Final = 100
_LABELS_SHOWN: Final = 12


def build_outlook(phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """The phases of a pilot as JSON: per measure and operator steps, calls, tokens, dollars (expected and ceiling)."""
    return [
        {
            "phase": phase.name,
            "hosts": list(phase.hosts),
            "wishes": [
                {
                    "name": wish.name, "kind": wish.kind, "steps": wish.count,
                    "expected": _use(wish.expected), "ceiling": _use(wish.most),
                    "known": wish.is_priced,
                }
                for wish in phase.wishes
            ],
        }
        for phase in phases
    ]  # fmt: skip


def render_outlook(
    phases: Sequence[Phase], program: Program | None, spent: tuple[int, Decimal] = (0, Decimal(0)),
    runs: Sequence[int] = (),
) -> str:
    """The phases of a pilot as a table, with what they may cost. spent: tokens and dollars of its earlier starts, whose
    runs these are."""
    rows: list[tuple[str, ...]] = [("", "", "steps", "calls", "tokens in / out", "expected", "at most")]
    for phase in phases:
        for number, wish in enumerate(phase.wishes):
            rows.append(_row(WHAT[phase.name] if number == 0 else "", wish))
    use = sum((phase.use for phase in phases), NO_USE)
    ceiling = sum((phase.ceiling for phase in phases), NO_USE)
    calls = f"{ceil(round(use.calls, 6)):,}"
    rows.append(("total", "", "", calls, _tokens(use), render_usd(use.usd), render_usd(ceiling.usd)))
    lines = ["To learn", *("  " + line for line in align_table(rows, "<<>>>>>", room=_ROOM - 2, flexible=0))]
    pilot = None if program is None else program.pilot
    if pilot is not None and pilot.cost is not None:
        lines.append(f"  budget   {render_usd(pilot.cost)}: a limit, whatever is asked")
    elif pilot is not None and pilot.tokens is not None:
        lines.append(f"  budget   {render_tokens(pilot.tokens)} tokens: a limit, whatever is asked")
    if runs:
        lines.append(f"  spent    {_describe_spent(spent)} by earlier starts ({_name_runs(runs)}), which count")
    hosts = sorted({host for phase in phases for host in phase.hosts})
    if hosts:
        lines.append(f"  sends    dataset text to {', '.join(hosts)}")
    else:
        lines.append("  sends    nothing: no call leaves this machine")
    if any(not wish.is_priced for phase in phases for wish in phase.wishes):
        lines.append("  note     what rests on labels that are still to be found is priced once they are")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class MeasureFacts:
    """values: how many items have one; mean: of numbers; labels: how many items have each; clusters: of nearly equal
    items, in which those with a value stand."""

    name: str
    values: int
    total: int
    mean: float | None
    error: float | None
    labels: tuple[tuple[str, int], ...] = ()
    clusters: int | None = None


@dataclass(frozen=True)
class OperatorFacts:
    """success: with its interval. tokens: of one attempt. attempts: that were seen."""

    name: str
    attempts: int
    success: str
    tokens: float
    usd: Decimal | None


@dataclass(frozen=True)
class Facts:
    """What is known of a spec's measures and operators. confidence: of the intervals."""

    confidence: float
    measures: tuple[MeasureFacts, ...]
    operators: tuple[OperatorFacts, ...]


def gather_facts(
    program: Program, profile: Profile, context: StepContext, estimates: Estimates, evidence: Evidence
) -> Facts:
    """What evidence says of a program."""
    from refinelab_dsl.prompts.identity import measure_key

    found = []
    for measure in program.measures:
        values = [value for value in profile.recorded.get(measure.name, ()) if value is not None]
        if measure.name in profile.compared and measure.name not in profile.pending:
            found.append(MeasureFacts(
                measure.name, len(values), profile.size, None, None, clusters=len(set(values))
            ))  # fmt: skip
        if not is_paid(measure):
            continue
        numbers = [float(value) for value in values if not isinstance(value, str)]
        errors = list(evidence.values(measure_key(context, measure)).errors.values())
        labels = Counter(value for value in values if isinstance(value, str))
        found.append(MeasureFacts(
            measure.name, len(values), profile.size, sum(numbers) / len(numbers) if numbers else None,
            sum(errors) / len(errors) if errors else None, tuple(labels.most_common()),
        ))  # fmt: skip
    operators = []
    confidence = 0.9 if program.pilot is None else float(program.pilot.confidence)
    for operator in program.operators:
        rate = sum_rates(evidence.rates(operator_key(context, operator.name)))
        if OPERATOR_KINDS[operator.kind].calls and rate is not None:
            estimate = estimates.operators[operator.name]
            interval = render_interval(success_interval(estimate.rate, confidence).model_dump())
            operators.append(
                OperatorFacts(operator.name, rate.attempts, interval, estimate.cost.tokens, estimate.cost.usd)
            )
    return Facts(confidence, tuple(found), tuple(operators))


def render_evidence(
    facts: Facts, tokens: int, usd: Decimal, path: Path, *, simulated: bool, is_complete: bool = True
) -> str:
    """What is known now, and where it stands. is_complete: the pilot came to its end."""
    about = f", {facts.confidence:.0%} intervals" if facts.operators else ""
    lines = ["", f"Known{about}"]
    for measure in facts.measures:
        about = f"{measure.values:,} of {count_of(measure.total, 'item')}"
        if measure.clusters is not None:
            about += f" in {count_of(measure.clusters, 'cluster')}" if measure.clusters else ": no two are one"
        if measure.mean is not None:
            about += f", mean {measure.mean:,.4g}"
        if measure.error is not None:
            about += f", standard error {measure.error:,.3g} on average"
        if measure.labels:
            shown = ", ".join(f"{label} {count:,}" for label, count in measure.labels[:_LABELS_SHOWN])
            more = len(measure.labels) - _LABELS_SHOWN
            about += f": {shown}" + (f", and {more} more" if more > 0 else "")
        lines.append(f"  {measure.name}   {about}")
    for operator in facts.operators:
        cost = f"{render_tokens(operator.tokens)} tokens, {render_usd(operator.usd)} an attempt"
        seen = count_of(operator.attempts, "attempt")
        lines.append(f"  {operator.name}   success {operator.success}, {seen}; {cost}")
    spent = f"{render_tokens(tokens)} tokens, {render_usd(usd)}"
    if is_complete:
        lines += ["", f"Pilot complete: {spent}. Written to {path.name}: commit it."]
    else:
        lines += ["", f"Pilot stopped: {spent}." + (f" What it learnt is in {path.name}." if path.exists() else "")]
    if simulated:
        lines.append("Simulated: replies were made by rule, not by a language model.")
    return "\n".join(lines) + "\n"


def _describe_spent(spent: tuple[int, Decimal]) -> str:
    return f"{render_tokens(spent[0])} tokens, {render_usd(spent[1])}"


def _name_runs(numbers: Sequence[int]) -> str:
    return f"run{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def _row(what: str, wish: Wish) -> tuple[str, ...]:
    use, ceiling = wish.expected, wish.most
    calls = f"{ceil(round(use.calls, 6)):,}" if wish.is_priced else "known later"
    return (
        what, wish.name, f"{wish.count:,}", calls, _tokens(use), render_usd(use.usd), render_usd(ceiling.usd),
    )  # fmt: skip


def _tokens(use: Use) -> str:
    return f"{render_tokens(use.input_tokens)} / {render_tokens(use.output_tokens)}"


def _use(use: Use) -> dict[str, Any]:
    return {
        "calls": ceil(round(use.calls, 6)), "tokens": ceil(round(use.tokens, 6)),
        "usd": None if use.usd is None else format(use.usd.quantize(Decimal("0.000001")), "f"),
    }  # fmt: skip
