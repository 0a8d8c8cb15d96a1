"""What the table of built-ins calls reached is implemented, and nothing else: a kind is a row, a file, a template."""

from __future__ import annotations

import pytest

from refinelab_dsl import builtins, prompts, resources
from refinelab_dsl.measures import MEASURES
from refinelab_dsl.measures.table import PAID
from refinelab_dsl.measures_paid import PAID_MEASURES
from refinelab_dsl.operators import OPERATORS
from refinelab_dsl.validators import VALIDATORS
from tests.architecture.tree import PACKAGE

REACHED_OPERATORS = sorted(name for name, kind in builtins.OPERATOR_KINDS.items() if kind.reached)
REACHED_VALIDATORS = sorted(name for name, kind in builtins.VALIDATOR_KINDS.items() if kind.reached)
REACHED_MEASURES = sorted(name for name, kind in builtins.MEASURE_KINDS.items() if kind.reached)


def test_reached_kinds_are_implemented_and_no_others() -> None:
    assert sorted(OPERATORS) == REACHED_OPERATORS
    assert sorted(VALIDATORS) == sorted([*REACHED_VALIDATORS, builtins.JUDGING.name])
    assert sorted({*MEASURES} - {*PAID_MEASURES}) == sorted({*REACHED_MEASURES} - {*PAID_MEASURES})
    assert {*MEASURES} >= {*PAID_MEASURES}
    assert sorted(PAID_MEASURES) == sorted(PAID)


@pytest.mark.parametrize(
    ("package", "kinds"),
    [
        ("operators", REACHED_OPERATORS),
        ("validators", REACHED_VALIDATORS),
        ("measures", [kind for kind in REACHED_MEASURES if kind not in PAID]),
        ("measures_paid", sorted(PAID)),
    ],
)
def test_every_kind_has_a_file_of_its_own(package: str, kinds: list[str]) -> None:
    assert kinds
    assert [kind for kind in kinds if not (PACKAGE / package / f"{kind}.py").is_file()] == []


@pytest.mark.parametrize("kind", REACHED_OPERATORS)
def test_kinds_that_ask_a_model_have_a_prompt_and_the_others_none(kind: str) -> None:
    has_template = (resources.locate("templates/prompts") / f"{kind}.user.jinja").is_file()
    asks = builtins.OPERATOR_KINDS[kind].calls > 0
    assert has_template == asks
    if asks:
        for task in sorted(builtins.TASKS):
            if builtins.TASKS[task].reached:
                system, user = prompts.builtin_template(kind, task)
                assert system.strip()
                assert user.strip()


def test_no_template_is_left_over() -> None:
    names = {path.name.partition(".")[0] for path in resources.locate("templates/prompts").glob("*.jinja")}
    # `pot_steps`: what `pot` asks besides, with `steps = true`. `discover`: the labels of `classify`, in two steps.
    kinds = {*builtins.OPERATOR_KINDS, *builtins.VALIDATOR_KINDS, *builtins.MEASURE_KINDS}
    judges = {f"judge_{mode}" for mode in builtins.JUDGE_ASKS}
    assert names <= {*kinds, *judges, "pot_steps", "discover", "discover_merge"}
