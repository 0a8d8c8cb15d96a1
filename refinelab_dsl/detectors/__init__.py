"""Private and toxic text: where it stands, of which kind it is, and what may take its place. By patterns, check digits
and lists; nobody is asked, and nothing is written down."""

from refinelab_dsl.detectors.detect import Watch, describe, detect, find_bad_pattern
from refinelab_dsl.detectors.detection import PRIVATE, SURE, TOXICITY, Detection

__all__ = ["PRIVATE", "SURE", "TOXICITY", "Detection", "Watch", "describe", "detect", "find_bad_pattern"]
