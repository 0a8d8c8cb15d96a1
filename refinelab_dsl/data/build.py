"""Stage 5, `build_profile`: one pass over a dataset that keeps columns of labels and flags, never the items."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl import measures
from refinelab_dsl.builtins import OPERATOR_KINDS
from refinelab_dsl.data.clusters import LearntClusters, find_copies, note_clusters, read_clusters
from refinelab_dsl.data.corpora import check_corpora
from refinelab_dsl.data.evidence import Learnt, read_values
from refinelab_dsl.data.files import digest_dataset, digest_files, find_files, find_origin
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.labelled import Column, Tally, open_column, settle
from refinelab_dsl.data.layout import is_made
from refinelab_dsl.data.profile import FileDigest, Profile
from refinelab_dsl.data.read import BadRow, read_items
from refinelab_dsl.data.records import Records, read_records
from refinelab_dsl.data.reference import References, read_references
from refinelab_dsl.data.scope import ItemScope
from refinelab_dsl.declarations import (
    JOINT,
    LABEL_MARK,
    Constraints,
    Corpus,
    Dataset,
    Dimension,
    Embedding,
    Measure,
    Operator,
)
from refinelab_dsl.detectors import is_dirty
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics, Help
from refinelab_dsl.embeddings import EmbeddingFault
from refinelab_dsl.expressions.evaluate import (
    Compiled,
    EvaluationError,
    as_number,
    compile_expression,
    evaluate_condition,
)
from refinelab_dsl.expressions.walk import named_in_calls
from refinelab_dsl.project import Project
from refinelab_dsl.source import Place, Span

DEDUPLICATE = "deduplicate"
REFINE = "refine"
SCRUB = "scrub"
MAX_LABELS = 5_000  # of one dimension; more is an identifier, not a topic
BAD_ROWS_SHOWN = 10
MAX_SAMPLES = 64
_SAMPLES_PER_COMBINATION = 2
_MAX_COMBINATIONS = 4_096  # that are sampled: more are identifiers, and would keep the items in memory
_LARGEST = 1e150  # its square is still a float; what is larger counts in no mean
_TRACKED = 1_000  # unlisted labels that are counted by name


def build_profile(
    dataset: Dataset,
    measures_: Sequence[Measure],
    dimensions: Sequence[Dimension],
    operators: Sequence[Operator],
    constraints: Constraints,
    *,
    seed: int,
    project: Project,
    allow_outside: bool = False,
    origins: Mapping[str, Span] | None = None,
    others: Sequence[Dataset] = (),
    embeddings: Sequence[Embedding] = (),
    corpora: Sequence[Corpus] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
    learnt: Learnt = MappingProxyType({}),
    clusters: LearntClusters = MappingProxyType({}),
) -> tuple[Profile | None, Diagnostics]:
    """What a plan needs to know of a dataset: labels, eligibility, preference and protection of each item.

    One streaming pass (one more before it where mcq answers are settled by the data, where `z` is used, where signals
    are joined, and for each measure that compares all items). Memory grows by some 300 bytes per item, and by its text
    where items are compared. None with errors; warnings may come with a profile.

    origins: `Program.origins`, so that complaints about the data also show the line of the spec that is concerned.
    others: the datasets beside the main one, of which signals are read where a measure needs them. embeddings: those
    that measures may name. corpora: where passages come from; they are read, for what is wrong with them, and hashed.
    environ: says where wikis stand. learnt: what evidence has of each paid measure; an item of which it has nothing has
    no label in a dimension over the measure, whatever `unknown` says, and counts as `Profile.pending`. clusters: what
    evidence has of each measure whose clusters a pilot learns.
    """
    files, missing = find_files(dataset, project, allow_outside=allow_outside, origins=origins)
    if missing:
        return None, Diagnostics(missing)
    digests, unreadable = digest_files(files, project)
    if unreadable:
        return None, Diagnostics(tuple(_blame_source(problem, dataset, origins) for problem in unreadable))
    records = read_records(
        measures_, others, dataset, files, project, allow_outside=allow_outside, origins=origins
    )
    if records.diagnostics.has_errors:
        return None, records.diagnostics
    try:
        found_clusters = read_clusters(measures_, embeddings, dataset, files, project, clusters)
    except EmbeddingFault as fault:
        span = find_origin(origins, f"embedding.{fault.name}.id", f"embedding.{fault.name}")
        return None, Diagnostics((replace(fault.diagnostic, span=span),))
    paid = read_values(learnt, dataset, files, project)
    records = replace(
        records,
        values={**records.values, **found_clusters.recorded, **paid.recorded},
        notes=(*records.notes, *note_clusters(found_clusters, measures_)),
    )
    references = read_references(
        measures_, dimensions, others, project, allow_outside=allow_outside, origins=origins
    )
    if references.diagnostics.has_errors:
        return None, references.diagnostics
    held = check_corpora(corpora, project, allow_outside=allow_outside, origins=origins, environ=environ)
    if any(problem.is_error for problem in held.diagnostics):
        return None, Diagnostics(held.diagnostics)
    scan = _Scan(
        dataset, measures_, dimensions, operators, constraints, seed, origins, records, references,
        {**paid.missing, **found_clusters.missing},
    )
    scan.read(files, project)
    profile, found = scan.finish(digests)
    if profile is not None:
        profile = replace(
            profile, signals={**profile.signals, **held.files}, corpora=held.corpora, compared=found_clusters.compared
        )
    return profile, Diagnostics((*records.diagnostics, *held.diagnostics, *found))


class _Scan:
    """The state of one pass."""

    def __init__(
        self,
        dataset: Dataset,
        measures_: Sequence[Measure],
        dimensions: Sequence[Dimension],
        operators: Sequence[Operator],
        constraints: Constraints,
        seed: int,
        origins: Mapping[str, Span] | None,
        records: Records,
        references: References,
        missing: Mapping[str, frozenset[int]],
    ) -> None:
        self.records = records
        self.missing = missing
        self.dataset = dataset
        self.origins = origins
        self.seed = seed
        self.measures = {measure.name: measure for measure in measures_}
        self.dimensions = {dimension.name: dimension for dimension in dimensions}
        self.references = references
        self.joint = next((each for each in dimensions if self.measures[each.measure].kind == JOINT), None)
        self.columns = [open_column(dimension) for dimension in dimensions if dimension is not self.joint]
        for column in self.columns:
            for label in references.counts.get(column.dimension.name, ()):  # wanted, whether an item has it or not
                column.index.setdefault(label, len(column.index))
        moved = {name for operator in operators for name in operator.moves}
        # Cells split by these; what is only reported does not (decision 9).
        self.splitting = [
            column for column in self.columns if column.dimension.target or column.dimension.name in moved
        ]
        self.where = {
            operator.name: (None if operator.where is None else compile_expression(operator.where), bytearray())
            for operator in operators
        }
        # Which cluster each item stands in, of the measures that items leave by.
        self.clusters: dict[str, list[str | None]] = {
            str(operator.options["measure"]): [] for operator in operators if operator.kind == DEDUPLICATE
        }
        self.deduplicators = {
            operator.name: str(operator.options["measure"]) for operator in operators if operator.kind == DEDUPLICATE
        }
        self.improvers = [operator.name for operator in operators if operator.kind == REFINE]
        self.scrubbers = {each.name: measures.watch_for(each, measures_) for each in operators if each.kind == SCRUB}
        self.unmarked = {each.name for each in operators if each.options.get("unmarked")}
        self.prefer = {
            operator.name: (compile_expression(operator.prefer), array("d"))
            for operator in operators
            if operator.prefer is not None
        }
        self.protect = None if constraints.protect is None else compile_expression(constraints.protect)
        self.protected = bytearray()
        self.flag = None if constraints.flagged is None else compile_expression(constraints.flagged)
        self.flagged = bytearray()
        self.made = bytearray()  # by an earlier round of a loop: such an item is not changed again
        self.changing = [each.name for each in operators if OPERATOR_KINDS[each.kind].effect in ("move", "fix")]
        self.needs_spread = sorted(
            {
                name
                for operator in operators
                for expression in (operator.where, operator.prefer)
                for name in named_in_calls(expression, "z")
            }
            | set(named_in_calls(constraints.protect, "z"))
            | set(named_in_calls(constraints.flagged, "z"))
        )
        self.failures: dict[str, Tally] = {}
        self.keys: list[str] = []
        self.samples: dict[tuple[int, ...], list[tuple[bytes, int, Item]]] = {}
        self.dropped = self.duplicates = self.skipped = 0
        self.problems: list[Diagnostic] = []
        self.lacking: dict[Diagnostic, str] = {}  # bad rows -> the column that they do not have
        self.first_skipped: Diagnostic | None = None
        self.first: Item | None = None

    def read(self, files: Sequence[Path], project: Project) -> None:
        """The pass. Bad rows that may not be skipped end it after a few."""
        spread = self._measure_spread(read_items(self.dataset, files, project)) if self.needs_spread else None
        scope = ItemScope(self.measures, self.dimensions, spread, self.records.values)
        for entry in read_items(self.dataset, files, project):
            if isinstance(entry, Item):
                self._take(entry, scope)
            elif entry.fatal:
                if entry.lacks is not None:  # said once for the file, not for its every row
                    self.problems = [known for known in self.problems if self.lacking.get(known) != entry.lacks]
                self.problems.append(_blame_source(entry.diagnostic, self.dataset, self.origins))
            elif self.dataset.on_bad_row == "skip":
                self.skipped += 1
                self.first_skipped = self.first_skipped or entry.diagnostic
            else:
                problem = entry.diagnostic
                if not self.problems:
                    problem = replace(problem, help=(*problem.help, Help(faults.SKIP_BAD_ROWS)))
                self.problems.append(problem)
                if entry.lacks is not None:
                    self.lacking[problem] = entry.lacks
                if len(self.problems) >= BAD_ROWS_SHOWN:
                    lacking = {self.lacking.get(known) for known in self.problems}
                    if self.first is None and entry.lacks is not None and lacking == {entry.lacks}:
                        self.problems = [self._lack_column(entry, entry.lacks)]
                        return
                    span = find_origin(self.origins, f"dataset.{self.dataset.name}")
                    self.problems.append(faults.more_bad_rows(len(self.problems), span))
                    return

    def _lack_column(self, entry: BadRow, column: str) -> Diagnostic:
        """What is wrong where the first rows, all of them, lack one column: most likely its name."""
        place = entry.diagnostic.place
        file = place.file if place is not None else self.dataset.name
        problem = faults.missing_column(
            file, column, entry.columns, False, Place(file), rows=len(self.problems)
        )
        return _blame_source(problem, self.dataset, self.origins)

    def finish(self, files: tuple[FileDigest, ...]) -> tuple[Profile | None, Diagnostics]:
        """The profile, or what speaks against it."""
        problems = [*self.problems]
        if not problems:
            problems += self._find_missing_columns()
        if not self.keys and not problems:
            problems.append(self._no_items())
        elif not problems:
            for column in self.columns:
                problems += self._check_column(column)
            for what, tally in self.failures.items():
                span = find_origin(self.origins, what, what.rpartition(".")[0])
                problems.append(faults.not_evaluable(_say(what), tally.count, tally.reason, tally.place, span))
        if any(problem.is_error for problem in problems):
            return None, Diagnostics(tuple(problems))
        if self.first_skipped is not None:
            span = find_origin(self.origins, f"dataset.{self.dataset.name}.on_bad_row", f"dataset.{self.dataset.name}")
            problems.append(faults.skipped_rows(self.dataset.name, self.skipped, self.first_skipped, span))
        labels = {column.dimension.name: settle(column) for column in self.columns}
        if self.joint is not None:
            parents = self.measures[self.joint.measure].options["dimensions"]
            labels[self.joint.name] = _join([labels[name] for name in parents])
        return self._profile(labels, files), Diagnostics(tuple(problems))

    def _take(self, item: Item, scope: ItemScope) -> None:
        self.first = self.first or item
        scope.open(item)
        codes = []
        for column in self.columns:
            code = self._code(column, item, scope)
            if code < 0 and column.dimension.unknown == "drop" and not self._is_pending(column, item):
                self.dropped += 1
                return
            codes.append(code)
        for column, code in zip(self.columns, codes, strict=True):
            column.codes.append(code)
        for name, (condition, flags) in self.where.items():
            chosen = condition is None or self._holds(condition, scope, f"operator.{name}.where", item)
            watch = self.scrubbers.get(name)  # what is clean is nothing to scrub, and costs nothing
            flags.append(chosen and (watch is None or name in self.unmarked or is_dirty(item.fields, watch)))
        for name, names in self.clusters.items():
            names.append(scope.value(name))
        for name, (expression, values) in self.prefer.items():
            values.append(self._preference(expression, scope, f"operator.{name}.prefer", item))
        protect = self.protect
        self.protected.append(protect is not None and self._holds(protect, scope, "constraints.protect", item))
        if self.flag is not None:
            self.flagged.append(self._holds(self.flag, scope, "constraints.flagged", item))
        if self.dataset.round == "once":
            self.made.append(is_made(item.raw))
        self.keys.append(item.key)
        self.duplicates += len(item.key) > 16  # `-2` stands behind 16 digits
        self._sample(item)

    def _code(self, column: Column, item: Item, scope: ItemScope) -> int:
        name = column.dimension.name
        label = scope.label(name)
        if label is None:
            column.valued = column.valued or scope.value(column.dimension.measure) is not None
            if self._is_pending(column, item):
                column.pending += 1
            elif column.dimension.unknown == "error":
                value = scope.value(column.dimension.measure)
                column.unknown.add(_explain_unknown(column.dimension, value), item.place)
            else:
                column.lost += 1
            return -1
        column.valued = True
        code = column.index.get(label)
        if code is not None:
            return code
        if not column.settled:
            code = column.index[label] = len(column.index)
            return code
        if column.dimension.unknown == "error":
            column.first_unlisted = column.first_unlisted or item.place
            column.unlisted_items += 1
            if label in column.unlisted or len(column.unlisted) < _TRACKED:
                column.unlisted[label] = column.unlisted.get(label, 0) + 1
        else:
            column.lost += 1
        return -1

    def _is_pending(self, column: Column, item: Item) -> bool:
        """Whether evidence has nothing of the item: it is no item without a label, and is kept."""
        return item.row in self.missing.get(column.dimension.measure, ())

    def _is_unlearnt(self, item: Item) -> bool:
        """Whether a measure of the item is still to be learnt: what is asked of it cannot be answered yet, which is no
        fault of the condition."""
        return any(item.row in rows for rows in self.missing.values())

    def _holds(self, condition: Compiled, scope: ItemScope, what: str, item: Item) -> bool:
        try:
            return evaluate_condition(condition, scope.names, scope.functions)
        except EvaluationError as error:
            if self._is_unlearnt(item):
                return False
            self.failures.setdefault(what, Tally()).add(str(error), item.place)
            return False

    def _preference(self, expression: Compiled, scope: ItemScope, what: str, item: Item) -> float:
        """Larger is removed first; null is removed last."""
        try:
            value = expression(scope.names, scope.functions)
            if value is None:
                return -math.inf
            if isinstance(value, bool):
                return float(value)
            number = as_number(value)
            if number is None:
                raise EvaluationError(f"the preference is {'a list' if isinstance(value, list) else 'text'}, no number")
            return float(number)
        except (EvaluationError, OverflowError) as error:
            if self._is_unlearnt(item):
                return -math.inf
            self.failures.setdefault(what, Tally()).add(str(error), item.place)
            return -math.inf

    def _sample(self, item: Item) -> None:
        combination = tuple(column.codes[-1] for column in self.splitting)
        kept = self.samples.get(combination)
        if kept is None:
            if len(self.samples) >= _MAX_COMBINATIONS:
                return
            kept = self.samples[combination] = []
        rank = hashlib.sha256(f"{self.seed}:{item.key}".encode()).digest()[:8]
        if len(kept) < _SAMPLES_PER_COMBINATION or rank < kept[-1][0]:
            kept.append((rank, len(self.keys), item))
            kept.sort(key=lambda entry: entry[:2])
            del kept[_SAMPLES_PER_COMBINATION:]

    def _choose_samples(self) -> tuple[Item, ...]:
        """At most MAX_SAMPLES: the first of each combination of labels before any second, by seeded hash."""
        ranked = sorted(
            ((turn, *entry) for kept in self.samples.values() for turn, entry in enumerate(kept)),
            key=lambda entry: entry[:3],
        )
        return tuple(item for *_, item in ranked[:MAX_SAMPLES])

    def _measure_spread(self, entries: Iterator[Item | BadRow]) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation of the measures that `z` is asked of, over all items that have the value."""
        recorded = self.records.values
        found = {
            name: (measures.build_measure(self.measures[name], recorded), array("d")) for name in self.needs_spread
        }
        for entry in entries:
            if isinstance(entry, Item):
                for function, values in found.values():
                    value = function(entry)
                    if isinstance(value, int | float) and abs(value) < _LARGEST:
                        values.append(value)
        spread = {}
        for name, (_, values) in found.items():
            column = np.frombuffer(values) if values else np.zeros(1)
            spread[name] = (float(column.mean()), float(column.std()))
        return spread

    def _find_missing_columns(self) -> Iterator[Diagnostic]:
        """Measures that read a column which is nowhere: a slip, whatever `unknown` says."""
        first = self.first
        if first is None:
            return
        there = list(dict.fromkeys((*first.attributes, *first.fields, *first.raw)))
        for column in self.columns:
            measure = self.measures[column.dimension.measure]
            name = str(measure.options.get("column", ""))
            if measure.kind == "column" and not column.valued and name not in there:
                span = find_origin(self.origins, f"measure.{measure.name}.column", f"measure.{measure.name}")
                yield faults.missing_field(self.dataset.name, name, there, first.place, span)

    def _check_column(self, column: Column) -> Iterator[Diagnostic]:
        dimension = column.dimension
        if dimension.measure in self.missing and not column.index:
            return  # its labels are still to be found
        name = f"dimension.{dimension.name}"
        span = find_origin(self.origins, f"{name}.target", name)
        if column.unlisted:
            found = sorted(column.unlisted.items(), key=lambda entry: (-entry[1], entry[0]))
            listed = find_origin(self.origins, f"{name}.labels", f"{name}.order", f"{name}.bands", name)
            yield faults.unlisted_labels(
                dimension.name, column.unlisted_items, found, tuple(column.index), column.first_unlisted, listed
            )
        if column.unknown.count:
            said = find_origin(self.origins, f"{name}.unknown", name)
            yield faults.unknown_label(
                dimension.name, column.unknown.count, column.unknown.reason, column.unknown.place, said
            )
        if not column.settled and len(column.index) > MAX_LABELS:
            yield faults.too_many_labels(dimension.name, len(column.index), MAX_LABELS, span)
        if not column.index and not column.unknown.count:
            yield faults.no_labels(dimension.name, find_origin(self.origins, name))

    def _no_items(self) -> Diagnostic:
        reasons = []
        if self.skipped:
            reasons.append(
                f"{self.skipped} bad rows were skipped, the first: {self.first_skipped.message}"
                if self.first_skipped
                else ""
            )
        if self.dropped:
            reasons.append(f"{self.dropped} items without a label were dropped")
        if not reasons:
            reasons.append("its files hold no row" + (" that `where` keeps" if self.dataset.where else ""))
        name = f"dataset.{self.dataset.name}"
        span = find_origin(self.origins, f"{name}.where", f"{name}.source", name)
        return faults.no_items(self.dataset.name, "; ".join(reasons), span)

    def _profile(
        self, labels: Mapping[str, tuple[tuple[str, ...], NDArray[np.int32]]], files: tuple[FileDigest, ...]
    ) -> Profile:
        protected = np.frombuffer(self.protected, dtype=np.bool_)
        eligible = {name: np.frombuffer(flags, dtype=np.bool_) for name, (_, flags) in self.where.items()}
        if self.made:
            untouched = ~np.frombuffer(self.made, dtype=np.bool_)
            eligible |= {name: eligible[name] & untouched for name in self.changing}
        flagged = None if self.flag is None else np.frombuffer(self.flagged, dtype=np.bool_)
        for operator, measure in self.deduplicators.items():
            copies = find_copies(self.clusters[measure], eligible[operator] & ~protected)
            eligible[operator] = copies
            flagged = copies if flagged is None else flagged | copies
        if self.flag is None:  # what may be improved is to be, as far as the budget goes
            for operator in self.improvers:
                waiting = eligible[operator] & ~protected
                flagged = waiting if flagged is None else flagged | waiting
        for operator in self.scrubbers:
            flagged = eligible[operator] if flagged is None else flagged | eligible[operator]
        return Profile(
            size=len(self.keys),
            keys=self.keys,
            labels={name: codes for name, (_, codes) in labels.items()},
            label_names={name: names for name, (names, _) in labels.items()},
            eligible=eligible,
            preference={name: np.frombuffer(values, dtype=np.float64) for name, (_, values) in self.prefer.items()},
            protected=protected,
            flagged=flagged,
            samples=self._choose_samples(),
            files=files,
            sha256=digest_dataset(files),
            dropped=self.dropped,
            skipped=self.skipped,
            duplicates=self.duplicates,
            notes=(*self._note(), *self.records.notes),
            signals={**self.records.signals, **self.references.files},
            mixes={
                name: {label: count / counts.total() for label, count in counts.items()}
                for name, counts in self.references.counts.items()
            },
            recorded=self.records.values,
            pending={name: len(rows) for name, rows in self.missing.items()},
        )

    def _note(self) -> Iterator[str]:
        if self.duplicates:
            verb = "repeats" if self.duplicates == 1 else "repeat"
            yield f"{faults.count(self.duplicates, 'item')} {verb} an earlier one exactly"
        for column in self.columns:
            name, lost = column.dimension.name, column.lost
            if lost and column.dimension.unknown == "drop":
                yield f"{faults.count(lost, 'item')} without a label of `{name}` left out"
                lost = 0
            if kept := lost + column.pending:
                yield f"{faults.count(kept, 'item')} without a label of `{name}` kept outside of its shares"


def _blame_source(problem: Diagnostic, dataset: Dataset, origins: Mapping[str, Span] | None) -> Diagnostic:
    """A complaint about a whole file also shows where the spec names it."""
    if problem.span is not None or problem.place is None or problem.place.line is not None:
        return problem
    name = f"dataset.{dataset.name}"
    return replace(problem, span=find_origin(origins, f"{name}.source", name))


def _join(
    parents: Sequence[tuple[tuple[str, ...], NDArray[np.int32]]],
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Labels and codes of a joint target: every combination, the last dimension's labels next to each other."""
    names = tuple(LABEL_MARK.join(labels) for labels in product(*(names for names, _ in parents)))
    codes = np.zeros(len(parents[0][1]), dtype=np.int64)
    known = np.ones(len(codes), dtype=np.bool_)
    for labels, column in parents:
        codes = codes * len(labels) + column
        known &= column >= 0
    return names, np.where(known, codes, -1).astype(np.int32)


def _explain_unknown(dimension: Dimension, value: Any) -> str:
    if value is None:
        return f"measure `{dimension.measure}` has no value"
    shown = faults.shorten(str(value), 40)
    if isinstance(value, str):
        return f'the value "{shown}" of measure `{dimension.measure}` is no number'
    return f"the value {shown} of measure `{dimension.measure}` lies in no band"


def _say(what: str) -> str:
    """`operator.fix.where` as a user would say it."""
    kind, *names, attribute = what.split(".")
    return f"`{attribute}` of {kind} `{names[0]}`" if names else f"`{attribute}`"
