"""Whether two answers say the same: numbers, units, LaTeX, closed expressions, lists, choices."""

from refinelab_dsl.equivalence.compare import Sameness, compare_answers, find_choice

__all__ = ["Sameness", "compare_answers", "find_choice"]
