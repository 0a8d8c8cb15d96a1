"""The one table: every block kind, attribute, kind, function and preset of edition 1.

It feeds the checker, completion, `docs` and the tests that hold tables and implementations together. A new kind is
a row here and a file of code. `reached` (and `later`, `only`) tell what plans of this version can execute: the rest
of the language is known, checked, and refused by a plan with an RF5xxx that names it.
"""

from refinelab_dsl.builtins.blocks import BLOCKS, EDITION, TOP, VARIABLE_TYPES
from refinelab_dsl.builtins.functions import FUNCTIONS, contexts_of, function, functions
from refinelab_dsl.builtins.kinds import MEASURES, OPERATORS, PRESETS, TASKS, VALIDATORS, VERDICTS
from refinelab_dsl.builtins.table import (
    Attribute,
    BlockKind,
    ContextName,
    Function,
    MeasureKind,
    OperatorKind,
    Parameter,
    Preset,
    Prior,
    TaskKind,
    ValidatorKind,
)


def block(kind: str) -> BlockKind | None:
    """The row of a block kind."""
    return next((row for row in BLOCKS if row.name == kind), None)


def measure(kind: str) -> MeasureKind | None:
    """The row of a measure kind."""
    return next((row for row in MEASURES if row.name == kind), None)


def operator(kind: str) -> OperatorKind | None:
    """The row of an operator kind."""
    return next((row for row in OPERATORS if row.name == kind), None)


def validator(kind: str) -> ValidatorKind | None:
    """The row of a validator kind."""
    return next((row for row in VALIDATORS if row.name == kind), None)


def task(name: str) -> TaskKind | None:
    """The row of a task."""
    return next((row for row in TASKS if row.name == name), None)


def preset(name: str) -> Preset | None:
    """The row of a preset."""
    return next((row for row in PRESETS if row.name == name), None)


__all__ = [
    "BLOCKS",
    "EDITION",
    "FUNCTIONS",
    "MEASURES",
    "OPERATORS",
    "PRESETS",
    "TASKS",
    "TOP",
    "VALIDATORS",
    "VARIABLE_TYPES",
    "VERDICTS",
    "Attribute",
    "BlockKind",
    "ContextName",
    "Function",
    "MeasureKind",
    "OperatorKind",
    "Parameter",
    "Preset",
    "Prior",
    "TaskKind",
    "ValidatorKind",
    "block",
    "contexts_of",
    "function",
    "functions",
    "measure",
    "operator",
    "preset",
    "task",
    "validator",
]
