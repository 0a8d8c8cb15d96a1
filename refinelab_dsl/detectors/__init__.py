"""Private and toxic text: where it stands, of which kind it is, and what may take its place. By patterns, check digits
and lists; nobody is asked, and nothing is written down."""

from refinelab_dsl.detectors.changes import Change, compare
from refinelab_dsl.detectors.detect import Watch, describe, detect, find_bad_pattern
from refinelab_dsl.detectors.detection import PRIVATE, SURE, TOXICITY, Detection
from refinelab_dsl.detectors.places import Place, name_place
from refinelab_dsl.detectors.work import Work, count_found, find_work, is_dirty, rebuild

__all__ = [
    "PRIVATE", "SURE", "TOXICITY", "Change", "Detection", "Place", "Watch", "Work", "compare", "count_found",
    "describe", "detect", "find_bad_pattern", "find_work", "is_dirty", "name_place", "rebuild",
]
