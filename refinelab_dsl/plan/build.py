"""Builds a plan from a sketch: steps whose prompts are rendered and counted, and the header that explains them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import ceil, floor
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from refinelab_dsl import measures, metrics, prompts
from refinelab_dsl.artifacts.evidence import NAME as EVIDENCE
from refinelab_dsl.artifacts.evidence import NO_EVIDENCE, Evidence
from refinelab_dsl.artifacts.plan import (
    Action,
    Amount,
    Asked,
    BudgetSummary,
    Candidate,
    DecisionSet,
    Flagged,
    Header,
    Input,
    InventorySummary,
    Removal,
    SeedSet,
    Share,
    Solution,
    Step,
)
from refinelab_dsl.data.corpora import name_sources
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.declarations import JOINT, Dimension, Embedding, Model, complete_labels
from refinelab_dsl.estimate.estimate import success_interval
from refinelab_dsl.estimate.estimates import Estimates
from refinelab_dsl.estimate.originals import originals_use
from refinelab_dsl.estimate.spread import Luck
from refinelab_dsl.expectations import Facts, NotKnown, check_expectations
from refinelab_dsl.ir import Program, spec_hash
from refinelab_dsl.plan.learnt import build_bare_context, digest_evidence, find_known
from refinelab_dsl.plan.listing import Listing
from refinelab_dsl.plan.originals import describe_originals
from refinelab_dsl.plan.price import (
    Ceiling,
    build_budget,
    build_envelope,
    count_corrections,
    expect_expenses,
    include_originals,
    round_usd,
    sum_amounts,
)
from refinelab_dsl.plan.sketch import Sketch
from refinelab_dsl.plan.templates import build_template_digests
from refinelab_dsl.prompts.asking import (
    bound_question,
    claim_attempt,
    count_own_retries,
    result_ceiling,
    result_questions,
)
from refinelab_dsl.prompts.hosts import host
from refinelab_dsl.prompts.identity import operator_content
from refinelab_dsl.prompts.request import request_key
from refinelab_dsl.prompts.steps import StepContext, compose_step
from refinelab_dsl.prompts.vectors import asked_by, comparing_embeddings
from refinelab_dsl.solve.problem import NOT_PAID, Assignment, Paid, Problem
from refinelab_dsl.solve.stock import Bought

if TYPE_CHECKING:
    from refinelab_dsl.plan.inventory import Inventory


@dataclass(frozen=True)
class Draft:
    """A plan in memory: its header, its steps and candidates.

    corrections: operator -> (input, output) tokens of one attempt, as counted on the listed prompts.
    over: they break the budget that the solver was given. unlike: content keys of results of earlier runs that were not
    made of the request that this compiler composes. claims: operator -> the most that one of its attempts claims of the
    budget before it starts.
    """

    header: Header
    sketch: Sketch
    steps: Listing
    corrections: Mapping[str, tuple[float, float]]
    over: bool
    unlike: frozenset[str] = frozenset()
    claims: Mapping[str, Ceiling] = field(default_factory=dict)

    def body(self) -> Iterator[Candidate | Step]:
        """The lines between header and trailer."""
        for index, keys in enumerate(self.sketch.leaving, start=1):
            for rank, key in enumerate(keys):
                yield Candidate(removal=index, rank=rank, item=key)
        yield from self.steps


@dataclass(frozen=True)
class Situation:
    """Everything that a plan is a function of, besides its sketch. luck: what its cost may exceed the expected cost by,
    at the spec's confidence."""

    program: Program
    profile: Profile
    estimates: Estimates
    problem: Problem
    assignment: Assignment
    context: StepContext
    compiler: str
    spec_path: str
    variables: Mapping[str, str]
    luck: Luck
    inventory: Inventory | None = None
    evidence: Evidence = NO_EVIDENCE
    seeds: Mapping[str, SeedSet] = field(default_factory=dict)
    paid: Paid = NOT_PAID
    decided: DecisionSet | None = None


def draft_plan(situation: Situation, sketch: Sketch, items: Mapping[str, Item]) -> Draft:
    """Renders and counts every listed prompt, and writes down what the plan is made of.

    items: by key, all of `sketch.keys`.

    Raises:
        StepFault: a prompt cannot be rendered with one of the items.
    """
    steps, ceiling, unlike, claims = _build_steps(situation, sketch, items)
    expenses = expect_expenses(sketch, steps, situation.estimates)
    budget = build_budget(
        situation.program, situation.estimates, situation.problem.limits, situation.luck, situation.paid
    )
    tokens, usd = sum_amounts(expenses, ceiling, budget, situation.estimates, situation.context)
    limits = situation.problem.limits
    over = (limits.tokens is not None and tokens.expected is not None and tokens.expected > ceil(limits.tokens)) or (
        limits.usd is not None and usd.expected is not None and float(usd.expected) > limits.usd + 1e-6
    )
    use, worst = originals_use(situation.profile, _find_compared(situation, sketch))
    tokens = include_originals(tokens, use.tokens, worst.tokens, budget.left_tokens)
    usd = include_originals(usd, use.usd, worst.usd, budget.left_usd)
    header = _build_header(situation, sketch, tokens, usd, budget)
    return Draft(header, sketch, steps, count_corrections(sketch, steps, situation.estimates), over, unlike, claims)


def step_key(content: Mapping[str, Any], items: Sequence[str], target: Mapping[str, str], sample: int) -> str:
    """The content key (hex SHA-256) of an attempt: what is asked, about what. Where it stands in a plan and what it
    was believed to cost do not count. content: of its operator (`operator_content`)."""
    content = {**content, "items": list(items), "target": dict(target), "sample": sample}
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def settle_dimensions(program: Program) -> tuple[Dimension, ...]:
    """The dimensions, `on_new = assume` where their measure cannot exist for a new item (decision 10)."""
    declared = {measure.name: measure for measure in program.measures}
    assumed: set[str] = set()
    for dimension in program.dimensions:  # a joint target stands behind the dimensions that it is over
        measure = declared[dimension.measure]
        if measure.kind == JOINT:
            measurable = assumed.isdisjoint(measure.options["dimensions"])
        else:
            measurable = dimension.on_new == "measure" and measures.is_measurable(measure, program.dataset)
        if not measurable:
            assumed.add(dimension.name)
    return tuple(
        dimension.model_copy(update={"on_new": "assume"}) if dimension.name in assumed else dimension
        for dimension in program.dimensions
    )


def build_context(
    program: Program,
    profile: Profile,
    evidence: Evidence = NO_EVIDENCE,
    seeds: Mapping[str, SeedSet] = MappingProxyType({}),
) -> StepContext:
    """What composing prompts needs of a program, its data, and what was learnt of them. seeds: by measure."""
    return replace(
        build_bare_context(program, evidence, seeds),
        dimensions=settle_dimensions(program),
        labels=dict(profile.label_names),
        corpora={corpus.name: corpus.sha256 for corpus in profile.corpora},
    )


def _build_steps(
    situation: Situation, sketch: Sketch, items: Mapping[str, Item]
) -> tuple[Listing, Ceiling, frozenset[str], dict[str, Ceiling]]:
    """Steps in order: what earlier runs brought, then every action's own count of attempts, then every action's
    reserves. The ceiling is of what is to be paid. Then the keys of what earlier runs asked in other words, and the
    largest claim of each operator (`Draft.claims`)."""
    asked = situation.inventory.stock.samples if situation.inventory is not None else {}
    unlike: set[str] = set()
    checks = {operator.name: operator.checks for operator in situation.program.operators}
    targets = [tuple(sorted(group.target.items())) for group in sketch.groups]
    tries: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, int]] = {}  # by what is asked, of which item
    ceiling = Ceiling()
    worst = {
        name: (int(use.tokens), use.usd)
        for name in dict.fromkeys(group.operator for group in sketch.groups)
        for use in [result_ceiling(situation.context, situation.context.operators[name], items.values())]
    }
    contents = {name: operator_content(situation.context, name) for name in worst}
    retries = {name: count_own_retries(situation.context, situation.context.operators[name]) for name in worst}
    steps = Listing(sketch.groups, checks)
    claims: dict[str, Ceiling] = {}
    bounds = {
        name: tuple(bound_question(situation.context, each) for each in result_questions(situation.context, operator))
        for name, operator in situation.context.operators.items()
        if name in worst
    }
    calls: set[tuple[object, ...]] = set()  # that several attempts may share
    for index, key, bought in _in_turn(sketch):
        group = sketch.groups[index]
        identity = (group.operator, key, targets[index])
        if bought is None:
            last = tries.setdefault((group.operator, targets[index]), {})
            sample = last.get(key, -1) + 1
            while sample in asked.get(identity, ()):
                sample += 1
            last[key] = sample
        else:
            sample = bought.sample
        request = compose_step(situation.context, group.operator, (items[key],), group.target, sample)
        per_call = situation.context.operators[group.operator].per_call
        cost = situation.estimates.operators[group.operator].cost
        is_new = True
        if per_call > 1 or bought is not None:
            call = (*identity, sample // per_call)
            is_new = call not in calls  # attempts that share a call pay for it once
            calls.add(call)
        if bought is None:
            if is_new:
                most = prompts.attempt_ceiling(request)
                ceiling = ceiling.including(sum(most), prompts.price_usd(request.model, *most))
            if retries[group.operator]:
                again = prompts.retries_ceiling(request, retries[group.operator])
                ceiling = ceiling.including(sum(again), prompts.price_usd(request.model, *again))
            ceiling = ceiling.including(*worst[group.operator])
            operator = situation.context.operators[group.operator]
            claim = claim_attempt(situation.context, operator, bounds[group.operator], items[key], request)
            claims[group.operator] = claims.get(group.operator, Ceiling()).or_more(int(claim.tokens), claim.usd)
        elif bought.request is not None and request_key(request) != bought.request:
            unlike.add(bought.key)
        steps.append(
            index + 1, key, sample, step_key(contents[group.operator], (key,), group.target, sample),
            # As often as it is expected to be asked: a repair only where another answer is not all that it takes.
            input_tokens=round(prompts.request_tokens(request) * min(1.0, cost.calls)) if is_new else 0,
            output_tokens=per_call * ceil(cost.output_tokens) if is_new else 0,
            replies=() if bought is None else bought.replies,
        )
    return steps, ceiling, frozenset(unlike), claims


def _in_turn(sketch: Sketch) -> Iterator[tuple[int, str, Bought | None]]:
    """The attempts in the order of the steps: (index of the group, key of the item, what an earlier run brought)."""
    for index, (bought, keys) in enumerate(zip(sketch.bought, sketch.sources, strict=True)):
        for key, each in zip(keys[: len(bought)], bought, strict=True):
            yield index, key, each
    for index, (group, bought, keys) in enumerate(zip(sketch.groups, sketch.bought, sketch.sources, strict=True)):
        for key in keys[len(bought) : group.count]:
            yield index, key, None
    for index, (group, keys) in enumerate(zip(sketch.groups, sketch.sources, strict=True)):
        for key in keys[group.count :]:
            yield index, key, None


def _build_header(
    situation: Situation, sketch: Sketch, tokens: Amount, usd: Amount, budget: BudgetSummary
) -> Header:
    program, profile, context = situation.program, situation.profile, situation.context
    size = profile.size + sketch.growth
    mix = _build_mix(situation, sketch)
    divergence = {
        name: _diverge(tuple(shares.values()))
        for name, shares in mix.items()
        if any(share.target is not None for share in shares.values())
    }
    copies = sum(group.count for group in sketch.groups if group.kind == "expand")
    distinct = round(1 - copies / size, 9) if size else 1.0
    facts = _plan_facts(sketch, size, mix, divergence, distinct, tokens, usd)
    return Header(
        compiler=situation.compiler,
        spec=program.name,
        spec_path=situation.spec_path,
        spec_sha256=spec_hash(program),
        variables=dict(sorted(situation.variables.items())),
        seed=program.seed,
        inputs=_build_inputs(situation),
        dataset=program.dataset.model_copy(update={"source": ()}),
        files=tuple(file.name for file in profile.files),
        dataset_sha256=profile.sha256,
        recorded={name: tuple(values) for name, values in profile.recorded.items()},
        corpora=tuple(name_sources(corpus, profile.signals) for corpus in profile.corpora),
        known=find_known(program, situation.evidence, situation.seeds, profile.compared),
        seeds=dict(situation.seeds),
        measures=program.measures,
        dimensions=context.dimensions,
        labels=dict(profile.label_names),
        constraints=program.constraints,
        models=program.models,
        embeddings=program.embeddings,
        operators=program.operators,
        validators=program.validators,
        judges=program.judges,
        templates=tuple(context.templates.values()),
        outputs=program.outputs,
        expects=program.expects,
        stop_when=None if program.loop is None else program.loop.stop_when,
        run=program.run,
        solve=program.solve,
        budget=budget,
        envelope=build_envelope(program, context),
        hosts=_find_hosts(situation, sketch),
        actions=tuple(
            Action(
                id=index,
                operator=group.operator,
                kind=group.kind,
                from_=group.origin,
                to=group.target,
                count=group.count,
                attempts=attempts,
                success=success_interval(situation.estimates.operators[group.operator].rate),
                chance=round(chance, 6),
                stock=group.stock,
            )
            for index, (group, attempts, chance) in enumerate(
                zip(sketch.groups, map(len, sketch.sources), sketch.attempts.chances, strict=True), start=1
            )
        ),
        removals=tuple(
            Removal(id=index, operator=group.operator, from_=group.origin, planned=len(keys))
            for index, (group, keys) in enumerate(zip(sketch.removals, sketch.leaving, strict=True), start=1)
        ),
        asked={
            name: Asked(
                calls=round(use.calls, 6), input_tokens=round(use.input_tokens, 3),
                output_tokens=round(use.output_tokens, 3), usd=None if use.usd is None else round_usd(use.usd),
            )
            for name in dict.fromkeys(group.operator for group in sketch.groups)
            if (use := situation.estimates.operators[name].cost.checks).calls
        },
        originals=describe_originals(profile, _find_compared(situation, sketch)),
        size_now=profile.size,
        size_planned=size,
        mix=mix,
        divergence=divergence,
        distinct=distinct,
        flagged=_count_flagged(situation, sketch),
        chance=round(sketch.attempts.chance, 6),
        tokens=tokens,
        usd=usd,
        solution=_round_solution(situation.assignment),
        checks=check_expectations(program.expects, facts, "plan"),
        notes=_build_notes(situation, sketch),
        inventory=_sum_inventory(situation.inventory, sketch),
        decisions=situation.decided,
    )


def _find_hosts(situation: Situation, sketch: Sketch) -> tuple[str, ...]:
    """Those that will receive text of the dataset; where the rest may be solved again, those that may."""
    context = situation.context
    operators = {group.operator for group in sketch.groups if group.new} & context.operators.keys()
    models = _called_models(situation, sketch, new=True)
    if build_envelope(situation.program, context) is not None:
        operators = set(context.operators)
        models = [context.models[template.model] for template in context.templates.values()]
    named = [host(model) for model in models]
    named += [
        host(embedding)
        for operator in operators
        for _, embedding in asked_by(context, context.operators[operator])
    ]
    return tuple(sorted({name for name in named if name is not None}))


def _find_compared(situation: Situation, sketch: Sketch) -> tuple[Embedding, ...]:
    """The embeddings that are asked about all items before the first attempt."""
    context = situation.context
    acting = [context.operators[name] for name in dict.fromkeys(group.operator for group in sketch.groups if group.new)]
    return comparing_embeddings(acting, context.validators, context.embeddings)


def _sum_inventory(inventory: Inventory | None, sketch: Sketch) -> InventorySummary | None:
    if inventory is None:
        return None
    used = sum(map(len, sketch.bought))
    return InventorySummary(runs=inventory.runs, accepted=len(inventory.stock.bought), used=used)


def _build_mix(situation: Situation, sketch: Sketch) -> dict[str, dict[str, Share]]:
    """Per dimension and label: now, target, planned. An addition counts where it is made for; in a dimension that
    does not matter to the allocation, where its source lies."""
    profile = situation.profile
    needed = sketch.keys.union(*sketch.leaving) if sketch.leaving else sketch.keys
    rows = {key: row for row, key in enumerate(profile.keys) if key in needed}
    targets = {axis.name: axis.target for axis in situation.problem.axes}
    mix: dict[str, dict[str, Share]] = {}
    for dimension in situation.context.dimensions:
        names = profile.label_names[dimension.name]
        column = profile.labels[dimension.name]
        now = profile.counts(dimension.name)
        planned = dict(now)
        for keys in sketch.leaving:
            for key in keys:
                if column[rows[key]] >= 0:
                    planned[names[column[rows[key]]]] -= 1
        for group, sources in zip(sketch.groups, sketch.sources, strict=True):
            target = complete_labels(group.target, situation.program.measures)
            if dimension.name in target:
                planned[target[dimension.name]] += group.count
                origin = complete_labels(group.origin, situation.program.measures).get(dimension.name)
                if origin is not None and not group.adds_items:
                    planned[origin] -= group.count
                continue
            if group.adds_items:
                for key in sources[: group.count]:
                    if column[rows[key]] >= 0:
                        planned[names[column[rows[key]]]] += 1
        shares = targets.get(dimension.name)
        total_now, total_planned = max(1, sum(now.values())), max(1, sum(planned.values()))
        mix[dimension.name] = {
            name: Share(
                now=round(now[name] / total_now, 9),
                target=None if shares is None else round(shares[index], 9),
                planned=round(planned[name] / total_planned, 9),
                count_now=now[name],
                count_planned=planned[name],
            )
            for index, name in enumerate(names)
        }
    return mix


def _count_flagged(situation: Situation, sketch: Sketch) -> Flagged | None:
    """A copy of a flagged item is flagged, what is written anew or mended is not."""
    flags = situation.profile.flagged
    if flags is None:
        return None
    flagged = {key for key, flag in zip(situation.profile.keys, flags, strict=True) if flag}
    planned = len(flagged) - sum(key in flagged for keys in sketch.leaving for key in keys)
    for group, sources in zip(sketch.groups, sketch.sources, strict=True):
        if group.kind == "expand":
            planned += sum(key in flagged for key in sources[: group.count])
        elif group.effect == "fix":
            planned -= sum(key in flagged for key in sources[: group.count])
    return Flagged(now=len(flagged), planned=planned)


def _diverge(shares: Sequence[Share]) -> dict[str, float]:
    target = [share.target or 0.0 for share in shares]
    return {
        "now": round(metrics.jsd([share.now for share in shares], target), 9),
        "planned": round(metrics.jsd([share.planned for share in shares], target), 9),
    }


def _plan_facts(
    sketch: Sketch,
    size: int,
    mix: Mapping[str, Mapping[str, Share]],
    divergence: Mapping[str, Mapping[str, float]],
    distinct: float,
    tokens: Amount,
    usd: Amount,
) -> Facts:
    def unknown(*_: object) -> float:
        raise NotKnown

    def cost() -> Decimal:
        if usd.expected is None:
            raise NotKnown
        return usd.expected

    return {
        "jsd": lambda name: divergence[name]["planned"],
        "share": lambda name, label: mix[name][label].planned,
        "size": lambda: size,
        "cost": cost,
        "tokens": lambda: tokens.expected,
        "distinct": lambda: distinct,
        "accepted": lambda name: sum(group.count for group in sketch.groups if group.operator == name),
        "count": unknown,
        "error_rate": unknown,
        "distractor_diversity": unknown,
    }


def _build_inputs(situation: Situation) -> tuple[Input, ...]:
    program, profile, context = situation.program, situation.profile, situation.context
    estimates = {
        name: [
            repr(estimate.rate.alpha),
            repr(estimate.rate.beta),
            repr(estimate.cost.input_tokens),
            repr(estimate.cost.output_tokens),
        ]
        for name, estimate in situation.estimates.operators.items()
    }
    prices = {model.name: model.model_dump(mode="json", include={"price"}) for model in program.models}
    learnt = digest_evidence(context, situation.evidence, profile.compared)
    return (
        Input(kind="spec", name=program.name, sha256=spec_hash(program)),
        Input(kind="dataset", name=program.dataset.name, sha256=profile.sha256),
        *(Input(kind="file", name=file.name, sha256=file.sha256) for file in profile.files),
        *(
            Input(kind="signals", name=file.name, sha256=file.sha256)
            for files in profile.signals.values()
            for file in files
        ),
        *(
            Input(kind="prompt", name=name, sha256=digest) for name, digest in build_template_digests(program).items()
        ),
        *(
            Input(kind="tokenizer", name=name, sha256=_digest(prompts.tokenizer_name(context.models[name].id)))
            for name in sorted({template.model for template in context.templates.values()})
        ),
        Input(kind="estimates", name="estimates", sha256=_digest(estimates)),
        *([] if learnt is None else [Input(kind="evidence", name=EVIDENCE, sha256=learnt)]),
        Input(kind="prices", name="prices", sha256=_digest(prices)),
        *(
            [Input(kind="inventory", name="inventory", sha256=situation.inventory.sha256)]
            if situation.inventory is not None
            else []
        ),
        *(Input(kind="decisions", name=told.file, sha256=told.sha256) for told in (situation.decided,) if told),
    )


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def _round_solution(assignment: Assignment) -> Solution:
    """The bound rounded down and the gap from the rounded figures: solvers differ in the last digits only."""
    objective = round(assignment.objective, 9)
    bound = min(objective, floor(assignment.bound * 1e9 + 1e-3) / 1e9)
    return Solution(
        strategy=assignment.strategy,
        status=assignment.status,
        objective=objective,
        bound=bound,
        gap=round(objective - bound, 9),
    )


def _called_models(situation: Situation, sketch: Sketch, *, new: bool = False) -> list[Model]:
    """The models whose replies the plan rests on, those of its checks and of what measures new items among them; with
    `new`, only those that it asks."""
    context = situation.context
    operators = dict.fromkeys(group.operator for group in sketch.groups if group.new or not new)
    asked: list[str] = []
    for name in operators:
        if name in context.templates:
            asked.append(context.templates[name].model)
        if name in context.operators:
            asked += [question.template.model for question in result_questions(context, context.operators[name])]
    return [context.models[name] for name in dict.fromkeys(asked)]


def _build_notes(situation: Situation, sketch: Sketch) -> tuple[str, ...]:
    notes = list(situation.profile.notes)
    called = _called_models(situation, sketch)
    simulated = sorted({model.name for model in called if model.provider == "simulated"})
    if simulated:
        notes.append(f"simulated: replies of {', '.join(simulated)} are made by rule, not by a language model")
    assumed = [
        dimension.name
        for dimension in situation.context.dimensions
        if dimension.on_new == "assume" and sketch.groups
    ]
    if assumed:
        names = ", ".join(assumed)
        notes.append(f"assumed: new items are taken as made for their label of {names}; not measured again")
    limits = situation.problem.limits
    removed = sum(map(len, sketch.leaving))
    size = situation.profile.size + sketch.growth
    if limits.sizes is not None:
        low, high = limits.sizes
        notes.append(f"size: {size} items of the {low} to {high} that may be; of sizes that do as well, the largest")
    if limits.max_removed is not None and removed >= limits.max_removed and situation.assignment.objective > 1e-6:
        caps = "; with `size = keep` it also caps what is added" if _keeps_size(situation.program) else ""
        notes.append(f"`max_removed` binds: {removed} items leave, and no more may{caps}")
    return tuple(notes)


def _keeps_size(program: Program) -> bool:
    """Whether every addition needs a removal."""
    return program.constraints.size.kind == "keep"
