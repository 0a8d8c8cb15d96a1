"""RF227x: loops."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help, Label
from refinelab_dsl.diagnostics.wording import error, listed
from refinelab_dsl.source import Span


def command_without_place(span: Span, place: str) -> Diagnostic:
    """RF2270: the command of a loop is not told where the items are, or where signals go.

    Wrong: `command = ["./train.sh"]`. Right: `command = ["./train.sh", "{data}", "{signals}"]`.
    """
    what = "where the items stand" if place == "{data}" else "where signals are to be written"
    return error(
        "RF2270", f"the command is not told {what}: no argument has `{place}`", span, f"`{place}` is missing",
        (Help(f"add `\"{place}\"` where the command takes the path; the path itself takes its place"),),
    )  # fmt: skip


def loop_signals_unclear(span: Span, read: Sequence[str]) -> Diagnostic:
    """RF2271: it is not clear which signals the command of a loop writes.

    Wrong: a loop without a measure of kind `loss`, `knn` or `self_judge`. Right: one, or `signals = feedback`.
    """
    if read:
        message = f"the loop's command writes one table of signals, and measures read several: {listed(read)}"
        helps = (Help("name the one that it writes: `signals = …`; the others stay as they are"),)
    else:
        message = "no measure reads what the loop's command writes"
        helps = (Help("declare a measure of kind `loss`, `knn` or `self_judge` with `signals = …`"),)
    return error("RF2271", message, span, "which signals?", helps)


def loop_with_replan(span: Span, loop: Span) -> Diagnostic:
    """RF2272: `replan` beside a loop, which plans again after every round anyway."""
    return error(
        "RF2272", "`replan` does not go with a loop, which plans again after every round", span, "solves again",
        (Help("leave it out: what is left of the budget is planned with the signals of the next round"),),
        labels=(Label(loop, "plans round by round"),),
    )  # fmt: skip


def loop_output_layout(span: Span, output: str) -> Diagnostic:
    """RF2273: an output of a loop in its source's layout: after the first round the items come from no source file.

    Wrong: `output refined { path = "out/items.jsonl" }` beside a loop. Right: with `layout = task`.
    """
    return error(
        "RF2273", f"{output} is written as the source is laid out, which a loop's later rounds do not know", span,
        "in the layout of the source", (Help("write `layout = task`"),),
    )  # fmt: skip


def loop_measure_asked(span: Span, measure: str, kind: str) -> Diagnostic:
    """RF2274: a measure that a pilot learns from a model, in a loop: of what a round wrote nothing would be learnt.

    Wrong: `self_judge` with `model` beside a loop. Right: with `signals`, in which the command writes the grades.
    """
    return error(
        "RF2274", f"{measure} asks a model, which a loop does not do between its rounds", span, "learnt by a pilot",
        (Help("let the command measure it, and read it as signals" if kind == "self_judge" else
              "leave it out, or refine by it before the loop, in a spec of its own"),),
    )  # fmt: skip
