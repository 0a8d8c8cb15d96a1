"""Builds the plans of a pilot: what is to be asked so that a plan can be made, phase by phase.

A pilot's plan is a plan like any other, so the runtime's promises hold for it: a budget that is a limit, nothing paid
twice, a log. It makes every attempt that it lists and writes no output. Later phases rest on what earlier ones learn:
labels are found, seeds are rated among themselves, items are measured, operators are tried.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import combinations
from math import ceil
from typing import Final, Literal, TypeAlias

from refinelab_dsl import prompts
from refinelab_dsl.artifacts.evidence import KEY_LENGTH, Evidence
from refinelab_dsl.artifacts.plan import (
    CLUSTER,
    MEASURE,
    Action,
    Amount,
    BudgetSummary,
    Header,
    Input,
    Interval,
    SeedSet,
    Share,
    Solution,
    Step,
)
from refinelab_dsl.builtins import JUDGING, OPERATOR_KINDS
from refinelab_dsl.data.corpora import name_sources
from refinelab_dsl.data.files import find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.declarations import JOINT, Operator
from refinelab_dsl.estimate.originals import originals_use
from refinelab_dsl.ir import Program, spec_hash
from refinelab_dsl.measures.near_duplicate import clustering_embedding
from refinelab_dsl.measures.table import is_paid
from refinelab_dsl.plan.build import build_context, step_key
from refinelab_dsl.plan.claims import claim_sampled
from refinelab_dsl.plan.learnt import find_known, is_ready, wants_labels, wants_ratings
from refinelab_dsl.plan.originals import describe_originals, remaining_uses
from refinelab_dsl.plan.price import round_usd
from refinelab_dsl.plan.templates import choose_measuring
from refinelab_dsl.project import Project
from refinelab_dsl.prompts.asking import (
    DISCOVERY_SAMPLE,
    NO_USE,
    Question,
    Use,
    bound_question,
    claim_results,
    count_discovery_calls,
    count_own_retries,
    expected_use,
    item_bytes,
    measure_questions,
    result_ceiling,
    result_questions,
    validator_questions,
)
from refinelab_dsl.prompts.hosts import host
from refinelab_dsl.prompts.identity import clusters_key, labels_key, measure_key, operator_content, operator_key
from refinelab_dsl.prompts.steps import (
    DISCOVERY_PARTS,
    StepContext,
    compose_step,
    expected_reply_tokens,
    likely_target,
    measure_template,
)
from refinelab_dsl.prompts.vectors import asked_by, comparing_embeddings
from refinelab_dsl.prompts.verified import own_calls, result_use, verdict_measure

PhaseName: TypeAlias = Literal["embed", "discover", "compare", "label", "try"]
PHASES: Final[tuple[PhaseName, ...]] = ("embed", "discover", "compare", "label", "try")

EMBED: Final = "embed"
"""The kind of a wish for vectors by which operators' results are checked: bought by the run itself, without a step."""

SURE: Final = Interval(mean=1.0, low=1.0, high=1.0, source="exact")


@dataclass(frozen=True)
class Wish:
    """What a phase wants to learn of one measure or operator. keys: per step, the items that it is about. count: steps;
    more than `keys` where those are not known yet. use, ceiling: of one step, expected and at the most. claim: what one
    step claims of the budget before it starts. embeddings: those that are asked about all items for it, in `use` once.
    remaining: what of all steps is left to be paid, where it is known what the store of replies holds (`discount`)."""

    name: str
    kind: str
    count: int
    keys: tuple[tuple[str, ...], ...]
    use: Use
    ceiling: Use
    template: str
    is_priced: bool = True  # not where it rests on labels that are still to be found
    targets: tuple[Mapping[str, str], ...] = ()  # per step, for operators
    claim: Use = NO_USE
    embeddings: tuple[str, ...] = ()
    remaining: tuple[Use, Use] | None = None

    @property
    def expected(self) -> Use:
        """Of all steps."""
        return self.use.times(self.count) if self.remaining is None else self.remaining[0]

    @property
    def most(self) -> Use:
        """Of all steps."""
        return self.ceiling.times(self.count) if self.remaining is None else self.remaining[1]


@dataclass(frozen=True)
class Phase:
    """name: what is done; wishes: for whom; hosts: that will receive text of the dataset."""

    name: PhaseName
    wishes: tuple[Wish, ...]
    hosts: tuple[str, ...] = ()

    @property
    def use(self) -> Use:
        """Expected, of all steps."""
        return sum((wish.expected for wish in self.wishes), NO_USE)

    @property
    def claim(self) -> Use:
        """Of its first step, which must fit into the budget."""
        return self.wishes[0].claim

    @property
    def ceiling(self) -> Use:
        """At the most."""
        return sum((wish.most for wish in self.wishes), NO_USE)


@dataclass(frozen=True)
class PilotCase:
    """Everything that a pilot is a function of. spent: what earlier phases of this pilot took."""

    program: Program
    profile: Profile
    evidence: Evidence
    compiler: str
    spec_path: str
    seeds: Mapping[str, SeedSet] = field(default_factory=dict)
    spent_tokens: int = 0
    spent_usd: Decimal = Decimal(0)

    @property
    def context(self) -> StepContext:
        return build_context(self.program, self.profile, self.evidence, self.seeds)


def list_phases(case: PilotCase) -> tuple[Phase, ...]:
    """What is still to be learnt, in order; nothing where everything is known.

    Raises:
        StepFault: a prompt cannot be rendered with one of the items.
    """
    context = case.context
    copies = tuple(_wish_clusters(case, context))
    tries = tuple(_wish_rates(case, context))
    phases = (
        Phase("embed", copies),
        Phase("discover", tuple(_wish_labels(case, context))),
        Phase("compare", tuple(_wish_ratings(case, context))),
        Phase("label", tuple(_wish_values(case, context))),
        Phase("try", (*_wish_vectors(case, context, tries, copies), *tries)),
    )
    return tuple(replace(phase, hosts=_find_hosts(context, phase)) for phase in phases if phase.wishes)


def discount(
    case: PilotCase, phases: Sequence[Phase], project: Project, *, allow_outside: bool = False
) -> tuple[Phase, ...]:
    """The phases as they are shown: what the store of replies holds of vectors is not paid again. What a pilot's plan
    says does not rest on it: a store is no input of a plan."""
    named = {name for phase in phases for wish in phase.wishes for name in wish.embeddings}
    asked = [embedding for embedding in case.program.embeddings if embedding.name in named]
    files, _ = find_files(case.program.dataset, project, allow_outside=allow_outside)
    remaining = remaining_uses(asked, case.program.dataset, files, project)
    return tuple(
        replace(phase, wishes=tuple(
            replace(wish, remaining=remaining[wish.embeddings[0]])
            if wish.embeddings and wish.embeddings[0] in remaining
            else wish
            for wish in phase.wishes
        ))
        for phase in phases
    )  # fmt: skip


def draft_pilot(case: PilotCase, phase: Phase) -> tuple[Header, tuple[Step, ...]]:
    """The plan of one phase."""
    context = case.context
    steps: list[Step] = []
    actions: list[Action] = []
    for wish in phase.wishes:
        groups: dict[tuple[tuple[str, str], ...], list[tuple[str, ...]]] = {}
        for index, keys in enumerate(wish.keys):
            target = wish.targets[index] if wish.targets else {}
            groups.setdefault(tuple(target.items()), []).append(keys)
        for labels, members in groups.items():
            target = dict(labels)
            number = len(actions) + 1
            actions.append(Action(
                id=number, operator=wish.name, kind=wish.kind, from_={}, to=target, count=len(members),
                attempts=len(members), success=SURE, chance=1.0,
            ))  # fmt: skip
            steps += _steps(case, context, wish, number, target, members, len(steps))
    return _build_header(case, context, phase, actions), tuple(steps)


# ---- wishes ----------------------------------------------------------------------------------------------------------


def _wish_clusters(case: PilotCase, context: StepContext) -> Iterator[Wish]:
    """Clusters of nearly equal items by an embedding of an endpoint: one step per measure, about all items."""
    priced: set[str] = set()
    for measure in case.program.measures:
        embedding = clustering_embedding(measure, context.embeddings)
        if embedding is None or measure.name not in case.profile.pending:
            continue
        new = () if embedding.name in priced else (embedding,)
        use, worst = originals_use(case.profile, new)
        priced.add(embedding.name)
        yield Wish(
            measure.name, CLUSTER, 1, (_list_distinct(case),), use, worst, "",
            embeddings=tuple(each.name for each in new),
        )  # fmt: skip


def _wish_vectors(
    case: PilotCase, context: StepContext, tries: Sequence[Wish], bought: Sequence[Wish]
) -> Iterator[Wish]:
    """Vectors of all items with which checks of operators that are tried compare; those of earlier phases are there."""
    operators = [context.operators[wish.name] for wish in tries]
    there = {name for wish in bought for name in wish.embeddings}
    for embedding in comparing_embeddings(operators, context.validators, context.embeddings):
        if embedding.name not in there:
            use, worst = originals_use(case.profile, (embedding,))
            yield Wish(embedding.name, EMBED, 1, (), use, worst, "", embeddings=(embedding.name,))


def _wish_labels(case: PilotCase, context: StepContext) -> Iterator[Wish]:
    """Labels that are to be found in the items: one step per measure, about a sample."""
    for measure in case.program.measures:
        if wants_labels(measure) and not case.evidence.labels(labels_key(context, measure)):
            keys = _draw(case, measure.name, DISCOVERY_SAMPLE, _list_distinct(case))
            calls = count_discovery_calls(len(keys))
            lengths = [item_bytes(item) / 4 for item in case.profile.samples] or [0.0]
            shown = min(sum(lengths) / len(lengths), 200.0) * len(keys)
            model = context.models[str(measure.options["model"])]
            tokens_in, tokens_out = shown + 600 * calls, 250.0 * calls
            use = Use(calls, tokens_in, tokens_out, _price(context, model.name, tokens_in, tokens_out))
            most_in, most_out = 2 * (4 * shown + 6_000 * calls), 2 * 1_500.0 * calls
            worst = Use(calls, most_in, most_out, _price(context, model.name, most_in, most_out))
            template = measure_template(measure.name, DISCOVERY_PARTS[0])
            yield Wish(measure.name, "discover", 1, (keys,), use, worst, template)


def _wish_ratings(case: PilotCase, context: StepContext) -> Iterator[Wish]:
    """Seeds that are to be rated among themselves: one step per pair."""
    for measure in case.program.measures:
        if not wants_ratings(measure) or case.evidence.ratings(measure_key(context, measure)):
            continue
        seeds = measure.options.get("seeds") or {}
        count = int(seeds.get("count", 40)) if isinstance(seeds, Mapping) else 40
        chosen = _draw(case, f"{measure.name} seeds", count, _list_distinct(case))
        pairs = tuple(combinations(chosen, 2))
        both = 2 if measure.options.get("swap") else 1
        (question,) = measure_questions(context, measure)
        one = replace(question, asks=replace(question.asks, most=both, usual=Decimal(both)))
        use, worst = _uses(case, context, (one,))
        claim = _claim_question(case, context, (question,))
        yield Wish(measure.name, "compare", len(pairs), pairs, use, worst, question.template.name, claim=claim)


def _wish_values(case: PilotCase, context: StepContext) -> Iterator[Wish]:
    """Values of paid measures that evidence does not have: of every item, or of a sample."""
    pilot = case.program.pilot
    sampled = pilot is not None and pilot.label == "sample"
    for measure in case.program.measures:
        if not is_paid(measure) or measure.name not in case.profile.pending:
            continue
        known = case.evidence.values(measure_key(context, measure)).values if is_ready(context, measure) else {}
        wanted = [key for key in _list_distinct(case) if key not in known]
        if sampled:
            assert pilot is not None
            wanted = list(_draw(case, measure.name, max(0, pilot.items - len(known)), wanted))
        if not wanted:
            continue
        questions = measure_questions(context, measure)
        if not questions and wants_labels(measure):
            use = worst = NO_USE  # priced once there are labels
        else:
            use, worst = _uses(case, context, questions)
        template = questions[0].template.name if questions else ""
        keys = tuple((key,) for key in wanted)
        yield Wish(
            measure.name, MEASURE, len(wanted), keys, use, worst, template, is_ready(context, measure),
            claim=_claim_question(case, context, questions),
        )  # fmt: skip


def _wish_rates(case: PilotCase, context: StepContext) -> Iterator[Wish]:
    """Operators of which no attempt has been seen: so many, spread over their items' labels and their targets."""
    pilot = case.program.pilot
    for operator in case.program.operators:
        if not OPERATOR_KINDS[operator.kind].calls or case.evidence.rates(operator_key(context, operator.name)):
            continue
        count = 20 if pilot is None else pilot.items
        chosen = _stratify(case, operator, count)
        use = _attempt_use(case, context, operator)
        worst = result_ceiling(context, operator, case.profile.samples)
        own = _attempt_ceiling(case, context, operator)
        targets = tuple(_choose_target(case, context, operator, key, turn) for turn, key in enumerate(chosen))
        if chosen:
            yield Wish(
                operator.name, operator.kind, len(chosen), tuple((key,) for key in chosen), use, own + worst,
                operator.name, targets=targets, claim=claim_sampled(context, operator, case.profile.samples),
            )  # fmt: skip


def _stratify(case: PilotCase, operator: Operator, count: int) -> tuple[str, ...]:
    """Items that the operator may be applied to, in turn from each combination of labels of the strata."""
    profile, pilot = case.profile, case.program.pilot
    names = pilot.stratify_by if pilot is not None and pilot.stratify_by else tuple(operator.moves)
    joint = {measure.name for measure in case.program.measures if measure.kind == JOINT}
    strata: dict[tuple[int, ...], list[str]] = {}
    columns = [profile.labels[name] for name in names if name in profile.labels and name not in joint]
    eligible = profile.eligible[operator.name]
    for row, key in enumerate(profile.keys):
        if eligible[row] and not (profile.protected[row] and OPERATOR_KINDS[operator.kind].effect == "move"):
            strata.setdefault(tuple(int(column[row]) for column in columns), []).append(key)
    queues = [list(_draw(case, operator.name, count, keys)) for _, keys in sorted(strata.items())]
    chosen: list[str] = []
    while len(chosen) < count and any(queues):
        for queue in queues:
            if queue and len(chosen) < count:
                chosen.append(queue.pop(0))
    return tuple(chosen)


def _choose_target(
    case: PilotCase, context: StepContext, operator: Operator, key: str, turn: int
) -> Mapping[str, str]:
    """What an attempt is made for: the item's own labels, moved as the operator moves them; where it may aim at
    several labels, at one after the other."""
    profile = case.profile
    row = profile.keys.index(key)
    target: dict[str, str] = {}
    for dimension in context.dimensions:
        if dimension.name in context.joint or dimension.name not in profile.label_names:
            continue
        names = profile.label_names[dimension.name]
        code = int(profile.labels[dimension.name][row])
        move = operator.moves.get(dimension.name)
        if move is not None and move.kind in ("to", "any"):
            choices = move.labels if move.kind == "to" else names
            if choices:
                target[dimension.name] = choices[turn % len(choices)]
            continue
        if code < 0:
            continue
        shifted = code + (move.by if move is not None and move.kind == "shift" else 0)
        target[dimension.name] = names[min(max(shifted, 0), len(names) - 1)]
    return target


# ---- prices ----------------------------------------------------------------------------------------------------------


def _uses(case: PilotCase, context: StepContext, questions: Sequence[Question]) -> tuple[Use, Use]:
    """Of asking about one item: expected, and at the most."""
    samples = case.profile.samples
    size = 2 * max((item_bytes(item) for item in samples), default=0)
    bounds = [bound_question(context, question) for question in questions]
    return expected_use(context, questions, samples), claim_results(context, bounds, size, most=True)


def _attempt_use(case: PilotCase, context: StepContext, operator: Operator) -> Use:
    samples = case.profile.samples
    # Verdicts are measured before operators are tried.
    is_verified = verdict_measure(context.measures, operator) is not None
    checks = result_use(context, operator, samples, is_verified=is_verified).paid
    if operator.name not in context.templates or not samples:
        return checks
    requests = [_compose(context, operator, item) for item in samples]
    tokens_in = sum(map(prompts.request_tokens, requests)) / len(samples)
    tokens_out = sum(expected_reply_tokens(context, operator.name, item) for item in samples) / len(samples)
    model = context.templates[operator.name].model
    own = Use(1, tokens_in, tokens_out, _price(context, model, tokens_in, tokens_out))
    return own.times(own_calls(context, operator, samples)) + checks


def _attempt_ceiling(case: PilotCase, context: StepContext, operator: Operator) -> Use:
    if operator.name not in context.templates:
        return NO_USE
    requests = [_compose(context, operator, item) for item in case.profile.samples]
    retries = count_own_retries(context, operator)
    ceilings = [(prompts.attempt_ceiling(each), prompts.retries_ceiling(each, retries)) for each in requests]
    tokens_in = 2.0 * max((first[0] + again[0] for first, again in ceilings), default=0)
    tokens_out = float(max((first[1] + again[1] for first, again in ceilings), default=0))
    model = context.templates[operator.name].model
    return Use(2 * (1 + retries), tokens_in, tokens_out, _price(context, model, tokens_in, tokens_out))


def _claim_question(case: PilotCase, context: StepContext, questions: Sequence[Question]) -> Use:
    """Of the first call about an item, and one repair."""
    if not questions:
        return NO_USE
    bound = bound_question(context, questions[0])
    size = max((item_bytes(item) for item in case.profile.samples), default=0)
    tokens_in, tokens_out = bound.use(size, 1, repairs=True)
    return Use(2, tokens_in, tokens_out, _price(context, questions[0].template.model, tokens_in, tokens_out))


def _compose(context: StepContext, operator: Operator, item: Item) -> prompts.Request:
    return compose_step(context, operator.name, (item,), likely_target(context, operator.name, item), 0)


def _price(context: StepContext, model: str, tokens_in: float, tokens_out: float) -> Decimal | None:
    return prompts.price_usd(
        context.models[model], Decimal(repr(round(tokens_in, 6))), Decimal(repr(round(tokens_out, 6)))
    )


# ---- the plan --------------------------------------------------------------------------------------------------------


def _steps(
    case: PilotCase, context: StepContext, wish: Wish, action: int, target: Mapping[str, str],
    members: Sequence[tuple[str, ...]], before: int,
) -> Iterator[Step]:
    operator = context.operators.get(wish.name) if wish.targets else None
    about = {} if operator is None else operator_content(context, wish.name)
    finding = _finding_key(context, wish) if operator is None else ""
    tries: dict[str, int] = {}
    for offset, keys in enumerate(members, start=1):
        sample = tries[keys[0]] = tries.get(keys[0], -1) + 1 if operator is not None else 0
        if operator is not None:
            key = step_key(about, keys, target, sample)
        else:
            content = f"{wish.kind}\n{finding}\n" + "\n".join(keys)
            key = hashlib.sha256(content.encode()).hexdigest()
        yield Step(
            id=before + offset, action=action, operator=wish.name, items=keys, target=dict(target),
            template=wish.template, checks=() if operator is None else operator.checks, sample=sample, key=key,
            input_tokens=0 if wish.kind == CLUSTER else round(wish.use.input_tokens),
            output_tokens=ceil(wish.use.output_tokens),
        )


def _finding_key(context: StepContext, wish: Wish) -> str:
    measure = next(each for each in context.measures if each.name == wish.name)
    if wish.kind == CLUSTER:
        return clusters_key(context, measure)
    return measure_key(context, measure) if is_ready(context, measure) else labels_key(context, measure)


def _build_header(case: PilotCase, context: StepContext, phase: Phase, actions: Sequence[Action]) -> Header:
    program, profile = case.program, case.profile
    trying = phase.name == "try"
    dimensions = context.dimensions if trying else ()
    validators = tuple(
        each for each in program.validators if trying or (each.dimension is None and each.kind != JUDGING.name)
    )
    use, worst = phase.use, phase.ceiling
    budget = _build_budget(case)
    return Header(
        purpose="pilot",
        compiler=case.compiler,
        spec=program.name,
        spec_path=case.spec_path,
        spec_sha256=spec_hash(program),
        variables={},
        seed=program.seed,
        inputs=(
            Input(kind="spec", name=program.name, sha256=spec_hash(program)),
            Input(kind="dataset", name=program.dataset.name, sha256=profile.sha256),
            *(Input(kind="file", name=file.name, sha256=file.sha256) for file in profile.files),
        ),
        dataset=program.dataset.model_copy(update={"source": ()}),
        files=tuple(file.name for file in profile.files),
        dataset_sha256=profile.sha256,
        recorded={name: tuple(values) for name, values in profile.recorded.items()} if trying else {},
        known=find_known(program, case.evidence, case.seeds, profile.compared),
        corpora=tuple(name_sources(corpus, profile.signals) for corpus in profile.corpora),
        seeds=dict(case.seeds),
        measures=program.measures,
        dimensions=dimensions,
        labels={each.name: profile.label_names[each.name] for each in dimensions},
        constraints=program.constraints,
        models=program.models,
        embeddings=program.embeddings,
        operators=program.operators if trying else (),
        validators=validators,
        judges=program.judges if trying else (),
        templates=(
            tuple(context.templates.values()) if trying
            else choose_measuring(context.templates, program.measures, validators)
        ),
        outputs=(),
        expects=(),
        run=program.run,
        solve=program.solve,
        budget=budget,
        hosts=phase.hosts,
        actions=tuple(actions),
        removals=(),
        originals=describe_originals(
            profile, (context.embeddings[name] for wish in phase.wishes for name in wish.embeddings)
        ),
        size_now=profile.size,
        size_planned=profile.size,
        mix={each.name: _mix_now(profile, each.name) for each in dimensions},
        divergence={},
        distinct=1.0,
        chance=1.0,
        tokens=Amount(
            expected=Decimal(ceil(use.tokens)), low=None, high=None, ceiling=Decimal(ceil(worst.tokens)), full=None
        ),
        usd=Amount(
            expected=None if use.usd is None else round_usd(use.usd), low=None, high=None,
            ceiling=None if worst.usd is None else round_usd(worst.usd), full=None,
        ),
        solution=Solution(strategy="pilot", status="optimal", objective=0.0, bound=0.0, gap=0.0),
        checks=(),
        notes=(),
    )  # fmt: skip


def _build_budget(case: PilotCase) -> BudgetSummary:
    pilot = case.program.pilot
    tokens = None if pilot is None or pilot.tokens is None else max(0, pilot.tokens - case.spent_tokens)
    return BudgetSummary(
        tokens=tokens, usd=None if pilot is None else pilot.cost, spent=case.spent_usd, reserve_tokens=None,
        reserve_usd=None,
    )


def _find_hosts(context: StepContext, phase: Phase) -> tuple[str, ...]:
    used = {name for wish in phase.wishes for name in _templates_of(context, wish)}
    found = [host(context.models[context.templates[name].model]) for name in used if name in context.templates]
    for wish in phase.wishes:
        found += (host(context.embeddings[name]) for name in wish.embeddings)
        if wish.targets:
            found += (host(embedding) for _, embedding in asked_by(context, context.operators[wish.name]))
    return tuple(sorted({each for each in found if each is not None}))


def _templates_of(context: StepContext, wish: Wish) -> Iterator[str]:
    """The templates by which a wish may ask."""
    yield wish.template
    if wish.kind in (CLUSTER, EMBED):
        return
    if wish.targets:
        operator = context.operators[wish.name]
        asked = list(result_questions(context, operator))
        if operator.kind == "correct":
            asked += validator_questions(context, context.validators[str(operator.options["validator"])])
        yield from (question.template.name for question in asked)
    elif wish.kind == MEASURE:
        measure = next(each for each in context.measures if each.name == wish.name)
        yield from (question.template.name for question in measure_questions(context, measure))


def _mix_now(profile: Profile, dimension: str) -> dict[str, Share]:
    counts = profile.counts(dimension)
    total = max(1, sum(counts.values()))
    return {
        label: Share(
            now=round(count / total, 9), target=None, planned=round(count / total, 9), count_now=count,
            count_planned=count,
        )
        for label, count in counts.items()
    }


def _list_distinct(case: PilotCase) -> tuple[str, ...]:
    """The keys of the items, those that repeat an earlier one left out."""
    return tuple(dict.fromkeys(key[:KEY_LENGTH] for key in case.profile.keys))


def _draw(case: PilotCase, purpose: str, count: int, keys: Sequence[str]) -> tuple[str, ...]:
    """`count` of these keys, chosen by the seed."""
    def rank(key: str) -> bytes:
        return hashlib.sha256(f"{case.program.seed}\n{purpose}\n{key}".encode()).digest()

    return tuple(sorted(keys, key=rank)[:count])
