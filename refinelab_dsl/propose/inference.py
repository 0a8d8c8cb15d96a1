"""What was inferred of a data file, as values: each finding with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from refinelab_dsl.declarations import Dataset, Task
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.expressions.nodes import Expression

Key: TypeAlias = Literal["label", "letter", "index", "index from 1", "text", "number", "free text", "none"]
"""How the right answer is written. `label`: by the labels that the data give to the choices."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry of `fields`. evidence: why, in counts; no text of the data. sure: no other column would do as well;
    else `alternatives` names them."""

    name: str
    expression: Expression
    evidence: str
    sure: bool = True
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A task and where its fields stand."""

    task: Task
    findings: tuple[Finding, ...]
    key: Key
    evidence: str  # of the task
    answer_as: Literal["auto", "letter", "index", "text"] = "auto"
    key_evidence: str = ""
    sure: bool = True  # of the task and the key
    doubts: tuple[str, ...] = ()

    @property
    def fields(self) -> dict[str, Expression]:
        return {finding.name: finding.expression for finding in self.findings}


@dataclass(frozen=True, slots=True)
class Topic:
    """Something to balance, with its labels and how many items have each.

    name: a bare word, for the entry of `fields`. absent: items without a label. others: columns that would do as well.
    """

    name: str
    expression: Expression
    counts: Mapping[str, int]
    absent: int
    evidence: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bands:
    """Words of a question in bands. edges: where a band ends and the next one begins. counts: items of each."""

    labels: tuple[str, ...]
    edges: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Inference:
    """A dataset as it would be declared, and what is known of it.

    rows: rows that are items in this reading. bad: rows that are not, of which `first_bad` is the first.
    sampled: rows that the findings' counts are of.
    """

    dataset: Dataset
    reading: Reading
    rows: int
    bad: int
    first_bad: Diagnostic | None
    topic: Topic | None
    bands: Bands | None
    files: int
    sampled: int
