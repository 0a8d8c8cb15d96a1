"""The table of built-ins against what is built: declarations, functions, tasks, and itself."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl import builtins, declarations, types
from refinelab_dsl.data.conversation import FIELD_FUNCTIONS
from refinelab_dsl.data.tasks import TASK_FIELDS
from refinelab_dsl.expressions.functions import ITEM_FUNCTIONS
from refinelab_dsl.semantics import spaces
from refinelab_dsl.types import UNSET, Attribute

ROOT = Path(__file__).resolve().parents[2]

DECLARED: dict[str, type[declarations.Declaration]] = {
    "dataset": declarations.Dataset,
    "measure": declarations.Measure,
    "dimension": declarations.Dimension,
    "constraints": declarations.Constraints,
    "model": declarations.Model,
    "embedding": declarations.Embedding,
    "prompt": declarations.Prompt,
    "operator": declarations.Operator,
    "validator": declarations.Validator,
    "judge": declarations.Judge,
    "pilot": declarations.Pilot,
    "budget": declarations.Budget,
    "solve": declarations.Solve,
    "run": declarations.Run,
    "output": declarations.Output,
    "expect": declarations.Expect,
    "loop": declarations.Loop,
}
NOT_IN_THE_PROGRAM = {("dataset", "revision"), ("dataset", "split"), ("dataset", "config")}
LOWERED = {("constraints", "joint"), ("pilot", "budget"), ("judge", "on_reject")}
"""What becomes declarations of its own, or stands apart: a joint target is one more dimension, what a judge does as a
check is its validator's, a pilot's budget is in tokens or in dollars."""

RENAMED = {
    ("dimension", "from"): "measure", ("expect", "assert"): "assertion", ("dimension", "order"): "labels",
    ("judge", "model"): "models",
}  # fmt: skip

ALL = [(kind, attribute) for kind in builtins.BLOCKS.values() for attribute in kind.attributes]


def _own(attributes: Any) -> list[str]:
    return [attribute.name for attribute in attributes]


@pytest.mark.parametrize(("kind", "attribute"), ALL, ids=lambda value: value.name)
def test_every_attribute_has_a_place_in_the_program(kind: builtins.BlockKind, attribute: Attribute) -> None:
    declared = DECLARED.get(kind.name)
    if declared is None:
        assert not kind.reached or kind.name == "variable"
        return
    if (kind.name, attribute.name) in NOT_IN_THE_PROGRAM:
        assert not attribute.reached
        return
    if (kind.name, attribute.name) in LOWERED:
        assert attribute.reached
        return
    field = declared.model_fields[RENAMED.get((kind.name, attribute.name), attribute.name)]
    if attribute.default is UNSET or isinstance(field.default, declarations.Size):
        return
    default = field.default
    if isinstance(attribute.type, types.Either) and isinstance(attribute.default, str) and default is None:
        return  # `never` is None
    if default == () or default is None:
        assert attribute.default in ((), None)
    elif not field.is_required():
        assert attribute.default == default


@pytest.mark.parametrize(("kind", "attribute"), ALL, ids=lambda value: value.name)
def test_words_are_those_of_the_program(kind: builtins.BlockKind, attribute: Attribute) -> None:
    declared = DECLARED.get(kind.name)
    if (kind.name, attribute.name) in NOT_IN_THE_PROGRAM | LOWERED:
        return
    if declared is None or not isinstance(attribute.type, types.Word) or attribute.name == "kind":
        return
    words = set(attribute.type.words)
    annotation = str(declared.model_fields[attribute.name].annotation)
    assert all(f"'{word}'" in annotation for word in words), annotation
    assert set(attribute.type.later) < words or not attribute.type.later


def test_everything_is_documented() -> None:
    rows: list[Any] = [*builtins.BLOCKS.values(), *builtins.MEASURE_KINDS.values(), *builtins.OPERATOR_KINDS.values()]
    rows += [
        *builtins.VALIDATOR_KINDS.values(),
        *builtins.TASKS.values(),
        *builtins.PRESETS.values(),
        *builtins.FUNCTIONS,
    ]
    rows += [attribute for _, attribute in ALL]
    for row in rows:
        assert row.doc, row.name
        assert row.doc[0].islower() or row.doc[0] in "`0123456789" or row.doc.split()[0] in ("Wikipedia",), row.doc
        assert not row.doc.endswith("."), row.doc


def test_every_type_is_described() -> None:
    for _, attribute in ALL:
        assert types.describe(attribute.type)


def test_no_kind_hides_a_common_attribute() -> None:
    for block, rows in (
        ("measure", builtins.MEASURE_KINDS),
        ("operator", builtins.OPERATOR_KINDS),
        ("validator", builtins.VALIDATOR_KINDS),
    ):
        common = _own(builtins.BLOCKS[block].attributes)
        for row in rows.values():
            own = _own(row.attributes)
            assert len(own) == len(set(own)), row.name
            assert not set(own) & set(common), row.name


def test_functions_of_items_are_implemented() -> None:
    """`column`, `stem`, `line`, `row` and `z` need their surroundings; the others are pure."""
    listed = {row.name for context in ("fields", "items", "accept") for row in builtins.functions(context)}
    assert listed == {*ITEM_FUNCTIONS, *FIELD_FUNCTIONS, "column", "stem", "line", "row", "z"}


def test_functions_of_one_context_have_different_names() -> None:
    seen = [(context, row.name) for row in builtins.FUNCTIONS for context in row.contexts]
    assert len(seen) == len(set(seen))


def test_tasks_are_those_that_are_read() -> None:
    assert {name for name, row in builtins.TASKS.items() if row.reached} == set(TASK_FIELDS)
    for name, fields in TASK_FIELDS.items():
        row = builtins.TASKS[name]
        assert (row.required, row.optional) == (fields.required, fields.optional)
        assert set(row.reply) <= {*fields.required, *fields.optional}


def test_presets_add_up() -> None:
    for preset in builtins.PRESETS.values():
        assert sum(preset.shares) == 1


def test_priors_are_shares() -> None:
    for row in builtins.OPERATOR_KINDS.values():
        assert 0 < row.prior.success <= 1
        assert bool(row.calls) == bool(row.max_output_tokens) == (row.prior.output_tokens > 0)
        assert row.max_output_tokens >= row.prior.output_tokens


def test_defaults_of_validators_use_their_own_names() -> None:
    for row in builtins.VALIDATOR_KINDS.values():
        if row.default is not None:
            assert f"name='{row.names[0].name}'" in repr(row.default)
        assert (row.accept == "none") <= (row.default is None)
    assert spaces.ANY.kind == "any"
    assert builtins.PRESETS["stress-test"].shares == (Decimal(0), Decimal("0.4"), Decimal("0.6"))


def test_the_chapter_on_embeddings_has_the_figures_of_the_table() -> None:
    chapter = (ROOT / "specs/language/34-models.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| below ([\d.]+) \| from ([\d.]+) on \|$", chapter, re.M)
    found = {name: (Decimal(same), Decimal(copy), Decimal(kept)) for name, same, copy, kept in rows}
    assert found == {name: (row.same, row.copy, row.kept) for name, row in builtins.COSINES.items()}
