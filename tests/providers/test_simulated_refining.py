"""The simulated refiner and judge: as good as they are said to be, and told from a prompt over HTTP."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from refinelab_dsl.builtins import refining_share
from refinelab_dsl.prompts.blocks import render_block
from refinelab_dsl.prompts.request import Subject
from refinelab_dsl.prompts.shapes import reply_schema
from refinelab_dsl.providers.endpoint import Simulation, answer_body
from refinelab_dsl.providers.simulated_refining import latent_quality
from refinelab_dsl.providers.simulation import simulate

NUMBERS = range(400)
ANSWER = "It is the one that everybody takes for the right one, more or less."


def _refine(number: int, round_: int = 0, **more: Any) -> str:
    item = {"question": f"Why {number}?", **more, "about": {"answer": ANSWER, "round": round_}}
    subject = Subject("refine", "qa", item, success=str(refining_share(round_)))
    return str(json.loads(simulate(subject, seed=7, sample=0, schema=None).text)["answer"])


def _judge(number: int, mode: str = "pairwise", *, accuracy: float = 1.0, bias: float = 0.0) -> tuple[bool, bool]:
    """Whether the better of two is named, and whether the first is."""
    item: dict[str, Any] = {"question": f"Why {number}?"}
    first, second = f"since {number} is odd", f"for {number} reasons"
    about = {"first": first, "second": second, "criteria": ["accuracy", "clarity"]}
    subject = Subject(f"judge_{mode}", "qa", {**item, "about": about}, success="0.95")
    said = json.loads(simulate(
        subject, seed=7, sample=0, schema=None, judge_accuracy=accuracy, position_bias=bias
    ).text)  # fmt: skip
    is_first = said["preferred"] == "first" if mode == "pairwise" else sum(said["first"].values()) > sum(
        said["second"].values()
    )
    better = latent_quality(item, first) > latent_quality(item, second)
    return is_first == better, is_first


@pytest.mark.parametrize("round_", [0, 1, 3])
def test_refinements_are_better_as_often_as_in_the_paper(round_: int) -> None:
    share = sum(
        latent_quality({"question": f"Why {number}?"}, _refine(number, round_))
        > latent_quality({"question": f"Why {number}?"}, ANSWER)
        for number in NUMBERS
    ) / len(NUMBERS)
    assert abs(share - float(refining_share(round_))) < 0.08


def test_a_planted_truth_is_what_a_good_refinement_says() -> None:
    said = Counter(_refine(number, truth="42") == "42" for number in NUMBERS)
    assert abs(said[True] / len(NUMBERS) - 0.64) < 0.08
    assert latent_quality({"question": "Why?", "truth": "So it is."}, "so it is.") == 1


@pytest.mark.parametrize("mode", ["pairwise", "rubric"])
def test_a_judge_is_as_accurate_and_as_biased_as_it_is_said_to_be(mode: str) -> None:
    for accuracy in (1.0, 0.7):
        right = sum(_judge(number, mode, accuracy=accuracy)[0] for number in NUMBERS) / len(NUMBERS)
        assert abs(right - accuracy) < 0.08
    assert all(_judge(number, mode, bias=1.0)[1] for number in NUMBERS)
    named = sum(_judge(number, mode, bias=0.5)[1] for number in NUMBERS) / len(NUMBERS)
    assert abs(named - 0.75) < 0.08


def _post(kind: str, **blocks: Any) -> Any:
    text = "\n\n".join(render_block(name, value) for name, value in blocks.items())
    schema = reply_schema(kind, "qa", ("accuracy", "clarity"))
    body = {
        "model": "m", "messages": [{"role": "user", "content": text}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}},
    }  # fmt: skip
    return json.loads(answer_body(body, Simulation())["choices"][0]["message"]["content"])


def test_over_http_the_blocks_tell_what_is_asked() -> None:
    said = _post("refine", question="Why?", answer=ANSWER)
    assert said.keys() == {"explanation", "answer"}
    assert said["answer"] != ANSWER
    assert _post("judge_pairwise", question="Why?", first="so", second="not so")["preferred"] in ("first", "second")
    grades = _post("judge_rubric", conversation=[{"role": "user", "content": "Why?"}], first="so", second="not so")
    assert grades["first"].keys() == grades["second"].keys() == {"accuracy", "clarity"}
    first, second = {"question": "Why?", "answer": "so"}, {"question": "Why?", "answer": "not so"}
    assert _post("judge_pairwise_results", first=first, second=second)["preferred"] in ("first", "second", "tie")
    grades = _post("judge_rubric_results", first=first, second=second)
    assert grades["first"].keys() == grades["second"].keys() == {"accuracy", "clarity"}
    assert _post("judge_rubric_alone", item=first)["grades"].keys() == {"accuracy", "clarity"}


def test_of_two_items_the_better_one_is_named_wherever_it_stands() -> None:
    items = [{"question": f"Why {number}?", "answer": "so", "grade": grade} for number, grade in enumerate((2, 9, 8))]

    def say(kind: str, *shown: dict[str, Any], accuracy: float = 1.0) -> dict[str, Any]:
        about = {**dict(zip(("first", "second"), shown, strict=False)), "criteria": ["accuracy"]}
        subject = Subject(kind, "qa", {**shown[0], "about": about}, success="0.95")
        made = simulate(subject, seed=1, sample=0, schema=None, judge_accuracy=accuracy)
        said: dict[str, Any] = json.loads(made.text)
        return said

    worse, better, alike = items
    assert say("judge_pairwise_results", worse, better)["preferred"] == "second"
    assert say("judge_pairwise_results", better, worse)["preferred"] == "first"
    assert say("judge_pairwise_results", better, worse, accuracy=0.0)["preferred"] == "second"
    assert say("judge_pairwise_results", better, alike)["preferred"] == "tie"
    grades = say("judge_rubric_results", worse, better)
    assert grades["first"]["accuracy"] < grades["second"]["accuracy"]
    assert abs(say("judge_rubric_alone", better)["grades"]["accuracy"] - 9) <= 0.5
