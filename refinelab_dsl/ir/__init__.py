"""The intermediate representation: `lower(tree, bindings) -> Program`, `verify`, `dump`."""

from refinelab_dsl.ir.program import Program

__all__ = ["Program"]
