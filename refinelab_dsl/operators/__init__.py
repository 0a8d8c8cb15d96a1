"""What a step of each operator kind does. A row here, a row in `builtins`, a template: that is a new kind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from refinelab_dsl.operators import (
    correct,
    deduplicate,
    expand,
    generate,
    refine,
    remove,
    rewrite,
    rewrite_distractors,
    scrub,
)
from refinelab_dsl.operators.kind import Attempt, Made, OperatorKind, result_id
from refinelab_dsl.operators.replies import find_broken_key, read_reply
from refinelab_dsl.prompts.replies import Unreadable

OPERATORS: Final[Mapping[str, OperatorKind]] = MappingProxyType(
    {
        row.kind: row
        for row in (
            remove.KIND, deduplicate.KIND, expand.KIND, generate.KIND, rewrite.KIND, rewrite_distractors.KIND,
            correct.KIND, refine.KIND, scrub.KIND,
        )
    }
)

__all__ = [
    "OPERATORS", "Attempt", "Made", "OperatorKind", "Unreadable", "find_broken_key", "read_reply", "result_id",
]
