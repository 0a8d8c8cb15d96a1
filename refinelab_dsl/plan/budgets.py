"""Budgets that are too small: for one result, or for what an attempt may take. What to give in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

from refinelab_dsl.artifacts.plan import spell_budget
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import solving as faults
from refinelab_dsl.ir import Program
from refinelab_dsl.plan.build import Draft
from refinelab_dsl.plan.claims import round_up
from refinelab_dsl.plan.price import Ceiling
from refinelab_dsl.solve.problem import Problem


def find_dear(draft: Draft) -> tuple[str, ...]:
    """The operators whose attempts may claim more than the whole budget, so that a run ends before them."""
    tokens, usd = draft.header.budget.left_tokens, draft.header.budget.left_usd
    return tuple(name for name, claim in draft.claims.items() if claim.exceeds(tokens, usd))


def state_least(draft: Draft, least: Ceiling) -> Draft:
    """The draft that states what its budget must be at least, beside what earlier legs spent of it."""
    budget = draft.header.budget
    usd = None if least.usd is None else least.usd + budget.spent
    stated = budget.model_copy(update={
        "least_tokens": None if budget.tokens is None else least.tokens + budget.spent_tokens,
        "least_usd": None if budget.usd is None else usd,
    })
    return replace(draft, header=draft.header.model_copy(update={"budget": stated}))


def warn_of_budget(program: Program, problem: Problem, least: Callable[[], Ceiling]) -> Iterator[Diagnostic]:
    """A budget that is less than one result is expected to cost. least: what a budget must be at least, whatever it
    buys; found where it is asked for."""
    limits = problem.limits
    results = [action for action in problem.operators if action.success > 0 and action.tokens > 0]
    if not results or any(action.stock for action in problem.operators):
        return
    tokens = min(action.tokens / action.success for action in results)
    if limits.tokens is not None and limits.tokens < tokens:
        span = program.origins.get("budget.tokens")
        budget = limits.tokens + limits.reserved_tokens
        if program.budget is not None and program.budget.tokens is not None:
            budget = program.budget.tokens
        before = f"{limits.before_tokens:,.0f} tokens" if limits.before_tokens else None
        enough = spell_budget(max(int(_gross_up(tokens, limits.before_tokens, program)), least().tokens), None)
        yield faults.budget_buys_nothing(f"{budget:,.0f} tokens", f"{tokens:,.0f} tokens", enough, before, span)
    usd = min(action.usd / action.success for action in results)
    if limits.usd is not None and limits.usd < usd:
        span = program.origins.get("budget.cost")
        cost = limits.usd + limits.reserved_usd
        if program.budget is not None and program.budget.cost is not None:
            cost = float(program.budget.cost)
        before = f"${limits.before_usd:.6f}" if limits.before_usd else None
        enough = spell_budget(None, max(_gross_up(usd, limits.before_usd, program), least().usd or Decimal(0)))
        shown = f"${cost:.2f}" if cost >= 0.01 else f"${cost:.6f}".rstrip("0").rstrip(".")
        yield faults.budget_buys_nothing(shown, f"${usd:.6f}", enough, before, span)


def _gross_up(amount: float, before: float, program: Program) -> Decimal:
    """A budget of which ten times `amount` may be planned with, after what is paid before."""
    reserve = 0.0 if program.budget is None else float(program.budget.reserve)
    return round_up(Decimal(repr((10 * amount + before) / max(1 - reserve, 0.05))))
