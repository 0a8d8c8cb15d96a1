"""What `verify` asserts, it sees when it is broken."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from refinelab_dsl import ir
from refinelab_dsl.declarations import Budget, Move, Target
from refinelab_dsl.expressions import Constant, Name
from tests.harness.front import HEAD, compile_text

TEXT = HEAD + "operator a { kind = expand, model = small, where = words > 3 }\nbudget { tokens = 1k }\n"


def _broken(program: ir.Program, **changes: Any) -> ir.Program:
    return program.model_copy(update=changes)


def test_programs_are_verified() -> None:
    ir.verify(compile_text(TEXT).certain)


def test_broken_programs_are_seen() -> None:
    program = compile_text(TEXT).certain
    topic, length = program.dimensions
    (operator,) = program.operators
    cases = [
        _broken(program, dimensions=(topic, topic)),
        _broken(program, dimensions=(topic.model_copy(update={"measure": "none"}), length)),
        _broken(
            program,
            dimensions=(
                topic.model_copy(update={"target": Target(kind="weights", weights={"algebra": Decimal("0.5")})}),
                length,
            ),
        ),
        _broken(program, operators=(operator.model_copy(update={"model": None}),)),
        _broken(program, operators=(operator.model_copy(update={"model": "none"}),)),
        _broken(program, operators=(operator.model_copy(update={"checks": ("none",)}),)),
        _broken(program, operators=(operator.model_copy(update={"moves": {"topic": Move(kind="shift", by=1)}}),)),
        _broken(program, operators=(operator.model_copy(update={"moves": {"topic": Move(kind="to", labels=("x",))}}),)),
        _broken(program, operators=(operator.model_copy(update={"where": Name(space="measure", name="none")}),)),
        _broken(program, budget=Budget()),
        _broken(program, datasets=(program.dataset,)),
    ]
    for case in cases:
        with pytest.raises(AssertionError):
            ir.verify(case)


def test_a_constant_keeps_its_spelling() -> None:
    assert Constant.of(Decimal("0.10")).text == "0.1"
