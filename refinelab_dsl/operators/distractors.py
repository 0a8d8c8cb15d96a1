"""Which distractors an item gets: the choice among a model's candidates (RefineLab r5), a pure function."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from refinelab_dsl.likeness import likeness, normalise

DISTINCTIVENESS: Final = 0.5
"""The exponent of a candidate's distinctiveness in its score; plausibility has 1. At 0 only plausibility would count,
and a second correct answer, which is the most plausible of all, would win."""

LEAST_DISTINCT: Final = 0.05
"""A candidate as near to the key as this says the same in other words: it is no distractor."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A wrong choice that a model proposes. plausibility: how many candidates would fall for it, in [0, 1]."""

    text: str
    mistake: str
    plausibility: float


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of a rewritten item in their new order, and the mistake type behind each: "" for the key and for
    distractors that stayed."""

    choices: tuple[str, ...]
    mistakes: tuple[str, ...]


def choose_distractors(
    choices: Sequence[str],
    key: str,
    candidates: Iterable[Candidate],
    *,
    count: int,
    harder: bool,
    seed: str,
    distance: Callable[[str, str], float] | None = None,
) -> Choices | None:
    """The item's choices with up to `count` of its distractors replaced; None where there are too few valid candidates,
    or more distractors that are the same than may be replaced.

    choices: the old ones, `key` (the exact text of one) among them. distance: of two texts, in [0, 1]; by default that
    of their character trigrams. harder: candidates are preferred that are plausible and distinct from the key; else
    those that are distinct and not plausible, in the place of distractors that are near to the key.

    The key keeps its text. No two choices are equal. Each mistake type that has a valid candidate is represented while
    there is room. The order follows from `seed` alone. The same arguments give the same choices.
    """
    measure = distance or _distance
    wrong = [choice for choice in choices if choice != key]
    replaced = min(count, len(wrong))
    seen: set[str] = set()
    ranks: list[tuple[bool, float, str, int]] = []
    for place, choice in enumerate(wrong):
        far = measure(choice, key)
        # What stands twice goes first; then what does least for the wanted difficulty: far from the key where it should
        # rise, near to it where it should fall.
        ranks.append((normalise(choice) not in seen, -far if harder else far, choice, place))
        seen.add(normalise(choice))
    leaving = {place for *_, place in sorted(ranks)[:replaced]}
    kept = [choice for place, choice in enumerate(wrong) if place not in leaving]
    if len({normalise(choice) for choice in (key, *kept)}) <= len(kept):
        return None  # more of them are the same than may be replaced
    taken = {normalise(choice) for choice in choices}  # also what leaves: it would not be new
    scored: dict[str, tuple[float, Candidate]] = {}
    for candidate in candidates:
        folded = normalise(candidate.text)
        distinct = measure(candidate.text, key)
        if not folded or folded in taken or distinct < LEAST_DISTINCT:
            continue
        score = _score(candidate.plausibility, distinct, harder=harder)
        if folded not in scored or score > scored[folded][0]:
            scored[folded] = (score, candidate)
    ranked = sorted(scored.values(), key=lambda entry: (-entry[0], entry[1].text))
    chosen = _represent([candidate for _, candidate in ranked], replaced)
    if len(chosen) < replaced:
        return None
    mistakes = {key: "", **dict.fromkeys(kept, ""), **{each.text: each.mistake for each in chosen}}
    order = sorted(mistakes, key=lambda text: hashlib.sha256(f"{seed}\n{text}".encode("utf-8", "replace")).digest())
    return Choices(tuple(order), tuple(mistakes[text] for text in order))


def _score(plausibility: float, distinct: float, *, harder: bool) -> float:
    sure = min(max(plausibility, 0.0), 1.0)
    return float((sure if harder else 1.0 - sure) * distinct**DISTINCTIVENESS)


def _represent(ranked: Sequence[Candidate], count: int) -> list[Candidate]:
    """The first of each mistake type, best first, then the best of the rest."""
    first: Mapping[str, Candidate] = {normalise(each.mistake): each for each in reversed(ranked)}
    leading = [each for each in ranked if first[normalise(each.mistake)] is each][:count]
    rest = [each for each in ranked if each not in leading]
    return [*leading, *rest[: count - len(leading)]]


def _distance(one: str, other: str) -> float:
    return 1.0 - likeness(normalise(one), normalise(other))
