"""A comparison as a picture: divergence against budget, a line for each strategy. The one place that imports
matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from typing import Any

from refinelab_dsl.plan.comparison import Comparison

FORMATS = ("svg", "png")
_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_STYLES = ("-", "--", ":", "-.")


def is_installed() -> bool:
    return find_spec("matplotlib") is not None


def draw_comparison(comparison: Comparison, kind: str) -> bytes:
    """kind: `svg` or `png`. The bytes are those of the figures alone: no date, no random name."""
    import matplotlib
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {"svg.hashsalt": "refinec", "svg.fonttype": "none", "font.family": "DejaVu Sans"}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(7.0, 4.2), layout="constrained")
        axes = figure.subplots()
        budgets = list(dict.fromkeys(each.budget for each in comparison.contests))
        variants = list(dict.fromkeys(each.without for each in comparison.contests))
        strategies = list(dict.fromkeys(each.strategy for each in comparison.contests))
        for style, without in enumerate(variants):
            for mark, strategy in enumerate(strategies):
                places, values = _line(comparison, strategy, without, budgets)
                axes.plot(
                    places, values, color=f"C{mark}", marker=_MARKS[mark % len(_MARKS)],
                    linestyle=_STYLES[style % len(_STYLES)],
                    label=strategy if without is None else f"{strategy} without {without}",
                )  # fmt: skip
        axes.set_xticks(range(len(budgets)), budgets)
        axes.set_xlabel("budget (shares of what joint spends without a limit)")
        axes.set_ylabel("weighted divergence (JSD, bits)")
        axes.set_ylim(bottom=0.0)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
        stream = BytesIO()
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(stream, format=kind, metadata=metadata, dpi=150)
    return stream.getvalue()


def _line(
    comparison: Comparison, strategy: str, without: str | None, budgets: Sequence[str]
) -> tuple[list[int], list[float]]:
    found = {
        each.budget: each.objective
        for each in comparison.contests
        if (each.strategy, each.without) == (strategy, without)
    }
    points = [(place, found[budget]) for place, budget in enumerate(budgets) if found[budget] is not None]
    return [place for place, _ in points], [value for _, value in points if value is not None]
