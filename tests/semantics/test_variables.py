"""Variables: values from outside, their precedence and their types."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.harness.front import HEAD, compile_text

LIMIT = HEAD + "variable limit { type = tokens, default = 400k }\nbudget { tokens = var.limit }\n"


def test_what_is_given_comes_before_the_environment_and_that_before_the_default() -> None:
    def tokens(**options: dict[str, str]) -> int | None:
        budget = compile_text(LIMIT, **options).certain.budget
        assert budget is not None
        return budget.tokens

    assert tokens() == 400_000
    assert tokens(environ={"REFINE_VAR_limit": "2M", "REFINE_VAR_other": "3"}) == 2_000_000
    assert tokens(environ={"REFINE_VAR_limit": "2M"}, variables={"limit": "3 * 10k"}) == 30_000


def test_a_value_for_no_variable_is_an_error() -> None:
    front = compile_text(LIMIT, variables={"limits": "3"})
    assert front.codes == ["RF2042"]
    assert "`limit`" in front.diagnostics.errors[0].help[0].message


@pytest.mark.parametrize("text", ["many", "", "10%", "$3", "3 }", "1\nseed = 9", "-3", '"3"', "var.limit"])
def test_a_value_that_is_not_of_its_type(text: str) -> None:
    front = compile_text(LIMIT, variables={"limit": text})
    assert front.codes == ["RF2043"]


@pytest.mark.parametrize(
    ("type_", "given", "use"),
    [
        ("text", 'say "x" = 3', "params = { style = var.x }"),
        ("number", "0.5", "params = { temperature = var.x }"),
        ("integer", "3", "limits = { rpm = var.x }"),
        ("duration", "2min", "timeout = var.x"),
        ("bool", "true", "params = { stream = var.x }"),
        ("name", "high", "params = { effort = var.x }"),
    ],
)
def test_types(type_: str, given: str, use: str) -> None:
    text = f"{HEAD}variable x {{ type = {type_} }}\nmodel large {{ provider = simulated, {use} }}\n"
    model = compile_text(text, variables={"x": given}).certain.models[1]
    values = [*model.params.values(), model.limits.rpm, model.timeout]
    assert {"text": 'say "x" = 3', "number": 0.5, "integer": 3, "duration": 120, "bool": True, "name": "high"}[
        type_
    ] in values


def test_weights_may_be_given() -> None:
    text = f"{HEAD}variable mix {{ type = weights }}\ndimension made {{ from = subject, target = var.mix }}\n"
    front = compile_text(text, variables={"mix": "{ a = 40%, b = rest }"})
    target = front.certain.dimensions[2].target
    assert target is not None
    assert target.weights == {"a": Decimal("0.4"), "b": Decimal("0.6")}
    assert compile_text(text, variables={"mix": "{ a = 40%, b = 70% }"}).codes == ["RF2043"]


def test_a_path_that_leaves_the_project(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    text = HEAD.replace('"data/items.jsonl"', "var.data") + "variable data { type = path }\n"
    inside = compile_text(text, path=tmp_path / "specs" / "a.refine", variables={"data": "../data/*.csv"})
    assert inside.certain.dataset.source == ("../data/*.csv",)
    outside = compile_text(text, path=tmp_path / "a.refine", variables={"data": "../items.csv"})
    assert outside.codes == ["RF2073"]
    allowed = compile_text(text, path=tmp_path / "a.refine", variables={"data": "/srv/items.csv"}, allow_outside=True)
    assert allowed.certain.dataset.source == ("/srv/items.csv",)


def test_the_place_of_use_is_blamed_for_a_value_that_does_not_fit_it() -> None:
    text = HEAD + "variable share { type = percent, default = 50% }\nbudget { tokens = var.share }\n"
    (fault,) = compile_text(text).diagnostics.errors
    assert fault.span is not None
    assert text[fault.span.start : fault.span.end] == "var.share"
