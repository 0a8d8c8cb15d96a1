"""Distributions are exact: sums, remainders, mixtures, tables, presets."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.declarations import Target
from refinelab_dsl.diagnostics.render import render_text
from tests.harness.front import HEAD, Front, compile_text

GSM = """\
edition = 1

## Grade school maths by kind of problem.
dataset gsm {
  task = math
  source = "data/gsm.jsonl"
}

measure kind_of_problem {
  kind = column
  column = area
}

dimension topic {
  from = kind_of_problem
  tolerance = 2%

  target = {
    algebra = 25%
    ratios = 25%
    geometry = 20%
    money = 15%
    time = 10%
    other = 10%
  }
}

output balanced {
  path = "out/gsm.jsonl"
}
"""

SAID = """\
error[RF2104]: weights of dimension `topic` add up to 105%
  --> gsm_balance.refine:18:3
   |
18 |   target = {
   |   ^^^^^^ must add up to 100%
24 |     other = 10%
   |             --- nothing here takes the remainder
   = note: 25% + 25% + 20% + 15% + 10% + 10% = 105%
help: let `other` take the remainder (it becomes 5%)
24 |     other = rest
   = more: refinec explain RF2104
"""


def _target(front: Front, name: str = "made") -> Target:
    target = next(each for each in front.certain.dimensions if each.name == name).target
    assert target is not None
    return target


def _weighted(target: str) -> Front:
    return compile_text(f"{HEAD}dimension made {{ from = subject, target = {target} }}\n")


def test_the_example_of_the_language_page() -> None:
    found = compile_text(GSM, name="gsm_balance.refine").diagnostics
    assert render_text(found) == SAID


def test_the_way_out_repairs_it() -> None:
    (fault,) = compile_text(GSM).diagnostics
    (help_,) = fault.help
    (edit,) = help_.edits
    assert help_.applicability == "maybe"
    repaired = GSM[: edit.span.start] + edit.text + GSM[edit.span.end :]
    assert _target(compile_text(repaired), "topic").weights["other"] == Decimal("0.05")


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=12))
def test_rest_is_exactly_what_is_left(hundredths: list[int]) -> None:
    shares = [Decimal(each).scaleb(-2) for each in hundredths]  # in percent
    text = ", ".join(f"l{index} = {share}%" for index, share in enumerate(shares))
    front = _weighted(f"{{ {text}, other = rest }}")
    if sum(shares) > 100:
        assert front.codes == ["RF2103"]
    else:
        weights = _target(front).weights
        assert sum(weights.values()) == 1
        assert weights["other"] == 1 - sum(shares) / 100


def test_many_digits_stay_exact() -> None:
    third = "33." + "3" * 20
    front = _weighted(f"{{ a = {third}%, b = {third}%, c = {third}% }}")
    assert front.codes == ["RF2104"]
    front = _weighted(f"{{ a = {third}%, b = {third}%, c = rest }}")
    assert sum(_target(front).weights.values()) == 1


def test_a_mixture_is_the_weighted_mean() -> None:
    front = compile_text(
        HEAD
        + "variable a { type = weights, default = { x = 25%, y = 75% } }\n"
        + "variable b { type = weights, default = { y = 50%, z = rest } }\n"
        + "dimension made { from = subject, target = mix(a = 40%, b = 60%) }\n"
    )
    assert _target(front).weights == {"x": Decimal("0.1"), "y": Decimal("0.6"), "z": Decimal("0.3")}


def test_weights_stand_in_the_order_of_the_labels() -> None:
    front = compile_text(
        f"{HEAD}dimension made {{ from = subject, labels = [a, b, c], target = {{ c = 20%, a = rest, b = 30% }} }}\n"
    )
    assert list(_target(front).weights.items()) == [
        ("a", Decimal("0.5")),
        ("b", Decimal("0.3")),
        ("c", Decimal("0.2")),
    ]


def test_a_preset_goes_to_the_ordered_labels() -> None:
    front = compile_text(
        HEAD
        + 'dimension made { from = words, target = preset("stress-test"), '
        + "bands = { hard = above(30), easy = below(10), medium = between(10, 30) } }\n"
    )
    assert dict(_target(front).weights) == {"easy": 0, "medium": Decimal("0.4"), "hard": Decimal("0.6")}


@pytest.mark.parametrize(
    ("table", "weights"),
    [
        ("area,share\nalgebra,25%\ngeometry,75%\n", {"algebra": "0.25", "geometry": "0.75"}),
        ("share,area\n0.25,algebra\n0.75,geometry\n", {"algebra": "0.25", "geometry": "0.75"}),
        (
            "area,share\nalgebra,33.33\ngeometry,33.33\nother,33.34\n",
            {"algebra": "0.3333", "geometry": "0.3333", "other": "0.3334"},
        ),
        # What rounding left goes to the largest share, so that the sum is exact.
        (
            "area,share\nalgebra,33.32%\ngeometry,33.33%\nother,33.33%\n",
            {"algebra": "0.3332", "geometry": "0.3335", "other": "0.3333"},
        ),
    ],
)
def test_a_table_of_shares(tmp_path: Path, table: str, weights: dict[str, str]) -> None:
    (tmp_path / "targets.csv").write_text(table, encoding="utf-8")
    front = compile_text(
        HEAD + 'dimension made { from = subject, target = load("targets.csv", key = "area", value = "share") }\n',
        path=tmp_path / "spec.refine",
    )
    assert dict(_target(front).weights) == {label: Decimal(share) for label, share in weights.items()}


@pytest.mark.parametrize(
    ("table", "code", "line"),
    [
        ("area,share\nalgebra,25%\ngeometry,25%\n", "RF2122", None),
        ("area,part\nalgebra,25%\n", "RF2120", None),
        ("", "RF2120", None),
        ("area,share\n", "RF2101", None),
        ("area,share\nalgebra,many\n", "RF2121", 2),
        ("area,share\nalgebra,50%\n\nalgebra,50%\n", "RF2121", 4),
        ("area,share\n,100%\n", "RF2121", 2),
        ("area,share\nalgebra\n", "RF2121", 2),
        ("area,share\nalgebra,-5%\ngeometry,105%\n", "RF2121", 2),
        ("area,share\nalgebra,nan\n", "RF2121", 2),
        ('area,share\n"algebra,50%\n', "RF2121", 2),
    ],
)
def test_a_bad_table(tmp_path: Path, table: str, code: str, line: int | None) -> None:
    (tmp_path / "targets.csv").write_text(table, encoding="utf-8")
    front = compile_text(
        HEAD + 'dimension made { from = subject, target = load("targets.csv", key = "area", value = "share") }\n',
        path=tmp_path / "spec.refine",
    )
    first = front.diagnostics.errors[0]
    assert first.code == code
    if line is not None:
        assert first.place is not None
        assert (first.place.file, first.place.line) == ("targets.csv", line)
