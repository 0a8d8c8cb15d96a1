"""A program as a round of its loop has it: from the second on over items of our own, with the signals of a training."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from refinelab_dsl.data.round import Round, place_dataset
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.catalog import data as data_faults
from refinelab_dsl.diagnostics.catalog import feedback as feedback_faults
from refinelab_dsl.diagnostics.catalog import loop as faults
from refinelab_dsl.ir import Program

_ABSENT: Final = frozenset(
    (constructor.__doc__ or "")[:6] for constructor in (data_faults.file_not_found, data_faults.nothing_matches)
)
_GAPS: Final = frozenset(
    (constructor.__doc__ or "")[:6]
    for constructor in (feedback_faults.items_without_signal, feedback_faults.rows_without_item)
)


def place_round(program: Program, round_: Round) -> Program:
    """The program over the items and the signals of a round."""
    assert program.loop is not None
    signals = program.loop.signals
    datasets = tuple(
        each.model_copy(update={"source": (round_.signals,)}) if each.name == signals else each
        for each in program.datasets
    )
    dataset = program.dataset
    if round_.data is not None:
        dataset = place_dataset(dataset, round_.data, repeat=round_.repeat)
    return program.model_copy(update={"dataset": dataset, "datasets": datasets})


def insist_on_signals(found: Diagnostics) -> Diagnostics:
    """What a command wrote is about the very items that it was given: gaps are errors here."""
    return Diagnostics(
        tuple(replace(each, severity="error") if each.code in _GAPS else each for each in found), found.sources
    )


def explain_missing(program: Program, found: Diagnostics) -> list[Diagnostic]:
    """Where the signals of a loop are not there yet, who writes them."""
    assert program.loop is not None
    missing = f"dataset.{program.loop.signals}"
    spans = [span for name, span in program.origins.items() if name == missing or name.startswith(f"{missing}.")]
    absent = any(each.code in _ABSENT and each.span in spans for each in found)
    return [faults.signals_from_loop(program.loop.signals, program.loop.command)] if absent else []
