"""Renders a saved plan as text, as markdown for a pull request, and as JSON, and what a run came to as text.

Layout stands in `templates/*.j2`, figures in `plan.figures`, what is shown in `plan.view`; here lines are aligned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from refinelab_dsl.artifacts.plan import Amount, Header
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.display import width as width_of
from refinelab_dsl.diagnostics.render import render_json as render_diagnostics
from refinelab_dsl.plan.batches import list_batched
from refinelab_dsl.plan.layout import NARROWEST, align_table, load_template
from refinelab_dsl.plan.view import LoadedPlan, Mix, Shown, View, build_view

__all__ = ["Shown", "render_json", "render_markdown", "render_text"]

FORMAT_VERSION = "1.0"
MARKDOWN_LIMIT = 60_000  # characters; GitHub takes 65 536


def render_text(plan: LoadedPlan, shown: Shown | None = None, *, width: int = 100) -> str:
    """The plan for a terminal of `width` columns, ending in a newline. Stable: no colour, no clock."""
    view = build_view(plan, shown or Shown())
    room = max(width, NARROWEST)
    return load_template("templates/plan.txt.j2", room).render(
        view=view,
        mix=_mix_lines(view.mix, room),
        divergence=_divergence_lines(view, room),
        actions=_action_lines(view, room),
        costs=_cost_lines(view, room),
        totals=_total_lines(view, room),
        frontier=_frontier_lines(view, room),
        checks=_check_lines(view, room),
    )


def render_markdown(plan: LoadedPlan, shown: Shown | None = None) -> str:
    """The plan as a pull request's comment, under 60 000 characters: hidden tag, headline, then what can be unfolded.

    What is too long for one comment is left out, longest part first, and said to be.
    """
    view = build_view(plan, shown or Shown())
    template = load_template("templates/plan.md.j2")
    text = template.render(view=view, omitted=())
    sizes = {"mix": view.mix, "actions": view.actions, "checks": view.checks, "notes": view.notes}
    longest_first = sorted(sizes, key=lambda name: -len(repr(sizes[name])))
    for number in range(1, len(longest_first) + 1):
        if len(text) <= MARKDOWN_LIMIT:
            break
        omitted = longest_first[:number]
        shorter = replace(
            view,
            mix=() if "mix" in omitted else view.mix,
            actions=() if "actions" in omitted else view.actions,
            checks=() if "checks" in omitted else view.checks,
            notes=() if "notes" in omitted else view.notes,
        )
        text = template.render(view=shorter, omitted=omitted)
    return text if len(text) <= MARKDOWN_LIMIT else text[: MARKDOWN_LIMIT - 1] + "\n"


def render_json(plan: LoadedPlan, shown: Shown | None = None) -> dict[str, Any]:
    """The plan as JSON values. Counts are integers, shares numbers in [0, 1], money decimal strings in dollars.

    Format 1.0: within a major version keys are only added.
    """
    shown = shown or Shown()
    header = plan.header
    return {
        "format_version": FORMAT_VERSION,
        "plan_id": plan.plan_id,
        "spec": header.spec,
        "size": {"now": header.size_now, "planned": header.size_planned},
        "mix": {
            dimension: {
                label: {
                    "now": share.now,
                    "target": share.target,
                    "planned": share.planned,
                    "count_now": share.count_now,
                    "count_planned": share.count_planned,
                }
                for label, share in shares.items()
            }
            for dimension, shares in header.mix.items()
        },
        "divergence": header.divergence,
        "actions": _action_entries(header),
        **(
            {"originals": {name: found.model_dump(mode="json") for name, found in header.originals.items()}}
            if header.originals
            else {}
        ),
        "cost": {"tokens": _amount(header.tokens, money=False), "usd": _amount(header.usd, money=True)},
        "budget": {
            "tokens": header.budget.tokens,
            "usd": _decimal(header.budget.usd),
            "spent": _decimal(header.budget.spent),
            "spent_tokens": header.budget.spent_tokens,
            "reserve": {"tokens": header.budget.reserve_tokens, "usd": _decimal(header.budget.reserve_usd)},
            "luck": {"tokens": header.budget.luck_tokens, "usd": _decimal(header.budget.luck_usd)},
        },
        "solver": {
            "name": shown.solver,
            "strategy": header.solution.strategy,
            "status": header.solution.status,
            "objective": header.solution.objective,
            "bound": header.solution.bound,
            "gap": header.solution.gap,
            "seconds": shown.seconds,
        },
        "checks": [check.model_dump() for check in header.checks],
        "diagnostics": render_diagnostics(shown.diagnostics)["diagnostics"],
        "envelope": None if header.envelope is None else header.envelope.model_dump(mode="json"),
        "distinct": header.distinct,
        **({"batch": batched} if (batched := _batch_entries(header)) else {}),
        **({} if header.flagged is None else {"flagged": header.flagged.model_dump()}),
        "chance": header.chance,
        "hosts": list(header.hosts),
        **({"keyword_hosts": list(header.keyword_hosts)} if header.keyword_hosts else {}),
        "simulated": any(model.provider == "simulated" for model in header.models),
        "cached": None if shown.cached is None else dict(sorted(shown.cached.items())),
        "stale": list(shown.stale),
        "applied_as": shown.applied_as,
        "locked": shown.locked,
        "inventory": None if header.inventory is None else header.inventory.model_dump(mode="json"),
        **({} if header.decisions is None else {"decisions": header.decisions.model_dump(mode="json")}),
        "notes": list(header.notes),
        "binding": [
            {
                "constraint": limit.constraint,
                "file": limit.file,
                "line": limit.line,
                "worth": limit.worth,
                "step": limit.step,
                "divergence": limit.divergence,
                "tokens": limit.tokens,
                "usd": _decimal(limit.usd),
            }
            for limit in shown.binding
        ],
        "frontier": [
            {
                "tokens": row.tokens,
                "usd": _decimal(row.usd),
                "objective": row.objective,
                "divergence": dict(row.divergence),
                "own": row.own,
            }
            for row in shown.frontier
        ],
    }


def _mix_lines(mix: Sequence[Mix], room: int) -> list[str]:
    rows = [("Mix", "", "now", "target", "plan", "rows")]
    for each in mix:
        name = f"  {escape(each.dimension)}"
        for row in each.rows:
            rows.append((name, escape(row.label), row.now, row.target, row.planned, row.rows))
            name = ""
        if each.hidden:
            rows.append((name, f"… {each.hidden:,} more", "", "", "", ""))
    return align_table(rows, "<<>>>>", room=room, flexible=1, gap=2)


def _divergence_lines(view: View, room: int) -> str:
    """Several dimensions on a line, none of them broken."""
    first = "  divergence (JSD)"
    lines = [first]
    for name, now, planned in view.divergence:
        entry = f"   {escape(name)} {now} -> {planned}"
        if lines[-1] != first and width_of(lines[-1]) + width_of(entry) > room:
            lines.append(" " * len(first))
        lines[-1] += entry
    return "\n".join(lines)


def _action_lines(view: View, room: int) -> list[str]:
    rows = [("Actions", "", "rows", "earlier", "attempts", "success")]
    rows += [
        (
            f"  {row.sign} {escape(row.operator)}",
            escape(row.move),
            row.rows,
            row.earlier,
            row.attempts,
            row.success,
        )
        for row in view.actions
    ]
    if view.inventory is None:
        return align_table([(*row[:3], *row[4:]) for row in rows], "<<>>>", room=room, flexible=1)
    return align_table(rows, "<<>>>>", room=room, flexible=1)


def _cost_lines(view: View, room: int) -> list[str]:
    rows = [("Cost", "calls", "cached", "tokens in / out", "model (price date)", "cost")]
    rows += [
        (
            f"  {escape(row.operator)}",
            row.calls,
            row.cached,
            row.tokens,
            escape(row.model),
            row.cost,
        )
        for row in view.costs
    ]
    return align_table(rows, "<>>><>", room=room, flexible=4)


def _total_lines(view: View, room: int) -> list[str]:
    rows = [
        (
            f"  {name}",
            total.expected,
            f"90% {total.interval}" if total.interval else "",
            f"ceiling {total.ceiling}",
            f"full cost C {total.full}" if total.full else "",
        )
        for name, total in (("expected", view.usd), ("tokens", view.tokens))
    ]
    lines = align_table(rows, "<<<<<", room=10**6, flexible=4)
    if max(map(width_of, lines)) > room:  # C is the least of these figures
        lines = align_table([row[:4] for row in rows], "<<<<", room=room, flexible=2)
    return lines


def _frontier_lines(view: View, room: int) -> list[str]:
    if not view.frontier:
        return []
    header, *rows = view.frontier
    lines = [("Frontier", *map(escape, header[1:]))]
    lines += [(f"  {mark}", *cells) for mark, *cells in rows]
    return align_table(lines, "<" + ">" * (len(header) - 1), room=room, flexible=0)


def _check_lines(view: View, room: int) -> list[str]:
    rows = [(f"  {check.status.replace('_', ' ')}", escape(check.title), escape(check.value)) for check in view.checks]
    return align_table(rows, "<<<", room=room, flexible=2) if rows else []


def _batch_entries(header: Header) -> list[dict[str, Any]]:
    return [
        {"model": each.model, "price_share": float(each.share), "rounds": each.rounds, "rehearsed": each.rehearsed}
        for each in list_batched(header)
    ]


def _action_entries(header: Header) -> list[dict[str, Any]]:
    actions: list[dict[str, Any]] = [
        {
            "operator": action.operator,
            "kind": action.kind,
            "from": action.from_,
            "to": action.to,
            "accepted": action.count,
            "attempts": action.attempts,
            "success": action.success.model_dump(),
            "earlier": action.stock,
        }
        for action in header.actions
    ]
    kinds = {operator.name: operator.kind for operator in header.operators}
    removals = [
        {
            "operator": removal.operator,
            "kind": kinds[removal.operator],
            "from": removal.from_,
            "to": {},
            "accepted": removal.planned,
            "attempts": 0,
            "success": None,
            "earlier": 0,
        }
        for removal in header.removals
    ]
    return actions + removals


def _amount(amount: Amount, *, money: bool) -> dict[str, Any]:
    values = {name: getattr(amount, name) for name in ("expected", "low", "high", "ceiling", "full")}
    return {
        name: value if value is None else (_decimal(value) if money else int(value)) for name, value in values.items()
    }


def _decimal(value: Any) -> str | None:
    return None if value is None else format(value.normalize(), "f")
