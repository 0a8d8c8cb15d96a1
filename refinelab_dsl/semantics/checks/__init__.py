"""The checks, in the order in which they run; each looks at one family of mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.checks.expressions import check_expressions

Check: TypeAlias = Callable[[syntax.Tree, Bindings], Iterator[Diagnostic]]

CHECKS: Final[tuple[Check, ...]] = (check_expressions,)
