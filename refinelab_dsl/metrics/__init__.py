"""Metrics of distributions, of agreement, and of items: pure numpy."""

from refinelab_dsl.metrics.agreement import kendall_w, krippendorff_alpha, rank_mean
from refinelab_dsl.metrics.discrimination import item_rest_correlations
from refinelab_dsl.metrics.diversity import distractor_diversity
from refinelab_dsl.metrics.interval import correction_ratio, wilson_interval
from refinelab_dsl.metrics.jsd import jsd, jsd_of_counts

__all__ = [
    "correction_ratio",
    "distractor_diversity",
    "item_rest_correlations",
    "jsd",
    "jsd_of_counts",
    "kendall_w",
    "krippendorff_alpha",
    "rank_mean",
    "wilson_interval",
]
