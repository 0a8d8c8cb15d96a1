"""Builds the profile of a dataset: one streaming pass, columns only, no item is kept but a few samples."""

from __future__ import annotations

import hashlib
import heapq
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.data.files import digest_dataset, digest_files, find_files, find_origin
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.data.read import BadRow, read_items
from refinelab_dsl.declarations import Constraints, Dataset, Dimension, Measure, Operator
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.expressions.evaluate import (
    Compiled,
    EvaluationError,
    Functions,
    Names,
    as_number,
    compile_expression,
    evaluate_condition,
)
from refinelab_dsl.expressions.functions import ITEM_FUNCTIONS
from refinelab_dsl.measures import build_labeller, build_measure
from refinelab_dsl.project import Project
from refinelab_dsl.source import Place, Span

MAX_BAD_ROWS = 10
MAX_LABELS = 5_000
MAX_SAMPLES = 64
_SAMPLES_PER_CELL = 2


def build_profile(
    dataset: Dataset,
    measures: Sequence[Measure],
    dimensions: Sequence[Dimension],
    operators: Sequence[Operator],
    constraints: Constraints,
    *,
    seed: int,
    project: Project,
    allow_outside: bool = False,
    origins: Mapping[str, Span] | None = None,
) -> tuple[Profile | None, Diagnostics]:
    """Every item typed and labelled, or the reasons why not. None where there is an error.

    Bad rows stop after ten under `on_bad_row = stop`; under `skip` they are counted in a warning.
    """
    files, problems = find_files(dataset, project, allow_outside=allow_outside, origins=origins)
    digests, unreadable = digest_files(files, project)
    problems = (*problems, *unreadable)
    if problems:
        return None, Diagnostics(problems)
    scan = _Scan(measures, dimensions, operators, constraints, seed)
    rows = _read(scan, dataset, files, project, find_origin(origins, f"dataset.{dataset.name}"))
    if any(problem.is_error for problem in rows):
        return None, Diagnostics(tuple(rows))
    found = [*rows, *scan.complain(origins)]
    if scan.size == 0 and not any(problem.is_error for problem in found):
        span = find_origin(origins, f"dataset.{dataset.name}.where", f"dataset.{dataset.name}")
        detail = f"{scan.dropped} were dropped for an unknown label" if scan.dropped else "no row of its files is one"
        found.append(faults.no_items(dataset.name, detail, span))
    if any(problem.is_error for problem in found):
        return None, Diagnostics(tuple(found))
    labels, names = scan.settle_labels()
    profile = Profile(
        size=scan.size,
        keys=scan.keys,
        labels=labels,
        label_names=names,
        eligible=scan.eligible(),
        preference={name: np.frombuffer(column, dtype=np.float64) for name, column in scan.preference.items()},
        protected=scan.protection(),
        samples=scan.samples(),
        files=digests,
        sha256=digest_dataset(digests),
        dropped=scan.dropped,
        skipped=scan.skipped,
        duplicates=scan.duplicates,
        notes=scan.notes(),
    )
    return profile, Diagnostics(tuple(found))


def _read(scan: _Scan, dataset: Dataset, files: Sequence[Path], project: Project, span: Span | None) -> list[Diagnostic]:
    bad: list[Diagnostic] = []
    first: Diagnostic | None = None
    for entry in read_items(dataset, files, project):
        if isinstance(entry, Item):
            if not bad:
                scan.add(entry)
        elif entry.fatal or dataset.on_bad_row == "stop":
            bad.append(entry.diagnostic)
            if len(bad) == MAX_BAD_ROWS:
                bad.append(faults.more_bad_rows(MAX_BAD_ROWS, span))
                break
        else:
            first = first or entry.diagnostic
            scan.skipped += 1
    if first is not None:
        bad.append(faults.skipped_rows(dataset.name, scan.skipped, first, span))
    return bad


@dataclass
class _Trouble:
    """How often something went wrong, and where first."""

    count: int = 0
    message: str = ""
    place: Place | None = None

    def note(self, message: str, place: Place) -> None:
        if self.count == 0:
            self.message, self.place = message, place
        self.count += 1


@dataclass
class _Column:
    """The labels of one dimension while they are read. `codes` counts labels in order of appearance."""

    dimension: Dimension
    label_of: Callable[[Any], str | None]
    listed: tuple[str, ...] | None
    codes: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)  # the inverse of `codes`
    values: array[int] = field(default_factory=lambda: array("i"))
    unknown: _Trouble = field(default_factory=_Trouble)
    unlisted: dict[str, int] = field(default_factory=dict)
    unlisted_place: Place | None = None

    @classmethod
    def of(cls, dimension: Dimension) -> _Column:
        listed = list_labels(dimension)
        names = list(listed or ())
        codes = {label: index for index, label in enumerate(names)}
        return cls(dimension, build_labeller(dimension), listed, codes, names)

    def code(self, value: Any, place: Place) -> int:
        """The label's code, -1 for unknown."""
        label = self.label_of(value)
        if label is None:
            self.unknown.note("it has no value" if value is None else f"its value is `{faults.shorten(str(value))}`", place)
            return -1
        code = self.codes.get(label)
        if code is not None:
            return code
        if self.listed is None:
            self.codes[label] = len(self.names)
            self.names.append(label)
            return self.codes[label]
        self.unlisted[label] = self.unlisted.get(label, 0) + 1
        self.unlisted_place = self.unlisted_place or place
        return -1


def list_labels(dimension: Dimension) -> tuple[str, ...] | None:
    """The labels that the spec settles: listed, banded or weighted ones; None where the data settle them."""
    if dimension.labels is not None:
        return dimension.labels
    if dimension.bands:
        return tuple(band.label for band in dimension.bands)
    if dimension.target is not None and dimension.target.kind == "weights":
        return tuple(dimension.target.weights)
    return None


class _Scan:
    """What one pass over the items gathers. Hot: `add` runs once per item."""

    def __init__(
        self,
        measures: Sequence[Measure],
        dimensions: Sequence[Dimension],
        operators: Sequence[Operator],
        constraints: Constraints,
        seed: int,
    ) -> None:
        self._seed = f"{seed}:".encode()
        self._measures = [(measure.name, build_measure(measure)) for measure in measures]
        self._columns = [_Column.of(dimension) for dimension in dimensions]
        self._where = {
            operator.name: (compile_expression(operator.where), array("b"), _Trouble())
            for operator in operators
            if operator.where is not None
        }
        self._always = tuple(operator.name for operator in operators if operator.where is None)
        self._prefer = {
            operator.name: (compile_expression(operator.prefer), _Trouble())
            for operator in operators
            if operator.prefer is not None
        }
        self._protect = None if constraints.protect is None else compile_expression(constraints.protect)
        self._protect_trouble = _Trouble()
        self._protected = array("b")
        self._samples: dict[tuple[int, ...], list[tuple[int, str, Item]]] = {}
        self.preference = {name: array("d") for name in self._prefer}
        self.keys: list[str] = []
        self.size = 0
        self.dropped = 0
        self.skipped = 0
        self.duplicates = 0

    def add(self, item: Item) -> None:
        values = {name: measure(item) for name, measure in self._measures}
        codes = [column.code(values[column.dimension.measure], item.place) for column in self._columns]
        for column, code in zip(self._columns, codes, strict=True):
            if code < 0 and column.dimension.unknown == "drop":
                self.dropped += 1
                return
        for column, code in zip(self._columns, codes, strict=True):
            column.values.append(code)
        if self._where or self._prefer or self._protect is not None:
            self._judge(item, values, codes)
        self.keys.append(item.key)
        self.duplicates += "-" in item.key
        self._sample(item, tuple(codes))
        self.size += 1

    def _judge(self, item: Item, values: Mapping[str, Any], codes: Sequence[int]) -> None:
        names = build_names(item, values, self._labels_of(codes))
        functions: Functions = {**ITEM_FUNCTIONS, "column": item.raw.get}
        for compiled, column, trouble in self._where.values():
            column.append(_holds(compiled, names, functions, trouble, item))
        for name, (compiled, trouble) in self._prefer.items():
            self.preference[name].append(_weigh(compiled, names, functions, trouble, item))
        if self._protect is not None:
            self._protected.append(_holds(self._protect, names, functions, self._protect_trouble, item))

    def _labels_of(self, codes: Sequence[int]) -> dict[str, str | None]:
        return {
            column.dimension.name: None if code < 0 else column.names[code]
            for column, code in zip(self._columns, codes, strict=True)
        }

    def _sample(self, item: Item, cell: tuple[int, ...]) -> None:
        rank = -int.from_bytes(hashlib.sha256(self._seed + item.key.encode()).digest()[:8])
        heap = self._samples.setdefault(cell, [])
        if len(heap) < _SAMPLES_PER_CELL:
            heapq.heappush(heap, (rank, item.key, item))
        elif rank > heap[0][0]:
            heapq.heapreplace(heap, (rank, item.key, item))

    def samples(self) -> tuple[Item, ...]:
        """At most 64, every cell's smallest by seeded hash before any cell's second."""
        ranked = sorted(
            (place, -rank, key, item)
            for heap in self._samples.values()
            for place, (rank, key, item) in enumerate(sorted(heap, key=lambda entry: -entry[0]))
        )
        return tuple(item for *_, item in ranked[:MAX_SAMPLES])

    def settle_labels(self) -> tuple[dict[str, NDArray[np.int32]], dict[str, tuple[str, ...]]]:
        """Codes by dimension, and the labels they point to: as listed, else sorted."""
        labels: dict[str, NDArray[np.int32]] = {}
        names: dict[str, tuple[str, ...]] = {}
        for column in self._columns:
            codes = np.frombuffer(column.values, dtype=np.int32).copy()
            if column.listed is None:
                order = sorted(column.codes)
                remap = np.empty(len(order) + 1, dtype=np.int32)
                for place, label in enumerate(order):
                    remap[column.codes[label]] = place
                remap[-1] = -1
                codes = remap[codes]
                names[column.dimension.name] = tuple(order)
            else:
                names[column.dimension.name] = column.listed
            labels[column.dimension.name] = codes
        return labels, names

    def eligible(self) -> dict[str, NDArray[np.bool_]]:
        everyone = np.ones(self.size, dtype=np.bool_)
        found = {name: everyone for name in self._always}
        found.update(
            {name: np.frombuffer(column, dtype=np.bool_).copy() for name, (_, column, _) in self._where.items()}
        )
        return found

    def protection(self) -> NDArray[np.bool_]:
        if self._protect is None:
            return np.zeros(self.size, dtype=np.bool_)
        return np.frombuffer(self._protected, dtype=np.bool_).copy()

    def notes(self) -> tuple[str, ...]:
        notes = [f"{self.duplicates} items repeat an earlier one exactly"] if self.duplicates else []
        for column in self._columns:
            count = column.unknown.count + sum(column.unlisted.values())
            if count and column.dimension.unknown != "error":
                fate = "dropped" if column.dimension.unknown == "drop" else "kept outside of the shares"
                notes.append(f"{count} items have no label of {column.dimension.name}: {fate}")
        return tuple(notes)

    def complain(self, origins: Mapping[str, Span] | None) -> list[Diagnostic]:
        found: list[Diagnostic] = []
        for column in self._columns:
            name = column.dimension.name
            span = find_origin(origins, f"dimension.{name}.target", f"dimension.{name}")
            if column.dimension.unknown == "error" and column.unlisted:
                ranked = sorted(column.unlisted.items(), key=lambda entry: (-entry[1], entry[0]))
                found.append(faults.unlisted_labels(name, ranked, column.listed or (), column.unlisted_place, span))
            if column.dimension.unknown == "error" and column.unknown.count:
                trouble = column.unknown
                found.append(faults.unknown_label(name, trouble.count, trouble.message, trouble.place, span))
            if column.listed is None and not column.codes and self.size:
                found.append(faults.no_labels(name, span))
            if column.dimension.target is not None and len(column.codes) > MAX_LABELS:
                found.append(faults.too_many_labels(name, len(column.codes), MAX_LABELS, span))
        for what, name, trouble in (
            *(("where", name, trouble) for name, (_, _, trouble) in self._where.items()),
            *(("prefer", name, trouble) for name, (_, trouble) in self._prefer.items()),
        ):
            if trouble.count:
                span = find_origin(origins, f"operator.{name}.{what}", f"operator.{name}")
                subject = f"`{what}` of operator `{name}`"
                found.append(faults.not_evaluable(subject, trouble.count, trouble.message, trouble.place, span))
        if self._protect_trouble.count:
            trouble = self._protect_trouble
            span = find_origin(origins, "constraints.protect", "constraints")
            found.append(faults.not_evaluable("`protect`", trouble.count, trouble.message, trouble.place, span))
        return found


def build_names(item: Item, values: Mapping[str, Any], labels: Mapping[str, str | None]) -> Names:
    """What bare names mean in an expression over an item: its fields, measures' values, dimensions' labels."""

    def value(space: str, name: str) -> Any:
        if space == "measure":
            return values.get(name)
        if space == "dimension":
            return labels.get(name)
        if space == "field":
            if name == "id":
                return item.id
            for place in (item.fields, item.attributes, item.raw):
                if name in place:
                    return place[name]
            return None
        raise EvaluationError(f"`{name}` has no value here")

    return value


def _holds(compiled: Compiled, names: Names, functions: Functions, trouble: _Trouble, item: Item) -> bool:
    try:
        return evaluate_condition(compiled, names, functions)
    except EvaluationError as error:
        trouble.note(str(error), item.place)
        return False


def _weigh(compiled: Compiled, names: Names, functions: Functions, trouble: _Trouble, item: Item) -> float:
    try:
        value = compiled(names, functions)
        if isinstance(value, bool):
            return float(value)
        number = as_number(value)
    except EvaluationError as error:
        trouble.note(str(error), item.place)
        return 0.0
    if number is None:
        trouble.note("its value is no number", item.place)
        return 0.0
    return float(number)
