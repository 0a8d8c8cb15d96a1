"""On the path of a process, this hides GLPK's library from it: an import finds nothing."""

import sys

sys.modules["swiglpk"] = None  # type: ignore[assignment]
