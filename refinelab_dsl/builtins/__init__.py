"""The one table: every block kind, attribute, kind, function and preset of edition 1.

It feeds the checker, completion, `docs` and the tests that hold tables and implementations together. A new kind is
a row here and a file of code. `reached` (and `later`, `only`) tell what plans of this version can execute: the rest
of the language is known, checked, and refused by a plan with an RF5xxx that names it.
"""

from refinelab_dsl.builtins.blocks import BLOCKS, EDITION, JUDGE_NAMES, RESERVED_PARAMS, TOP, VARIABLE_TYPES
from refinelab_dsl.builtins.embeddings import COSINES, Cosines
from refinelab_dsl.builtins.functions import FUNCTIONS, contexts_of, function, functions
from refinelab_dsl.builtins.kinds import (
    CORRECTED_TASKS,
    FORMAT,
    JUDGING,
    MEASURE_KINDS,
    OPERATOR_KINDS,
    PRESETS,
    ROLES_WITHOUT_TASK,
    TASKS,
    VALIDATOR_KINDS,
    VERDICTS,
    default_accept,
    validator_row,
)
from refinelab_dsl.builtins.prompts import PROMPT_NAMES, SEEN_ALWAYS, SEEN_BY_JUDGES
from refinelab_dsl.builtins.refining import (
    JUDGE_ASKS,
    PASS_MARK,
    REVISIONS,
    JudgeRole,
    expected_rounds,
    name_asking,
    refining_share,
)
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
    PromptName,
    TaskKind,
    ValidatorKind,
)

__all__ = [
    "BLOCKS",
    "CORRECTED_TASKS",
    "COSINES",
    "EDITION",
    "FORMAT",
    "FUNCTIONS",
    "JUDGE_ASKS",
    "JUDGE_NAMES",
    "JUDGING",
    "MEASURE_KINDS",
    "OPERATOR_KINDS",
    "PASS_MARK",
    "PRESETS",
    "PROMPT_NAMES",
    "RESERVED_PARAMS",
    "REVISIONS",
    "ROLES_WITHOUT_TASK",
    "SEEN_ALWAYS",
    "SEEN_BY_JUDGES",
    "TASKS",
    "TOP",
    "VALIDATOR_KINDS",
    "VARIABLE_TYPES",
    "VERDICTS",
    "Attribute",
    "BlockKind",
    "ContextName",
    "Cosines",
    "Function",
    "JudgeRole",
    "MeasureKind",
    "OperatorKind",
    "Parameter",
    "Preset",
    "Prior",
    "PromptName",
    "TaskKind",
    "ValidatorKind",
    "contexts_of",
    "default_accept",
    "expected_rounds",
    "function",
    "functions",
    "name_asking",
    "refining_share",
    "validator_row",
]
