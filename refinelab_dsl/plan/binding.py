"""What binds, in the user's words: each limit that the plan runs into, its line, and what one unit more of it buys."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from refinelab_dsl.ir import Program
from refinelab_dsl.plan.figures import count_of, render_tokens, render_usd
from refinelab_dsl.solve.limits import origin_of
from refinelab_dsl.solve.problem import Assignment, Problem, Worth
from refinelab_dsl.source import Sources, Span

_CENTS = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Binding:
    """One limit that binds.

    constraint: as a user names it. file, line: where it stands, None for a default. worth: the sentence about `step`:
    items, a share, tokens or dollars. divergence: what the objective changes by; None where a label cannot be filled
    any further. tokens, usd: what the expected cost changes by.
    """

    constraint: str
    file: str | None
    line: int | None
    worth: str
    step: float
    divergence: float | None
    tokens: int
    usd: Decimal

    @property
    def title(self) -> str:
        """`budget.tokens (line 44)`."""
        return f"{self.constraint} ({'default' if self.line is None else f'line {self.line}'})"


def describe_binding(
    program: Program, problem: Problem, assignment: Assignment, sources: Sources
) -> tuple[Binding, ...]:
    """The duals of an assignment, in their order."""
    return tuple(_describe(program, problem, worth, sources) for worth in assignment.duals.values())


def _describe(program: Program, problem: Problem, worth: Worth, sources: Sources) -> Binding:
    kind, _, subject = worth.limit.partition(":")
    if kind == "target":
        dimension, _, label = subject.partition(":")
        name, sentence = f"{dimension}.{label}", _describe_label(worth)
        span = _find(program, f"dimension.{dimension}.target.{label}", f"dimension.{dimension}.target")
    else:
        name = f"{subject}.{kind}" if subject else kind
        sentence = f"{_describe_step(problem, kind, worth)} {_describe_gain(worth)}"
        span = _find(program, origin_of(worth.limit))
    source = None if span is None else sources.get(span.file)
    return Binding(
        constraint=name,
        file=None if span is None else span.file,
        line=None if span is None or source is None else source.position(span.start).line,
        worth=sentence,
        step=worth.step,
        divergence=worth.divergence,
        tokens=round(worth.tokens),
        usd=Decimal(repr(float(worth.usd))).quantize(_CENTS, ROUND_HALF_EVEN),
    )


def _find(program: Program, *names: str) -> Span | None:
    return next((program.origins[name] for name in names if name in program.origins), None)


def _describe_step(problem: Problem, kind: str, worth: Worth) -> str:
    """The change as the subject of a sentence: `10k more tokens`, `one point less (30 items)`."""
    items = count_of(abs(round(worth.step)), "item")
    size = sum(cell.count for cell in problem.cells)
    point = f"one point {{}} ({items})" if size >= 100 else f"{items} {{}}"
    match kind:
        case "budget.tokens":
            return f"{render_tokens(worth.step)} more tokens"
        case "budget.cost" | "max_cost":
            return f"{render_usd(Decimal(repr(worth.step)))} more"
        case "size":
            return f"{items} {'more' if worth.step > 0 else 'fewer'}"
        case "max_removed":
            return point.format("more")
        case "keep_originals":
            return point.format("less")
        case "distinct":
            return "one point less"
        case "tolerance" | "max_flagged":
            return "one point more"
        case "floor":
            return "one item less for each label"
        case _:
            return "leaving it out"


def _describe_gain(worth: Worth) -> str:
    is_plural = worth.limit == "budget.tokens" or (worth.limit == "size" and abs(worth.step) > 1)
    lowers = "lower" if is_plural else "lowers"
    if worth.divergence:
        return f"{lowers} the divergence by about {_render_difference(-worth.divergence)}"
    return f"saves about {_render_cost(-worth.tokens, -worth.usd)}"


def _describe_label(worth: Worth) -> str:
    short = f"{count_of(max(1, round(worth.short)), 'item')} short of its target"
    if worth.divergence is None:
        return f"{short}; no more of it can be had, whatever the budget, without losing at another label"
    more = f"{count_of(round(worth.step), 'item')} more {'costs' if worth.step == 1 else 'cost'}"
    return f"{short}; {more} about {_render_cost(worth.tokens, worth.usd)}"


def _render_cost(tokens: float, usd: float) -> str:
    """`$0.02 / 1.2k tokens`; dollars are left out where nothing has a price."""
    exact = Decimal(repr(float(usd))).quantize(_CENTS, ROUND_HALF_EVEN)
    dollars = f"{render_usd(exact)} / " if exact else ""
    return f"{dollars}{render_tokens(round(tokens))} tokens"


def _render_difference(value: float) -> str:
    """Two figures, never in powers of ten: `0.0022`, `0.000056`."""
    exact = Decimal(repr(value))
    return f"{exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), ROUND_HALF_EVEN).normalize():f}"
