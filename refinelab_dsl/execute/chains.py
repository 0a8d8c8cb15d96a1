"""What the chains of a run came to: how long they are, why they ended, and what their judge is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from refinelab_dsl.data.chains import Chain
from refinelab_dsl.metrics import krippendorff_alpha

FEWEST_OPINIONS: Final = 10
"""Opinions from which on it is said that a judge goes by the place: of a fair one ten name the same place once in 500
times."""

BIASED_SHARE: Final = 0.9
"""Of them that name the same place."""


@dataclass(frozen=True, slots=True)
class Bias:
    """Of `opinions` of a model that name either answer, `named` name what is shown at the same place. owner: the
    operator whose judge it is, or a judge that is a check, where model is None: its models taken together."""

    owner: str
    model: str | None
    place: str
    named: int
    opinions: int


@dataclass
class _Told:
    rounds: Counter[int] = field(default_factory=Counter)  # rounds of a chain -> chains
    answers: Counter[int] = field(default_factory=Counter)  # answers of a chain -> chains
    stops: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    asked_twice: int = 0
    flips: int = 0
    first: Counter[str] = field(default_factory=Counter)  # model -> opinions that name the answer shown first
    second: Counter[str] = field(default_factory=Counter)
    units: Counter[tuple[str, ...]] = field(default_factory=Counter)  # what each of a panel says -> comparisons


@dataclass
class ChainTally:
    """Counts over the committed steps, by operator."""

    _told: dict[str, _Told] = field(default_factory=dict)

    def count(self, operator: str, chain: Chain) -> None:
        told = self._told.setdefault(operator, _Told())
        told.rounds[len(chain.rounds)] += 1
        told.answers[len(chain.answers)] += 1
        told.stops[chain.stop] += 1
        for each in chain.rounds:
            if each.verdict is not None:
                told.verdicts[each.verdict] += 1
            told.asked_twice += each.asked_twice
            told.flips += each.flips
            by_model: dict[str, list[str]] = {}
            for said in each.opinions:
                if said.named_first is not None:
                    (told.first if said.named_first else told.second)[said.model] += 1
                if said.preferred is not None:
                    by_model.setdefault(said.model, []).append(said.preferred)
            if len({said.model for said in each.opinions}) > 1:
                told.units[tuple(_majority(names) for names in by_model.values())] += 1

    def biases(self) -> Iterator[Bias]:
        """Models that name what stands at the same place in nearly all of their opinions."""
        for operator in self._told:
            for model, (first, total) in self.position_bias(operator).items():
                yield from find_bias(operator, model, first, total)

    def position_bias(self, operator: str) -> dict[str, tuple[int, int]]:
        """Model -> (opinions that name what is shown first, opinions that name either)."""
        told = self._told[operator]
        return {
            model: (told.first[model], told.first[model] + told.second[model])
            for model in sorted(told.first.keys() | told.second.keys())
        }

    def summarise(self) -> dict[str, dict[str, Any]]:
        """Operator -> its chains as JSON values. Shares are numbers in [0, 1], null where there is nothing to share."""
        return {
            name: {
                "chains": told.rounds.total(),
                "refined": told.rounds.total() - told.answers[1],
                "rounds": {str(number): told.rounds[number] for number in sorted(told.rounds)},
                "answers": {str(number): told.answers[number] for number in sorted(told.answers)},
                "stops": dict(sorted(told.stops.items())),
                "verdicts": {word: told.verdicts[word] for word in ("refined", "previous", "tie")},
                "flips": {
                    "asked_twice": told.asked_twice, "flips": told.flips, "share": _share(told.flips, told.asked_twice)
                },
                "first_named": {
                    model: {"named": first, "opinions": total, "share": _share(first, total)}
                    for model, (first, total) in self.position_bias(name).items()
                },
                "agreement": _agree(told.units),
            }
            for name, told in self._told.items()
        }  # fmt: skip


def find_bias(owner: str, model: str | None, first: int, total: int) -> Iterator[Bias]:
    """first: opinions of `total` that name what is shown first."""
    for place, named in (("first", first), ("second", total - first)):
        if total >= FEWEST_OPINIONS and named >= BIASED_SHARE * total:
            yield Bias(owner, model, place, named, total)


def _majority(names: list[str]) -> str:
    """What a model says in all its opinions of one comparison: a tie where it is of two minds."""
    lead = names.count("refined") - names.count("previous")
    return "refined" if lead > 0 else "previous" if lead < 0 else "tie"


def _agree(units: Counter[tuple[str, ...]]) -> dict[str, Any] | None:
    """How far a panel agrees: the share of comparisons in which all say the same, and Krippendorff's alpha."""
    if not units:
        return None
    alpha = krippendorff_alpha(units.elements())
    same = sum(count for unit, count in units.items() if len(set(unit)) == 1)
    return {
        "comparisons": units.total(), "unanimous": _share(same, units.total()),
        "alpha": None if alpha is None else round(alpha, 6),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
