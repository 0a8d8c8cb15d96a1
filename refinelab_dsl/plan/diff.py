"""What two saved plans decide differently, by their headers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.ir.diff import Change
from refinelab_dsl.plan.figures import render_divergence, render_share, render_tokens, render_usd


def compare_plans(old: Header, new: Header) -> tuple[Change, ...]:
    """Inputs that changed, then what follows: size, mix, actions, cost, budget, hosts, checks. Figures are compared
    as they are shown: a difference that nobody would see is none."""
    sections = (
        ("inputs", _inputs), ("size", _sizes), ("mix", _mix), ("divergence", _divergence), ("actions", _actions),
        ("cost", _cost), ("budget", _budget), ("hosts", _hosts), ("checks", _checks),
    )  # fmt: skip
    return tuple(
        change
        for kind, figures in sections
        for change in _compare(kind, dict(figures(old)), dict(figures(new)))
    )


def _compare(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for path in dict.fromkeys([*new, *old]):
        before, after = old.get(path), new.get(path)
        if before is None:
            yield Change("added", kind, "", path, None, after)
        elif after is None:
            yield Change("removed", kind, "", path, before, None)
        elif before != after:
            yield Change("changed", kind, "", path, before, after)


def _inputs(header: Header) -> Iterator[tuple[str, str]]:
    yield "refinec", header.compiler
    yield f"spec {header.spec_path}", header.spec_sha256[:12]
    for entry in header.inputs:
        if entry.kind != "spec":
            yield f"{entry.kind} {entry.name}", entry.sha256[:12]
    for name, text in header.variables.items():
        yield f"variable {name}", text


def _sizes(header: Header) -> Iterator[tuple[str, str]]:
    yield "now", f"{header.size_now:,}"
    yield "planned", f"{header.size_planned:,}"


def _mix(header: Header) -> Iterator[tuple[str, str]]:
    for dimension, shares in header.mix.items():
        for label, share in shares.items():
            yield f"{dimension}.{label} now", render_share(share.now)
            yield f"{dimension}.{label} target", render_share(share.target)
            yield f"{dimension}.{label} planned", f"{render_share(share.planned)} ({share.count_planned:,})"


def _divergence(header: Header) -> Iterator[tuple[str, str]]:
    for dimension, values in header.divergence.items():
        yield f"{dimension} planned", render_divergence(values["planned"])


def _actions(header: Header) -> Iterator[tuple[str, str]]:
    """Accepted results and attempts per operator, removals per operator."""
    totals: dict[str, list[int]] = {}
    for action in header.actions:
        total = totals.setdefault(action.operator, [0, 0])
        total[0] += action.count
        total[1] += action.attempts
    for name, (count, attempts) in totals.items():
        yield name, f"{count:,} of {attempts:,} attempts"
    leaving: dict[str, int] = {}
    for removal in header.removals:
        leaving[removal.operator] = leaving.get(removal.operator, 0) + removal.planned
    for name, count in leaving.items():
        yield name, f"{count:,} removed"


def _cost(header: Header) -> Iterator[tuple[str, str]]:
    yield "dollars expected", render_usd(header.usd.expected)
    yield "dollars ceiling", render_usd(header.usd.ceiling, at_most=True)
    yield "tokens expected", render_tokens(header.tokens.expected)
    yield "tokens ceiling", render_tokens(header.tokens.ceiling, at_most=True)


def _budget(header: Header) -> Iterator[tuple[str, str]]:
    if header.budget.usd is not None:
        yield "cost", render_usd(header.budget.usd)
    if header.budget.tokens is not None:
        yield "tokens", render_tokens(header.budget.tokens)


def _hosts(header: Header) -> Iterator[tuple[str, str]]:
    for host in header.hosts:
        yield host, "receives dataset text"
    for host in header.keyword_hosts:
        yield host, "receives keywords"


def _checks(header: Header) -> Iterator[tuple[str, str]]:
    for check in header.checks:
        yield check.title, check.status.replace("_", " ")
