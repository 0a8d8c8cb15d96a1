"""Joins signals to items: the values of measures that are recorded beside the items, and not found in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from refinelab_dsl.data.answers import Ambiguity, AnswerStyle, settle_style
from refinelab_dsl.data.feedback import read_feedback
from refinelab_dsl.data.files import digest_files, find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.probabilities import read_probabilities
from refinelab_dsl.data.profile import FileDigest
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.signals import RowFaults, SignalTable, describe_unjoined, has_keys, read_table
from refinelab_dsl.declarations import Dataset, Measure
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.measures.difficulty import fit_difficulties, is_fitted, pack_grades
from refinelab_dsl.measures.label_issue import cast_votes, group_of, judge_ballots
from refinelab_dsl.measures.recorded import ANSWERS, FEEDBACK, MATRIX, PROBABILITIES, Recorded, list_signals
from refinelab_dsl.measures.responses import (
    Grade,
    Reading,
    grade,
    is_correctness,
    is_right_or_wrong,
    rate_of,
    read_response,
)
from refinelab_dsl.measures.suspicion import Ballot
from refinelab_dsl.project import Project
from refinelab_dsl.source import Place, Span

_ENOUGH = 3  # items on which all must be right before that is worth saying
_LIKE_THE_KEY = 20  # items on which a column must be right, all of them, before it looks like the key


@dataclass(frozen=True)
class Records:
    """values: of each recorded measure. signals: the files that were read, by dataset."""

    values: Recorded
    signals: Mapping[str, tuple[FileDigest, ...]]
    notes: tuple[str, ...]
    diagnostics: Diagnostics


def read_records(
    measures_: Sequence[Measure],
    datasets: Sequence[Dataset],
    main: Dataset,
    files: Sequence[Path],
    project: Project,
    *,
    allow_outside: bool = False,
    origins: Mapping[str, Span] | None = None,
) -> Records:
    """The recorded values of the main dataset's items; nothing is read where no measure is recorded.

    datasets: all others. files: of the main dataset, which is read once more for each signals dataset, and twice where
    the data settle how answers are written. Memory grows by the table and by one number per item.
    """
    values: dict[str, tuple[float | None, ...]] = {}
    signals: dict[str, tuple[FileDigest, ...]] = {}
    notes: list[str] = []
    found: list[Diagnostic] = []
    for dataset in list_signals(measures_, datasets):
        paths, problems = find_files(dataset, project, allow_outside=allow_outside, origins=origins)
        digests, unreadable = digest_files(paths, project)
        found += [*problems, *unreadable]
        if problems or unreadable:
            continue
        signals[dataset.name] = digests
        bad = RowFaults(dataset, origins)
        table = read_table(dataset, paths, project, bad)
        reading = {
            option: [measure for measure in measures_ if measure.options.get(option) == dataset.name]
            for option in (MATRIX, ANSWERS, PROBABILITIES, FEEDBACK)
        }
        if not bad.problems and (reading[MATRIX] or reading[ANSWERS]):
            joining = _Joining(table, main, files, project, bad, reading[MATRIX], reading[ANSWERS])
            values |= joining.measure(notes)
        if not bad.problems and reading[PROBABILITIES]:
            values |= read_probabilities(table, main, files, project, bad, reading[PROBABILITIES], notes)
        if not bad.problems and reading[FEEDBACK]:
            values |= read_feedback(reading[FEEDBACK], table, main, files, project, bad)
        found += bad.list_found()
    return Records(values, signals, tuple(notes), Diagnostics(tuple(found)))


@dataclass(frozen=True)
class Graded:
    """What was recorded of the main dataset's items, compared with their keys.

    models: the columns. rows: by `Item.row` a byte for each model (`measures.difficulty.pack_grades`), None for an item
    without a row; shorter than the dataset where the last items have none.
    """

    models: tuple[str, ...]
    rows: tuple[bytes | None, ...]


def read_graded(
    dataset: Dataset,
    main: Dataset,
    files: Sequence[Path],
    project: Project,
    *,
    allow_outside: bool = False,
    origins: Mapping[str, Span] | None = None,
) -> tuple[Graded | None, tuple[str, ...], Diagnostics]:
    """The answers of a signals dataset, graded, with notes; None where they cannot be read, and why.

    files: of the main dataset.
    """
    paths, problems = find_files(dataset, project, allow_outside=allow_outside, origins=origins)
    if problems:
        return None, (), Diagnostics(tuple(problems))
    bad = RowFaults(dataset, origins)
    table = read_table(dataset, paths, project, bad)
    notes: list[str] = []
    joining = _Joining(table, main, files, project, bad, keep=True)
    if not bad.problems:
        joining.rate(notes)
    found = Diagnostics(bad.list_found())
    if found.has_errors:
        return None, (), found
    return Graded(joining.table.columns, tuple(joining.kept)), tuple(notes), found


class _Joining:
    """One table of responses beside the items of the main dataset."""

    def __init__(
        self,
        table: SignalTable,
        main: Dataset,
        files: Sequence[Path],
        project: Project,
        bad: RowFaults,
        rated: Sequence[Measure] = (),
        judged: Sequence[Measure] = (),
        *,
        keep: bool = False,
    ) -> None:
        """rated: the measures of difficulty. judged: those of keys. keep: whether every single answer is kept, as item
        response needs them, whatever measures say."""
        self.table = table
        self.rated = rated
        self.judged = judged
        self.keep = keep or any(map(is_fitted, rated))
        self.kept: list[bytes | None] = []
        self.reading: Reading | None = None
        self.ballots: dict[str, list[Ballot | None]] = {measure.name: [] for measure in judged}
        self.main = main
        self.files = files
        self.project = project
        self.bad = bad

    def measure(self, notes: list[str]) -> dict[str, tuple[float | None, ...]]:
        """The values of all measures of the table; what is wrong goes to `bad`, what is to be said to `notes`."""
        rates = self.rate(notes)
        values = {measure.name: rates for measure in (*self.rated, *self.judged)}
        if self.reading is None or any(each.is_error for each in self.bad.problems):
            return values
        columns = self.table.columns
        fits: dict[str, tuple[float | None, ...]] = {}
        for measure in filter(is_fitted, self.rated):
            how = str(measure.options.get("irt", "rasch"))
            if how not in fits:
                fits[how], said = fit_difficulties(self.kept, len(columns), how, measure.name)
                notes.append(said)
            values[measure.name] = fits[how]
        for measure in self.judged:
            ballots = self.ballots[measure.name]
            values[measure.name], told = judge_ballots(ballots, columns, self.reading, measure.name)
            notes += told
        return values

    def rate(self, notes: list[str]) -> tuple[float | None, ...]:
        """The rate of right answers of each item, by its row; what is wrong goes to `bad`."""
        table, name = self.table, self.table.dataset.name
        if not table.rows or not table.columns:
            first = next(iter(table.rows.values()), None)
            place = None if first is None else first.place
            there = (*table.dataset.join, *table.columns)
            self.bad.problems.append(faults.no_responses(name, there, place, self.bad.span("join")))
            return ()
        self.reading = reading = self._settle()
        if reading is None:
            return ()
        table = self.table  # without what turned out to be bad rows
        rates: list[float | None] = []
        tally = [dict.fromkeys(Grade, 0) for _ in table.columns]
        unread: dict[int, tuple[str, Place]] = {}
        unjoined = 0
        first_item: Item | None = None
        for item in self._items():
            first_item = first_item or item
            row = table.find(item)
            if row is None:
                unjoined += 1
                rates.append(None)
                self.kept.append(None)
                for ballots in self.ballots.values():
                    ballots.append(None)
                continue
            grades = [grade(value, item, reading) for value in row.values]
            rates.append(rate_of(grades))
            if self.keep:
                self.kept.append(pack_grades(grades))
            if self.judged:
                self._cast(row.values, item, reading)
            for at, found in enumerate(grades):
                tally[at][found] += 1
                if found is Grade.UNREAD:
                    unread.setdefault(at, (read_response(row.values[at]) or "", row.place))
        if unjoined == len(rates):
            if first_item is not None:
                self.bad.problems.append(describe_unjoined(table, first_item, self.bad))
            return tuple(rates)
        self._judge_columns(tally, unread)
        self._judge_whole(tally, len(rates) - unjoined)
        if unjoined:
            notes.append(f"{faults.count(unjoined, 'item')} without a row of `{name}`")
        wrong = sum(each[Grade.UNREAD] for each in tally)
        if wrong:
            verb = "names" if wrong == 1 else "name"
            counted = "count as wrong" if self.rated or not self.judged else "do not count"
            notes.append(f"{faults.count(wrong, 'answer')} of `{name}` {verb} no choice and {counted}")
        return tuple(rates)

    def _cast(self, values: Sequence[Any], item: Item, reading: Reading) -> None:
        votes, answers = cast_votes(values, item, reading)
        for measure in self.judged:
            self.ballots[measure.name].append(Ballot(votes, answers, group_of(measure, item)))

    def _settle(self) -> Reading | None:
        """How the values are read; None where that cannot be told, or where values do not fit."""
        declared = self.table.dataset.answer_as
        every = chain.from_iterable(row.values for row in self.table.rows.values())
        if declared == "auto" and is_correctness(every):
            self._refuse_unclear()
            return None if self.bad.problems else "correctness"
        if not has_keys(self.main):
            name, main = self.table.dataset.name, self.main
            self.bad.problems.append(faults.no_keys(name, main.name, main.item_task, self.bad.span("source")))
            return None
        if self.main.item_task != "mcq":
            return "text"
        if declared != "auto":
            return AnswerStyle(declared)
        settled = settle_style(self._answers())
        if isinstance(settled, Ambiguity):
            name = self.table.dataset.name
            problem = faults.ambiguous_answers(name, settled.detail, settled.help, settled.place)
            self.bad.add(problem, fatal=True)
            return None
        return settled

    def _refuse_unclear(self) -> None:
        """In a matrix of right and wrong every value is one of them; rows with others are bad."""
        rows = dict(self.table.rows)
        for key, row in self.table.rows.items():
            at = next((at for at, value in enumerate(row.values) if not is_right_or_wrong(value)), None)
            if at is None:
                continue
            del rows[key]
            value, place = row.values[at], row.place
            shown = _show(value)
            if self.bad.add(faults.bad_response(self.table.columns[at], shown, place)):
                break
        self.table = SignalTable(self.table.dataset, self.table.columns, rows)

    def _answers(self) -> Iterator[tuple[Place, str, Sequence[str], None]]:
        for item in self._items():
            row = self.table.find(item)
            for value in () if row is None else row.values:
                text = read_response(value)
                if row is not None and text is not None:
                    yield row.place, text, item.fields["choices"], None

    def _items(self) -> Iterator[Item]:
        """Bad rows of the main dataset are told when its profile is made."""
        return (entry for entry in read_items(self.main, self.files, self.project) if isinstance(entry, Item))

    def _judge_columns(
        self, tally: Sequence[Mapping[Grade, int]], unread: Mapping[int, tuple[str, Place]]
    ) -> None:
        """Columns that cannot be a model's: they never name a choice, or always the right one."""
        name = self.table.dataset.name
        for at, (column, counts) in enumerate(zip(self.table.columns, tally, strict=True)):
            right, wrong = counts[Grade.RIGHT], counts[Grade.WRONG]
            if counts[Grade.UNREAD] and not right + wrong:
                value, place = unread[at]
                self.bad.problems.append(
                    faults.unread_responses(name, column, value, place, self.bad.span("fields", "source"))
                )
            elif right >= _LIKE_THE_KEY and not wrong + counts[Grade.UNREAD] and not self._is_named(column):
                self.bad.problems.append(faults.key_among_responses(name, column, right, self.bad.span("source")))

    def _judge_whole(self, tally: Sequence[Mapping[Grade, int]], items: int) -> None:
        """A matrix that says the same of all items ranks none of them."""
        right = sum(each[Grade.RIGHT] for each in tally)
        wrong = sum(each[Grade.WRONG] + each[Grade.UNREAD] for each in tally)
        if right and self.judged and not self.rated:
            return  # all models agree with all keys, and nothing speaks against any
        if items >= _ENOUGH and (right == 0) != (wrong == 0):
            span = self.bad.span("source")
            self.bad.problems.append(faults.one_sided_responses(self.table.dataset.name, right > 0, items, span))

    def _is_named(self, column: str) -> bool:
        return column in self.table.dataset.fields


def _show(value: Any) -> str:
    text = read_response(value)
    return "a list or a map" if text is None or text == "\0" else f'"{faults.shorten(text, 40)}"'
