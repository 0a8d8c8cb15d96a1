"""Ways out of an error, each tried before it is shown: `propose` puts edits into a diagnostic's help."""

from refinelab_dsl.repair.propose import propose

__all__ = ["propose"]
