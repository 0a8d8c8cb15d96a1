"""From items to cells: builds the allocation problem of a program, its data and its estimates.

Items with the same labels, protection and eligibility are interchangeable, so the problem's size depends on the number
of such combinations and not on the number of items (`optimisation.md`, Cells).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.builtins import OPERATOR_KINDS
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.declarations import JOINT, Budget, Dimension, Move, Operator
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.estimate.beta import beta_quantile, binomial_tail
from refinelab_dsl.estimate.estimates import Estimates, Rate
from refinelab_dsl.ir import Program
from refinelab_dsl.solve.problem import (
    CLEAN,
    FLAGGED,
    NOT_PAID,
    Action,
    Axis,
    Bin,
    Cell,
    Limits,
    Paid,
    Problem,
    join_parts,
)
from refinelab_dsl.solve.review import refuse_size, warn_of_problem
from refinelab_dsl.solve.stock import NOTHING, Signature, Stock

SAME_TOPIC = "same_topic"
_WHOLE_CODE = 2**62


@dataclass(frozen=True)
class Grouping:
    """Cells in order of their codes, the cell of every item (int64, length N), and per cell what each of its items has
    from earlier runs, and what of that is pinned."""

    cells: tuple[Cell, ...]
    cell_of: NDArray[np.int64]
    owned: tuple[Signature, ...]
    pinned: tuple[Signature, ...]


def build_problem(
    program: Program, profile: Profile, estimates: Estimates, stock: Stock = NOTHING, paid: Paid = NOT_PAID
) -> tuple[Problem | None, tuple[Diagnostic, ...]]:
    """The problem of a program's data; None where it is too large to decide. paid: what of its budget is gone."""
    dimensions = split_dimensions(program)
    axes = _build_axes(dimensions, program, profile)
    refused = tuple(refuse_size(program, axes))
    if refused:
        return None, refused
    grouping = group_items(program, profile, stock)
    operators = tuple(
        replace(
            _build_action(
                operator, dimensions, axes, grouping, estimates, float(program.solve.confidence),
                _used_tries(index, grouping),
            ),
            stock=_count_stock(index, grouping, stock),
            pinned=_count_pinned(index, grouping, stock),
        )
        for index, operator in enumerate(program.operators)
    )  # fmt: skip
    problem = Problem(
        axes=axes,
        cells=grouping.cells,
        operators=operators,
        limits=_build_limits(program, profile, estimates, paid),
        gap=None if program.solve.gap is None else float(program.solve.gap),
        time_limit=float(program.solve.time_limit),
        strategy=program.solve.strategy,
        seed=program.seed,
        relax=program.solve.relax,
        static=program.solve.static,
    )
    return problem, tuple(warn_of_problem(program, problem))


def split_dimensions(program: Program) -> tuple[Dimension, ...]:
    """The dimensions that split cells: those with a target, and those that an operator moves."""
    moved = {name for operator in program.operators for name in operator.moves}
    floored = set(program.constraints.floor)
    joined = {
        name for measure in program.measures if measure.kind == JOINT for name in measure.options["dimensions"]
    }
    return tuple(
        dimension
        for dimension in program.dimensions
        if dimension.target is not None or dimension.name in moved | floored | joined
    )


def group_items(program: Program, profile: Profile, stock: Stock = NOTHING) -> Grouping:
    """Groups the items by label on every splitting dimension, protection, eligibility, and what they have in stock."""
    names = [dimension.name for dimension in split_dimensions(program)]
    columns = [profile.labels[name].astype(np.int64) + 1 for name in names]
    radixes = [len(profile.label_names[name]) + 1 for name in names]
    if profile.flagged is not None:
        columns.append(np.where(profile.flagged, FLAGGED, CLEAN).astype(np.int64) + 1)
        radixes.append(3)
    places = len(columns)
    columns.append(profile.protected.astype(np.int64))
    columns.extend(profile.eligible[operator.name].astype(np.int64) for operator in program.operators)
    radixes += [2] * (len(columns) - places)
    kinds = stock.kinds
    columns.append(stock.codes(profile.size))
    radixes.append(len(kinds))
    columns.append(stock.pin_codes(profile.size))
    radixes.append(len(stock.pin_kinds))
    code = np.zeros(profile.size, dtype=np.int64)
    span = 1
    for column, radix in zip(columns, radixes, strict=True):
        if span > _WHOLE_CODE // radix:  # renumber: the codes in use are at most as many as the items
            _, code = np.unique(code, return_inverse=True)
            code = code.astype(np.int64)
            span = int(code.max(initial=0)) + 1
        code = code * radix + column
        span *= radix
    _, first, cell_of, counts = np.unique(code, return_index=True, return_inverse=True, return_counts=True)
    cells = tuple(
        Cell(
            bin=tuple(int(column[row]) - 1 for column in columns[:places]),
            count=int(count),
            protected=bool(columns[places][row]),
            eligible=frozenset(
                index for index, column in enumerate(columns[places + 1 : -2]) if column[row]
            ),
        )
        for row, count in zip(first, counts, strict=True)
    )
    return Grouping(
        _name_kin(cells), cell_of.astype(np.int64), tuple(kinds[int(columns[-2][row])] for row in first),
        tuple(stock.pin_kinds[int(columns[-1][row])] for row in first),
    )  # fmt: skip


def _name_kin(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells, each knowing the first of those that are like it but for their stock."""
    first: dict[Cell, int] = {}
    named = []
    for number, cell in enumerate(cells):
        place = first.setdefault(replace(cell, count=0), number)
        named.append(cell if place == number else replace(cell, kin=place))
    return tuple(named)


def _build_axes(dimensions: Sequence[Dimension], program: Program, profile: Profile) -> tuple[Axis, ...]:
    axes: list[Axis] = []
    place = {dimension.name: index for index, dimension in enumerate(dimensions)}
    joined = {measure.name: measure.options["dimensions"] for measure in program.measures if measure.kind == JOINT}
    for dimension in dimensions:
        parts = tuple(place[name] for name in joined.get(dimension.measure, ()))
        axes.append(_build_axis(dimension, program, profile, parts, axes))
    if profile.flagged is not None:
        weight = float(program.constraints.flagged_weight)
        axes.append(Axis("flagged", ("flagged", "clean"), None, weight, flag=True))
    return tuple(axes)


def _build_axis(
    dimension: Dimension, program: Program, profile: Profile, parts: tuple[int, ...], before: Sequence[Axis]
) -> Axis:
    labels = profile.label_names[dimension.name]
    target: tuple[float, ...] | None = None
    if dimension.target is not None:
        if dimension.target.kind == "uniform":
            target = tuple(1.0 / len(labels) for _ in labels)
        elif dimension.target.kind == "like":
            target = tuple(profile.mixes[dimension.name].get(label, 0.0) for label in labels)
        elif dimension.target.kind == "independent":
            target = tuple(prod(shares) for shares in product(*(before[part].target or () for part in parts)))
        else:
            target = tuple(float(dimension.target.weights.get(label, Decimal(0))) for label in labels)
    return Axis(
        name=dimension.name,
        labels=labels,
        target=target,
        weight=float(dimension.weight),
        tolerance=None if dimension.tolerance is None else float(dimension.tolerance),
        floor=program.constraints.floor.get(dimension.name, 0),
        parts=parts,
    )


def _build_action(
    operator: Operator,
    dimensions: Sequence[Dimension],
    axes: Sequence[Axis],
    grouping: Grouping,
    estimates: Estimates,
    confidence: float,
    tried: Mapping[int, int],
) -> Action:
    estimate = estimates.operators[operator.name]
    kind = OPERATOR_KINDS[operator.kind].effect
    targets = None
    if kind not in ("remove", "expand"):
        targets = dict(_build_targets(operator, dimensions, axes, grouping.cells))
    return Action(
        operator=operator.name,
        kind=kind,
        success=estimate.rate.mean,
        tokens=estimate.cost.tokens,
        usd=float(estimate.cost.usd or 0),
        attempts_per_item=operator.max_per_item,
        per_call=operator.per_call,
        targets=targets,
        max_usd=None if operator.max_cost is None else float(operator.max_cost),
        sure=None if kind == "remove" else _sure_results(operator, estimate.rate, grouping.cells, tried, confidence),
        tried=tried,
    )


def _count_stock(index: int, grouping: Grouping, stock: Stock) -> dict[tuple[int | None, Bin], int]:
    """What earlier runs made by an operator: per cell and bin, or per bin alone where a result stands by itself."""
    made: dict[tuple[int | None, Bin], int] = {}
    for number, (cell, signature) in enumerate(zip(grouping.cells, grouping.owned, strict=True)):
        made.update(
            ((number, bin), count * cell.count)
            for operator, bin, count in signature
            if operator == index and bin is not None
        )
    if index not in stock.bound:
        made.update(Counter((None, each.bin) for each in stock.bought if each.operator == index))
    return made


def _count_pinned(index: int, grouping: Grouping, stock: Stock) -> dict[tuple[int | None, Bin | None], int]:
    """What of an operator's stock is pinned, and the items that it is to take out."""
    pinned: dict[tuple[int | None, Bin | None], int] = {
        (number, bin): count * cell.count
        for number, (cell, signature) in enumerate(zip(grouping.cells, grouping.pinned, strict=True))
        for operator, bin, count in signature
        if operator == index
    }
    if index not in stock.bound:
        pinned.update(Counter((None, each.bin) for each in stock.bought if each.operator == index and each.pinned))
    return pinned


def _used_tries(index: int, grouping: Grouping) -> dict[int, int]:
    """Cell -> how often each of its items was tried by an operator with `max_per_item`."""
    return {
        number: count
        for number, signature in enumerate(grouping.owned)
        for operator, bin, count in signature
        if operator == index and bin is None
    }


def _sure_results(
    operator: Operator, rate: Rate, cells: Sequence[Cell], tried: Mapping[int, int], confidence: float
) -> dict[int, int] | None:
    """What every cell gives almost surely if all of its items are tried, at a rate that is likely exceeded.

    Without it the plan would count on the expected number where no reserve is left, and miss half of such counts.
    """
    if operator.max_per_item is None or rate.beta == 0:
        return None
    careful = beta_quantile((1 - confidence) / 2, rate.alpha, rate.beta)
    left: dict[int, int] = {}  # first cell -> tries of its items and their kin's
    for index, cell in enumerate(cells):
        if cell.count:
            first = index if cell.kin is None else cell.kin
            left[first] = left.get(first, 0) + max(0, operator.max_per_item - tried.get(index, 0)) * cell.count
    doubt = (1 - confidence) / 2 / max(1, sum(cell.kin is None for cell in cells))
    return {index: _sure_of(tries, careful, doubt) for index, tries in left.items()}


def _sure_of(trials: int, rate: float, doubt: float) -> int:
    """The largest count that a binomial reaches with a chance of at least 1 - doubt."""
    low, high = 0, trials
    while low < high:
        middle = (low + high + 1) // 2
        if binomial_tail(middle, trials, rate) >= 1 - doubt:
            low = middle
        else:
            high = middle - 1
    return low


def _build_targets(
    operator: Operator, dimensions: Sequence[Dimension], axes: Sequence[Axis], cells: Sequence[Cell]
) -> Iterator[tuple[Bin, tuple[Bin, ...]]]:
    """Where an anchor or an item of each bin leads. Bins that lead to the same ones share the tuple. A dimension absent
    from `moves` keeps its label; with `anchor = same_topic`, so does every unordered one. What is written anew is not
    flagged, what is repaired is not any longer, and what is moved stays what it was."""
    moves = OPERATOR_KINDS[operator.kind].effect == "move"
    shared: dict[tuple[int | None, ...], tuple[Bin, ...]] = {}
    for bin in dict.fromkeys(cell.bin for cell in cells if cell.count):
        choices = [
            _move_label(operator, dimension, axis, label) if not axis.parts else (0,)  # the others make it
            for dimension, axis, label in zip(dimensions, axes, bin, strict=False)
        ]
        if axes and axes[-1].flag:
            choices.append((bin[-1],) if moves else (CLEAN,))
        signature = tuple(None if len(choice) > 1 else choice[0] if choice else -2 for choice in choices)
        if signature not in shared:
            led = product(*choices) if all(choices) else ()
            shared[signature] = tuple(dict.fromkeys(join_parts(axes, bin) for bin in led))
        if shared[signature]:
            yield bin, shared[signature]


def _move_label(operator: Operator, dimension: Dimension, axis: Axis, label: int) -> tuple[int, ...]:
    move = operator.moves.get(dimension.name)
    stays = operator.options.get("anchor") == SAME_TOPIC and not dimension.ordered
    if move is None or stays:
        return (label,)
    return _moved(move, axis, label)


def _moved(move: Move, axis: Axis, label: int) -> tuple[int, ...]:
    match move.kind:
        case "any":
            return tuple(range(len(axis.labels)))
        case "to":
            return tuple(index for index, name in enumerate(axis.labels) if name in move.labels)
        case "shift":
            moved = label + move.by
            return (moved,) if label >= 0 and 0 <= moved < len(axis.labels) else ()


def _build_limits(program: Program, profile: Profile, estimates: Estimates, paid: Paid) -> Limits:
    constraints, budget = program.constraints, program.budget
    asked = constraints.size
    sizes = None
    if asked.kind == "between" and asked.low is not None and asked.high is not None:
        sizes = (asked.low, asked.high)
    tokens = usd = limit = dollars = None
    if budget is not None:
        available = 1 - float(budget.reserve)
        limit = settle_tokens(budget, estimates, paid)
        limit = None if limit is None else max(0, limit - paid.tokens)
        dollars = None if budget.cost is None else max(Decimal(0), budget.cost - paid.usd)
        tokens = None if limit is None else limit * available
        usd = None if dollars is None else float(dollars) * available
    originals = estimates.originals
    held = 0.0 if limit is None else limit - (tokens or 0.0)
    held_usd = 0.0 if usd is None or dollars is None else float(dollars) - usd
    tokens = None if tokens is None else max(0.0, tokens - originals.tokens)
    usd = None if usd is None else max(0.0, usd - float(originals.usd or 0))
    return Limits(
        size=None if sizes is not None else asked.low if asked.kind == "exact" else profile.size,
        sizes=sizes,
        max_removed=_whole(constraints.max_removed * profile.size, ROUND_FLOOR),
        keep_originals=None
        if constraints.keep_originals is None
        else _whole(constraints.keep_originals * profile.size, ROUND_CEILING),
        distinct=float(constraints.distinct),
        flagged=None if constraints.max_flagged is None else float(constraints.max_flagged),
        tokens=tokens,
        usd=usd,
        reserved_tokens=held,
        reserved_usd=held_usd,
        before_tokens=originals.tokens,
        before_usd=float(originals.usd or 0),
    )


def settle_tokens(budget: Budget, estimates: Estimates, paid: Paid = NOT_PAID) -> int | None:
    """The budget in tokens, what is gone of it included; None without a limit."""
    if paid.limit is not None or budget.tokens_of_full_cost is None:
        return budget.tokens if paid.limit is None else paid.limit
    return int(float(budget.tokens_of_full_cost) * estimates.full_cost_tokens)


def _whole(value: Decimal, rounding: str) -> int:
    return int(value.to_integral_value(rounding))
