"""The simulated model's rule: pure, in form, distinct, in its band; and bad exactly as often as the prior says."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.likeness import likeness, normalise
from refinelab_dsl.prompts import Subject, count_tokens, item_schema, returns_schema
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.simulation import FLAWS, Simulated, simulate
from tests.prompts.models import ITEMS

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
TASKS = ("mcq", "qa", "math")
KINDS = ("expand", "generate")
LENGTH: dict[str, Any] = {"length": {"label": "medium", "low": 12, "high": 25, "unit": "words"}}


def run(kind: str = "generate", task: str = "mcq", *, item: Any = None, target: Any = None, prior: str = "1",
        sample: int | str = 0, seed: int = 7, **options: Any) -> Simulated:  # fmt: skip
    subject = Subject(kind, task, ITEMS[task] if item is None else item, target or {}, prior)
    return simulate(subject, seed=seed, sample=sample, schema=item_schema(task), **options)


def text_of(fields: dict[str, Any]) -> str:
    """What likeness is measured on."""
    choices = sorted(map(normalise, fields.get("choices", ())))
    return "\n".join([normalise(fields["question"]), *choices])


def length_of(text: str, unit: str) -> int:
    return {"words": len(text.split()), "characters": len(text), "tokens": count_tokens(text, "")}[unit]


def check_form(task: str, reply: dict[str, Any]) -> None:
    assert list(reply) == item_schema(task)["required"]
    assert reply["question"].strip()
    assert reply["answer"].strip()
    if task == "mcq":
        assert reply["choices"].count(reply["answer"]) == 1
        assert len({choice.strip().casefold() for choice in reply["choices"]}) == len(reply["choices"]) >= 2
        assert all(choice.strip() for choice in reply["choices"])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_good_result_has_its_tasks_form_and_differs_from_its_parent(kind: str, task: str) -> None:
    for sample in range(50):
        result = run(kind, task, sample=sample)
        assert result.flaw is None
        reply = json.loads(result.text)
        check_form(task, reply)
        assert likeness(text_of(reply), text_of(ITEMS[task])) < 0.92


def test_a_paraphrase_keeps_the_key_and_the_numbers() -> None:
    for sample in range(50):
        reply = json.loads(run("expand", "math", sample=sample).text)
        assert reply["answer"] == "40"
        assert sorted(word for word in reply["question"].split() if word.isdigit()) == ["14", "2", "3"]
        choice = json.loads(run("expand", "mcq", sample=sample).text)
        assert choice["answer"] == "carbon dioxide"
        assert sorted(choice["choices"]) == sorted(ITEMS["mcq"]["choices"])


def test_the_arithmetic_of_a_word_problem_is_right() -> None:
    for sample in range(100):
        reply = json.loads(run("generate", "math", sample=sample).text)
        for line in reply["solution"].splitlines():
            left, right = line.rsplit("=", 1)
            expression = " ".join(part for part in left.split() if part.isdigit() or part in "*+-")
            assert eval(expression) == int(right.split()[0])
        assert reply["solution"].split()[-2] == reply["answer"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("unit", "low", "high"),
    [
        ("words", None, 10),
        ("words", 10, 20),
        ("words", 20, 21),
        ("words", 40, None),
        ("words", 7.5, 12.5),
        ("words", None, 2),
        ("characters", 100, 105),
        ("characters", None, 30),
        ("characters", 300, None),
        ("tokens", 10, 14),
        ("tokens", 100, 120),
    ],
)
def test_a_good_result_lies_in_the_band_of_its_target_and_one_with_the_wrong_length_beside_it(
    kind: str, task: str, unit: str, low: float | None, high: float | None
) -> None:
    bounds = {name: bound for name, bound in (("low", low), ("high", high)) if bound is not None}
    band = {"label": "x", "unit": unit, **bounds}
    target = {"length": band, "topic": {"label": "algebra"}}
    for sample in range(20):
        for flaws, wanted in (((), True), (("length",), False)):
            result = run(kind, task, target=target, sample=sample, prior="0" if flaws else "1", flaws=flaws or FLAWS)
            length = length_of(json.loads(result.text)["question"], unit)
            assert ((low or 0) <= length < (high or 10**9)) == wanted, (result.text, length)


def test_results_of_other_samples_and_items_are_distinct() -> None:
    texts = [text_of(json.loads(run("generate", "mcq", sample=sample, target=LENGTH).text)) for sample in range(150)]
    assert max(likeness(one, other) for index, one in enumerate(texts) for other in texts[:index]) < 0.8
    paraphrases = {run("expand", "mcq", sample=sample).text for sample in range(30)}
    assert len(paraphrases) == 30


@pytest.mark.parametrize("success", ["0", "0.3", "0.55", "0.9", "1"])
def test_results_are_good_as_often_as_the_prior_says(success: str) -> None:
    good = sum(run(prior=success, sample=sample, target=LENGTH).flaw is None for sample in range(1_000))
    assert abs(good / 1_000 - float(success)) < 0.05


def test_a_rehearsed_rate_overrules_the_prior() -> None:
    subject = Subject("generate", "mcq", ITEMS["mcq"], {}, "0")
    for sample in range(20):
        assert simulate(subject, seed=1, sample=sample, schema=None, success=1.0).flaw is None


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flaw", FLAWS)
def test_a_bad_result_has_one_flaw_that_a_check_finds(kind: str, task: str, flaw: str) -> None:
    for sample in range(20):
        result = run(kind, task, prior="0", sample=sample, target=LENGTH, flaws=(flaw,))
        assert result.flaw == flaw
        reply = json.loads(result.text)
        match flaw:
            case "schema":
                assert list(reply) == item_schema(task)["required"][:-1]
            case "duplicate":
                assert text_of(reply) == text_of(ITEMS[task])
            case "answer":
                assert reply["answer"] not in reply["choices"] if task == "mcq" else not reply["answer"]
            case "length":
                check_form(task, reply)
                assert not 12 <= len(reply["question"].split()) < 25


def test_without_a_band_no_result_has_the_wrong_length() -> None:
    flaws = {run(prior="0", sample=sample).flaw for sample in range(100)}
    assert flaws == {"schema", "duplicate", "answer"}
    assert run(prior="0", flaws=("length",)).flaw == "schema"


def test_the_same_call_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "from tests.providers.test_simulation import run, KINDS, TASKS, LENGTH\n"
        "print([run(k, t, sample=s, target=LENGTH, prior='0.6').text for k in KINDS for t in TASKS for s in range(9)])"
    )
    outputs = {
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2], check=True,
                       capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("0", "1")
    }  # fmt: skip
    assert len(outputs) == 1


@pytest.mark.parametrize("part", ["seed", "sample", "item", "target"])
def test_a_reply_depends_on(part: str) -> None:
    changes: dict[str, dict[str, Any]] = {
        "seed": {"seed": 8},
        "sample": {"sample": 1},
        "item": {"item": {**ITEMS["mcq"], "question": "Another question?"}},
        "target": {"target": LENGTH},
    }
    assert run(**changes[part]).text != run().text


def test_a_prompts_own_schema_is_obeyed() -> None:
    returns = {"question": "text", "choices": ["text"], "answer": "text", "score": "number", "n": "integer",
               "ok": "bool", "topic": {"labels": ["a", "b"]}, "why": "text"}  # fmt: skip
    subject = Subject("generate", "mcq", ITEMS["mcq"])
    reply = json.loads(simulate(subject, seed=1, sample=2, schema=returns_schema(returns)).text)
    assert list(reply) == list(returns)
    assert reply["answer"] in reply["choices"]
    assert isinstance(reply["score"], float)
    assert isinstance(reply["n"], int)
    assert isinstance(reply["ok"], bool)
    assert reply["topic"] in ("a", "b")
    assert reply["why"]


@given(st.text(), st.lists(st.text(), max_size=6), st.sampled_from(KINDS), st.sampled_from(TASKS), st.integers(0, 9))
def test_any_item_gives_a_result_in_form(question: str, choices: list[str], kind: str, task: str, sample: int) -> None:
    item = {"question": question, "choices": choices, "answer": choices[0] if choices else "x"}
    check_form(task, json.loads(run(kind, task, item=item, sample=sample).text))


@given(
    st.text(max_size=200),
    st.sampled_from(["words", "characters", "tokens"]),
    st.integers(0, 400),
    st.integers(2, 60),
    st.sampled_from(KINDS),
    st.sampled_from(TASKS),
)
def test_any_band_is_met(question: str, unit: str, low: int, width: int, kind: str, task: str) -> None:
    target = {"length": {"label": "x", "low": low, "high": low + width, "unit": unit}}
    reply = json.loads(run(kind, task, item={"question": question, "answer": "x"}, target=target).text)
    assert low <= length_of(reply["question"], unit) < low + width


@pytest.mark.skipif(not (SHARED / "mmlu").exists(), reason="the shared data sets are not here")
def test_paraphrases_of_real_items_are_no_duplicates_of_them() -> None:
    path = SHARED / "mmlu" / "test" / "anatomy_test.csv"
    alike = []
    with path.open(newline="", encoding="utf-8") as file:
        for question, *choices, letter in csv.reader(file):
            item = {"question": question, "choices": choices, "answer": choices["ABCD".index(letter)]}
            words = len(question.split())
            target = {"length": {"label": "x", "low": words // 10 * 10, "high": words // 10 * 10 + 10, "unit": "words"}}
            reply = json.loads(run("expand", "mcq", item=item, target=target).text)
            check_form("mcq", reply)
            alike.append(likeness(text_of(reply), text_of(item)))
    assert len(alike) == 135
    assert max(alike) < 0.92


def test_draws_are_even() -> None:
    draw = Draw("test")
    counts = [0] * 10
    for _ in range(10_000):
        counts[draw.below(10)] += 1
    assert all(850 < count < 1_150 for count in counts)
    assert sorted(draw.shuffled(range(50))) == list(range(50))
    assert {draw.between(3, 5) for _ in range(100)} == {3, 4, 5}
    assert Draw("a").unit() != Draw("b").unit()
    assert [Draw(1, "x").unit() for _ in range(2)] == [Draw(1, "x").unit()] * 2
