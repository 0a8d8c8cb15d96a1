"""A contest of ways of answering: who is asked what, what is charged to whom, and the most that it may take."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from refinelab_dsl import compiler
from refinelab_dsl.cli.bench import Limit
from refinelab_dsl.cli.judging import Refining, build_contests, find_refining
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Run
from refinelab_dsl.operators.baselines import Contest, hold_contest
from refinelab_dsl.prompts.blocks import parse_blocks
from refinelab_dsl.prompts.request import Completion, Request, Usage
from refinelab_dsl.prompts.tokens import call_ceiling
from refinelab_dsl.questions import Questions
from refinelab_dsl.source import Place, Source

SPEC = """\
edition = 1
dataset items { task = TASK, source = "items.jsonl" }
model small { provider = simulated, price = { input = $1 / 1M, output = $2 / 1M }, params = { max_tokens = 200 } }
judge careful { model = small, swap = true, mode = pairwise }
judge other { model = small, swap = false, votes = 3, mode = pairwise }
operator improve { kind = refine, model = small, judge = careful, max_rounds = 3 }
budget { tokens = 3M }
output best { path = "out/best.jsonl" }
"""
QA = {"question": "Why is the sea salty?", "answer": "0 as it came in"}
CHAT = {"messages": [{"role": "user", "content": "Why is the sea salty?"}, {"role": "user", "content": "Shorter?"}]}


def open_refining(task: str, umpire: str | None = None) -> Refining:
    program = compiler.analyze(Source("items.refine", SPEC.replace("TASK", task))).program
    assert program is not None
    refining = find_refining(program, None, umpire)
    assert isinstance(refining, Refining)
    return refining


def number_of(answer: Any) -> int:
    return int(str(answer).split()[0])


def hold(refining: Refining, fields: dict[str, Any], *, repairs: bool = False, longest: bool = False) -> Any:
    """A contest in which later answers are better, and all that was asked in it."""
    item = Item("i", "k", "h", fields, {}, {}, Place("items.jsonl", 1))
    program = hold_contest(refining.operator, refining.umpire, item, Questions(refining.context))
    count = iter(range(1, 1000))
    asked: list[Request] = []

    def reply(request: Request) -> str:
        if repairs and not request.is_repair:
            return "x" * 4_000
        if request.template.startswith("judge."):
            shown = parse_blocks(request.messages[1].content)
            is_first = number_of(shown["first"]) > number_of(shown["second"])
            return json.dumps({"justification": "", "preferred": "first" if is_first else "second"})
        answer = f"{next(count)} said"
        if longest:
            answer = answer.ljust(2 * request.max_output_tokens, "é")  # two bytes each
        return json.dumps({"explanation": "", "answer": answer}, ensure_ascii=False)

    try:
        effect = next(program)
        while True:
            assert isinstance(effect, Request)
            asked.append(effect)
            effect = program.send(Completion(reply(effect), Usage(100, 10), "stop", "m", "r"))
    except StopIteration as end:
        return end.value, asked


def test_each_way_is_charged_for_what_it_asks() -> None:
    contest, asked = hold(open_refining("qa"), QA)
    assert isinstance(contest, Contest)
    assert contest.rounds == 3
    # Rounds with two ballots each; at once; ten, each but the first with two ballots; rounds without a judge.
    assert contest.spent.calls == 3 * 3
    calls = {name: rival.spent.calls for name, rival in contest.rivals.items()}
    assert calls == {"original": 0, "zero_shot": 1, "best_of_ten": 10 + 9 * 2, "unjudged": 3}
    assert contest.judged.calls == 4 * 2
    assert len(asked) == contest.spent.calls + sum(calls.values()) + contest.judged.calls
    assert contest.rivals["zero_shot"].spent.tokens == 110
    assert str(contest.rivals["zero_shot"].spent.usd) == "0.000120"
    # Answers are numbered as they were made, and the judge prefers the later one.
    assert {name: rival.verdict for name, rival in contest.rivals.items()} == {
        "original": "refined", "zero_shot": "previous", "best_of_ten": "previous", "unjudged": "previous",
    }  # fmt: skip
    assert number_of(contest.rivals["best_of_ten"].answer) == 14  # the last of ten, after three rounds and one at once


def test_nobody_answers_with_the_old_answer_in_sight() -> None:
    _, asked = hold(open_refining("qa"), QA)
    at_once = [request for request in asked if request.template == "answer.improve"]
    assert Counter(request.sample for request in at_once) == {0: 2, **dict.fromkeys(range(1, 10), 1)}
    assert all("as it came in" not in message.content for request in at_once for message in request.messages)


def test_another_judge_compares_in_the_end_and_asks_afresh() -> None:
    contest, asked = hold(open_refining("qa", "other"), QA)
    ends = [request for request in asked if request.template.startswith("judge.other")]
    assert len(ends) == contest.judged.calls == 4 * 3
    judged = [request for request in asked if request.template.startswith("judge.careful")]
    assert {request.sample for request in judged} & {request.sample for request in ends} == set()


def test_what_was_not_there_competes_with_nobody() -> None:
    contest, _ = hold(open_refining("chat"), CHAT)
    assert (contest.rivals["original"].answer, contest.rivals["original"].verdict) == (None, None)
    assert contest.spent.calls == 2 + 3 * 3


@pytest.mark.parametrize(("task", "fields"), [("qa", QA), ("chat", CHAT)])
def test_the_price_that_is_told_is_the_most(task: str, fields: dict[str, Any]) -> None:
    refining = open_refining(task, "other")
    contest, asked = hold(refining, fields, repairs=True, longest=True)
    assert contest.rounds == 3
    item = Item("i", "k", "h", fields, {}, {}, Place("items.jsonl", 1))
    price = build_contests(refining, [item], Limit(1, None), Run()).price(None)  # type: ignore[arg-type]
    assert sum(sum(call_ceiling(request)) for request in asked) <= price.tokens
