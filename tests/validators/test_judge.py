"""A judge as a check: what it is shown, what passes, and what it may take at the most."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from refinelab_dsl.artifacts.evidence import NO_EVIDENCE
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.scope import ItemScope
from refinelab_dsl.effects import Effect
from refinelab_dsl.plan.learnt import build_bare_context
from refinelab_dsl.prompts.asking import MOST_BYTES_PER_TOKEN, item_bytes, result_ceiling
from refinelab_dsl.prompts.blocks import parse_blocks
from refinelab_dsl.prompts.identity import operator_key
from refinelab_dsl.prompts.request import Completion, Request
from refinelab_dsl.prompts.tokens import call_ceiling
from refinelab_dsl.questions import Questions
from refinelab_dsl.source import Place
from refinelab_dsl.validators import VALIDATORS, Result, Surroundings, Verdict, judge_hearing
from tests.harness.front import HEAD, compile_text
from tests.harness.programs import drive

EMPTY: Mapping[str, Any] = MappingProxyType({})
WORTH = {"bad": 3.0, "good": 6.0, "better": 8.0, "as good": 6.0}

Says = Callable[[Request, Mapping[str, Any]], Any]


def make_item(answer: str) -> Item:
    return Item(answer, answer, answer, {"question": "Who wrote Emma?", "answer": answer}, EMPTY, EMPTY, Place("d", 1))


def by_worth(request: Request, blocks: Mapping[str, Any]) -> Any:
    """Grades what an answer is worth, whatever stands first; clarity is a point more."""
    if "grades" in request.schema["properties"]:  # type: ignore[index]
        return {"grades": grade(blocks["item"])}
    worth = [WORTH[blocks[place]["answer"]] for place in ("first", "second")]
    if "preferred" in request.schema["properties"]:  # type: ignore[index]
        lead = worth[0] - worth[1]
        return {"justification": "", "preferred": "first" if lead > 0 else "second" if lead < 0 else "tie"}
    return {place: grade(blocks[place]) for place in ("first", "second")}


def grade(shown: Mapping[str, Any]) -> dict[str, float]:
    return {"accuracy": WORTH[shown["answer"]], "clarity": WORTH[shown["answer"]] + 1}


def always_first(request: Request, blocks: Mapping[str, Any]) -> Any:
    return {"justification": "", "preferred": "first"}


def open_questions(judge: str, operator: str = "kind = expand") -> Questions:
    """Of a spec whose operator is checked by a judge with these attributes."""
    asked_of = "" if "models" in judge else "model = small"
    judged = ", ".join(part for part in ("criteria = [accuracy, clarity]", asked_of, judge) if part)
    text = (
        f"{HEAD}model other {{ provider = simulated }}\nbudget {{ tokens = 1k }}\njudge fair {{ {judged} }}\n"
        f"operator make {{ {operator}, model = small, checks = [fair] }}\n"
    )
    return Questions(build_bare_context(compile_text(text).certain, NO_EVIDENCE, {}))


def judge_result(
    result: str, judge: str = "", original: str = "good", says: Says = by_worth, alone: bool = False
) -> tuple[Verdict, list[Request]]:
    questions = open_questions(judge, "kind = generate" if alone else "kind = expand")

    def answer(effect: Effect) -> Completion:
        assert isinstance(effect, Request)
        reply = says(effect, parse_blocks(effect.messages[1].content))
        return Completion(reply if isinstance(reply, str) else json.dumps(reply), None, "stop", "scripted")

    validator = questions.validator("fair")
    made = Result(make_item(result), make_item(original), {})
    hear = VALIDATORS["judge"].hear
    assert hear is not None
    heard, asked = drive(hear(validator, made, questions, alone=alone), answer)
    measures = {measure.name: measure for measure in questions.context.measures}
    surroundings = Surroundings("qa", ItemScope(measures, {}), {}, {})
    return judge_hearing(validator, made, surroundings, heard), [each for each in asked if isinstance(each, Request)]


@pytest.mark.parametrize("mode", ["rubric", "pairwise"])
def test_what_is_not_worse_passes(mode: str) -> None:
    better, asked = judge_result("better", f"mode = {mode}")
    assert (better.accept, better.values["preferred"]) == (True, "result")
    assert len(asked) == 2  # both orders
    shown = [parse_blocks(request.messages[1].content) for request in asked]
    assert {(each["first"]["answer"], each["second"]["answer"]) for each in shown} == {
        ("good", "better"), ("better", "good"),
    }  # fmt: skip
    assert judge_result("as good", f"mode = {mode}")[0].values["preferred"] == "tie"
    assert judge_result("as good", f"mode = {mode}")[0].accept
    worse = judge_result("bad", f"mode = {mode}")[0]
    assert (worse.accept, worse.values["preferred"]) == (False, "original")
    assert worse.reason.startswith("the judge prefers what it was made of")
    assert ("accuracy 3 (6), clarity 4 (7)" in worse.reason) == (mode == "rubric")


def test_votes_and_panels_count_as_for_refine() -> None:
    verdict, asked = judge_result("better", "models = [small, other], votes = 3, swap = false")
    assert len(asked) == 6
    assert len({(request.model.name, request.sample) for request in asked}) == 6
    assert verdict.accept
    verdict, _ = judge_result("bad", "mode = pairwise", says=always_first)
    assert (verdict.accept, verdict.values) == (
        True, {"preferred": "tie", "first_named": 2, "named": 2, "flips": 1},
    )  # fmt: skip


def test_accept_alone_decides_over_grades_and_the_result() -> None:
    assert judge_result("good", "accept = score >= 6.5", original="better")[0].accept
    refused = judge_result("better", "accept = accuracy > 8 and clarity > 8", original="bad")[0]
    assert (refused.accept, refused.reason) == (
        False, "the judge does not accept it: accuracy 8 (3), clarity 9 (4)",
    )  # fmt: skip
    assert refused.values == {
        "accuracy": 8.0, "clarity": 9.0, "score": 8.5, "original": 3.5, "preferred": "result", "first_named": 1,
        "named": 2,
    }  # fmt: skip
    assert not judge_result("better", "accept = words > 3 and score > 1")[0].accept
    assert judge_result("better", "accept = words == 3 and len(answer) == 6")[0].accept


def test_what_is_written_anew_is_graded_alone() -> None:
    verdict, asked = judge_result("good", "votes = 2", alone=True)
    assert (verdict.accept, verdict.values) == (True, {"accuracy": 6.0, "clarity": 7.0, "score": 6.5})
    assert [request.sample for request in asked] == [0, 1]
    assert parse_blocks(asked[0].messages[1].content)["item"] == {"question": "Who wrote Emma?", "answer": "good"}
    verdict, _ = judge_result("bad", alone=True)
    assert (verdict.accept, verdict.reason) == (False, "its mean grade is below 6: accuracy 3, clarity 4")
    assert judge_result("bad", "accept = score > 3", alone=True)[0].accept


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("reply", ["no JSON", '{"grades": {"accuracy": 11}, "first": {}, "second": {}}'])
def test_without_a_reply_that_can_be_read_nothing_passes(alone: bool, reply: str) -> None:
    verdict, asked = judge_result("better", "accept = score > 0", says=lambda request, blocks: reply, alone=alone)
    assert (verdict.accept, verdict.reason) == (False, "no verdict of the judge could be read")
    assert sum(request.is_repair for request in asked) == len(asked) / 2


@pytest.mark.parametrize(
    ("kind", "judge", "original"),
    [
        ("expand", "on_reject = revise, max_rounds = 2, votes = 2", "é" * 9_000),
        ("expand", "mode = pairwise, models = [small, other]", "short"),
        ("generate", "on_reject = revise, votes = 2", "short"),
    ],
)
def test_the_ceiling_holds_the_longest_results_with_all_repairs(kind: str, judge: str, original: str) -> None:
    questions = open_questions(judge, f"kind = {kind}")
    operator = questions.context.operators["make"]
    limit = MOST_BYTES_PER_TOKEN * questions.context.templates["make"].max_output_tokens
    item = make_item("x" * (limit - item_bytes(make_item(""))))
    assert item_bytes(item) == limit, "the longest that is checked at all"
    parent = make_item(original)
    hear = VALIDATORS["judge"].hear
    assert hear is not None
    program = hear(questions.validator("fair"), Result(item, parent, {}), questions, alone=kind == "generate")
    _, asked = drive(program, lambda effect: Completion("x" * 4_000, None, "stop", "scripted"))
    one = [sum(part) for part in zip(*(call_ceiling(each) for each in asked if isinstance(each, Request)), strict=True)]
    tries = 1 + questions.validator("fair").retries
    ceiling = result_ceiling(questions.context, operator, [parent])
    assert tries * one[0] <= ceiling.input_tokens
    assert tries * one[1] <= ceiling.output_tokens


def test_a_rate_that_was_learnt_holds_for_the_same_judge_alone() -> None:
    def key(judge: str) -> str:
        return operator_key(open_questions(judge).context, "make")

    assert key("votes = 2") == key("votes = 2")
    others = ["", "votes = 3", "swap = false", "length_penalty = 1", "mode = pairwise", "accept = score > 5",
              "on_reject = revise", "models = [small, other]"]  # fmt: skip
    assert len({key(judge) for judge in (*others, "votes = 2")}) == len(others) + 1
