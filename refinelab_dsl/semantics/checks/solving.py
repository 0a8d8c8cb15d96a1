"""How the allocation is decided: what only some strategies know."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.semantics.bindings import Bindings


def check_solving(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """`static` is `greedy`'s; `relax` is of those that solve a program; `replan` is a share of a budget."""
    solve = bindings.draft.one("solve")
    if (
        solve is not None and isinstance(solve.get("replan"), Decimal) and bindings.draft.one("budget") is None
        and not any(kind == "budget" for kind, _ in bindings.broken)
    ):
        because = "there is no budget of which it could be a share; `budget { … }` declares one"
        yield faults.no_effect(solve.span("replan"), "replan", solve.title, because)
    if solve is None or solve.is_broken("strategy"):
        return
    strategy = solve.get("strategy")
    if solve.get("static") and strategy != "greedy":
        because = f"strategy `{strategy}` has no gains of the start; it is for `strategy = greedy`"
        yield faults.no_effect(solve.span("static"), "static", solve.title, because)
    if solve.get("relax") and strategy in ("greedy", "uniform"):
        because = f"strategy `{strategy}` solves no program; it is for `strategy = joint` and `strategy = additive`"
        yield faults.no_effect(solve.span("relax"), "relax", solve.title, because)
