"""What judges are asked for: to compare the answers of a `refine`, or as checks of other operators."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl.builtins import JudgeRole
from refinelab_dsl.semantics.draft import Declared, Draft


def find_roles(draft: Draft, judge: Declared) -> dict[JudgeRole, Declared]:
    """What a judge is shown, each with the first operator for which it is."""
    roles: dict[JudgeRole, Declared] = {}
    for operator in draft.all("operator"):
        if operator.operator is None:
            continue
        if operator.get("judge") == judge.name:
            roles.setdefault("answers", operator)
        if judge.name in (operator.get("checks") or ()) and is_check(draft, judge):
            roles.setdefault(operator.operator.judged, operator)
    return roles


def list_roles(draft: Draft, judge: Declared) -> tuple[JudgeRole, ...]:
    """What a judge is shown; two answers, where nothing asks it."""
    return tuple(find_roles(draft, judge)) or ("answers",)


def list_checks(draft: Draft) -> Iterator[Declared]:
    """The judges among the checks of operators."""
    used = {name for operator in draft.all("operator") for name in operator.get("checks") or ()}
    return (judge for judge in draft.all("judge") if judge.name in used and is_check(draft, judge))


def is_check(draft: Draft, judge: Declared) -> bool:
    """Whether `checks` means the judge by its name: where a validator has the same, it means that."""
    return draft.named("validator", judge.name) is None
