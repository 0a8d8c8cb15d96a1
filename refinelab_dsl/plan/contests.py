"""A comparison of strategies as text, markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.markdown import code_span
from refinelab_dsl.plan.comparison import Comparison, Contest
from refinelab_dsl.plan.figures import render_divergence, render_share, render_tokens, render_usd
from refinelab_dsl.plan.layout import align_table

FORMAT_VERSION = "1.0"


def render_json(comparison: Comparison, spec: str) -> dict[str, Any]:
    """`{"format_version", "spec", "full": {tokens, usd}, "now": {"divergence"}, "results": [{strategy, budget,
    limit: {tokens, usd}, without, status, objective, bound, divergence, tokens, usd, distinct, flagged, size,
    seconds}]}`.

    One result for each strategy, budget and operator left out (`without`, null for none). `budget` is as written,
    `limit` what it comes to in expected spending, null where not limited; a `divergence` is `{dimension: bits}`;
    money is a decimal string in dollars, null where a price is unknown; `distinct` and `flagged` (null where nothing
    is under suspicion) are shares. Where `status` is infeasible, stopped or failed, every figure after it
    is null.
    """
    return {
        "format_version": FORMAT_VERSION,
        "spec": spec,
        "full": {"tokens": comparison.full_tokens, "usd": _decimal(comparison.full_usd)},
        "now": {"divergence": dict(comparison.now), "flagged": comparison.flagged},
        "results": [
            {
                "strategy": each.strategy,
                "budget": each.budget,
                "limit": {"tokens": each.limit_tokens, "usd": _decimal(each.limit_usd)},
                "without": each.without,
                "status": each.status,
                "objective": each.objective,
                "bound": each.bound,
                "divergence": None if each.divergence is None else dict(each.divergence),
                "tokens": each.tokens,
                "usd": _decimal(each.usd),
                "distinct": each.distinct,
                "flagged": each.flagged,
                "size": each.size,
                "seconds": each.seconds,
            }
            for each in comparison.contests
        ],
    }


def render_text(comparison: Comparison, room: int) -> str:
    """The objective as a table of strategies by budgets, then every figure. `room`: columns of the terminal."""
    lines = [f"  budgets   {_describe_full(comparison)}", ""]
    for without in _list_variants(comparison):
        lines += align_table(
            [[escape(cell) for cell in row] for row in _matrix(comparison, without)],
            "<" + ">" * len(_list_budgets(comparison)), room=room, flexible=0,
        )  # fmt: skip
        lines.append("")
    rows = [[escape(cell) for cell in row] for row in _details(comparison)]
    lines += align_table(rows, "<<" + ">" * (len(rows[0]) - 2), room=room, flexible=0)
    return "\n".join(lines) + "\n"


def render_markdown(comparison: Comparison) -> str:
    """The same tables for a page or a comment."""
    parts = [f"Budgets: {_describe_full(comparison)}.", ""]
    for without in _list_variants(comparison):
        parts += [*_markdown_table(_matrix(comparison, without), texts=1), ""]
    parts += ["<details><summary>every figure</summary>", ""]
    parts += [*_markdown_table(list(_details(comparison)), texts=2), "", "</details>"]
    return "\n".join(parts) + "\n"


def _describe_full(comparison: Comparison) -> str:
    spent = f"{render_tokens(comparison.full_tokens)} tokens"
    if comparison.full_usd is not None:
        spent += f", {render_usd(comparison.full_usd)}"
    return f"shares are of what joint spends without a limit: {spent}"


def _list_budgets(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(each.budget for each in comparison.contests))


def _list_variants(comparison: Comparison) -> list[str | None]:
    return list(dict.fromkeys(each.without for each in comparison.contests))


def _matrix(comparison: Comparison, without: str | None) -> list[list[str]]:
    budgets = _list_budgets(comparison)
    found = {(each.strategy, each.budget): each for each in comparison.contests if each.without == without}
    title = "Objective" if without is None else f"without {without}"
    strategies = dict.fromkeys(strategy for strategy, _ in found)
    return [
        [title, *budgets],
        *([f"  {strategy}", *(_value(found[strategy, budget]) for budget in budgets)] for strategy in strategies),
    ]


def _value(contest: Contest) -> str:
    if contest.objective is None:
        return contest.status
    return "<0.0001" if 0 < contest.objective < 0.00005 else f"{contest.objective:.4f}"


def _details(comparison: Comparison) -> Iterator[list[str]]:
    """A column for flagged items only where something is."""
    flags = [] if comparison.flagged is None else ["flagged"]
    yield ["Strategy", "budget", "objective", *comparison.now, *flags, "tokens", "cost", "distinct", "rows"]
    now = [*map(render_divergence, comparison.now.values()), *(render_share(comparison.flagged) for _ in flags)]
    yield ["  now", "", "", *now, "", "", "", ""]
    for each in comparison.contests:
        name = each.strategy if each.without is None else f"{each.strategy} without {each.without}"
        if each.divergence is None:
            yield [f"  {name}", each.budget, each.status, *("-" for _ in now), "-", "-", "-", "-"]
            continue
        yield [
            f"  {name}",
            each.budget,
            _value(each),
            *(render_divergence(each.divergence[dimension]) for dimension in comparison.now),
            *(render_share(each.flagged) for _ in flags),
            render_tokens(each.tokens),
            render_usd(each.usd),
            render_share(each.distinct),
            f"{each.size:,}",
        ]


def _markdown_table(rows: Sequence[Sequence[str]], texts: int) -> Iterator[str]:
    """texts: how many columns are aligned to the left."""
    header, *body = rows
    yield "| " + " | ".join(code_span(cell) if cell.strip() else " " for cell in header) + " |"
    yield "|" + "---|" * texts + "---:|" * (len(header) - texts)
    for row in body:
        yield "| " + " | ".join(code_span(cell.strip()) if cell.strip() else " " for cell in row) + " |"


def _decimal(value: object) -> str | None:
    return None if value is None else f"{value:f}"
