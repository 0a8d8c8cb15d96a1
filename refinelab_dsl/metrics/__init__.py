"""Metrics of distributions: pure numpy."""

from refinelab_dsl.metrics.jsd import jsd, jsd_of_counts

__all__ = ["jsd", "jsd_of_counts"]
