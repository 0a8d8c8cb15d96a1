"""Whether two answers say the same: numbers, units, LaTeX, closed expressions, lists, choices; and whether the
arithmetic of a derivation is right."""

from refinelab_dsl.equivalence.claims import Claim, check_claims, find_wrong_line
from refinelab_dsl.equivalence.compare import Sameness, compare_answers, find_choice, find_choices
from refinelab_dsl.equivalence.read import is_number, shape_of, tidy_answer

__all__ = [
    "Claim", "Sameness", "check_claims", "compare_answers", "find_choice", "find_choices", "find_wrong_line",
    "is_number", "shape_of", "tidy_answer",
]
