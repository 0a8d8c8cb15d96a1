"""What makes a result acceptable: one file per kind, one row here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal

from refinelab_dsl.artifacts.provenance import Scalar
from refinelab_dsl.declarations import Validator
from refinelab_dsl.effects import Finding
from refinelab_dsl.validators import auto, drift, duplicate, exec, expression, format, in_bin, judge, pot, rag
from refinelab_dsl.validators.judge import judge_hearing
from refinelab_dsl.validators.nearness import build_embedders, open_heldout, open_neighbours
from refinelab_dsl.validators.verdict import Result, Surroundings, ValidatorKind, Verdict

VALIDATORS: Final[Mapping[str, ValidatorKind]] = MappingProxyType(
    {
        row.kind: row
        for row in (
            format.KIND, duplicate.KIND, drift.KIND, expression.KIND, in_bin.KIND, pot.KIND, rag.KIND,
            exec.KIND, auto.KIND, judge.KIND,
        )
    }
)


def validate(validator: Validator, result: Result, surroundings: Surroundings) -> Verdict:
    """What a validator says of a result: a pure function of its arguments, where the output so far is one of them."""
    return VALIDATORS[validator.kind].judge(validator, result, surroundings)


def settle_time(validator: Validator) -> Literal["arrival", "commit"]:
    """Whether a verdict can be had when the reply arrives, or only in plan order, against the output so far."""
    return VALIDATORS[validator.kind].when(validator)


def judge_finding(validator: Validator, result: Result, surroundings: Surroundings, finding: Finding) -> Verdict:
    """The verdict that follows from a finding: `accept` over its `verdict` and `confidence`."""
    values: dict[str, Scalar] = {"verdict": finding.verdict, "confidence": round(finding.confidence, 4)}
    if finding.passages:
        values["passages"] = " ".join(finding.passages)
    verdict = expression.accept(validator, result, surroundings, values)
    return replace(verdict, reason=verdict.reason or finding.reason) if not verdict.accept else verdict


__all__ = [
    "VALIDATORS",
    "Result",
    "Surroundings",
    "ValidatorKind",
    "Verdict",
    "build_embedders",
    "judge_finding",
    "judge_hearing",
    "open_heldout",
    "open_neighbours",
    "settle_time",
    "validate",
]
