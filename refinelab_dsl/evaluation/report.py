"""An evaluation as JSON and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refinelab_dsl.diagnostics.display import escape, width
from refinelab_dsl.evaluation.score import Consistency, ModelScore, SetScore, compare_styles


@dataclass(frozen=True)
class Evaluation:
    """sets: `original`, and `refined` where there is a run -> style -> score. target: what was evaluated, as named.

    unanswered: of the refined set, items by origin that nothing was recorded of. notes: of reading the answers.
    """

    target: str
    confidence: float
    sets: Mapping[str, Mapping[str, SetScore]]
    unanswered: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def compare_sets(self, style: str) -> Consistency | None:
        """Whether models rank on the refined set as on the original; None without a refined one."""
        if len(self.sets) < 2:
            return None
        return compare_styles({name: scores[style] for name, scores in self.sets.items()})


def dump_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """The members of the JSON document; shares and correlations are numbers, None where nothing is known."""
    styles = next(iter(evaluation.sets.values()))
    return {
        "target": evaluation.target,
        "confidence": evaluation.confidence,
        "sets": {
            name: {
                "styles": {style: _dump_set(score) for style, score in scores.items()},
                "consistency": _dump_consistency(compare_styles(scores)),
            }
            for name, scores in evaluation.sets.items()
        },
        "original_and_refined": {
            style: None if (found := evaluation.compare_sets(style)) is None else _dump_consistency(found)
            for style in styles
        },
        "unanswered": dict(evaluation.unanswered),
        "notes": list(evaluation.notes),
    }


def render_evaluation(evaluation: Evaluation) -> str:
    """A table per style, sets side by side, and what the order of the models is worth."""
    lines = [f"  evaluated  {escape(evaluation.target)}   intervals at {evaluation.confidence:.0%}"]
    names = list(evaluation.sets)
    styles = list(next(iter(evaluation.sets.values())))
    for style in styles:
        scores = [evaluation.sets[name][style] for name in names]
        lines += ["", *_render_style(style, names, scores)]
        agreement = evaluation.compare_sets(style)
        if agreement is not None and agreement.w is not None:
            lines.append(f"  order of the models on both sets: Kendall's W {agreement.w:.3f}")
    if len(styles) > 1:
        lines += ["", f"Order of the models over {len(styles)} styles"]
        for name in names:
            found = compare_styles(evaluation.sets[name])
            w = "unknown" if found.w is None else f"{found.w:.3f}"
            points = "" if found.range is None else f"   a model's accuracy varies by {100 * found.range:.1f} points"
            lines.append(f"  {name:<10}  Kendall's W {w}{points}")
    lines += [""] if evaluation.unanswered or evaluation.notes else []
    if evaluation.unanswered:
        listed = ", ".join(f"{count:,} {origin}" for origin, count in evaluation.unanswered.items())
        lines.append(f"  without recorded answers: {listed}; they are in no figure")
    lines += [f"  {escape(note)}" for note in evaluation.notes]
    return "\n".join(lines) + "\n"


def _render_style(style: str, names: Sequence[str], scores: Sequence[SetScore]) -> list[str]:
    heads = [f"{name} ({score.answered:,} of {score.items:,})" for name, score in zip(names, scores, strict=True)]
    rows = [["", *heads]]
    models = [score.model for score in scores[0].models]
    order = sorted(models, key=lambda model: -scores[-1].shares.get(model, -1.0))
    by_model = [{each.model: each for each in score.models} for score in scores]
    rows += [[escape(model), *(_describe(of_set[model]) for of_set in by_model)] for model in order]
    figures = (
        ("spread", [_points(score.spread) for score in scores]),
        ("deviation", [_points(score.deviation) for score in scores]),
        ("discrimination", [_correlation(score) for score in scores]),
        ("solved by all", [f"{score.solved:,}" for score in scores]),
        ("solved by none", [f"{score.unsolved:,}" for score in scores]),
    )
    rows += [[name, *values] for name, values in figures]
    widths = [max(width(row[at]) for row in rows) for at in range(len(rows[0]))]
    body = [
        "  " + "   ".join(cell + " " * (room - width(cell)) for cell, room in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [f"Accuracy, {escape(style)}", *body]


def _describe(score: ModelScore) -> str:
    if score.share is None:
        return "no answer"
    return f"{score.share:6.1%}  ({score.low:.1%} to {score.high:.1%})"


def _points(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} points"


def _correlation(score: SetScore) -> str:
    if score.discrimination is None:
        return "unknown"
    return f"{score.discrimination:.3f}  over {score.judged:,} items"


def _dump_set(score: SetScore) -> dict[str, Any]:
    return {
        "items": score.items,
        "answered": score.answered,
        "models": {
            each.model: {
                "right": each.right, "answered": each.answered, "share": each.share, "low": each.low,
                "high": each.high,
            }
            for each in score.models
        },
        "spread": score.spread,
        "deviation": score.deviation,
        "discrimination": score.discrimination,
        "judged": score.judged,
        "solved": score.solved,
        "unsolved": score.unsolved,
    }  # fmt: skip


def _dump_consistency(found: Consistency) -> dict[str, Any]:
    return {"styles": list(found.styles), "models": list(found.models), "w": found.w, "range": found.range}
