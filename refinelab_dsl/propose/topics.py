"""What could be balanced: a column of few values, the files' names, the length of the question in bands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from refinelab_dsl.data.invert import column
from refinelab_dsl.expressions.nodes import Call, Constant, Expression
from refinelab_dsl.expressions.walk import columns_of
from refinelab_dsl.propose.columns import Column, is_number
from refinelab_dsl.propose.inference import Bands
from refinelab_dsl.propose.words import ANSWER, CHOICES, QUESTION, SPLITS, TOPIC, is_topic_name, weigh_name

MAX_LABELS = 60
_LONG = 60  # characters of a label


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value of each item that may be worth balancing. `name`: of the column, or `topic` for the files' names."""

    name: str
    expression: Expression

    @property
    def is_column(self) -> bool:
        return any(True for _ in columns_of(self.expression))


def find_topics(columns: Mapping[str, Column], used: Iterable[str], stems: Sequence[str]) -> list[Candidate]:
    """The candidates, the likeliest first: a column that says topic by its name, then the files' names, then other
    columns of few values."""
    taken = set(used)
    weighed = []
    for each in columns.values():
        if each.name in taken or not _has_few_values(each):
            continue
        if any(weigh_name(each.name, words) for words in (QUESTION, ANSWER, CHOICES)) or not is_topic_name(each.name):
            continue
        weight = weigh_name(each.name, TOPIC)
        if not weight and (each.count(is_number) or len(each.different) > 30 or each.count(lambda v: v is True)):
            continue
        weighed.append((weight or 1, Candidate(each.name, column(each.name))))
    topic = _read_stems(stems)
    if topic is not None:
        weighed.append((4, Candidate("topic", topic)))
    return [candidate for _, candidate in sorted(weighed, key=lambda pair: -pair[0])]


def build_bands(lengths: Counter[int]) -> Bands | None:
    """Bands of words at the quartiles of all questions: short, medium, long. Two bands where there are two lengths,
    None where all are of one.

    lengths: words of a question -> number of items.
    """
    different = sorted(lengths)
    total = sum(lengths.values())
    if len(different) < 2:
        return None
    if len(different) == 2:
        return _count_bands(lengths, ("short", "long"), (different[1],))
    low, high = _quantile(lengths, total / 4), _quantile(lengths, total * 3 / 4)
    first = min(max(low, different[1]), different[-2])
    second = max(high, next(length for length in different if length > first))
    return _count_bands(lengths, ("short", "medium", "long"), (first, second))


def _has_few_values(each: Column) -> bool:
    rows = len(each.values)
    different = len(each.different)
    return (
        each.text_share >= 0.5
        and 2 <= different <= min(MAX_LABELS, max(rows // 3, 2))
        and max(map(len, each.different)) <= _LONG
    )


def _read_stems(stems: Sequence[str]) -> Expression | None:
    """An expression that takes the topic out of the files' names; None where they name none.

    `anatomy_dev` and `anatomy_test` are anatomy: endings that tell parts of a set apart go. What all names begin or
    end with goes, too.
    """
    if len(set(stems)) < 2:
        return None
    expression: Expression = Call(function="stem")
    names = set(stems)
    endings = sorted({match[0] for name in names if (match := re.search(r"[_-]([A-Za-z]+)$", name))
                      and match[1].lower() in SPLITS})  # fmt: skip
    for ending in endings:
        names = {name.removesuffix(ending) for name in names}
        expression = _call("remove_suffix", expression, ending)
    names -= {""}
    if len(names) < 2 or any(name.lower() in SPLITS for name in names):
        return None
    start = _common_start(names)
    if start and all(start not in name[len(start) :] and name != start for name in names):
        expression = _call("after", expression, start)
        names = {name[len(start) :].strip() for name in names}
    if any(not name.strip() for name in names) or len(names) > MAX_LABELS * 10:
        return None
    return expression


def _common_start(names: set[str]) -> str:
    """What all names begin with, up to a `_` or `-`."""
    least, largest = min(names), max(names)
    same = 0
    while same < min(len(least), len(largest)) and least[same] == largest[same]:
        same += 1
    end = max(least.rfind("_", 0, same), least.rfind("-", 0, same)) + 1
    return least[:end]


def _call(function: str, inner: Expression, text: str) -> Call:
    return Call(function=function, arguments=(inner, Constant.of(text)))


def _quantile(lengths: Counter[int], rank: float) -> int:
    seen = 0
    for length in sorted(lengths):
        seen += lengths[length]
        if seen > rank:
            return length
    return max(lengths)


def _count_bands(lengths: Counter[int], labels: tuple[str, ...], edges: tuple[int, ...]) -> Bands:
    counts = [0] * len(labels)
    for length, times in lengths.items():
        counts[sum(length >= edge for edge in edges)] += times
    return Bands(labels, edges, tuple(counts))
