"""All detectors over one text, and what counts where two of them hold the same part of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final

from refinelab_dsl.detectors.detection import PRIVATE, SURE, TOXICITY, Detection


@cache
def load_detectors() -> Mapping[str, Callable[[str], Iterator[Detection]]]:
    """The detector of each category. Loaded when a text is first looked through: patterns take a tenth of a second to
    compile, and what only checks a spec needs none."""
    from refinelab_dsl.detectors.addresses import find_emails, find_ips
    from refinelab_dsl.detectors.keys import find_keys
    from refinelab_dsl.detectors.names import find_names
    from refinelab_dsl.detectors.national_ids import find_national_ids
    from refinelab_dsl.detectors.numbers import find_cards, find_ibans
    from refinelab_dsl.detectors.phones import find_phones
    from refinelab_dsl.detectors.toxicity import find_toxicity

    return MappingProxyType({
        "email": find_emails, "phone": find_phones, "card": find_cards, "iban": find_ibans,
        "national_id": find_national_ids, "ip": find_ips, "key": find_keys, "name": find_names, TOXICITY: find_toxicity,
    })  # fmt: skip


# What a number is wins by how much its form says: a check number of two digits, then one of one digit, then groups.
_ORDER: Final = ("key", "email", "iban", "card", "national_id", "ip", "phone", "name", TOXICITY)


@dataclass(frozen=True)
class Watch:
    """What is looked for. categories: of `PRIVATE`, and `TOXICITY`. patterns: category of the spec's own -> regular
    expression. sure: the confidence from which on a detection counts."""

    categories: tuple[str, ...] = PRIVATE
    patterns: Mapping[str, str] = field(default_factory=dict)
    sure: float = SURE


def detect(text: str, watch: Watch) -> tuple[Detection, ...]:
    """What a text holds, in order, no two of them overlapping. Time grows with the text, not faster."""
    found: list[tuple[int, Detection]] = []
    for category, pattern in watch.patterns.items():
        found += [
            (0, Detection(*match.span(), category, 1.0)) for match in re.finditer(pattern, text) if match[0].strip()
        ]
    for category in watch.categories:
        rank = 1 + _ORDER.index(category)
        found += [(rank, each) for each in load_detectors()[category](text) if each.confidence >= watch.sure]
    found.sort(key=lambda entry: (entry[0], -entry[1].confidence, entry[1].start))
    kept: list[Detection] = []
    for _, each in found:
        if not any(each.start < other.end and other.start < each.end for other in kept):
            kept.append(each)
    return tuple(sorted(kept))


def find_bad_pattern(pattern: str) -> str | None:
    """Why a regular expression of a spec cannot be used; None where it can. Repetitions inside of repetitions can take
    for ever on a text that somebody chose, so there are none."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        return str(error)
    if compiled.match(""):
        return "it holds of the empty text"
    if _repeats_repetition(pattern):
        return "it repeats what repeats: that can take for ever"
    return None


def _repeats_repetition(pattern: str) -> bool:
    """Whether an unbounded repetition, or a part of one, stands inside of another."""
    from re import _constants as codes
    from re import _parser as parser

    repeating = (codes.MAX_REPEAT, codes.MIN_REPEAT)

    def walk(parsed: object, inside: bool) -> bool:
        for code, argument in parsed:  # type: ignore[attr-defined]
            if code in repeating:
                unbounded = argument[1] is codes.MAXREPEAT or argument[1] > 100
                if (inside and unbounded) or walk(argument[2], inside or unbounded):
                    return True
            elif code is codes.SUBPATTERN:
                if walk(argument[-1], inside):
                    return True
            elif code is codes.BRANCH and any(walk(branch, inside) for branch in argument[1]):
                return True
        return False

    return walk(parser.parse(pattern), False)


def describe(detections: Sequence[Detection]) -> str:
    """Categories and how often each, in words: `2 email, 1 phone`. It holds nothing of the text."""
    names = list(dict.fromkeys(each.category for each in detections))
    return ", ".join(f"{sum(each.category == name for each in detections)} {name}" for name in names)
