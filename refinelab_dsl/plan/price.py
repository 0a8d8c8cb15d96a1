"""What a plan's steps cost: expected, a 90% interval, and the most that the ledger could ever reserve for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, sqrt

from refinelab_dsl import prompts
from refinelab_dsl.artifacts.plan import Amount, BudgetSummary, Envelope
from refinelab_dsl.declarations import Model
from refinelab_dsl.estimate.beta import beta_quantile
from refinelab_dsl.estimate.estimates import Estimates, Rate
from refinelab_dsl.estimate.spread import Luck
from refinelab_dsl.ir import Program
from refinelab_dsl.plan.listing import Listing
from refinelab_dsl.plan.sketch import Sketch
from refinelab_dsl.prompts.asking import NO_USE, Use
from refinelab_dsl.prompts.steps import StepContext
from refinelab_dsl.solve.cells import settle_tokens
from refinelab_dsl.solve.problem import Limits, Paid

MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Worst case of the listed steps, repairs included, as the ledger reserves it."""

    tokens: int = 0
    usd: Decimal | None = Decimal(0)

    def including(self, tokens: int, usd: Decimal | None) -> Ceiling:
        total = None if self.usd is None or usd is None else self.usd + usd
        return Ceiling(self.tokens + tokens, total)

    def or_more(self, tokens: int, usd: Decimal | None) -> Ceiling:
        """The larger of both, in tokens and in dollars."""
        return Ceiling(max(self.tokens, tokens), None if self.usd is None or usd is None else max(self.usd, usd))

    def exceeds(self, tokens: int | None, usd: Decimal | None) -> bool:
        """Whether it is more than these limits; None is no limit."""
        dear = usd is not None and self.usd is not None and self.usd > usd
        return dear or (tokens is not None and self.tokens > tokens)

    def within(self, budget: BudgetSummary) -> Ceiling:
        """What the ledger lets through of it: it reserves worst cases, so no call crosses the budget."""
        tokens = self.tokens if budget.left_tokens is None else min(self.tokens, budget.left_tokens)
        left = budget.left_usd
        usd = left if self.usd is None else self.usd if left is None else min(self.usd, left)
        return Ceiling(tokens, usd)


@dataclass(frozen=True, slots=True)
class Expense:
    """Expected use of one operator over all its actions, in attempts and tokens; low and high at the 5% and 95%
    quantiles of its success rate, high with what a lost store of replies would cost. input_tokens, output_tokens: of
    its own calls; checks: what is asked about results."""

    attempts: float = 0
    input_tokens: float = 0
    output_tokens: float = 0
    low: float = 0
    high: float = 0
    checks: Use = NO_USE

    @property
    def tokens(self) -> float:
        return self.input_tokens + self.output_tokens + self.checks.tokens


def expect_expenses(sketch: Sketch, steps: Listing, estimates: Estimates) -> dict[str, Expense]:
    """Per operator, in the order of its first action. An action stops at its count, so it is expected to use
    count / rate attempts, and at most those that are listed."""
    listed = steps.list_unpaid()
    expenses: dict[str, Expense] = {}
    for action, group in enumerate(sketch.groups, start=1):
        if action not in listed:
            continue
        inputs, outputs = listed[action]
        rate = estimates.operators[group.operator].rate
        tokens_in = sum(inputs) / len(inputs)
        tokens_out = estimates.operators[group.operator].cost.output_tokens
        checks = estimates.operators[group.operator].cost.checks
        stored = estimates.operators[group.operator].cost.stored
        each = tokens_in + tokens_out + checks.tokens
        attempts, low, high = _expect_attempts(group.count - group.stock, len(inputs), rate)
        if not all(inputs):  # they share calls: the first attempts pay for the others
            tokens_in = sum_first(inputs, attempts) / attempts
            tokens_out = sum_first(outputs, attempts) / attempts
            each = tokens_in + tokens_out + checks.tokens
        before = expenses.get(group.operator, Expense())
        expenses[group.operator] = Expense(
            before.attempts + attempts,
            before.input_tokens + attempts * tokens_in,
            before.output_tokens + attempts * tokens_out,
            before.low + low * each,
            before.high + high * (each + stored.tokens),
            before.checks + checks.times(attempts),
        )
    return expenses


def sum_first(values: Sequence[int], number: float) -> float:
    """The sum of the first `number` values, the last of them in part."""
    whole = int(number)
    return sum(values[:whole]) + (number - whole) * (values[whole] if whole < len(values) else 0)


def count_corrections(sketch: Sketch, steps: Listing, estimates: Estimates) -> dict[str, tuple[float, float]]:
    """Per operator the mean (input, output) tokens of its listed prompts, as counted."""
    totals: dict[str, tuple[int, int]] = {}
    for action, (inputs, _) in steps.list_unpaid().items():
        operator = sketch.groups[action - 1].operator
        tokens, number = totals.get(operator, (0, 0))
        totals[operator] = (tokens + sum(inputs), number + len(inputs))
    return {
        operator: (tokens / number, estimates.operators[operator].cost.output_tokens)
        for operator, (tokens, number) in sorted(totals.items())
    }


def sum_amounts(
    expenses: Mapping[str, Expense], ceiling: Ceiling, budget: BudgetSummary, estimates: Estimates, context: StepContext
) -> tuple[Amount, Amount]:
    """The plan's total in tokens and in dollars. Operators' deviations are independent: they add in squares.

    ceiling: of the listed steps; the ledger stops at the budget where that is lower.
    """
    ceiling = ceiling.within(budget)
    expected = sum(expense.tokens for expense in expenses.values())
    below = sqrt(sum((expense.tokens - expense.low) ** 2 for expense in expenses.values()))
    above = sqrt(sum((expense.high - expense.tokens) ** 2 for expense in expenses.values()))
    tokens = Amount(
        expected=Decimal(ceil(expected)),
        low=Decimal(max(0, ceil(expected - below))),
        high=Decimal(min(ceil(expected + above), max(ceiling.tokens, ceil(expected)))),
        ceiling=Decimal(ceiling.tokens),
        full=Decimal(ceil(estimates.full_cost_tokens)),
    )
    return tokens, _usd_amount(expenses, ceiling, estimates, context)


def include_originals(
    amount: Amount, expected: float | Decimal | None, most: float | Decimal | None, limit: int | Decimal | None
) -> Amount:
    """An amount with what the vectors of all items take, which no luck changes. expected, most: in the amount's unit,
    None where a price is unknown. limit: of the budget, which the ledger stops at."""
    if not expected and expected is not None:
        return amount

    def add(value: Decimal | None, more: float | Decimal | None) -> Decimal | None:
        if value is None or more is None:
            return None
        return value + (round_usd(more) if isinstance(more, Decimal) else Decimal(ceil(more)))

    ceiling = add(amount.ceiling, most)
    if limit is not None:
        ceiling = Decimal(limit) if ceiling is None else min(ceiling, Decimal(limit))
    mean, high = add(amount.expected, expected), add(amount.high, expected)
    if high is not None and mean is not None and ceiling is not None:
        high = max(min(high, ceiling), mean)
    return amount.model_copy(
        update={"expected": mean, "low": add(amount.low, expected), "high": high, "ceiling": ceiling}
    )


def _usd_amount(
    expenses: Mapping[str, Expense], ceiling: Ceiling, estimates: Estimates, context: StepContext
) -> Amount:
    total: Decimal | None = Decimal(0)
    below = above = 0.0
    for operator, expense in expenses.items():
        usd = price_expense(expense, context.models[context.templates[operator].model])
        total = None if total is None or usd is None else total + usd
        if usd is not None and expense.tokens:
            per_token = float(usd) / expense.tokens
            below += ((expense.tokens - expense.low) * per_token) ** 2
            above += ((expense.high - expense.tokens) * per_token) ** 2
    full = estimates.full_cost_usd
    if total is None:
        return Amount(expected=None, low=None, high=None, ceiling=None, full=None)
    high = total + round_usd(sqrt(above))
    return Amount(
        expected=round_usd(total),
        low=round_usd(max(0.0, float(total) - sqrt(below))),
        high=round_usd(high if ceiling.usd is None else min(high, max(ceiling.usd, total))),
        ceiling=None if ceiling.usd is None else round_usd(ceiling.usd),
        full=None if full is None else round_usd(full),
    )


def price_expense(expense: Expense, model: Model) -> Decimal | None:
    """Dollars of an expense, None where the price is unknown."""
    own = prompts.price_usd(model, _exact(expense.input_tokens), _exact(expense.output_tokens))
    return None if own is None or expense.checks.usd is None else own + expense.checks.usd


def round_usd(value: Decimal | float) -> Decimal:
    """Dollars to a millionth: less than any token's price is lost, and floats do not show."""
    return (value if isinstance(value, Decimal) else Decimal(repr(value))).quantize(MICRO)


def _expect_attempts(count: int, listed: int, rate: Rate) -> tuple[float, float, float]:
    def attempts_at(success: float) -> float:
        return min(count / max(success, 1e-9), float(listed))

    low = attempts_at(beta_quantile(0.95, rate.alpha, rate.beta))
    high = attempts_at(beta_quantile(0.05, rate.alpha, rate.beta))
    return attempts_at(rate.mean), low, high


def _exact(value: float) -> Decimal:
    return Decimal(repr(round(value, 6)))


def build_budget(program: Program, estimates: Estimates, limits: Limits, luck: Luck, paid: Paid) -> BudgetSummary:
    """The spec's budget as a plan states it.

    limits: those that the allocation was given. luck: what its cost may exceed the expected cost by. paid: by earlier
    legs of the same run.
    """
    budget = program.budget
    if budget is None:
        return BudgetSummary(tokens=None, usd=None, spent=Decimal(0), reserve_tokens=None, reserve_usd=None)
    tokens = settle_tokens(budget, estimates, paid)
    left = None if tokens is None else max(0, tokens - paid.tokens)
    usd = None if budget.cost is None else max(Decimal(0), budget.cost - paid.usd)
    return BudgetSummary(
        tokens=tokens,
        usd=budget.cost,
        spent=Decimal(0) if budget.cost is None else paid.usd,
        spent_tokens=0 if tokens is None else paid.tokens,
        reserve_tokens=None if left is None else max(floor(left * budget.reserve), floor(limits.reserved_tokens)),
        reserve_usd=None if usd is None else max(round_usd(usd * budget.reserve), round_usd(limits.reserved_usd)),
        luck_tokens=None if left is None else min(left, floor(luck.tokens)),
        luck_usd=None if usd is None else min(usd, round_usd(luck.usd)),
    )


def build_envelope(program: Program, context: StepContext) -> Envelope | None:
    """What a run stays inside however often its rest is solved again; None where that never happens."""
    if program.solve.replan is None or program.budget is None:
        return None
    return Envelope(
        share=program.solve.replan,
        operators=tuple(operator.name for operator in program.operators),
        models=tuple(sorted({template.model for template in context.templates.values()})),
    )
