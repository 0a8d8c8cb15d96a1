"""Names, values, types: `bindings, diagnostics = resolve(tree, sources, options)`, then `check(tree, bindings)`."""

from refinelab_dsl.semantics.bindings import Bindings, Options, Variable
from refinelab_dsl.semantics.check import check
from refinelab_dsl.semantics.resolve import resolve
from refinelab_dsl.semantics.variables import given_value

__all__ = ["Bindings", "Options", "Variable", "check", "given_value", "resolve"]
