"""Judges a draft before it is saved: the spec's `expect`s, the price limit, and what a user should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from refinelab_dsl import prompts
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import evidence as pilot_faults
from refinelab_dsl.diagnostics.catalog import plan as faults
from refinelab_dsl.exit_codes import ExitCode, settle
from refinelab_dsl.ir import Program
from refinelab_dsl.plan.budgets import find_dear
from refinelab_dsl.plan.build import Draft, Situation
from refinelab_dsl.plan.figures import render_tokens, render_usd
from refinelab_dsl.plan.pilot import Phase
from refinelab_dsl.plan.price import Ceiling
from refinelab_dsl.prompts.asking import NO_USE
from refinelab_dsl.prompts.vectors import asked_by
from refinelab_dsl.source import Span


def review_draft(
    situation: Situation, draft: Draft, max_cost: Decimal | None, environ: Mapping[str, str]
) -> tuple[tuple[Diagnostic, ...], ExitCode]:
    """What there is to say about a draft, and the exit code of `plan`: 0, 5 (above a limit) or 11 (a check failed).

    environ: where the user's trusted hosts are found; nothing else is read of it."""
    header = draft.header
    origins = situation.program.origins
    found: list[Diagnostic] = []
    codes: list[ExitCode] = []
    templates = situation.context.templates
    called = {templates[group.operator].model for group in draft.sketch.groups if group.operator in templates}
    for model in situation.program.models:
        if model.name not in called:
            continue
        if model.price is None and model.provider == "openai":
            found.append(faults.price_unknown(model.title, origins.get(f"model.{model.name}")))
        found += _warn(prompts.check_endpoint(model, environ), origins.get(f"model.{model.name}"))
    acting = {group.operator for group in draft.sketch.groups}
    embedded = {
        embedding.name: embedding
        for operator in situation.program.operators
        if operator.name in acting
        for _, embedding in asked_by(situation.context, operator)
    }
    for name, embedding in embedded.items():
        span = origins.get(f"embedding.{name}")
        if embedding.price is None:
            found.append(faults.price_unknown(embedding.title, span))
        found += _warn(prompts.check_endpoint(embedding, environ), span)
    confidence = float(situation.program.solve.confidence)
    if header.chance < confidence - 1e-6 and header.actions:
        short = [action for action in header.actions if action.chance < confidence]
        why = "; ".join(f"{action.operator}: {action.attempts} attempts for {action.count}" for action in short[:3])
        chance, asked = f"{header.chance:.0%}", f"{confidence:.0%}"
        span = origins.get("solve.confidence")
        found.append(faults.chance_below_confidence(chance, asked, why or "many counts at once", span))
    if draft.over:
        limit = situation.problem.limits.tokens
        dollars = render_usd(Decimal(repr(situation.problem.limits.usd or 0.0)))
        shown = f"{int(limit):,} tokens" if limit is not None else dollars
        found.append(
            faults.estimate_above_budget(f"{int(header.tokens.expected or 0):,} tokens", shown, origins.get("budget"))
        )
    found += _find_too_dear(situation.program, draft)
    if max_cost is not None and (header.usd.expected is None or header.usd.expected > max_cost):
        expected = "an unknown amount" if header.usd.expected is None else render_usd(header.usd.expected)
        found.append(faults.price_above_limit(expected, render_usd(max_cost)))
        codes.append(ExitCode.BUDGET)
    for check in header.checks:
        if check.status == "failed":
            found.append(faults.check_failed(check.title, check.value, origins.get(f"expect.{check.title}")))
            codes.append(ExitCode.CHECK_FAILED)
    return tuple(found), settle(codes)


def _find_too_dear(program: Program, draft: Draft) -> tuple[Diagnostic, ...]:
    """Says which operators' attempts may claim more than the whole budget, so that a run ends before them."""
    dear = find_dear(draft)
    if not dear:
        return ()
    budget, name = draft.header.budget, dear[0]
    tokens, usd = budget.left_tokens, budget.left_usd
    needed = describe_amounts(tokens, usd, draft.claims[name], at_most=True)
    limit = describe_amounts(tokens, usd, Ceiling(tokens or 0, usd))
    return (faults.attempt_above_budget(name, needed, limit, budget.spell_least(), program.origins.get("budget")),)


def describe_amounts(tokens: int | None, usd: Decimal | None, amount: Ceiling, *, at_most: bool = False) -> str:
    """An amount in the units in which a budget is limited. at_most: dollars are rounded up."""
    parts = [render_usd(amount.usd, at_most=at_most)] if usd is not None and amount.usd is not None else []
    return " and ".join([*parts, *([f"{amount.tokens:,} tokens"] if tokens is not None else [])])


def _warn(refused: Diagnostic | None, span: Span | None) -> tuple[Diagnostic, ...]:
    """`apply` will not call it; a plan calls nobody. What is wrong with a file of the user's is said of that file."""
    if refused is None:
        return ()
    return (replace(refused, severity="warning", span=span if refused.place is None else None),)


def review_pilot(
    program: Program, phases: Sequence[Phase], spent: tuple[int, Decimal]
) -> tuple[tuple[Diagnostic, ...], ExitCode]:
    """What there is to say about a pilot before it is begun, and its exit code: 0, 1, or 5 (dearer than it may be)."""
    use = sum((phase.use for phase in phases), NO_USE)
    span = program.origins.get("pilot.budget") or program.origins.get("pilot")
    pilot = program.pilot
    if pilot is None or (pilot.tokens is None and pilot.cost is None):
        if use.usd:
            return (pilot_faults.pilot_without_budget(span),), ExitCode.SPEC
        return (), ExitCode.DONE
    tokens, usd = use.tokens + spent[0], None if use.usd is None else use.usd + spent[1]
    if pilot.tokens is not None and tokens > pilot.tokens:
        cost, limit = f"{render_tokens(tokens)} tokens", f"{render_tokens(pilot.tokens)} tokens"
        before = f"{render_tokens(spent[0])} tokens" if spent[0] else None
        return (pilot_faults.pilot_over_budget(cost, limit, before, span),), ExitCode.BUDGET
    if pilot.cost is not None and usd is not None and usd > pilot.cost:
        cost, limit = render_usd(usd), render_usd(pilot.cost)
        before = render_usd(spent[1]) if spent[1] else None
        return (pilot_faults.pilot_over_budget(cost, limit, before, span),), ExitCode.BUDGET
    first = Ceiling(int(phases[0].claim.tokens), phases[0].claim.usd)
    left = None if pilot.tokens is None else pilot.tokens - spent[0]
    left_usd = None if pilot.cost is None else pilot.cost - spent[1]
    if phases[0].use.tokens and first.exceeds(left, left_usd):
        least = Ceiling(first.tokens + spent[0], None if first.usd is None else first.usd + spent[1])
        needed = describe_amounts(pilot.tokens, pilot.cost, least, at_most=True)
        limit = describe_amounts(pilot.tokens, pilot.cost, Ceiling(pilot.tokens or 0, pilot.cost))
        return (pilot_faults.pilot_too_small(needed, limit, span),), ExitCode.BUDGET
    return (), ExitCode.DONE
