"""Unpaid measures: a value of each item, and the label that a dimension gives to the value."""

from refinelab_dsl.measures.detected import DETECTED, watch_for
from refinelab_dsl.measures.labels import build_labeller, canonical_label, label, list_labels
from refinelab_dsl.measures.recorded import NOTHING, Recorded, list_signals
from refinelab_dsl.measures.table import MEASURES, MeasureKind, build_measure, is_measurable, measure

__all__ = [
    "DETECTED",
    "MEASURES",
    "NOTHING",
    "MeasureKind",
    "Recorded",
    "build_labeller",
    "build_measure",
    "canonical_label",
    "is_measurable",
    "label",
    "list_labels",
    "list_signals",
    "measure",
    "watch_for",
]
