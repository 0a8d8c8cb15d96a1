"""`refine`: an answer is improved as long as a judge prefers what comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from refinelab_dsl.artifacts.evidence import NO_EVIDENCE
from refinelab_dsl.data.chains import Chain
from refinelab_dsl.data.items import Item
from refinelab_dsl.effects import Effect
from refinelab_dsl.operators.kind import Attempt, Refined
from refinelab_dsl.operators.refine import make_item
from refinelab_dsl.plan.learnt import build_bare_context
from refinelab_dsl.prompts.blocks import parse_blocks
from refinelab_dsl.prompts.identity import operator_content, operator_key
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.prompts.request import Completion, Request
from refinelab_dsl.questions import Questions
from refinelab_dsl.source import Place
from tests.harness.front import HEAD, compile_text
from tests.harness.programs import drive

EMPTY: Mapping[str, Any] = MappingProxyType({})
ITEM = Item("q1", "k1", "h", {"question": "Who wrote Emma?", "answer": "bad"}, EMPTY, EMPTY, Place("d.jsonl", 1))
WORTH = {"bad": 1.0, "better": 3.0, "best": 5.0, "worse": 2.0, "as good": 5.0}

Judge = Callable[[Request, str, str], Any]


def by_worth(request: Request, first: str, second: str) -> Any:
    """Grades what a text is worth, whatever stands first."""
    if "preferred" in request.schema["properties"]:  # type: ignore[index]
        lead = WORTH[first] - WORTH[second]
        return {"justification": "", "preferred": "first" if lead > 0 else "second" if lead < 0 else "tie"}
    grades = [dict.fromkeys(("accuracy", "clarity"), WORTH[text]) for text in (first, second)]
    return {"first": grades[0], "second": grades[1], "justification": "so it is"}


def always_first(request: Request, first: str, second: str) -> Any:
    return {"first": {"accuracy": 9, "clarity": 9}, "second": {"accuracy": 1, "clarity": 1}}


def refine(
    *answers: str, judge: str = "", operator: str = "", says: Judge = by_worth
) -> tuple[Chain, Item | None, list[Request]]:
    made, asked = attempt(iter(answers), judge, operator, says)
    assert isinstance(made, Refined), made
    return made.chain, made.item, [effect for effect in asked if isinstance(effect, Request)]


def build_questions(judge: str = "", operator: str = "") -> Questions:
    """Of a spec whose operator and judge have these attributes besides."""
    refiner = ", ".join(part for part in ("kind = refine, model = small, judge = fair", operator) if part)
    asked_of = "" if "models" in judge else "model = small"
    judged = [part for part in ("criteria = [accuracy, clarity]", asked_of, judge) if part]
    text = (
        f"{HEAD}model other {{ provider = simulated }}\nbudget {{ tokens = 1k }}\n"
        f"operator improve {{ {refiner} }}\njudge fair {{ {', '.join(judged)} }}\n"
    )
    program = compile_text(text).certain
    return Questions(build_bare_context(program, NO_EVIDENCE, {}))


def attempt(
    answers: Iterator[str], judge: str, operator: str, says: Judge
) -> tuple[Item | Unreadable | Refined, list[Effect]]:
    questions = build_questions(judge, operator)
    (improve,) = questions.context.operators.values()

    def answer(effect: Effect) -> Completion:
        assert isinstance(effect, Request)
        blocks = parse_blocks(effect.messages[1].content)
        if effect.template.startswith("judge."):
            reply = says(effect, blocks["first"], blocks["second"])
        else:
            said = next(answers)
            reply = said if said.startswith("{") else {"explanation": "so", "answer": said}
        return Completion(reply if isinstance(reply, str) else json.dumps(reply), None, "stop", "scripted")

    return drive(make_item(Attempt(improve, ITEM, {}, 0, "step"), questions), answer)


def test_answers_follow_each_other_while_they_are_preferred() -> None:
    chain, item, asked = refine("better", "best", "worse")
    assert chain.answers == ("bad", "better", "best")
    assert chain.stop == "previous"
    assert [each.verdict for each in chain.rounds] == ["refined", "refined", "previous"]
    assert item is not None
    assert item.fields == {"question": "Who wrote Emma?", "answer": "best"}
    assert len(asked) == 3 * (1 + 2)  # a refinement and a judge in both orders
    refining = [request for request in asked if request.template == "improve"]
    shown = [parse_blocks(request.messages[1].content)["answer"] for request in refining]
    assert shown == ["bad", "better", "best"]


def test_an_answer_that_is_not_improved_stays_and_nothing_failed() -> None:
    chain, item, _ = refine("worse", says=lambda request, first, second: by_worth(request, second, first))
    assert (chain.answers, chain.stop, item) == (("bad",), "previous", None)
    assert [(pair.chosen, pair.rejected) for pair in chain.preferences()] == [("bad", "worse")]


def test_a_chain_gives_the_pairs_that_were_decided() -> None:
    chain, _, _ = refine("better", "best", "worse")
    assert [(pair.chosen, pair.rejected, pair.score_chosen, pair.score_rejected) for pair in chain.preferences()] == [
        ("better", "bad", 6.0, 2.0), ("best", "better", 10.0, 6.0), ("best", "worse", 10.0, 4.0),
    ]  # fmt: skip


def test_what_is_as_good_ends_the_chain_and_is_no_pair() -> None:
    chain, _, _ = refine("best", "as good")
    assert (chain.answers, chain.stop) == (("bad", "best"), "tie")
    assert len(list(chain.preferences())) == 1


def test_a_judge_that_always_names_the_first_decides_nothing_where_it_is_asked_in_both_orders() -> None:
    chain, _, _ = refine("better", says=always_first)
    assert (chain.answers, chain.stop) == (("bad",), "tie")
    assert [(each.asked_twice, each.flips) for each in chain.rounds] == [(1, 1)]
    chain, _, _ = refine("better", "best", judge="swap = false", says=always_first)
    assert (chain.answers, chain.stop) == (("bad", "better"), "previous")  # as chance has the order


def test_without_swap_the_order_alternates_from_round_to_round() -> None:
    chain, _, asked = refine("better", "best", "worse", judge="swap = false")
    assert [said.previous_first for each in chain.rounds for said in each.opinions] == [False, True, False]
    assert len(asked) == 6


def test_a_panel_decides_by_its_ballots() -> None:
    def divided(request: Request, first: str, second: str) -> Any:
        return by_worth(request, *((first, second) if request.model.name == "small" else (second, first)))

    chain, _, _ = refine("better", judge="models = [small, other]", says=divided)
    assert (chain.stop, [said.model for said in chain.rounds[0].opinions]) == ("tie", ["small"] * 2 + ["other"] * 2)
    chain, _, asked = refine("better", "worse", judge="models = [small, other], votes = 3, swap = false")
    assert chain.answers == ("bad", "better")
    votes = [(request.model.name, request.sample) for request in asked if request.template.startswith("judge.")]
    assert votes[:6] == [("small", 0), ("small", 1), ("small", 2), ("other", 0), ("other", 1), ("other", 2)]


def test_pairs_are_compared_without_grades() -> None:
    chain, _, _ = refine("better", "worse", judge="mode = pairwise")
    assert chain.answers == ("bad", "better")
    assert chain.rounds[0].scores == (None, None)


def test_a_longer_answer_needs_a_better_grade() -> None:
    def by_a_little(request: Request, first: str, second: str) -> Any:
        return {
            "first": {"accuracy": 8, "clarity": 8 + (len(first) > len(second)) / 2},
            "second": {"accuracy": 8, "clarity": 8 + (len(second) > len(first)) / 2},
        }

    assert refine("better", "bad", says=by_a_little)[0].answers == ("bad", "better")
    assert refine("better", judge="length_penalty = 1", says=by_a_little)[0].answers == ("bad",)


def test_an_accepted_answer_is_refined_no_further() -> None:
    chain, _, _ = refine("better", "best", "worse", judge="accept = accuracy >= 5 and len(answer) < 9")
    assert (chain.answers, chain.stop) == (("bad", "better", "best"), "accepted")


def test_a_chain_ends_where_it_comes_back_to_an_earlier_answer() -> None:
    chain, _, asked = refine("better", "bad")
    assert (chain.answers, chain.stop, chain.rounds[-1].verdict) == (("bad", "better"), "oscillation", None)
    assert len(asked) == 1 + 2 + 1  # the judge is not asked again
    chain, _, _ = refine("better", " better\n")
    assert chain.stop == "unchanged"


def test_rounds_are_bounded() -> None:
    chain, _, _ = refine("better", "best", operator="max_rounds = 1")
    assert (chain.answers, chain.stop) == (("bad", "better"), "max_rounds")
    assert refine("better", "best", judge="max_rounds = 1")[0] == chain


def test_a_second_model_takes_over_once() -> None:
    chain, _, asked = refine("better", "worse", "best", "as good", "never", operator="second_model = other")
    assert chain.answers == ("bad", "better", "best")
    assert [(each.refiner, each.verdict) for each in chain.rounds] == [
        ("small", "refined"), ("small", "previous"), ("other", "refined"), ("other", "tie"),
    ]  # fmt: skip
    assert chain.stop == "tie"
    assert {request.model.name for request in asked if request.template == "second.improve"} == {"other"}


def test_a_reply_that_cannot_be_read_does_not_undo_what_was_preferred() -> None:
    chain, item, _ = refine("better", "{", "{")
    assert (chain.answers, chain.stop) == (("bad", "better"), "unreadable")
    assert item is not None
    made, asked = attempt(iter(["{", "{"]), "", "", by_worth)
    assert isinstance(made, Unreadable)
    assert len(asked) == 2


@pytest.mark.parametrize("grades", [{"accuracy": 11, "clarity": 1}, {"accuracy": 3}, {"accuracy": None, "clarity": 1}])
def test_grades_that_are_none_decide_nothing(grades: Any) -> None:
    def graded_once(request: Request, first: str, second: str) -> Any:
        return by_worth(request, first, second) if "bad" in (first, second) else {"first": grades, "second": grades}

    chain, _, asked = refine("better", "best", says=graded_once)
    assert (chain.answers, chain.stop) == (("bad", "better"), "unreadable")
    assert [said.preferred for said in chain.rounds[1].opinions] == [None, None]
    assert sum(request.is_repair for request in asked) == 2


def test_a_judge_that_cannot_be_read_at_all_is_a_failure() -> None:
    made, _ = attempt(iter(["better"]), "", "", lambda request, first, second: "no grades today")
    assert isinstance(made, Unreadable)
    assert made.message == "no verdict of the judge could be read"


@pytest.mark.parametrize(
    "change", [("votes = 3", ""), ("swap = false", ""), ("", "second_model = other"), ("models = [small, other]", "")]
)
def test_what_another_judge_or_refiner_says_counts_as_something_else(change: tuple[str, str]) -> None:
    same, other = build_questions().context, build_questions(*change).context
    assert operator_content(same, "improve") == operator_content(build_questions().context, "improve")
    assert operator_content(same, "improve") != operator_content(other, "improve")
    assert operator_key(same, "improve") != operator_key(other, "improve")
