"""What a run's log teaches: values of measures, ratings of seeds, labels, and how operators fared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.evidence import KEY_LENGTH, AnyRecord, Clusters, Label, Rate, Rating, Value
from refinelab_dsl.artifacts.plan import COMPARE, Header
from refinelab_dsl.builtins import OPERATOR_KINDS
from refinelab_dsl.declarations import Measure, Operator
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.measures_paid.ratings import fit_strengths
from refinelab_dsl.operators.correct import Asked, split_calls
from refinelab_dsl.prompts.identity import clusters_key, labels_key, measure_key, operator_key
from refinelab_dsl.prompts.steps import StepContext
from refinelab_dsl.prompts.verified import verdict_measure
from refinelab_dsl.provenance.log import LogLine, read_log


@dataclass
class _Fare:
    """How the attempts of one operator fared."""

    attempts: int = 0
    accepted: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    own_input_tokens: int = 0
    own_output_tokens: int = 0
    own_calls: int | None = None
    stored_input_tokens: int = 0
    stored_output_tokens: int = 0
    squares: int = 0
    usd: Decimal | None = Decimal(0)
    simulated: bool = False


def harvest(
    log: Path, header: Header, plan_id: str, told: frozenset[int] = frozenset()
) -> tuple[tuple[AnyRecord, ...], Diagnostic | None]:
    """The evidence in a log, whether the run ended or not; with what is wrong with the log, where it ends badly.

    told: the steps that only repeat what the log of an earlier run tells.
    """
    context = StepContext.of_header(header)
    measures = {measure.name: measure for measure in header.measures}
    kinds = {action.id: action.kind for action in header.actions}
    found: list[AnyRecord] = []
    pairs: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    fares: dict[str, _Fare] = defaultdict(_Fare)
    simulated: dict[str, bool] = defaultdict(bool)
    rated = {name for name, known in header.known.items() if known.exemplars}
    kept: list[int] = []  # values of items that are exemplars: they rest on calls of an earlier phase
    calls: list[events.Call] = []
    problem = None
    for line in read_log(log):
        if not isinstance(line, LogLine):
            problem = line
            break
        event = line.event
        match event:
            case events.Call():
                calls.append(event)
            case events.Label() if kinds.get(event.action) == COMPARE:
                if isinstance(event.value, int | float):
                    first, second = event.items
                    pairs[event.measure][first[:KEY_LENGTH], second[:KEY_LENGTH]] = float(event.value)
                simulated[event.measure] = simulated[event.measure] or event.simulated
                calls.clear()
            case events.Label():
                key = measure_key(context, measures[event.measure])
                if not calls and event.measure in rated:
                    kept.append(len(found))
                found.append(Value(
                    measure=event.measure, key=key, item=event.items[0][:KEY_LENGTH], value=event.value,
                    error=event.error, simulated=event.simulated,
                ))  # fmt: skip
                simulated[event.measure] = simulated[event.measure] or event.simulated
                calls.clear()
            case events.Vocabulary():
                key = labels_key(context, measures[event.measure])
                found += (
                    Label(
                        measure=event.measure, key=key, place=place, label=label, meaning=meaning,
                        simulated=event.simulated,
                    )
                    for place, (label, meaning) in enumerate(event.labels.items())
                )  # fmt: skip
                calls.clear()
            case events.Clusters():
                found.append(Clusters(
                    measure=event.measure, key=clusters_key(context, measures[event.measure]),
                    items=event.items[:KEY_LENGTH], count=event.count, copies=event.copies,
                ))
            case events.Commit() | events.Kept() | events.Reject():
                if event.operator in context.operators and calls and event.step not in told:
                    fare = fares[event.operator]
                    paid = calls
                    if context.operators[event.operator].kind == "correct":
                        paid = _count_correction(fare, calls, context, context.operators[event.operator])
                    _count(fare, paid, event)
                calls.clear()
            case _:
                pass
    for place in kept:
        value = found[place]
        if isinstance(value, Value) and simulated[value.measure]:
            found[place] = value.model_copy(update={"simulated": True})
    for name, results in pairs.items():
        found += _rate(context, measures[name], results, simulated[name])
    for name, fare in fares.items():
        if OPERATOR_KINDS[context.operators[name].kind].calls:
            found.append(Rate(operator=name, key=operator_key(context, name), run=plan_id[:KEY_LENGTH], **vars(fare)))
    return tuple(found), problem


def _count(fare: _Fare, calls: list[events.Call], end: events.Commit | events.Kept | events.Reject) -> None:
    tokens = 0
    for call in calls:
        own = call.template == end.operator and not call.turn
        fare.input_tokens += call.input_tokens
        fare.output_tokens += call.output_tokens
        fare.own_input_tokens += call.input_tokens * own
        fare.own_output_tokens += call.output_tokens * own
        fare.usd = None if fare.usd is None or call.usd is None else fare.usd + call.usd
        fare.simulated = fare.simulated or call.simulated
        tokens += call.input_tokens + call.output_tokens
    fare.squares += tokens**2
    fare.attempts += 1
    fare.accepted += isinstance(end, events.Commit | events.Kept)


def _count_correction(
    fare: _Fare, calls: list[events.Call], context: StepContext, operator: Operator
) -> list[events.Call]:
    """Counts whether an attempt asked for a repair, and what the pilot had asked before. Gives the calls that are left.
    """
    asked = [Asked(call.template, call.request, call.model, call.sample) for call in calls]
    first, repeated = split_calls(asked, operator.name)
    fare.own_calls = (fare.own_calls or 0) + any(call.template == operator.name for call in calls)
    stored = first if verdict_measure(context.measures, operator) is not None else 0
    fare.stored_input_tokens += sum(call.input_tokens for call in calls[:stored])
    fare.stored_output_tokens += sum(call.output_tokens for call in calls[:stored])
    return [call for place, call in enumerate(calls) if place >= stored and place not in repeated]


def _rate(
    context: StepContext, measure: Measure, results: Mapping[tuple[str, str], float], simulated: bool
) -> Iterator[Rating]:
    """The seeds of a measure on one scale, from the results of their pairs."""
    names = sorted({key for pair in results for key in pair})
    place = {name: index for index, name in enumerate(names)}
    ordered = {(place[first], place[second]): value for (first, second), value in sorted(results.items())}
    strengths = fit_strengths(len(names), ordered, eta=float(measure.options.get("eta") or 400))
    key = measure_key(context, measure)
    for name, rating in zip(names, strengths.ratings, strict=True):
        yield Rating(measure=measure.name, key=key, item=name, rating=rating, simulated=simulated)
