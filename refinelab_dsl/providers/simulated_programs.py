"""What the simulated model answers to `pot`: programs, and the number of a wrong step.

A good program computes the item's key from parts of it that are drawn; where the item has an attribute `truth`, it
computes that. A bad one comes to another value, fails, or
finds no answer; which one follows from seed, item and sample, so two bad programs rarely agree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from refinelab_dsl.prompts.request import Subject
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.simulated_evidence import TRUTH

_WHOLE: Final = re.compile(r"\s*\$?\s*(-?\d{1,15}|-?\d{1,3}(?:,\d{3})+)\s*", re.ASCII)
_PROBLEM: Final = re.compile(
    r"packs (\d+) crates of (\d+) .{1,200}? and then (receives|finds|borrows|sells|loses|gives away) (\d+) ", re.ASCII
)
_SHORT: Final = re.compile(r"What is (\d+) \* (\d+) ([-+]) (\d+)\?", re.ASCII)
_DECIMAL: Final = re.compile(r"\s*\$?\s*(-?\d{0,15}\.\d{1,12})\s*", re.ASCII)


def write_program(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """A reply to `pot`."""
    key = str(subject.item.get(TRUTH) or subject.item.get("answer", ""))
    if good:
        return {"program": _compute(key, draw)}
    way = draw.below(10)
    if way < 2:
        return {"program": "parts = 0\nanswer = 1 / parts"}
    if way < 4:
        return {"program": "# Something that is needed is not stated.\nanswer = None"}
    return {"program": _compute(_miss(key, subject, draw), draw)}


def name_step(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """A reply to the question for the first wrong step: none of them, or any."""
    about = subject.item.get("about")
    steps = about.get("steps", 1) if isinstance(about, Mapping) else 1
    return {"wrong_step": 0 if good else draw.between(1, max(1, int(steps)))}


def solve(question: str) -> str | None:
    """The answer to a word problem of `simulation`, None to any other question."""
    told, short = _PROBLEM.search(question), _SHORT.search(question)
    if told is not None:
        crates, each, verb, change = told.groups()
        gains = verb in ("receives", "finds", "borrows")
        return str(int(crates) * int(each) + (int(change) if gains else -int(change)))
    if short is not None:
        product = int(short[1]) * int(short[2])
        return str(product + int(short[4]) if short[3] == "+" else product - int(short[4]))
    return None


def _compute(key: str, draw: Draw) -> str:
    whole, decimal = _WHOLE.fullmatch(key), _DECIMAL.fullmatch(key)
    if whole:
        value = int(whole[1].replace(",", ""))
        first = draw.between(-50, 50) + value // 2
        return f"first_part = {first}\nsecond_part = {value - first}\nanswer = first_part + second_part"
    if decimal:
        return f"value = {decimal[1]}\nanswer = value"
    return f"answer = {json.dumps(key)}"


def _miss(key: str, subject: Subject, draw: Draw) -> str:
    """Another answer than the key: another choice, or another number."""
    others = [str(choice) for choice in subject.item.get("choices", ()) if str(choice) != key]
    if others:
        return draw.pick(others)
    whole = _WHOLE.fullmatch(key)
    if whole:
        value = int(whole[1].replace(",", ""))
        return str(draw.pick((value * 2, value * 10, value + draw.between(1, 40), value - draw.between(1, 40))) or 7)
    return str(draw.between(2, 4_000))
