"""`infer`: data files to an `Inference`, or why there is none.

One pass takes a sample, from which the task and its fields are read; a second one reads every row under them with the
reader that `plan` uses, and counts what is no item.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refinelab_dsl import measures
from refinelab_dsl.builtins import TASKS
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import describe_file, read_items
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.expressions.walk import columns_of
from refinelab_dsl.project import Project
from refinelab_dsl.propose.columns import Column, build_columns
from refinelab_dsl.propose.inference import Inference, Reading, Topic
from refinelab_dsl.propose.rows import Sample, read_sample
from refinelab_dsl.propose.tasks import Unclear, infer_task, without_id
from refinelab_dsl.propose.text import name_word
from refinelab_dsl.propose.topics import MAX_LABELS, Candidate, build_bands, find_topics

_FEW = 0.2  # of the rows may be no items; more, and the reading is wrong
_TAKEN = ("length", "words", "recorded")  # what the spec calls other things
_SHOWN = 30  # columns in a refusal


def infer(name: str, source: Sequence[str], files: Sequence[Path], project: Project) -> Inference | Diagnostic:
    """What `files` hold, read in full.

    name: of the dataset to be. source: as it will stand in the spec; its files are `files`, at least one. Gives a
    diagnostic where a file cannot be read, where no task shows, or where too few rows fit it.
    """
    dataset = Dataset(name=name, task="qa", source=tuple(source))
    label = source[0]
    if any(describe_file(dataset, path)[0] is None for path in files):
        return faults.unknown_format(label, None)
    sample = read_sample(dataset, files, project)
    if isinstance(sample, Diagnostic):
        return sample
    if not sample.count:
        return faults.no_items(name, f"`{label}` holds no row", None)
    columns = build_columns(sample.rows)
    reading = infer_task(columns)
    if isinstance(reading, Unclear) and reading.lists is not None:
        apart = dataset.model_copy(update={"explode": find_parallel(sample.rows, reading.lists)})
        taken = read_sample(apart, files, project)
        if not isinstance(taken, Diagnostic) and taken.count:
            columns = build_columns(taken.rows)
            reading = infer_task(columns)
            dataset, sample = apart, taken
    if isinstance(reading, Unclear):
        return _refuse(label, reading.missing, columns)
    topics = find_topics(columns, _columns_used(reading), sample.stems)
    return _read_all(dataset, files, project, sample, reading, columns, topics)


def find_parallel(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[str, ...]:
    """The columns that hold lists as long as those of `name` in every row: what `explode` takes apart together."""

    def is_parallel(row: Mapping[str, Any], other: str) -> bool:
        held, others = row.get(name), row.get(other)
        return isinstance(held, list) and isinstance(others, list) and len(held) == len(others)

    whole = [row for row in rows if isinstance(row.get(name), list)]
    names = dict.fromkeys(other for row in whole for other in row)
    return tuple(other for other in names if all(is_parallel(row, other) for row in whole))


def _refuse(name: str, reason: str, columns: Mapping[str, Column]) -> Diagnostic:
    texts = [each for each in columns.values() if each.text_share >= 0.8]
    longest = [each.name for each in sorted(texts, key=lambda each: -each.mean_words)]
    question, answer = (*longest, "…", "…")[:2]
    return faults.task_unclear(name, reason, describe_columns(columns), question, answer)


def describe_columns(columns: Mapping[str, Column]) -> list[str]:
    """A line for each column: its name and shape, none of its text."""
    shown = [f"`{faults.shorten(name)}`: {each.describe()}" for name, each in list(columns.items())[:_SHOWN]]
    more = len(columns) - len(shown)
    return [*shown, f"and {more} more"] if more > 0 else shown


@dataclass
class _Count:
    """What one pass over the items of a reading found."""

    items: int = 0
    bad: int = 0
    repeated: int = 0
    first_bad: Diagnostic | None = None
    fatal: Diagnostic | None = None
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    absent: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)


def _read_all(
    dataset: Dataset,
    files: Sequence[Path],
    project: Project,
    sample: Sample,
    reading: Reading,
    columns: Mapping[str, Column],
    topics: Sequence[Candidate],
) -> Inference | Diagnostic:
    count = _count(declare(dataset, sample, reading), files, project, topics)
    if count.repeated and count.repeated > count.bad // 2:
        reading = without_id(reading)
        count = _count(declare(dataset, sample, reading), files, project, topics)
    if count.fatal is not None:
        return count.fatal
    total = count.items + count.bad
    if not count.items or count.bad > _FEW * total:
        reason = count.first_bad.message if count.first_bad is not None else "no row is an item"
        missing = f"as `{reading.task}`, {count.bad} of {total} rows are no items; the first: {reason}"
        return _refuse(dataset.source[0], missing, columns)
    topic = _settle_topic(count, topics, reading)
    return Inference(
        dataset=declare(dataset, sample, reading, topic, skips=bool(count.bad)),
        reading=reading,
        rows=count.items,
        bad=count.bad,
        first_bad=count.first_bad,
        topic=topic,
        bands=build_bands(count.lengths),
        files=len(files),
        sampled=len(sample.rows),
    )


def declare(
    dataset: Dataset, sample: Sample, reading: Reading, topic: Topic | None = None, *, skips: bool = False
) -> Dataset:
    """The dataset as the spec will declare it. skips: rows that are no items are left out."""
    further = {} if topic is None else {topic.name: topic.expression}
    return dataset.model_copy(
        update={
            "task": reading.task,
            "columns": sample.columns,
            "fields": {**reading.fields, **further},
            "answer_as": reading.answer_as,
            "on_bad_row": "skip" if skips else "stop",
        }
    )


def _count(dataset: Dataset, files: Sequence[Path], project: Project, topics: Sequence[Candidate]) -> _Count:
    # Under names that no task field has, so that a topic cannot take the place of one.
    keys = {f"topic {place}": each for place, each in enumerate(topics)}
    further = {key: each.expression for key, each in keys.items()}
    dataset = dataset.model_copy(update={"fields": {**dataset.fields, **further}, "on_bad_row": "skip"})
    count = _Count(labels={each.name: Counter() for each in topics})
    for entry in read_items(dataset, files, project):
        if isinstance(entry, Item):
            count.items += 1
            count.lengths[len(entry.question.split())] += 1
            for key, each in keys.items():
                label = measures.canonical_label(entry.attributes[key])
                tally = count.labels[each.name]
                if label is None:
                    count.absent[each.name] += 1
                elif label in tally or len(tally) <= 10 * MAX_LABELS:
                    tally[label] += 1
        elif entry.fatal:
            count.fatal = entry.diagnostic
            break
        else:
            count.bad += 1
            count.repeated += entry.diagnostic.code == "RF3024"
            count.first_bad = count.first_bad or entry.diagnostic
    return count


def _settle_topic(count: _Count, topics: Sequence[Candidate], reading: Reading) -> Topic | None:
    """The first candidate that keeps to few values in all rows."""
    fitting = [
        each for each in topics
        if 2 <= len(count.labels[each.name]) <= MAX_LABELS and count.absent[each.name] <= count.items // 2
    ]  # fmt: skip
    if not fitting:
        return None
    best = fitting[0]
    return _build_topic(best, count.labels[best.name], count.absent[best.name], fitting[1:], reading)


def _build_topic(
    best: Candidate, counts: Mapping[str, int], absent: int, others: Iterable[Candidate], reading: Reading
) -> Topic:
    task = TASKS[reading.task]
    ordered = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
    what = f"column `{faults.shorten(best.name)}`" if best.is_column else "the name of the file"
    return Topic(
        name=name_word(best.name, {*task.fields, *_TAKEN}),
        expression=best.expression,
        counts=ordered,
        absent=absent,
        evidence=f"{what}: {len(ordered)} different values in {sum(ordered.values())} rows",
        others=tuple(each.name for each in others if each.is_column),
    )


def _columns_used(reading: Reading) -> set[str]:
    return {name for finding in reading.findings for name in columns_of(finding.expression)}
