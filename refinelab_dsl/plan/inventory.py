"""Which results of earlier runs count for a spec as it is now, and whether they answer a plan by themselves.

An attempt counts where the operator asks the same of the same model about an item that is still there and eligible, and
judges by the same checks. Names, budgets, targets and constraints do not matter; another prompt or model does.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import msgspec

from refinelab_dsl import builtins
from refinelab_dsl.artifacts.inventory import EarlierAttempt, EarlierRun
from refinelab_dsl.artifacts.plan import Action, Decided, DecisionSet, Step
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.declarations import JOINT, Dimension, Operator, Validator, complete_labels
from refinelab_dsl.ir import Program, spec_hash
from refinelab_dsl.measures.table import is_paid
from refinelab_dsl.prompts.asking import find_judges, result_questions
from refinelab_dsl.prompts.identity import describe_judge, operator_content
from refinelab_dsl.prompts.steps import StepContext
from refinelab_dsl.prompts.vectors import embedding_of
from refinelab_dsl.solve.cells import split_dimensions
from refinelab_dsl.solve.form import LEAVING
from refinelab_dsl.solve.problem import CLEAN, FLAGGED, Bin
from refinelab_dsl.solve.stock import Bought, Question, Stock


@dataclass(frozen=True)
class Inventory:
    """What of `runs` (numbers) counts now. outcomes: operator and content key of an attempt -> whether it was accepted:
    two operators that ask the same may be told apart by what was there before them. unfit: what a person pinned or
    accepted by hand, and the program cannot have, with the reason."""

    stock: Stock = field(default_factory=Stock)
    runs: tuple[int, ...] = ()
    outcomes: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    unfit: tuple[tuple[Decided, str], ...] = ()

    def without(self, keys: frozenset[str]) -> Inventory:
        """The same without the results of these keys, and those that the same operators made for the same bins."""
        gone = {(each.operator, each.bin) for each in self.stock.bought if each.key in keys}
        kept = tuple(each for each in self.stock.bought if (each.operator, each.bin) not in gone)
        return replace(self, stock=replace(self.stock, bought=kept))

    @property
    def sha256(self) -> str:
        """Over all of them, so that a plan can name what it was made with."""
        return hashlib.sha256(msgspec.json.encode(sorted(self.outcomes.items()))).hexdigest()


def take_inventory(
    program: Program, profile: Profile, context: StepContext, runs: Sequence[EarlierRun],
    decided: DecisionSet | None = None, used: Collection[int] = (),
) -> Inventory:
    """The attempts of `runs` that count for `program` over its data. What a later run found of an attempt stands, and
    what a person decided before that: a result that is rejected was tried and not accepted. used: runs whose results
    stand among the items already: they are not had again, and are asked for in other words."""
    rows_decided = () if decided is None else decided.rows
    measures = {measure.name: measure for measure in program.measures}
    rejected = {row.key for row in rows_decided if row.decision == "reject" and row.edit != "removed"}
    pins = {row.key: row for row in rows_decided if row.is_held}
    by_hand = frozenset[str]() if decided is None else decided.by_hand
    unmeasured = [
        dimension.name for dimension in program.dimensions
        if by_hand and dimension.on_new == "measure" and is_paid(measures[dimension.measure])
    ]
    judged: dict[tuple[str, str], EarlierAttempt] = {}  # operator, content key -> attempt
    standing: set[tuple[str, str]] = set()
    numbers = []
    for run in sorted(runs, key=lambda run: run.number):
        found = dict(_match_run(program, context, run))
        if found.keys() - judged.keys():
            numbers.append(run.number)
        judged |= found
        if run.number in used:
            standing |= found.keys()
    judged = {
        place: replace(attempt, accepted=_is_accepted(attempt, rejected, by_hand))
        for place, attempt in sorted(judged.items(), key=lambda entry: entry[1].key not in pins)
    }
    rows = _find_rows(profile, {attempt.items[0] for attempt in judged.values()})
    index = {operator.name: number for number, operator in enumerate(program.operators)}
    places = _Places(program, profile)
    bought: list[Bought] = []
    tried: Counter[tuple[int, int]] = Counter()
    samples: dict[Question, set[int]] = defaultdict(set)
    outcomes: dict[tuple[str, str], bool] = {}
    made: set[tuple[int, int, Bin]] = set()
    for (name, key), attempt in judged.items():
        operator, row = program.operators[index[name]], rows.get(attempt.items[0])
        if row is None or not profile.eligible[name][row]:
            continue
        bin = places.find_bin(operator, row, attempt.target)
        if bin is None:
            continue
        outcomes[name, key] = attempt.accepted
        number = index[name]
        samples[name, attempt.items[0], tuple(sorted(attempt.target.items()))].add(attempt.sample)
        if operator.max_per_item is not None:
            tried[number, row] += 1
            if tried[number, row] > operator.max_per_item:
                continue
        changes = builtins.OPERATOR_KINDS[operator.kind].effect in LEAVING
        if attempt.accepted and (name, key) not in standing and not (changes and (number, row, bin) in made):
            made.add((number, row, bin))  # of several changes of one item the first stands
            replies = tuple(reply for _, reply in attempt.replies)
            is_pinned = pins.pop(attempt.key, None) is not None
            bought.append(Bought(number, row, bin, attempt.sample, key, attempt.request, replies, is_pinned))
    bound = frozenset(index[operator.name] for operator in program.operators if _is_bound(operator))
    limited = {
        place: min(tries, limit)
        for place, tries in tried.items()
        if (limit := program.operators[place[0]].max_per_item) is not None
    }
    known = {place: frozenset(found) for place, found in samples.items()}
    leaving, unfit = _find_leaving(program, profile, rows_decided, index)
    lacking = [row for row in rows_decided if row.by_hand and unmeasured]
    gone = [
        (row, f"results are measured for {unmeasured[0]}, and this one was refused before it was") for row in lacking
    ]
    gone += [
        (row, "no attempt of the spec as it is now would make it") for row in pins.values() if row not in lacking
    ]
    return Inventory(
        Stock(tuple(bought), limited, bound, known, leaving), tuple(numbers), outcomes, (*gone, *unfit)
    )


def _is_accepted(attempt: EarlierAttempt, rejected: Collection[str], by_hand: Collection[str]) -> bool:
    """What a check refused counts as long as a person says so, also where an earlier run took it."""
    return attempt.key in by_hand or (attempt.accepted and not attempt.by_hand and attempt.key not in rejected)


def protect_decided(profile: Profile, decided: DecisionSet | None) -> Profile:
    """The profile with the items protected whose removal a person rejected."""
    keys = {row.key for row in decided.rows if _is_about(row, "reject")} if decided is not None else set()
    if not keys:
        return profile
    protected = profile.protected.copy()
    protected[list(_find_rows(profile, keys).values())] = True
    return replace(profile, protected=protected)


def _is_about(row: Decided, decision: str) -> bool:
    return row.edit == "removed" and row.decision == decision


def _find_leaving(
    program: Program, profile: Profile, decided: Sequence[Decided], index: Mapping[str, int]
) -> tuple[dict[int, int], list[tuple[Decided, str]]]:
    """Row -> the operator that a person wants to take its item out; and those that cannot."""
    wanted = [row for row in decided if _is_about(row, "pin")]
    places = _find_rows(profile, {row.key for row in wanted})
    targeted = [profile.labels[each.name] for each in split_dimensions(program) if each.target is not None]
    leaving: dict[int, int] = {}
    unfit: list[tuple[Decided, str]] = []
    for row in wanted:
        place, number = places.get(row.key), index.get(row.operator)
        if place is None:
            unfit.append((row, "the item is not in the dataset"))
        elif number is None or not profile.eligible[row.operator][place]:
            unfit.append((row, f"`{row.operator}` may not take the item out"))
        elif profile.protected[place]:
            unfit.append((row, "the item is protected"))
        elif any(column[place] < 0 for column in targeted):
            unfit.append((row, "an item stays whose label is not known"))
        else:
            leaving[place] = number
    return leaving, unfit


def is_answered(actions: Iterable[Action], steps: Iterable[Step], outcomes: Mapping[tuple[str, str], bool]) -> bool:
    """Whether applying the steps asks for nothing that was not asked and judged before: every action reaches its
    count, or its end, by attempts whose outcome is known."""
    missing = {action.id: action.count for action in actions}
    for step in steps:
        if missing[step.action] <= 0:
            continue
        accepted = outcomes.get((step.operator, step.key))
        if accepted is None:
            return False
        missing[step.action] -= accepted
    return True


def recall_inventory(
    program: Program, profile: Profile, context: StepContext, runs: Sequence[EarlierRun],
    decided: DecisionSet | None = None,
) -> Inventory | None:
    """The inventory that the plan of the last run of this very spec and data, and these decisions, was made with, empty
    where it was made without; None where there was no such run, or its inventory is not there any longer."""
    same = (
        run
        for run in reversed(runs)
        if run.header.spec_sha256 == spec_hash(program) and run.header.decisions == decided
    )
    like = next((run for run in same if run.header.dataset_sha256 == profile.sha256), None)
    if like is None:
        return None
    if like.header.inventory is None:
        return Inventory()
    numbers = like.header.inventory.runs
    then = take_inventory(program, profile, context, [run for run in runs if run.number in numbers], decided)
    named = {recorded.sha256 for recorded in like.header.inputs if recorded.kind == "inventory"}
    return then if then.sha256 in named else None


def _match_run(
    program: Program, context: StepContext, run: EarlierRun
) -> Iterator[tuple[tuple[str, str], EarlierAttempt]]:
    """The run's attempts that the program would make again, each by the operator that would and its content key."""
    before = StepContext.of_header(run.header)
    names: dict[str, str] = {}
    for name in before.templates.keys() & before.operators.keys():
        content = _describe(before, run.header.validators, name)
        like = [
            other
            for other in sorted(context.templates.keys() & context.operators.keys())
            if _describe(context, program.validators, other) == content
            and _judges_alike(before, context, run.header.validators, name)
        ]
        if like:  # of several that ask the same, the one that kept its name
            names[name] = name if name in like else like[0]
    for attempt in run.attempts:
        if attempt.operator in names and len(attempt.items) == 1:
            yield (names[attempt.operator], attempt.key), attempt


def _describe(context: StepContext, validators: Sequence[Validator], name: str) -> dict[str, Any]:
    """What is asked, of whom, and by what it is judged."""
    checks = set(context.operators[name].checks)
    model = context.models[context.templates[name].model]
    return {
        **operator_content(context, name),
        "task": context.task,
        "model": model.model_dump(mode="json", include={"provider", "id", "base_url", "params"}),
        "validators": [each.model_dump(mode="json") for each in validators if each.name in checks],
        "judges": [describe_judge(judge) for judge in find_judges(context, context.operators[name])],
        "embeddings": [
            context.embeddings[used].model_dump(mode="json", include={"provider", "id", "base_url"})
            for each in validators
            if each.name in checks and (used := embedding_of(each)) in context.embeddings
        ],
        "asked": [
            question.template.model_dump(mode="json") for question in result_questions(context, context.operators[name])
        ],
    }


def _judges_alike(one: StepContext, other: StepContext, validators: Sequence[Validator], name: str) -> bool:
    """Whether the checks of an operator measure results as they did. Targets of dimensions do not matter to them."""
    checks = {validator.name: validator for validator in validators}
    mine = [checks[check] for check in one.operators[name].checks]
    if any(builtins.validator_row(validator.kind).items for validator in mine):
        watched = {dimension.name for dimension in (*one.dimensions, *other.dimensions)}
        measures = {measure.name for measure in (*one.measures, *other.measures)}
    else:
        watched = {validator.dimension for validator in mine if validator.dimension is not None}
        measures = {dimension.measure for dimension in one.dimensions if dimension.name in watched}
    return all(
        (
            *_shared(map(_measuring, one.dimensions), map(_measuring, other.dimensions), watched),
            *_shared(one.measures, other.measures, measures),
        )
    )


class _Places:
    """Where a result stands in the allocation's axes."""

    def __init__(self, program: Program, profile: Profile) -> None:
        self._dimensions = split_dimensions(program)
        self._profile = profile
        names = (dimension.name for dimension in self._dimensions)
        self._measures = program.measures
        self._labels = {name: {label: i for i, label in enumerate(profile.label_names[name])} for name in names}

    def find_bin(self, operator: Operator, row: int, target: Mapping[str, str]) -> Bin | None:
        """The bin of a result that was made for `target` from the item in `row`; None where the axes are others now, or
        its item has other labels."""
        target = complete_labels(target, self._measures)
        own = tuple(int(self._profile.labels[dimension.name][row]) for dimension in self._dimensions)
        bin = tuple(self._labels[each.name].get(target.get(each.name, ""), -1) for each in self._dimensions)
        known = {each.name for each, label in zip(self._dimensions, bin, strict=True) if label >= 0}
        if known != target.keys():
            return None
        settled = [each.target is None or label >= 0 for each, label in zip(self._dimensions, bin, strict=True)]
        joint = {measure.name for measure in self._measures if measure.kind == JOINT}
        flags = self._profile.flagged
        match builtins.OPERATOR_KINDS[operator.kind].effect:
            case "expand":
                flag = () if flags is None else (FLAGGED if flags[row] else CLEAN,)
                return bin + flag if bin == own and all(settled) else None
            case effect:
                stays = (
                    each.name in operator.moves or each.name in joint or label == before
                    for each, label, before in zip(self._dimensions, bin, own, strict=True)
                )
                flag = () if flags is None else (FLAGGED if flags[row] and effect == "move" else CLEAN,)
                if effect == "generate":
                    return bin + flag if all(stays) and -1 not in bin else None
                if self._profile.protected[row]:
                    return None
                was = own if flags is None else (*own, FLAGGED if flags[row] else CLEAN)
                return bin + flag if all(stays) and all(settled) and bin + flag != was else None


def _is_bound(operator: Operator) -> bool:
    """Whether its results stand beside their item and leave with it, or stand in its place."""
    return builtins.OPERATOR_KINDS[operator.kind].effect != "generate"


def _find_rows(profile: Profile, keys: Collection[str]) -> dict[str, int]:
    return {key: row for row, key in enumerate(profile.keys) if key in keys} if keys else {}


def _measuring(dimension: Dimension) -> Dimension:
    """A dimension without what is wanted of it."""
    return dimension.model_copy(update={"target": None, "tolerance": None, "weight": Decimal(1)})


def _shared(one: Iterable[Any], other: Iterable[Any], names: Collection[str]) -> Iterator[bool]:
    """For each declaration that both have: whether it is the same."""
    before = {each.name: each for each in one}
    return (before[each.name] == each for each in other if each.name in names and each.name in before)
