"""Loops: what a command is given, which signals come back, and what cannot go round."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.measures.recorded import FEEDBACK
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.rounds import find_loop_signals

PLACES: Final = ("{data}", "{signals}")


def check_loop(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """The command reads the items and writes one table of signals; what is written is read again by the next round."""
    draft = bindings.draft
    loop = draft.one("loop")
    if loop is None:
        return
    command = loop.get("command") or ()
    for place in PLACES if command else ():
        if not any(place in argument for argument in command):
            yield faults.command_without_place(loop.span("command"), place)
    signals = find_loop_signals(draft, loop)
    if len(signals) != 1 and not loop.is_broken("signals"):
        yield faults.loop_signals_unclear(loop.block.header_span, signals)
    solve = draft.one("solve")
    if solve is not None and isinstance(solve.get("replan"), Decimal):
        yield faults.loop_with_replan(solve.span("replan"), loop.block.header_span)
    for output in draft.all("output"):
        if output.get("layout") == "source" and output.get("format") not in ("sft", "preference"):
            at = output.span("layout") if "layout" in output.written else output.block.header_span
            yield faults.loop_output_layout(at, output.title)
    for measure in draft.all("measure"):
        row = measure.measure
        if row is not None and row.paid and measure.get(FEEDBACK) is None:
            yield faults.loop_measure_asked(measure.block.header_span, measure.title, row.name)
