"""Measures that ask a model about each item: one program per kind, one row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Measure
from refinelab_dsl.effects import Measured, Program
from refinelab_dsl.measures_paid import classify, elo, self_judge, verdict
from refinelab_dsl.measures_paid.classify import Discovered, discover_labels
from refinelab_dsl.measures_paid.elo import (
    compare_pair,
    rate_item,
)
from refinelab_dsl.measures_paid.ratings import Rating
from refinelab_dsl.questions import Known, Questions

AskValue: TypeAlias = Callable[[Measure, Item, Questions, Known], Program[Measured]]

PAID_MEASURES: Final[Mapping[str, AskValue]] = MappingProxyType(
    {
        "classify": classify.ask_value,
        "elo": elo.ask_value,
        "self_judge": self_judge.ask_value,
        "verdict": verdict.ask_value,
    }
)


def ask_value(measure: Measure, item: Item, questions: Questions, known: Known) -> Program[Measured]:
    """The program that finds the value of one item."""
    return PAID_MEASURES[measure.kind](measure, item, questions, known)


__all__ = [
    "PAID_MEASURES",
    "AskValue",
    "Discovered",
    "Rating",
    "ask_value",
    "compare_pair",
    "discover_labels",
    "rate_item",
]
