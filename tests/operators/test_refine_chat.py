"""`refine` on conversations that lack answers: what is asked in which order, and what it may take at most."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refinelab_dsl import compiler
from refinelab_dsl.artifacts.evidence import NO_EVIDENCE
from refinelab_dsl.data.items import Item
from refinelab_dsl.operators.kind import Attempt, Refined
from refinelab_dsl.operators.refine import make_item
from refinelab_dsl.plan.learnt import build_bare_context
from refinelab_dsl.prompts.asking import result_ceiling
from refinelab_dsl.prompts.blocks import parse_blocks
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.prompts.request import Completion, Request, Usage
from refinelab_dsl.prompts.steps import compose_step
from refinelab_dsl.prompts.tokens import attempt_ceiling, call_ceiling
from refinelab_dsl.questions import Questions
from refinelab_dsl.source import Place, Source

SPEC = """\
edition = 1
dataset talk { task = chat, source = "talk.jsonl" }
model small { provider = simulated, params = { max_tokens = 300 } }
judge careful { model = small, swap = true, votes = 2 }
operator improve { kind = refine, model = small, judge = careful, max_rounds = 3 }
budget { tokens = 3M }
output best { path = "out/best.jsonl" }
"""
ASKED = "Which rivers of France flow into the Atlantic, and how long is each of them?"


def talk(roles: str) -> Item:
    names = {"s": "system", "u": "user", "a": "assistant"}
    messages = [{"role": names[role], "content": f"{ASKED} {place}"} for place, role in enumerate(roles)]
    return Item("i", "k", "h", {"messages": messages}, {}, {}, Place("talk.jsonl", 1))


def open_questions() -> Questions:
    program = compiler.analyze(Source("talk.refine", SPEC)).program
    assert program is not None
    return Questions(build_bare_context(program, NO_EVIDENCE, {}))


def drive(item: Item, questions: Questions, answers: Any) -> tuple[Any, list[Request]]:
    """What comes of an item, and all that was asked. answers: a request -> the text of its reply."""
    operator = questions.context.operators["improve"]
    program = make_item(Attempt(operator, item, {}, 0, "step"), questions)
    asked: list[Request] = []
    try:
        effect = next(program)
        while True:
            assert isinstance(effect, Request)
            asked.append(effect)
            reply = Completion(answers(effect), Usage(1, 1), "stop", "m", "r")
            effect = program.send(reply)
    except StopIteration as end:
        return end.value, asked


def grade(better: str, request: Request) -> str:
    names = request.schema["properties"]["first"]["properties"] if request.schema else {}
    both = {"first": dict.fromkeys(names, 5), "second": dict.fromkeys(names, 5)}
    both[better] = dict.fromkeys(names, 9)
    return json.dumps({**both, "justification": "so"})


def is_judge(request: Request) -> bool:
    return request.template.startswith("judge.")


def test_missing_answers_are_made_in_order_with_what_was_said_before() -> None:
    count = iter(range(100))

    def reply(request: Request) -> str:
        if is_judge(request):  # the answer before is better, whichever place it stands at
            shown = parse_blocks(request.messages[1].content)
            return grade("first" if shown["first"] == "answer 1" else "second", request)
        return json.dumps({"explanation": "", "answer": f"answer {next(count)}"})

    made, asked = drive(talk("suauu"), open_questions(), reply)
    assert isinstance(made, Refined)
    assert made.item is not None
    assert [turn["content"] for turn in made.item.fields["messages"] if turn["role"] == "assistant"] == [
        f"{ASKED} 2", "answer 0", "answer 1",
    ]  # fmt: skip
    # Two answers, one refinement, and the judge's ballots on that.
    assert [is_judge(request) for request in asked] == [False, False, False, *4 * [True]]
    assert "There is no answer yet" in asked[0].messages[1].content
    assert f"{ASKED} 4" not in asked[0].messages[1].content  # what the user says next is not known yet
    assert "answer 0" in asked[1].messages[1].content
    assert "answer 1" in asked[2].messages[1].content


def test_the_first_call_is_the_one_that_is_priced() -> None:
    questions = open_questions()
    for roles in ("ua", "u", "uu", "suau"):
        item = talk(roles)
        _, asked = drive(item, questions, lambda request: "no JSON")
        assert asked[0] == compose_step(questions.context, "improve", (item,), {}, 0)


def test_what_cannot_be_answered_fails_and_says_why() -> None:
    made, asked = drive(talk("u"), open_questions(), lambda request: "no JSON")
    assert isinstance(made, Unreadable)
    assert len(asked) == 2  # and its repair


def test_an_answer_that_was_made_stays_though_no_refinement_can_be_read() -> None:
    def reply(request: Request) -> str:
        made = "There is no answer yet" in request.messages[1].content
        return json.dumps({"explanation": "", "answer": "made"}) if made else "no JSON"

    made, _ = drive(talk("u"), open_questions(), reply)
    assert isinstance(made, Refined)
    assert made.item is not None
    assert (made.item.answer, made.chain.answers, made.chain.stop) == ("made", ("made",), "unreadable")


@pytest.mark.parametrize("roles", ["ua", "u", "uu", "suauuu"])
def test_the_ceiling_holds_the_longest_answers_with_all_repairs(roles: str) -> None:
    questions, item = open_questions(), talk(roles)
    context, operator = questions.context, questions.context.operators["improve"]
    count = iter(range(1000))

    def reply(request: Request) -> str:
        if not request.is_repair:
            return "x" * 4_000  # no JSON: asked once more
        if is_judge(request):
            shown = parse_blocks(request.messages[1].content)
            return grade("first" if number_of(shown["first"]) > number_of(shown["second"]) else "second", request)
        longest = f"{next(count)} ".ljust(2 * request.max_output_tokens, "é")  # two bytes each
        return json.dumps({"explanation": "", "answer": longest}, ensure_ascii=False)

    def number_of(answer: str) -> int:
        return int(answer.split()[0]) if answer.split()[0].isdigit() else -1

    _, asked = drive(item, questions, reply)
    missing = roles.replace("ua", "").count("u")
    assert len(asked) == 2 * (missing + 3 + 3 * 4)  # every call twice: three rounds, four ballots each
    taken = [sum(part) for part in zip(*(call_ceiling(request) for request in asked), strict=True)]
    first = attempt_ceiling(compose_step(context, "improve", (item,), {}, 0))
    rest = result_ceiling(context, operator, [item])
    assert taken[0] <= first[0] + rest.input_tokens
    assert taken[1] <= first[1] + rest.output_tokens
