"""What of a saved plan is shown, in the order in which it is shown; how it looks is the templates' business."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil
from typing import Literal, Protocol

from refinelab_dsl import builtins, prompts
from refinelab_dsl.artifacts.plan import Action, Amount, Asked, Check, Embedded, Header, Share, Step
from refinelab_dsl.declarations import Model
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.effects import EMBEDDING_LINE
from refinelab_dsl.plan.batches import Batched, list_batched
from refinelab_dsl.plan.binding import Binding
from refinelab_dsl.plan.figures import (
    count_of,
    render_divergence,
    render_interval,
    render_seconds,
    render_share,
    render_tokens,
    render_usd,
)
from refinelab_dsl.plan.frontier import FrontierRow, tabulate_frontier
from refinelab_dsl.plan.price import sum_first

_GROUPS_SHOWN = 6  # lines per operator before its targets are listed on one line
_LABELS_SHOWN = 60  # per dimension
_LOCKED = {None: "", True: ", unchanged since lock", False: ", changed since lock"}


class LoadedPlan(Protocol):
    """What is read of `artifacts.plan_file.PlanFile`."""

    @property
    def header(self) -> Header: ...
    @property
    def plan_id(self) -> str: ...
    def steps(self) -> Iterator[Step]: ...


@dataclass(frozen=True)
class Shown:
    """What is known only when a plan is shown, and is therefore no part of its bytes.

    cached: operator -> how many of its listed attempts the store of replies already answers.
    stale: what changed since the plan was made. applied_as: the run that used this plan up.
    binding: the limits that bind, and what one unit more of each is worth. frontier: what a row of budgets buys.
    saved_as: the file that was just written. locked: whether the data are those that `refine.lock` pins; None where
    it pins none.
    """

    solver: str | None = None
    seconds: float | None = None
    cached: Mapping[str, int] | None = None
    stale: tuple[str, ...] = ()
    applied_as: int | None = None
    binding: tuple[Binding, ...] = ()
    frontier: tuple[FrontierRow, ...] = ()
    saved_as: str | None = None
    locked: bool | None = None
    diagnostics: Diagnostics = field(default_factory=Diagnostics)


@dataclass(frozen=True, slots=True)
class MixRow:
    label: str
    now: str
    target: str
    planned: str
    rows: str


@dataclass(frozen=True, slots=True)
class Mix:
    """`hidden` labels are left out of `rows`."""

    dimension: str
    rows: tuple[MixRow, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class ActionRow:
    """`sign`: `=` stays, `~` changes in place, `+` is added, `-` leaves. earlier: of `rows`, those that earlier runs
    brought; attempts: those that are still to be made."""

    sign: Literal["=", "~", "+", "-"]
    operator: str
    move: str
    rows: str
    earlier: str
    attempts: str
    success: str


@dataclass(frozen=True, slots=True)
class CostRow:
    """Expected calls of one operator until its counts are reached, and what they use."""

    operator: str
    calls: str
    cached: str
    tokens: str
    model: str
    cost: str


@dataclass(frozen=True, slots=True)
class Total:
    """One unit's `expected`, 90% interval and ceiling, as text; `full` is C."""

    expected: str
    interval: str | None
    ceiling: str
    full: str | None


@dataclass(frozen=True, slots=True)
class View:
    spec: str
    spec_path: str
    plan_id: str
    dataset: str
    data: str
    rates: str | None
    inventory: str | None
    decisions: str | None
    batches: tuple[str, ...]
    hosts: tuple[str, ...]
    keyword_hosts: tuple[str, ...]
    stale: tuple[str, ...]
    applied_as: int | None
    mix: tuple[Mix, ...]
    divergence: tuple[tuple[str, str, str], ...]
    distinct: str
    flagged: str | None
    actions: tuple[ActionRow, ...]
    chance: str | None
    costs: tuple[CostRow, ...]
    usd: Total
    tokens: Total
    budget: tuple[str, ...]
    solver: str
    binding: tuple[Binding, ...]
    frontier: tuple[tuple[str, ...], ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    headline: str
    saved_as: str | None


def build_view(plan: LoadedPlan, shown: Shown) -> View:
    """The view of a plan. Reads its steps once, as a stream."""
    header = plan.header
    uses = _sum_uses(header, plan.steps())
    known = [use.usd for use in uses.values() if use.usd is not None]
    # Where some price is unknown, the sum of the others is what it costs at least.
    at_least = sum(known, Decimal(0)) if known and header.usd.expected is None else None
    return View(
        spec=header.spec,
        spec_path=header.spec_path,
        plan_id=plan.plan_id,
        dataset=header.dataset.name,
        data=f"{count_of(header.size_now, 'row')} in {count_of(len(header.files), 'file')}{_LOCKED[shown.locked]}",
        rates=_describe_rates(header.actions),
        inventory=_describe_inventory(header),
        decisions=_describe_decisions(header),
        batches=tuple(map(_describe_batched, list_batched(header))),
        hosts=header.hosts,
        keyword_hosts=header.keyword_hosts,
        stale=shown.stale,
        applied_as=shown.applied_as,
        mix=tuple(_build_mix(name, shares) for name, shares in header.mix.items()),
        divergence=tuple(
            (name, render_divergence(value.get("now")), render_divergence(value.get("planned")))
            for name, value in header.divergence.items()
        ),
        distinct=render_share(header.distinct, 0 if header.distinct in (0, 1) else 1),
        flagged=None if header.flagged is None else f"{header.flagged.now:,} -> {header.flagged.planned:,}",
        actions=tuple(_build_actions(header)),
        chance=f"{_floor_percent(header.chance)}%" if header.actions else None,
        costs=tuple(_build_costs(header, uses, shown)),
        usd=_build_total(header.usd, header.budget.usd, money=True, at_least=at_least),
        tokens=_build_total(header.tokens, header.budget.tokens, money=False),
        budget=tuple(_describe_budget(header)),
        solver=_describe_solution(header, shown),
        binding=shown.binding,
        frontier=tabulate_frontier(shown.frontier),
        checks=header.checks,
        notes=header.notes,
        headline=render_headline(header, at_least),
        saved_as=shown.saved_as,
    )


def render_headline(header: Header, at_least: Decimal | None = None) -> str:
    """`Plan: keep 52, change 10, add 38, drop 38. Expected cost $1.21, at most $2.10.`"""
    changed, added, dropped = count_changes(header)
    if not changed and not added and not dropped:
        return f"Plan: nothing to do, all {count_of(header.size_now, 'row')} stay as they are."
    counts = f"keep {header.size_now - changed - dropped:,}, change {changed:,}, add {added:,}, drop {dropped:,}"
    usd = header.usd
    if all(action.attempts == action.stock for action in header.actions):
        cost = "No calls, no cost"
    elif usd.expected is None:
        cost = "Expected cost unknown" if at_least is None else f"Expected cost at least {render_usd(at_least)}"
    else:
        # The run stops at its budget, even if all listed attempts in their worst case would go on.
        limits = [amount for amount in (usd.ceiling, header.budget.usd) if amount is not None]
        limit = f", at most {render_usd(min(limits), at_most=True)}" if limits else ""
        cost = f"Expected cost {render_usd(usd.expected)}{limit}"
    return f"Plan: {counts}. {cost}."


def count_changes(header: Header) -> tuple[int, int, int]:
    """Rows that are changed in place, added, and dropped."""
    added = sum(action.count for action in header.actions if _sign_of(action.kind) == "+")
    changed = sum(action.count for action in header.actions if _sign_of(action.kind) == "~")
    return changed, added, sum(removal.planned for removal in header.removals)


@dataclass
class _Use:
    """Expected use of an operator. `usd` is None where the price of its model is unknown."""

    model: Model
    listed: int = 0
    attempts: float = 0.0
    calls: float = 0.0  # fewer than attempts where those share calls
    input_tokens: float = 0.0
    output_tokens: float = 0.0

    @property
    def usd(self) -> Decimal | None:
        tokens = (Decimal(repr(round(value, 6))) for value in (self.input_tokens, self.output_tokens))
        return prompts.price_usd(self.model, *tokens)


def _sum_uses(header: Header, steps: Iterable[Step]) -> dict[str, _Use]:
    """Per operator, in the order of its first action: an action is expected to use count / success attempts, and at
    most those that are listed (the same rule by which the plan was priced)."""
    listed = {action.id: [0, 0, 0] for action in header.actions}  # attempts, input tokens, output tokens
    sharing = {operator.name for operator in header.operators if operator.per_call > 1}
    shared: dict[int, list[tuple[int, int]]] = {}  # action -> tokens of its attempts, where they share calls
    for step in steps:
        if step.replies:  # of an earlier run
            continue
        if step.operator in sharing:
            shared.setdefault(step.action, []).append((step.input_tokens, step.output_tokens))
        sums = listed[step.action]
        sums[0] += 1
        sums[1] += step.input_tokens
        sums[2] += step.output_tokens
    models = {model.name: model for model in header.models}
    templates = {template.name: template for template in header.templates}
    uses: dict[str, _Use] = {}
    for action in header.actions:
        attempts, tokens_in, tokens_out = listed[action.id]
        if not attempts or action.operator not in templates:
            continue
        use = uses.setdefault(action.operator, _Use(models[templates[action.operator].model]))
        tried = min((action.count - action.stock) / max(action.success.mean, 1e-9), float(attempts))
        use.listed += attempts
        use.attempts += tried
        if action.id in shared:
            use.calls += sum_first([int(each[0] > 0) for each in shared[action.id]], tried)
            use.input_tokens += sum_first([each[0] for each in shared[action.id]], tried)
            use.output_tokens += sum_first([each[1] for each in shared[action.id]], tried)
            continue
        use.calls += tried if tokens_in else 0.0
        use.input_tokens += tried * tokens_in / attempts
        use.output_tokens += tried * tokens_out / attempts
    return uses


def _build_mix(name: str, shares: Mapping[str, Share]) -> Mix:
    rows = tuple(
        MixRow(
            label,
            render_share(share.now),
            render_share(share.target),
            render_share(share.planned),
            f"{share.count_planned:,}",
        )
        for label, share in list(shares.items())[:_LABELS_SHOWN]
    )
    return Mix(name, rows, max(0, len(shares) - _LABELS_SHOWN))


def _build_actions(header: Header) -> Iterator[ActionRow]:
    changed, _, dropped = count_changes(header)
    kept = header.size_now - changed - dropped
    if kept:
        yield ActionRow("=", "keep", "originals", f"{kept:,}", "-", "-", "-")
    by_operator: dict[str, list[Action]] = {}
    for action in header.actions:
        by_operator.setdefault(action.operator, []).append(action)
    order = {"~": 0, "+": 1}
    for operator, actions in sorted(by_operator.items(), key=lambda entry: order[_sign_of(entry[1][0].kind)]):
        groups: dict[str, list[Action]] = {}
        for action in actions:
            groups.setdefault(_describe_move(action), []).append(action)
        if len(groups) > _GROUPS_SHOWN:
            most = sorted(groups, key=lambda move: (-sum(action.count for action in groups[move]), move))
            groups = {f"{count_of(len(groups), 'cell')}: {', '.join(most)}": actions}
        for move, group in groups.items():
            yield ActionRow(
                _sign_of(group[0].kind),
                operator,
                move,
                f"{sum(action.count for action in group):,}",
                f"{sum(action.stock for action in group):,}",
                f"{sum(action.attempts - action.stock for action in group):,}",
                render_interval(group[0].success.model_dump()),
            )
    cells: dict[str, dict[str, int]] = {}
    for removal in header.removals:
        where = cells.setdefault(removal.operator, {})
        cell = _describe_cell(removal.from_)
        where[cell] = where.get(cell, 0) + removal.planned
    for operator, where in cells.items():
        if len(where) > _GROUPS_SHOWN:
            most = sorted(where, key=lambda cell: (-where[cell], cell))
            where = {f"{count_of(len(where), 'cell')}: {', '.join(most)}": sum(where.values())}
        for cell, count in where.items():
            yield ActionRow("-", operator, cell, f"{count:,}", "-", "-", "-")


def _sign_of(kind: str) -> Literal["~", "+", "-"]:
    match builtins.OPERATOR_KINDS[kind].effect:
        case "expand" | "generate":
            return "+"
        case "remove":
            return "-"
        case "move" | "fix":
            return "~"


def _describe_move(action: Action) -> str:
    """`medium -> hard`, `-> biochemistry/hard`, `organic/easy` for what stays in its cell."""
    if not action.from_ and not action.to:
        return "any"
    if not action.from_:
        return f"-> {_describe_cell(action.to)}"
    if action.from_ == action.to:
        return _describe_cell(action.to)
    moved = [name for name in action.to if action.from_.get(name) != action.to[name]]
    before = {name: action.from_[name] for name in moved if name in action.from_}
    return f"{_describe_cell(before)} -> {_describe_cell({name: action.to[name] for name in moved})}"


def _describe_cell(labels: Mapping[str, str]) -> str:
    return "/".join(labels.values()) or "any"


def _build_costs(header: Header, uses: Mapping[str, _Use], shown: Shown) -> Iterator[CostRow]:
    for name, found in header.originals.items():
        yield _build_originals_cost(name, found, shown)
    for operator, use in uses.items():
        yield _build_cost(operator, use, shown)
        if operator in header.asked:
            is_refining = any(each.name == operator and each.kind == "refine" for each in header.operators)
            yield _build_checks_cost(operator, use, header.asked[operator], is_refining)


def _build_originals_cost(name: str, found: Embedded, shown: Shown) -> CostRow:
    """What the vectors of all items of the source take, where the store of replies holds none."""
    return CostRow(
        f"{name}, originals",
        f"{found.calls:,}",
        "-" if shown.cached is None else f"{shown.cached.get(f'{EMBEDDING_LINE}{name}', 0):,}",
        f"{render_tokens(found.tokens)} / 0",
        name,
        render_usd(found.usd),
    )


def _build_checks_cost(operator: str, use: _Use, asked: Asked, is_refining: bool) -> CostRow:
    """What is asked about an operator's results; of a `refine` further rounds and their judge, too."""
    usd = None if asked.usd is None else asked.usd * Decimal(repr(round(use.attempts, 6)))
    tokens_in, tokens_out = use.attempts * asked.input_tokens, use.attempts * asked.output_tokens
    return CostRow(
        f"{operator}, {'rounds' if is_refining else 'checks'}",
        f"{ceil(round(use.attempts * asked.calls, 6)):,}",
        "-",
        f"{render_tokens(tokens_in)} / {render_tokens(tokens_out)}",
        "",
        render_usd(usd),
    )


def _build_cost(operator: str, use: _Use, shown: Shown) -> CostRow:
    price = use.model.price
    dated = f" ({price.as_of}{', refine.lock' * price.locked})" if price is not None and price.as_of else ""
    kind = ", simulated" if use.model.provider == "simulated" else ""
    return CostRow(
        operator,
        f"{ceil(round(use.calls, 6)):,}",
        "-" if shown.cached is None else f"{shown.cached.get(operator, 0):,}",
        f"{render_tokens(use.input_tokens)} / {render_tokens(use.output_tokens)}",
        f"{use.model.name}{kind}{dated}",
        render_usd(use.usd),
    )


def _build_total(
    amount: Amount, budget: Decimal | int | None, *, money: bool, at_least: Decimal | None = None
) -> Total:
    def render(value: Decimal | None, at_most: bool = False) -> str:
        return render_usd(value, at_most=at_most) if money else render_tokens(value, at_most=at_most)

    # A ceiling that is the budget reads as the budget does, or it would seem to lie above it.
    ceiling = render(amount.ceiling, at_most=amount.ceiling != budget)
    if budget is not None and amount.ceiling is not None and budget < amount.ceiling:
        ceiling += f", stopped at {render(Decimal(budget), at_most=True)}"

    interval = None
    if amount.low is not None and amount.high is not None and amount.low != amount.high:
        interval = f"{render(amount.low)} - {render(amount.high)}"
    return Total(
        expected=render(amount.expected) if at_least is None else f"at least {render(at_least)}",
        interval=interval,
        ceiling=ceiling,
        full=None if amount.full is None else render(amount.full),
    )


def _describe_budget(header: Header) -> Iterator[str]:
    """`$3.00 = $0.41 spent + $0.30 reserve + $2.29 free; this plan uses 53% of it`."""
    budget = header.budget
    if budget.usd is not None:
        reserve = budget.reserve_usd or Decimal(0)
        free = budget.usd - budget.spent - reserve
        parts = [
            *([f"{render_usd(budget.spent)} spent"] if budget.spent else []),
            *_describe_reserve(reserve, budget.luck_usd or Decimal(0), render_usd),
        ]
        yield _describe_sum(render_usd(budget.usd), parts, render_usd(free)) + _describe_part(header.usd.expected, free)
    if budget.tokens is not None:
        reserved = budget.reserve_tokens or 0
        spent = Decimal(budget.spent_tokens)
        left = budget.tokens - budget.spent_tokens - reserved
        parts = [
            *([f"{render_tokens(spent)} spent"] if spent else []),
            *_describe_reserve(Decimal(reserved), Decimal(budget.luck_tokens or 0), render_tokens),
        ]
        total = _describe_sum(f"{render_tokens(budget.tokens)} tokens", parts, render_tokens(left))
        yield total + _describe_part(header.tokens.expected, Decimal(left))
    if header.envelope is not None:
        names = ", ".join(header.envelope.operators)
        yield f"after each {render_share(float(header.envelope.share), 0)} of it the rest is solved again, for {names}"


def _describe_reserve(reserve: Decimal, luck: Decimal, render: Callable[[Decimal], str]) -> Iterator[str]:
    """A reserve, and what of it the plan's own spread asks for; more than there is where time ended the search."""
    if luck > reserve:
        yield f"{render(reserve)} reserve (bad luck asks for {render(luck)})"
    elif reserve:
        yield f"{render(reserve)} reserve" + (f" (of which {render(luck)} for bad luck)" if luck else "")


def _describe_sum(total: str, parts: list[str], free: str) -> str:
    return f"{total} = {' + '.join([*parts, f'{free} free'])}" if parts else total


def _describe_part(expected: Decimal | None, free: Decimal) -> str:
    if expected is None or free <= 0:
        return ""
    return f"; this plan uses {render_share(float(expected / free), 0)} of it"


def _describe_solution(header: Header, shown: Shown) -> str:
    solution = header.solution
    parts = [solution.strategy, solution.status, f"objective {solution.objective:.6g}", f"gap {solution.gap:.3g}"]
    if shown.solver is not None:
        parts.insert(0, shown.solver)
    if shown.seconds is not None:
        parts.append(render_seconds(shown.seconds))
    return ", ".join(parts)


_SOURCES = {"spec": "from the spec", "default": "by default", "evidence": "from evidence"}


def _describe_rates(actions: Iterable[Action]) -> str | None:
    """`author from the spec; paraphrase by default; 90% intervals`; None where nothing can fail."""
    by_source: dict[str, dict[str, None]] = {}
    for action in actions:
        if action.success.source in _SOURCES:
            by_source.setdefault(action.success.source, {})[action.operator] = None
    if not by_source:
        return None
    parts = [f"{', '.join(by_source[source])} {text}" for source, text in _SOURCES.items() if source in by_source]
    return "; ".join([*parts, "90% intervals"])


def _describe_batched(batched: Batched) -> str:
    """`model small at 50% of its price; up to about 3 batches one after the other, each within 24 h`."""
    stated = "" if batched.is_stated else " (the spec does not say; most providers charge that)"
    rounds = f"up to about {batched.rounds} batches one after the other, each within 24 h"
    when = "answered at once, since it has none" if batched.rehearsed else rounds if batched.rounds > 1 else "in 24 h"
    return f"model {batched.model} at {render_share(float(batched.share), 0)} of its price{stated}; {when}"


def _describe_decisions(header: Header) -> str | None:
    """`decisions.jsonl: 48 edits accepted, 2 rejected, 1 pinned`; None where nobody decided."""
    if header.decisions is None:
        return None
    words = [row.decision for row in header.decisions.rows if not row.by_hand]
    told = f"{header.decisions.file}: {count_of(header.decisions.accepted, 'edit')} accepted"
    by_hand = len(header.decisions.by_hand)
    more = f", {by_hand:,} accepted by hand" if by_hand else ""
    return f"{told}, {words.count('reject'):,} rejected, {words.count('pin'):,} pinned{more}"


def _describe_inventory(header: Header) -> str | None:
    """`38 of 45 accepted results of runs 2, 3`; None where no earlier run counts."""
    if header.inventory is None or not header.inventory.runs:
        return None
    used, accepted, runs = header.inventory.used, header.inventory.accepted, header.inventory.runs
    part = "" if used == accepted else f"{used:,} of "
    listed = f"run{'' if len(runs) == 1 else 's'} {', '.join(map(str, runs))}"
    return f"{part}{count_of(accepted, 'accepted result')} of {listed}"


def _floor_percent(share: float) -> int:
    """Rounded down, so that 99.6% does not read as certainty."""
    return int(share * 100 + 1e-9)
