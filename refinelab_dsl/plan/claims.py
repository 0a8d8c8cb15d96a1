"""What attempts claim of a budget before they start: of sampled items, for what no plan lists, and of all items, for
what a budget must be at least."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal
from functools import partial

from refinelab_dsl.builtins import OPERATOR_KINDS
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.declarations import Operator
from refinelab_dsl.estimate.originals import originals_use
from refinelab_dsl.plan.price import Ceiling
from refinelab_dsl.prompts.asking import NO_USE, Bound, Use, bound_question, claim_attempt, result_questions
from refinelab_dsl.prompts.steps import StepContext, StepFault, compose_step, likely_target
from refinelab_dsl.prompts.tokens import attempt_ceiling
from refinelab_dsl.prompts.vectors import comparing_embeddings

_MARGIN = Decimal("1.01")  # on a claim: a target whose labels go together in other tokens than each by itself
_LATER = 9_999  # a further attempt on an item, of which its prompt may say more than of the first
_FIGURES = 3


def claim_sampled(context: StepContext, operator: Operator, samples: Sequence[Item]) -> Use:
    """Of the dearest of the samples; nothing for an operator that makes no call.

    Raises:
        StepFault: a prompt cannot be rendered with one of the items.
    """
    if operator.name not in context.templates:
        return NO_USE
    bounds = _bound(context, operator)
    claims = [
        _claim(context, operator, bounds, item, likely_target(context, operator.name, item), 0) for item in samples
    ]  # fmt: skip
    return max(claims, key=lambda claim: claim.tokens, default=NO_USE)


def find_least_budget(context: StepContext, profile: Profile, items: Iterable[Item]) -> Ceiling:
    """The smallest budget that is useful whatever is planned with it: there is room for every attempt that an operator
    may make, and before it for the vectors of the originals. It is what every diagnostic names that says how large a
    budget must be at least; rounded up, so that it is one. usd is None where a price is unknown.

    items: of the dataset. One that a prompt cannot be rendered with is left out.
    """
    names = context.operators.keys() & context.templates.keys() & profile.eligible.keys()
    asking = [context.operators[name] for name in sorted(names)]
    bounds = {operator.name: _bound(context, operator) for operator in asking}
    rows = {key: row for row, key in enumerate(profile.keys)}
    dearest: dict[str, tuple[dict[str, str], int]] = {}
    most = Ceiling()
    for item in items:
        row = rows.get(item.key)
        if row is None:
            continue
        for operator in asking:
            name = operator.name
            is_held = profile.protected[row] and OPERATOR_KINDS[operator.kind].effect == "move"
            if is_held or not profile.eligible[name][row]:
                continue
            try:
                if name not in dearest:
                    dearest[name] = _choose_dearest(context, operator, item)
                moved, sample = dearest[name]
                target = {**likely_target(context, name, item), **moved}
                claim = _claim(context, operator, bounds[name], item, target, sample)
            except StepFault:
                continue
            most = most.or_more(int(claim.tokens), claim.usd)
    _, before = originals_use(profile, comparing_embeddings(asking, context.validators, context.embeddings))
    usd = None if most.usd is None or before.usd is None else round_up(most.usd * _MARGIN + before.usd)
    return Ceiling(int(round_up(most.tokens * _MARGIN + int(before.tokens))), usd)


def round_up(amount: Decimal) -> Decimal:
    """To three figures, as people write a budget; never below the amount."""
    if not amount:
        return Decimal(0)
    return amount.quantize(Decimal(1).scaleb(amount.adjusted() - _FIGURES + 1), ROUND_CEILING)


def _bound(context: StepContext, operator: Operator) -> tuple[Bound, ...]:
    return tuple(bound_question(context, question) for question in result_questions(context, operator))


def _claim(
    context: StepContext, operator: Operator, bounds: Sequence[Bound], item: Item, target: dict[str, str], sample: int
) -> Use:
    return claim_attempt(context, operator, bounds, item, compose_step(context, operator.name, (item,), target, sample))


def _choose_dearest(context: StepContext, operator: Operator, item: Item) -> tuple[dict[str, str], int]:
    """What makes the longest prompts: of each dimension that the operator moves a label, and whether it is the first
    attempt on an item or a further one."""
    likely = likely_target(context, operator.name, item)
    later = _LATER * operator.per_call

    def measure(target: dict[str, str], sample: int) -> int:
        return attempt_ceiling(compose_step(context, operator.name, (item,), {**likely, **target}, sample))[0]

    target: dict[str, str] = {}
    for name, move in operator.moves.items():
        if name in likely:
            lengths = {label: measure({name: label}, 0) for label in move.labels or context.labels.get(name, ())}
            target[name] = max(lengths, key=lengths.__getitem__)
    return target, max((0, later), key=partial(measure, target))
