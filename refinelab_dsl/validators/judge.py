"""A judge as a check: a result is compared with the item that it was made of, or graded where it was written anew.

With `accept` that alone decides, over the grades of the result and what it is. Without it a result passes that is not
worse than the original, or, alone, whose mean grade is `PASS_MARK` or more. Where no reply can be read, nothing passes.
"""

from __future__ import annotations

from typing import Final

from refinelab_dsl.artifacts.provenance import Scalar
from refinelab_dsl.builtins import JUDGING, PASS_MARK
from refinelab_dsl.declarations import Validator
from refinelab_dsl.effects import Program
from refinelab_dsl.questions import Questions
from refinelab_dsl.validators import expression
from refinelab_dsl.validators.judging import Comparison, Grades, compare_items, grade_item
from refinelab_dsl.validators.verdict import Hearing, Result, Surroundings, ValidatorKind, Verdict

_NAMES: Final = {"previous": "original", "refined": "result", "tie": "tie", None: "none"}


def hear(validator: Validator, result: Result, questions: Questions, *, alone: bool) -> Program[Hearing]:
    """Asks the judge. alone: nothing is there that the result could be compared with."""
    judge = questions.context.judges[str(validator.options["judge"])]
    if alone:
        grades = yield from grade_item(judge, result.item, questions)
        return Hearing(None, grades, {}, is_readable=bool(grades), is_alone=True)
    found = yield from compare_items(judge, result.parent, result.item, questions)
    return Hearing(
        found.preferred, found.refined, found.previous, _count_places(found),
        is_readable=found.preferred is not None,
    )  # fmt: skip


def judge_hearing(validator: Validator, result: Result, surroundings: Surroundings, heard: Hearing) -> Verdict:
    """The verdict that follows from what a judge said."""
    values: dict[str, Scalar] = dict(heard.grades)
    score = _mean(heard.grades)
    if score is not None:
        values["score"] = score
    if heard.previous:
        values["original"] = _mean(heard.previous)
    if not heard.is_alone:
        values["preferred"] = _NAMES[heard.preferred]
    values |= heard.places
    if not heard.is_readable:
        return Verdict(False, "no verdict of the judge could be read", values)
    if validator.accept is not None and score is not None:
        verdict = expression.accept(validator, result, surroundings, {"score": score, **heard.grades})
        reason = verdict.reason or f"the judge does not accept it: {_spell(heard)}"
        return Verdict(True, values=values) if verdict.accept else Verdict(False, reason, values)
    if heard.is_alone:
        if score is not None and score >= PASS_MARK:
            return Verdict(True, values=values)
        return Verdict(False, f"its mean grade is below {PASS_MARK}: {_spell(heard)}", values)
    if heard.preferred != "previous":
        return Verdict(True, values=values)
    grades = f": {_spell(heard)}" if heard.grades else ""
    return Verdict(False, f"the judge prefers what it was made of{grades}", values)


def _spell(heard: Hearing) -> str:
    """`accuracy 4 (5.5), clarity 7 (7)`: the grades, in brackets those of the original."""
    return ", ".join(
        f"{name} {grade:g} ({heard.previous[name]:g})" if name in heard.previous else f"{name} {grade:g}"
        for name, grade in heard.grades.items()
    )


def _mean(grades: Grades) -> float | None:
    return round(sum(grades.values()) / len(grades), 4) if grades else None


def _count_places(found: Comparison) -> dict[str, int]:
    """How often opinions name what is shown first, of those that name either; ballots that went with the order."""
    named = [each.named_first for each in found.opinions if each.named_first is not None]
    places = {"first_named": sum(named), "named": len(named)} if named else {}
    return places | ({"flips": found.flips} if found.flips else {})


KIND: Final = ValidatorKind(JUDGING.name, hear=hear)
