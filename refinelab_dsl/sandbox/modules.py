"""Modules that the embedded interpreter lacks, in the part of Python that it has; and `round`, which it has wrong.

They run in the sandbox like the program itself: nothing of this process is called, and a list that `heappush` changes
is the program's own list. Only what is pure and small is here; a program that wants another name of these modules needs
more than there is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_HEAPQ: Final = """
def _sift_up(heap, place):
    while place > 0:
        above = (place - 1) // 2
        if not heap[place] < heap[above]:
            return
        heap[place], heap[above] = heap[above], heap[place]
        place = above

def _sift_down(heap, place):
    while True:
        least = 2 * place + 1
        if least >= len(heap):
            return
        if least + 1 < len(heap) and heap[least + 1] < heap[least]:
            least += 1
        if not heap[least] < heap[place]:
            return
        heap[place], heap[least] = heap[least], heap[place]
        place = least

def heappush(heap, item):
    heap.append(item)
    _sift_up(heap, len(heap) - 1)

def heappop(heap):
    last = heap.pop()
    if not heap:
        return last
    least = heap[0]
    heap[0] = last
    _sift_down(heap, 0)
    return least

def heapify(heap):
    for place in range(len(heap) // 2 - 1, -1, -1):
        _sift_down(heap, place)

def heappushpop(heap, item):
    if heap and heap[0] < item:
        heap[0], item = item, heap[0]
        _sift_down(heap, 0)
    return item

def heapreplace(heap, item):
    least = heap[0]
    heap[0] = item
    _sift_down(heap, 0)
    return least

def nsmallest(n, iterable, key=None):
    return sorted(iterable, key=key)[:max(n, 0)]

def nlargest(n, iterable, key=None):
    return sorted(iterable, key=key, reverse=True)[:max(n, 0)]

def merge(*iterables, key=None, reverse=False):
    return iter(sorted([item for each in iterables for item in each], key=key, reverse=reverse))
"""
_OPERATOR: Final = """
def add(a, b): return a + b
def sub(a, b): return a - b
def mul(a, b): return a * b
def truediv(a, b): return a / b
def floordiv(a, b): return a // b
def mod(a, b): return a % b
def pow(a, b): return a ** b
def neg(a): return -a
def and_(a, b): return a & b
def or_(a, b): return a | b
def xor(a, b): return a ^ b
def not_(a): return not a
def lt(a, b): return a < b
def le(a, b): return a <= b
def eq(a, b): return a == b
def ne(a, b): return a != b
def ge(a, b): return a >= b
def gt(a, b): return a > b
def getitem(a, b): return a[b]
def contains(a, b): return b in a
def itemgetter(*places):
    if len(places) == 1:
        return lambda value: value[places[0]]
    return lambda value: tuple([value[place] for place in places])
"""
_STATISTICS: Final = """
import math as _math

def _numbers(data):
    values = list(data)
    if not values:
        raise ValueError("no data")
    return values

def _divide(total, count):
    if isinstance(total, int) and total % count == 0:
        return total // count
    return total / count

def _sum(values):
    return _math.fsum(values) if any(isinstance(value, float) for value in values) else sum(values)

def mean(data):
    values = _numbers(data)
    return _divide(_sum(values), len(values))

def fmean(data):
    values = _numbers(data)
    return _math.fsum(values) / len(values)

def median(data):
    values = sorted(_numbers(data))
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2

def median_low(data):
    values = sorted(_numbers(data))
    return values[(len(values) - 1) // 2]

def median_high(data):
    values = sorted(_numbers(data))
    return values[len(values) // 2]

def multimode(data):
    counts = {}
    for value in data:
        counts[value] = counts.get(value, 0) + 1
    most = max(counts.values(), default=0)
    return [value for value in counts if counts[value] == most]

def mode(data):
    return multimode(_numbers(data))[0]
"""

SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {"heapq": _HEAPQ, "operator": _OPERATOR, "statistics": _STATISTICS}
)
"""Module -> its text. Names that begin with `_` are not offered."""

ROUND: Final = """
_plain_round = round

def round(number, ndigits=None):
    if ndigits is None:
        return _plain_round(number)
    if isinstance(number, float) and ndigits > 0:
        return float(f"{number:.{ndigits}f}")
    return _plain_round(number, ndigits)
"""
"""To places behind the point, correctly (CPython's rule: 2.675 is less than that, so it gives 2.67)."""

_DEFINED: Final = re.compile(r"^def ([a-z]\w*)\(", re.MULTILINE)
_WRAPPER: Final = """
class _Function:
    def __init__(self, function):
        self.function = function
    def __call__(self, *arguments, **named):
        return self.function(*arguments, **named)
"""


def find_modules(code: str) -> tuple[str, ...]:
    """The modules of `SOURCES` that a program may import: those that it names."""
    return tuple(name for name in SOURCES if re.search(rf"\b{name}\b", code))


def module_names(module: str) -> tuple[str, ...]:
    """What a module offers."""
    return tuple(_DEFINED.findall(SOURCES[module]))


def write_module(module: str) -> str:
    """A program that defines a module's functions inside a function of its own, and whose value is the list of them, as
    objects that can be called, in the order of `module_names`."""
    body = "".join(f"    {line}\n" if line else "\n" for line in SOURCES[module].strip().split("\n"))
    offered = ", ".join(f"_Function({name})" for name in module_names(module))
    keep = f"_module_{module}"
    return f"{_WRAPPER}\ndef {keep}():\n{body}    return [{offered}]\n{keep} = {keep}()\n{keep}\n"
