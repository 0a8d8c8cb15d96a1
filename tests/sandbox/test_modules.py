"""The modules that are supplied to the embedded interpreter do what Python's own do."""

from __future__ import annotations

import heapq
import operator
import random
import statistics
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from refinelab_dsl.effects import Execute
from refinelab_dsl.sandbox import Limits, Sandbox
from refinelab_dsl.sandbox.modules import SOURCES, module_names
from tests.sandbox.levels import need, open_levels

OWN: dict[str, ModuleType] = {"heapq": heapq, "operator": operator, "statistics": statistics}

# Run by this Python and in the sandbox; `answer` is compared.
PROGRAMS = {
    "heapq": """
import heapq
from heapq import heappush, nlargest
heap = list(data)
heapq.heapify(heap)
answer = [heapq.heappushpop(heap, 3), heapq.heapreplace(heap, 7), heapq.nsmallest(3, heap, key=lambda x: -x)]
for value in data[:4]:
    heappush(heap, value - 1)
answer += [nlargest(2, heap), list(heapq.merge([1, 4], [2, 3])), [heapq.heappop(heap) for _ in range(len(data) + 4)]]
pairs = [(2, "b"), (1, "z"), (2, "a")]
heapq.heapify(pairs)
answer.append([heapq.heappop(pairs) for _ in range(3)])
""",
    "operator": """
import functools
import operator
from operator import itemgetter
names = ["add", "sub", "mul", "truediv", "floordiv", "mod", "lt", "le", "eq", "ne", "ge", "gt", "and_", "or_", "xor"]
calls = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.lt,
         operator.le, operator.eq, operator.ne, operator.ge, operator.gt, operator.and_, operator.or_, operator.xor]
answer = [[call(a, 7) for call in calls] for a in data]
answer += [operator.neg(3), operator.not_([]), operator.pow(2, 5), operator.getitem([4, 5], 1)]
answer += [operator.contains("ab", "b"), functools.reduce(operator.mul, [1, 2, 3, 4])]
answer += [sorted([(1, 2), (0, 3)], key=itemgetter(0)), itemgetter(2, 0)("abc")]
""",
    "statistics": """
import statistics
from statistics import median
answer = [statistics.mean(data), statistics.fmean(data), median(data), statistics.median_low(data),
          statistics.median_high(data), statistics.mode(data + data[:1]), statistics.multimode(data + data[:1]),
          statistics.mean([1.5, 2.25]), statistics.mean([1, 2]), statistics.mean([1, 3]), median([0.5, 1.5])]
""",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from open_levels(Limits(seconds=30, waiting=60))


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_does_what_pythons_own_does(module: str, sandbox: Sandbox) -> None:
    need(sandbox, "embedded")
    for seed in range(5):
        data = [random.Random(seed).randint(-20, 40) for _ in range(5 + 3 * seed)]
        code = f"data = {data}\n{PROGRAMS[module]}"
        names: dict[str, Any] = {}
        exec(code, names)
        outcome = sandbox.run(Execute(code, "embedded", "answer"))
        assert (outcome.status, outcome.value) == ("ok", str(names["answer"])), outcome


@pytest.mark.parametrize("module", SOURCES)
def test_every_name_is_one_of_pythons_and_is_tried(module: str) -> None:
    assert [name for name in module_names(module) if not hasattr(OWN[module], name)] == []
    assert [name for name in module_names(module) if f"{name}" not in PROGRAMS[module]] == []
