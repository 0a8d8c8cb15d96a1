"""`compile --emit=schema` holds of every program that the compiler makes, and of nothing that is damaged."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinelab_dsl import compiler, ir
from refinelab_dsl.declarations import Expect
from refinelab_dsl.expressions import Binary, Call, Constant, Expression, ListOf, Unary
from refinelab_dsl.expressions import Name as NameOf
from refinelab_dsl.ir.schema import DIALECT, build_schema
from tests.architecture.tree import ROOT
from tests.cli.command import refinec
from tests.harness.front import HEAD, compile_text
from tests.harness.specs import find_examples

SCHEMA = build_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SPECS = sorted((ROOT / "specs").glob("*.refine"))

RICH = HEAD + """seed = 3
validator fresh { kind = duplicate, against = [originals, output], accept = similarity < 0.95 }
operator author {
  kind = generate, model = small, moves = { topic = any, length = to(long) }, checks = [fresh], max_cost = $2.50
  where = not (topic in [algebra, geometry]) and len(question) * 2 > 10
}
constraints { size = between(10, 20), floor = { topic = 5 }, protect = topic == algebra }
budget { tokens = 0.5 * full_cost, cost = $1.23 }
expect "alike" { assert = jsd(topic) <= 0.005 }
"""


def problems(program: ir.Program) -> list[str]:
    dumped = json.loads(json.dumps(ir.dump(program)))
    return [f"{list(error.absolute_path)}: {error.message}" for error in VALIDATOR.iter_errors(dumped)]


def test_it_is_a_schema_of_its_dialect() -> None:
    assert SCHEMA["$schema"] == DIALECT
    assert SCHEMA["$id"] == "urn:refinec:edition-1:ir"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.dumps(SCHEMA) == json.dumps(build_schema())


def test_every_reference_leads_to_a_definition_and_every_definition_is_used() -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            value = list(value.values())
        for each in value if isinstance(value, list) else ():
            yield from references(each)

    named = {f"#/$defs/{name}" for name in SCHEMA["$defs"]}
    assert set(references(SCHEMA)) == named
    # Expressions hold expressions: one definition, by which each kind of them refers to all.
    assert "#/$defs/Expression" in set(references(SCHEMA["$defs"]["Binary"]))


def test_attributes_are_described_as_in_the_language() -> None:
    operator = SCHEMA["$defs"]["Operator"]["properties"]
    assert operator["where"]["description"] == "items that it may be applied to"
    assert SCHEMA["$defs"]["Price"]["properties"]["as_of"]["description"] == "the day of this price"
    assert SCHEMA["properties"]["operators"]["description"] == "what may be done to an item"
    assert all(definition["description"] for definition in SCHEMA["$defs"].values())


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_program_of_every_spec_is_valid(path: Path) -> None:
    program = compiler.analyze(path, compiler.Options(allow_outside=True)).program
    assert program is not None
    assert problems(program) == []


@pytest.mark.parametrize("chapter", sorted((ROOT / "specs" / "language").glob("*.md")), ids=lambda path: path.stem)
def test_the_programs_of_the_language_are_valid(chapter: Path) -> None:
    for example in find_examples(chapter):
        if example.mode != "syntax" and "# error" not in example.text:  # of which no program comes
            program = compiler.analyze(example.source).program
            assert program is None or problems(program) == [], str(example)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
numbers = st.decimals(-(10**9), 10**9, allow_nan=False, places=4)
leaves: st.SearchStrategy[Expression] = st.one_of(
    st.one_of(st.none(), st.booleans(), texts, numbers).map(Constant.of),
    st.builds(NameOf, space=st.sampled_from(["field", "measure", "dimension", "context"]), name=texts),
)
operators = ["and", "or", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "+", "-", "*", "/"]
expressions: st.SearchStrategy[Expression] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(ListOf, items=st.lists(inner, max_size=3).map(tuple)),
        st.builds(Call, function=texts, arguments=st.lists(inner, max_size=3).map(tuple)),
        st.builds(Unary, operator=st.sampled_from(["not", "-"]), operand=inner),
        st.builds(Binary, operator=st.sampled_from(operators), left=inner, right=inner),
    ),
    max_leaves=8,
)


@given(expressions, texts, st.dictionaries(texts, numbers, max_size=3), st.integers(0, 10**12), numbers)
@settings(max_examples=60, deadline=None)
def test_generated_programs_are_valid(
    expression: Expression, text: str, shares: dict[str, Decimal], count: int, amount: Decimal
) -> None:
    program = compile_text(RICH).certain
    target = program.dimensions[0].target
    assert target is not None
    changed = program.model_copy(
        update={
            "name": text,
            "seed": count,
            "dataset": program.dataset.model_copy(update={"where": expression, "fields": {text: expression}}),
            "dimensions": (
                program.dimensions[0].model_copy(
                    update={"target": target.model_copy(update={"weights": shares}), "tolerance": amount}
                ),
            ),
            "expects": (Expect.model_validate({"title": text, "assert": expression}),),
            "docs": {text: text},
        }
    )
    assert problems(changed) == []


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every object, list and leaf of a document stands."""
    yield at
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(each, (*at, key))


def find(value: Any, at: tuple[Any, ...]) -> Any:
    for key in at:
        value = value[key]
    return value


GOOD = json.loads(json.dumps(ir.dump(compile_text(RICH).certain)))
FREE = {"options", "docs", "fields", "moves", "floor", "weights", "params", "meta", "returns"}
CLOSED = [
    at for at in paths(GOOD) if isinstance(find(GOOD, at), dict) and not FREE & {key for key in at[-1:] if key in FREE}
]


def is_valid(document: Any) -> bool:
    return not any(VALIDATOR.iter_errors(document))


def test_the_undamaged_one_is_valid() -> None:
    assert is_valid(GOOD)
    assert len(CLOSED) > 30


@given(st.sampled_from(CLOSED))
@settings(deadline=None)
def test_a_member_more_is_refused(at: tuple[Any, ...]) -> None:
    damaged = copy.deepcopy(GOOD)
    find(damaged, at)["surprise"] = 1
    assert not is_valid(damaged)


@given(st.sampled_from(CLOSED), st.data())
@settings(deadline=None)
def test_a_member_fewer_is_refused(at: tuple[Any, ...], data: st.DataObject) -> None:
    damaged = copy.deepcopy(GOOD)
    members = find(damaged, at)
    del members[data.draw(st.sampled_from(sorted(members)))]
    assert not is_valid(damaged)


@given(st.sampled_from([at for at in paths(GOOD) if at and not FREE & set(at[:-1])]))
@settings(deadline=None)
def test_a_value_of_another_type_is_refused(at: tuple[Any, ...]) -> None:
    damaged = copy.deepcopy(GOOD)
    find(damaged, at[:-1])[at[-1]] = 1.5
    assert not is_valid(damaged)


def test_a_word_that_the_language_lacks_is_refused() -> None:
    damaged = copy.deepcopy(GOOD)
    damaged["dataset"]["task"] = "essay"
    assert not is_valid(damaged)


def test_the_command_needs_no_spec(tmp_path: Path) -> None:
    answer = refinec("compile", "--emit=schema", cwd=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert answer.json == SCHEMA
    saved = refinec("compile", "no.refine", "--emit=schema", "-o", "ir.schema.json", cwd=tmp_path)
    assert (saved.code, saved.out) == (0, "")
    assert (tmp_path / "ir.schema.json").read_text(encoding="utf-8") == answer.out
