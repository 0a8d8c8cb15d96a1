"""What a check says of a result, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias

from refinelab_dsl.artifacts.provenance import Scalar
from refinelab_dsl.data.chains import Preferred
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.scope import ItemScope
from refinelab_dsl.declarations import Validator
from refinelab_dsl.effects import Finding, Measured, Program
from refinelab_dsl.embeddings import Embedder, Vectors
from refinelab_dsl.likeness import Nearest
from refinelab_dsl.questions import Questions


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is in the check's own words and holds no text of the dataset or of a reply, since it stands in the
    provenance log. `values` are what was measured. `by_hand`: the check refused, and a person accepted the result."""

    accept: bool
    reason: str = ""
    values: Mapping[str, Scalar] = field(default_factory=dict)
    by_hand: bool = False

    def overruled(self) -> Verdict:
        """The verdict where a person accepted what it refuses."""
        return replace(self, accept=True, by_hand=True)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What results of one run are checked against.

    labels: dimension -> the labels that the plan knows.
    measurable: dimension -> whether a new item is measured; otherwise it is taken as made for its label.
    originals, output: the items of the source and the results accepted so far, by the embedding that they are compared
    by (`nearness`); those alone that checks ask for. embedders: the embeddings that checks compute. heldout: by
    validator, the items that it holds out.
    """

    task: str
    scope: ItemScope
    labels: Mapping[str, tuple[str, ...]]
    measurable: Mapping[str, bool]
    originals: Mapping[str, Nearest] = field(default_factory=dict)
    output: Mapping[str, Nearest] = field(default_factory=dict)
    embedders: Mapping[str, Embedder] = field(default_factory=dict)
    heldout: Mapping[str, Nearest] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """A result under check: the item, the one that it was made from, the labels that it was made for.

    likeness: to the originals, by embedding, where that was looked up before (the originals do not change). measured:
    what paid measures found of the item.
    vectors: by embedding, of its texts, where they were asked for.
    """

    item: Item
    parent: Item
    target: Mapping[str, str]
    likeness: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    vectors: Mapping[str, Vectors] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """The values of paid measures, by measure."""
        return {name: found.value for name, found in self.measured.items()}

    def including(self, measured: Mapping[str, Measured]) -> Result:
        """With these values of paid measures."""
        return self if measured == self.measured else replace(self, measured=dict(measured))

    def embedded(self, embedding: str, vectors: Vectors) -> Result:
        """With the vectors that an embedding gave for its texts."""
        found = self.vectors.get(embedding)
        rows = vectors.rows if found is None else {**found.rows, **vectors.rows}
        return replace(self, vectors={**self.vectors, embedding: Vectors(rows)})

    def likened(self, embedding: str, likeness: float) -> Result:
        """With its likeness to the originals by an embedding."""
        return replace(self, likeness={**self.likeness, embedding: likeness})


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a judge said of a result. preferred: of the result (`refined`) and the item that it was made of
    (`previous`). grades, previous: mean grades by criterion, of the result and of that item; empty where none were
    given. places: how far its opinions went by the place at which each was shown."""

    preferred: Preferred | None
    grades: Mapping[str, float]
    previous: Mapping[str, float]
    places: Mapping[str, int] = field(default_factory=dict)
    is_readable: bool = True
    is_alone: bool = False


Judge: TypeAlias = Callable[[Validator, Result, Surroundings], Verdict]
Inquire: TypeAlias = Callable[[Validator, Item, Questions], Program[Finding]]


class Hear(Protocol):
    def __call__(
        self, validator: Validator, result: Result, questions: Questions, /, *, alone: bool
    ) -> Program[Hearing]: ...


def judge_by_finding(validator: Validator, result: Result, surroundings: Surroundings) -> Verdict:
    """Of the kinds that ask about a result: their verdict comes of what they are told (`judge_finding`,
    `judge_hearing`)."""
    raise AssertionError(validator.kind)


@dataclass(frozen=True, slots=True)
class ValidatorKind:
    """`when`: `arrival` if the verdict depends on the result alone, `commit` if (some of) it depends on the output so
    far, so that it must be judged in plan order (decision 16). `inquire`: the program of a kind that asks about the
    item, or runs code; its finding takes the place of `judge`. `hear`: that of a judge, which may look at the item that
    the result was made of."""

    kind: str
    judge: Judge = judge_by_finding
    inquire: Inquire | None = None
    hear: Hear | None = None
    when: Callable[[Validator], Literal["arrival", "commit"]] = lambda validator: "arrival"
