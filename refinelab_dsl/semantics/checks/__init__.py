"""The checks, in the order in which they run; each looks at one family of mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.checks.dataset import check_datasets
from refinelab_dsl.semantics.checks.dimensions import check_constraints, check_dimensions
from refinelab_dsl.semantics.checks.expressions import check_expressions
from refinelab_dsl.semantics.checks.money import check_batches, check_budget, check_models
from refinelab_dsl.semantics.checks.operators import check_operators, check_validators
from refinelab_dsl.semantics.checks.outputs import check_outputs
from refinelab_dsl.semantics.checks.prompts import check_prompts
from refinelab_dsl.semantics.checks.rounds import check_loop
from refinelab_dsl.semantics.checks.solving import check_solving
from refinelab_dsl.semantics.checks.sorts import check_sorts
from refinelab_dsl.semantics.checks.unused import check_unused

Check: TypeAlias = Callable[[syntax.Tree, Bindings], Iterator[Diagnostic]]

CHECKS: Final[tuple[Check, ...]] = (
    check_datasets,
    check_dimensions,
    check_constraints,
    check_models,
    check_budget,
    check_batches,
    check_solving,
    check_operators,
    check_validators,
    check_sorts,
    check_prompts,
    check_outputs,
    check_loop,
    check_expressions,
)

LINTS: Final[tuple[Check, ...]] = (check_unused,)
"""What is said only of specs without errors: a mistake often makes a declaration look unused."""
