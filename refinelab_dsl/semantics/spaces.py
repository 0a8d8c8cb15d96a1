"""What a bare name in an expression may be, and what it yields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from refinelab_dsl import builtins, types
from refinelab_dsl.builtins import ContextName
from refinelab_dsl.semantics.directory import Directory
from refinelab_dsl.semantics.draft import Declared, Draft
from refinelab_dsl.semantics.shares import Shares
from refinelab_dsl.types import ExpressionKind

Space = Literal["field", "measure", "dimension", "context"]


@dataclass(frozen=True, slots=True)
class Yields:
    """What an expression gives. labels: the closed list of them, None where the data settle it; owner: who has them."""

    kind: ExpressionKind
    labels: tuple[str, ...] | None = None
    ordered: bool = False
    owner: str = ""
    open: bool = False  # labels exist, and the data settle them


ANY: Final = Yields("any")
TEXT: Final = Yields("text")
NUMBER: Final = Yields("number")
MONEY: Final = Yields("money")
BOOL: Final = Yields("bool")
NULL: Final = Yields("null")

ROWS: Final = "rows are chosen before anything is measured"
"""Why a dataset's own `where` has no measure."""


@dataclass(frozen=True, slots=True)
class Known:
    """A name of an expression: where it lives, its qualified name, and what it yields; `missing` says why it cannot be
    had here."""

    space: Space
    name: str
    yields: Yields
    missing: str = ""


@dataclass(frozen=True)
class Names:
    """The names that an expression sees, as its file writes them.

    labels: bare words that are a label of some dimension. columns: those of a CSV without a header row, None where the
    file names its own. open: there may be further fields, which only the spec that imports this file knows.
    """

    known: Mapping[str, Known]
    labels: frozenset[str]
    columns: tuple[str, ...] | None
    open: bool = False


_FIELDS: Final[Mapping[str, Yields]] = {
    "choices": Yields("list"),
    "messages": Yields("list"),
}


def dimension_labels(draft: Draft, dimension: Declared) -> tuple[str, ...] | None:
    """The labels of a dimension, lowest first where they are ordered; None where the data settle them."""
    for name in ("order", "labels"):
        if dimension.get(name) is not None:
            return tuple(dimension.get(name))
    bands = dimension.get("bands")
    if bands:
        return ordered_bands(bands)
    target = dimension.get("target")
    if isinstance(target, Shares):
        return tuple(target.weights)
    measure = draft.named("measure", dimension.get("from"))
    return None if measure is None else measure_labels(measure)


def measure_labels(measure: Declared) -> tuple[str, ...] | None:
    """The closed list of a measure's values, None where there is none."""
    if measure.measure is not None and measure.measure.labels:
        return measure.measure.labels
    labels = measure.get("labels")
    return labels if isinstance(labels, tuple) else None


def is_ordered(dimension: Declared) -> bool:
    """Whether the labels have an order: `order`, or bands, which numbers order."""
    return bool(dimension.get("order")) or (dimension.get("labels") is None and bool(dimension.get("bands")))


def ordered_bands(bands: Mapping[str, types.Formed]) -> tuple[str, ...]:
    """The labels of bands, lowest first."""

    def low(label: str) -> tuple[bool, object]:
        bound = dict(bands[label].arguments).get("low")
        return (bound is not None, bound or 0)

    return tuple(sorted(bands, key=low))


def item_names(draft: Draft, directory: Directory, namespace: str, *, result: bool = False) -> Names:
    """The names that `where`, `prefer`, `protect` of a file see (and, with `result`, `accept` over a new item):
    dimensions, then measures, then fields of the main dataset; the first of a name counts. A dimension that cannot be
    measured of a new item has the label that it was made for. draft: of all files."""
    dataset = draft.dataset
    known: dict[str, Known] = {}
    labels: set[str] = set()
    for written, dimension in _visible(draft, directory, namespace, "dimension"):
        words = dimension_labels(draft, dimension)
        labels.update(words or ())
        yields = Yields("label", words, is_ordered(dimension), dimension.name, open=words is None)
        known[written] = Known("dimension", dimension.name, yields)
    for written, measure in _visible(draft, directory, namespace, "measure"):
        missing = unmeasurable(draft, measure.name) if result else ""
        known.setdefault(written, Known("measure", measure.name, _measured(measure), missing))
    if dataset is not None:
        own = task_fields(dataset)
        for name, yields in field_yields(dataset).items():
            missing = "it comes from the source, not from the result" if result and name not in own else ""
            known.setdefault(name, Known("field", name, yields, missing))
    return Names(known, frozenset(labels), None if dataset is None else dataset.get("columns"), dataset is None)


def row_names(items: Names, dataset: Declared) -> Names:
    """The names of a dataset's own `where`: its fields. Measures and dimensions are known and not to be had yet.

    items: the names that expressions over items of the same file see."""
    known = {name: Known("field", name, yields) for name, yields in field_yields(dataset).items()}
    for written, other in items.known.items():
        if other.space in ("measure", "dimension"):
            known.setdefault(written, Known(other.space, other.name, ANY, ROWS))
    return Names(known, frozenset(), dataset.get("columns"))


def accept_names(results: Names, validator: Declared) -> Names:
    """The names of `accept` of a validator or a judge."""
    row = validator.validator
    base = results if row is None or row.items else Names({}, frozenset(), None)
    own = () if row is None else row.names
    if validator.kind == "judge":
        grades = (ContextName(name, "number", "a criterion") for name in validator.get("criteria") or ())
        own = (*builtins.JUDGE_NAMES, *grades)
    known = {
        each.name: Known("context", each.name, Yields(each.gives, each.words or None, False, each.name)) for each in own
    }
    return replace(base, known={**base.known, **known})


def field_names(dataset: Declared) -> Names:
    """`fields` sees no names: it reads columns."""
    return Names({}, frozenset(), dataset.get("columns"))


def assert_names() -> Names:
    """`assert` sees no names outside of `count(…)`."""
    return Names({}, frozenset(), None)


def field_yields(dataset: Declared) -> dict[str, Yields]:
    """The fields of an item and what they hold: those of its task, and the further names of the `fields` map."""
    names: dict[str, Yields] = {name: _FIELDS.get(name, TEXT) for name in task_fields(dataset)}
    for name in dataset.get("fields") or {}:
        names.setdefault(name, ANY)
    return names


def task_fields(dataset: Declared) -> tuple[str, ...]:
    """The fields of the dataset's task, `id` first; none where the task is unknown."""
    task = builtins.TASKS.get(dataset.get("task") or "")
    return () if task is None else task.fields


def unmeasurable(draft: Draft, measure: str | None) -> str:
    """Why a measure cannot be had of a new item; empty where it can."""
    declared = draft.named("measure", measure)
    dataset = draft.dataset
    if declared is None or declared.row is None or dataset is None:
        return ""
    match declared.row.name:
        case "column":
            column = declared.get("column")
            if column is None or column in task_fields(dataset)[1:]:
                return ""
            return f"measure `{declared.name}` reads `{column}`, which a result does not have"
        case "responses" | "near_duplicate" | "outlier" | "label_issue" | "loss" | "knn":
            return f"measure `{declared.name}` is made of records about the source"
        case "self_judge" if declared.get("signals") is not None:
            return f"measure `{declared.name}` is made of records about the source"
    return ""


def _measured(measure: Declared) -> Yields:
    row = measure.measure
    if row is None:
        return ANY
    labels = measure_labels(measure)
    if row.gives == "label":
        return Yields("label", labels, False, measure.name, open=labels is None)
    return Yields(row.gives)


def _visible(draft: Draft, directory: Directory, namespace: str, kind: str) -> Iterator[tuple[str, Declared]]:
    """The declarations of a kind that a file may name, with how it writes them."""
    for written, name in directory.visible(namespace, kind):
        declared = draft.named(kind, name)
        if declared is not None:
            yield written, declared
