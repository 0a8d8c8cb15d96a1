"""Builds `Estimates`: what an attempt of each operator succeeds at and costs, and the full cost C.

Sources, best first: what the spec declares as `prior`, prompts rendered for sampled items, the kind's default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from math import ceil

import numpy as np

from refinelab_dsl import builtins, prompts
from refinelab_dsl.artifacts.evidence import NO_EVIDENCE, Evidence, sum_rates
from refinelab_dsl.artifacts.evidence import Rate as FoundRate
from refinelab_dsl.artifacts.plan import Interval
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.declarations import Model, Operator
from refinelab_dsl.estimate.beta import beta_quantile
from refinelab_dsl.estimate.estimates import AttemptCost, Estimates, OperatorEstimate, Rate
from refinelab_dsl.estimate.originals import originals_use
from refinelab_dsl.ir import Program
from refinelab_dsl.prompts.asking import NO_USE, Use, count_own_retries, result_ceiling
from refinelab_dsl.prompts.identity import operator_key
from refinelab_dsl.prompts.steps import StepContext, compose_step, expected_reply_tokens, likely_target
from refinelab_dsl.prompts.vectors import comparing_embeddings
from refinelab_dsl.prompts.verified import own_calls, result_use, verdict_measure

PRIOR_STRENGTH = 20
"""A declared or default success rate counts as much as this many pilot attempts would, while there are none."""

TRIED_PRIOR_STRENGTH = 2
"""And as much as this many once there are: what was seen outweighs what was believed."""

_FREE = AttemptCost(0, 0.0, 0.0, 0, Decimal(0), Decimal(0))


def estimate(
    program: Program,
    profile: Profile,
    context: StepContext,
    corrections: Mapping[str, tuple[float, float]] | None = None,
    evidence: Evidence = NO_EVIDENCE,
) -> Estimates:
    """Estimates per operator.

    context: how the operators' prompts are composed.
    corrections: operator name -> (input, output) tokens of one attempt as counted on chosen prompts; they replace
        the means of the samples (`optimisation.md`, From counts to items).
    evidence: what pilots and runs found of the operators.
    """
    operators = {
        operator.name: _estimate_operator(
            operator, profile, context, (corrections or {}).get(operator.name), _find_rate(context, operator, evidence)
        )
        for operator in program.operators
    }
    compared = comparing_embeddings(program.operators, context.validators, context.embeddings)
    originals, _ = originals_use(profile, compared)
    full_tokens, full_usd = originals.tokens, originals.usd
    for operator in program.operators:
        applicable = int(np.count_nonzero(profile.eligible[operator.name])) if profile.size else 0
        cost = operators[operator.name].cost
        full_tokens += applicable * cost.tokens
        full_usd = None if full_usd is None or cost.usd is None else full_usd + applicable * cost.usd
    return Estimates(operators, full_tokens, full_usd, originals)


def success_interval(rate: Rate, confidence: float = 0.9) -> Interval:
    """The mean of a rate, and the interval around its median that it lies in with this probability."""
    tail = round((1 - confidence) / 2, 9)
    return Interval(
        mean=round(rate.mean, 6),
        low=round(beta_quantile(tail, rate.alpha, rate.beta), 6),
        high=round(beta_quantile(1 - tail, rate.alpha, rate.beta), 6),
        source=rate.source,
    )


def _estimate_operator(
    operator: Operator, profile: Profile, context: StepContext, correction: tuple[float, float] | None,
    found: FoundRate | None,
) -> OperatorEstimate:
    if not builtins.OPERATOR_KINDS[operator.kind].calls:
        return OperatorEstimate(Rate(1.0, 0.0, "exact"), _FREE)
    success = float(operator.prior.success)
    source = "spec" if "success" in operator.prior.declared else "default"
    strength = PRIOR_STRENGTH if found is None else TRIED_PRIOR_STRENGTH
    alpha, beta = success * strength, (1 - success) * strength
    if found is not None:
        alpha, beta, source = alpha + found.accepted, beta + found.attempts - found.accepted, "evidence"
    cost = _attempt_cost(operator, profile, context, correction)
    if found is not None:
        cost = _learn_cost(cost, found, context.models[context.templates[operator.name].model])
    return OperatorEstimate(Rate(alpha, beta, source), cost)


def _find_rate(context: StepContext, operator: Operator, evidence: Evidence) -> FoundRate | None:
    if not builtins.OPERATOR_KINDS[operator.kind].calls or not evidence.records:
        return None
    return sum_rates(evidence.rates(operator_key(context, operator.name)))


def _learn_cost(cost: AttemptCost, found: FoundRate, model: Model) -> AttemptCost:
    """What attempts really took in the place of what was expected: replies, and what was asked about them, as they were
    found. The prompts of a plan are counted when it is made."""
    attempts = found.attempts
    usd = None if found.usd is None else found.usd / attempts
    mean = (found.input_tokens + found.output_tokens) / attempts
    own_in, own_out = found.own_input_tokens / attempts, found.own_output_tokens / attempts
    checks_in, checks_out = found.input_tokens / attempts - own_in, found.output_tokens / attempts - own_out
    own = own_in + own_out
    # One price for all tokens of an attempt splits its dollars well enough: the sum is exact.
    share = Decimal(repr(own / mean)) if mean else Decimal(1)
    calls = max(cost.checks.calls, 1.0) if checks_in + checks_out else 0.0
    checks = Use(calls, checks_in, checks_out, None if usd is None else usd * (1 - share))
    spread = max(0.0, found.squares / attempts - mean**2) ** 0.5
    stored = NO_USE
    if found.stored_input_tokens:
        stored_in, stored_out = found.stored_input_tokens / attempts, found.stored_output_tokens / attempts
        price = prompts.price_usd(model, Decimal(repr(round(stored_in, 6))), Decimal(repr(round(stored_out, 6))))
        stored = Use(max(cost.stored.calls, 1.0), stored_in, stored_out, price)
    return replace(
        cost, calls=cost.calls if found.own_calls is None else found.own_calls / attempts, input_tokens=own_in,
        output_tokens=own_out, usd=usd, deviation=spread, checks=checks, stored=stored,
    )  # fmt: skip


def _attempt_cost(
    operator: Operator, profile: Profile, context: StepContext, correction: tuple[float, float] | None
) -> AttemptCost:
    requests = [
        compose_step(context, operator.name, (item,), likely_target(context, operator.name, item), 0)
        for item in profile.samples
    ]
    inputs = float(operator.prior.input_tokens)
    outputs = float(operator.prior.output_tokens)
    deviation = 0.0
    if requests:
        lengths = np.array([prompts.request_tokens(request) for request in requests], dtype=np.float64)
        deviation = float(lengths.std())
        if "input_tokens" not in operator.prior.declared:
            inputs = float(lengths.sum()) / len(requests)
        if "output_tokens" not in operator.prior.declared:
            replies = [expected_reply_tokens(context, operator.name, item) for item in profile.samples]
            outputs = sum(replies) / len(replies)
            deviation = float((lengths + np.array(replies, dtype=np.float64)).std())
    shared = operator.per_call  # attempts on one item share a call, and what it asks
    calls = own_calls(context, operator, profile.samples)
    inputs *= calls / shared
    if "output_tokens" in operator.prior.declared:
        outputs /= shared
    outputs *= calls
    if correction is not None:
        inputs, outputs = correction
    model = context.models[context.templates[operator.name].model]
    ceilings = [prompts.attempt_ceiling(request) for request in requests]
    retries = count_own_retries(context, operator)
    again = [prompts.retries_ceiling(request, retries) for request in requests]
    ceiling_input, ceiling_output = (
        ceil(max((first[part] for first in ceilings), default=0) / shared)
        + max((further[part] for further in again), default=0)
        for part in (0, 1)
    )
    own = Use(
        calls, inputs, outputs, prompts.price_usd(model, Decimal(repr(inputs)), Decimal(repr(outputs)))
    )  # fmt: skip
    measure = verdict_measure(context.measures, operator)
    is_verified = measure is not None and profile.pending.get(measure.name, 0) < profile.size
    asked = result_use(context, operator, profile.samples, is_verified=is_verified)
    ceiling_usd = prompts.price_usd(model, ceiling_input, ceiling_output)
    worst = result_ceiling(context, operator, profile.samples)
    return AttemptCost(
        calls=calls,
        input_tokens=inputs,
        output_tokens=outputs,
        ceiling_tokens=ceiling_input + ceiling_output + int(worst.tokens),
        usd=(own + asked.paid).usd,
        ceiling_usd=None if ceiling_usd is None or worst.usd is None else ceiling_usd + worst.usd,
        deviation=deviation,
        checks=asked.paid,
        stored=asked.stored,
    )
