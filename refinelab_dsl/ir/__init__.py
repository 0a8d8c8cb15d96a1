"""The intermediate representation: `lower(tree, bindings, name) -> Program`, `verify`, `dump`, `spec_hash`.

`ir.schema` describes what `dump` gives, for other programs.
"""

from refinelab_dsl.ir.dump import dump, spec_hash
from refinelab_dsl.ir.lower import lower
from refinelab_dsl.ir.program import Program, Unexecutable
from refinelab_dsl.ir.verify import verify

__all__ = ["Program", "Unexecutable", "dump", "lower", "spec_hash", "verify"]
