"""How refinement goes wrong, watched in every run: results that drift from their items, targets that nothing moves any
longer, sets that become poorer or lose their rare labels.

All of it is counted as steps are committed, and so depends on the replies alone. It costs no token.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import Action, Header
from refinelab_dsl.builtins import JUDGING, OPERATOR_KINDS
from refinelab_dsl.data.items import Item
from refinelab_dsl.embeddings.letters import normalise
from refinelab_dsl.execute.chains import Bias, find_bias
from refinelab_dsl.likeness import likeness
from refinelab_dsl.measures.detected import DETECTED
from refinelab_dsl.prompts.scrubbing import SCRUB
from refinelab_dsl.validators import Verdict

SAMPLED: Final = 1000
"""Items whose words are compared before and after: those with the smallest hashes, so that the choice is the same in
every run."""

STALLED: Final = 0.2
"""Share of a run's tokens without a result that could move a target, after which it counts as stalled."""

_MISSED: Final = 0.002  # divergence above what was planned, below which a target is reached
_STEPS: Final = 100  # of a similarity, as it is counted
_DIGITS: Final = 4
_QUANTILES: Final = MappingProxyType({"low": 0.1, "median": 0.5, "high": 0.9})


@dataclass
class Sketch:
    """The items with the smallest hashes of those that it was shown; holds at most twice as many as it keeps."""

    kept: dict[str, str] = field(default_factory=dict)  # hash -> question

    def add(self, item: Item) -> None:
        """Shows it an item."""
        self.kept[item.hash] = item.question
        if len(self.kept) > 2 * SAMPLED:
            self.kept = {key: self.kept[key] for key in sorted(self.kept)[:SAMPLED]}

    def diversity(self) -> float | None:
        """Different pairs of neighbouring words over all of them (distinct-2; Li et al. 2016), in the questions of the
        sample; None where they have no pair."""
        pairs: Counter[tuple[str, str]] = Counter()
        for key in sorted(self.kept)[:SAMPLED]:
            pairs.update(pairwise(normalise(self.kept[key]).split()))
        return round(len(pairs) / pairs.total(), _DIGITS) if pairs else None


@dataclass
class _Held:
    """Results beside held-out items: the likeness of the nearest that was not refused for it, and how many were."""

    nearest: float = 0.0
    refused: int = 0


class Watch:
    """What is seen of a run while it goes on."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._drifting = {each.name for each in header.validators if each.kind == "drift"}
        self._closeness: dict[str, Counter[int]] = defaultdict(Counter)  # operator -> similarity in hundredths
        self._sources: dict[str, str] = {}  # operator -> what said so
        self._moves = {action.id: moved_by(action) for action in header.actions}
        self._keeps = {
            operator.name
            for operator in header.operators
            if OPERATOR_KINDS[operator.kind].effect not in ("generate", "remove")
        }
        self._heldout: dict[str, _Held] = {}
        self._judges = {each.name for each in header.validators if each.kind == JUDGING.name}
        self._places: dict[str, Counter[str]] = {}  # judge -> opinions that name what is shown first, and either
        self._moved: dict[str, int] = {}  # dimension -> tokens when a result last moved it
        self.overloads: list[events.Overload] = []
        self.before = Sketch()
        self.after = Sketch()

    def accept(
        self, operator: str, action: int, parent: Item, item: Item, verdicts: Mapping[str, Verdict], tokens: int
    ) -> None:
        """A result was accepted. verdicts: of its checks, by their names. tokens: of all steps so far."""
        for dimension in self._moves[action]:
            self._moved[dimension] = tokens
        if operator not in self._keeps:  # what is written anew may mean something else
            return
        told = (verdict.values.get("similarity") for name, verdict in verdicts.items() if name in self._drifting)
        similarity = next((value for value in told if value is not None), None)
        self._sources[operator] = "letters" if similarity is None else "drift"
        if similarity is None:
            similarity = likeness(_read(parent), _read(item))
        self._closeness[operator][round(float(similarity or 0.0) * _STEPS)] += 1

    def compare(self, check: str, verdict: Verdict) -> None:
        """A check gave a verdict; what it says of held-out items is kept, and a judge's of places."""
        if check in self._judges and "named" in verdict.values:
            told = self._places.setdefault(check, Counter())
            told.update({word: int(verdict.values[word] or 0) for word in ("first_named", "named")})
        near = verdict.values.get("heldout")
        if near is not None:
            held = self._heldout.setdefault(check, _Held())
            if "similarity" in verdict.values:  # it was not refused for that
                held.nearest = max(held.nearest, float(near))
            else:
                held.refused += 1

    def biases(self) -> Iterator[Bias]:
        """Judges among the checks that name what stands at the same place in nearly all of their opinions."""
        for name, told in sorted(self._places.items()):
            yield from find_bias(name, None, told["first_named"], told["named"])

    def summarise(
        self, measured: Mapping[str, Mapping[str, int]], divergence: Mapping[str, float], tokens: int,
        origins: Mapping[str, int], removed: int,
    ) -> dict[str, Any]:
        """Of the JSON of `apply`. measured: dimension -> label -> items. divergence: dimension -> as it came out.
        origins: items of the result by where they come from."""
        header, size = self._header, sum(origins.values())
        return {
            "drift": {
                name: {
                    "by": self._sources[name], "results": counts.total(),
                    **{part: _quantile(counts, share) for part, share in _QUANTILES.items()},
                }
                for name, counts in sorted(self._closeness.items())
            },
            "stalled": dict(self._find_stalled(divergence, tokens)),
            "refinement": {
                "changed": _share(origins.get("changed", 0), size), "added": _share(origins.get("added", 0), size),
                "removed": _share(removed, header.size_now),
                "word_pairs": {"before": self.before.diversity(), "after": self.after.diversity()},
            },
            "overload": {
                each.operator: {"judged": each.judged, "accepted": each.accepted, "expected": each.expected}
                for each in self.overloads
            },
            "tail": list(_find_tail(header, measured)),
            "heldout": {
                name: {"nearest": held.nearest, "refused": held.refused} for name, held in sorted(self._heldout.items())
            },
            "judges": {
                name: {"first_named": told["first_named"], "opinions": told["named"]}
                for name, told in sorted(self._places.items())
            },
        }  # fmt: skip

    def _find_stalled(self, divergence: Mapping[str, float], tokens: int) -> Iterator[tuple[str, float]]:
        """Dimensions that missed their target, and the share of the tokens since a result last moved them."""
        for name, values in self._header.divergence.items():
            share = _share(tokens - self._moved.get(name, 0), tokens)
            if divergence.get(name, 0.0) > values["planned"] + _MISSED and share >= STALLED:
                yield name, share


def moved_by(action: Action) -> tuple[str, ...]:
    """The dimensions whose shares a result changes: all where an item comes, else those whose label is another."""
    kind = OPERATOR_KINDS.get(action.kind)
    adds = kind is not None and kind.effect in ("expand", "generate")
    return tuple(name for name, label in action.to.items() if adds or action.from_.get(name) != label)


def _find_tail(header: Header, measured: Mapping[str, Mapping[str, int]]) -> Iterator[dict[str, Any]]:
    """Labels below their floor, and those that lost all their items and were not to."""
    cleaned = set(_list_cleaned(header))
    for name, shares in header.mix.items():
        floor = header.constraints.floor.get(name, 0)
        for label, share in shares.items():
            items = measured.get(name, {}).get(label, 0)
            is_emptied = share.count_now > 0 and not items and share.target != 0 and name not in cleaned
            if items < floor or is_emptied:
                yield {"dimension": name, "label": label, "before": share.count_now, "after": items, "floor": floor}


def _list_cleaned(header: Header) -> Iterator[str]:
    """Dimensions by what a `scrub` takes out: nothing is to be left of it."""
    kinds = {measure.name: measure.kind for measure in header.measures}
    for operator in header.operators:
        if operator.kind == SCRUB:
            criteria = operator.options.get("criteria") or DETECTED
            yield from (each.name for each in header.dimensions if kinds[each.measure] in criteria)


def _read(item: Item) -> str:
    """All that an item says, as letters are compared."""
    return normalise("\n".join(_spell(value) for value in item.fields.values()))


def _spell(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(map(_spell, value.values()))
    return "\n".join(map(_spell, value)) if isinstance(value, list | tuple) else str(value)


def _quantile(counts: Counter[int], share: float) -> float:
    """The value that this share of what was counted does not exceed."""
    left = share * counts.total()
    for step in sorted(counts):
        left -= counts[step]
        if left <= 0:
            return step / _STEPS
    return 1.0


def _share(part: int, whole: int) -> float:
    return round(part / whole, _DIGITS) if whole else 0.0
