"""`scrub`: a rewrite that holds becomes the item; one that does not is asked for again, then put in by rule."""

from __future__ import annotations

from typing import Any

from refinelab_dsl.artifacts.plan import Template
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Model, Operator, Prior
from refinelab_dsl.detectors import PRIVATE, TOXICITY, Watch, detect
from refinelab_dsl.effects import Effect, Execute, Outcome, Salt
from refinelab_dsl.operators.kind import Attempt, Remarked
from refinelab_dsl.operators.scrub import BY_RULE, REWRITE, make_item
from refinelab_dsl.prompts import builtin_template, reply_schema
from refinelab_dsl.prompts.blocks import parse_blocks
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.prompts.request import Request
from refinelab_dsl.prompts.steps import StepContext, build_work
from refinelab_dsl.questions import Questions
from refinelab_dsl.source import Place
from tests.harness.programs import drive, scripted

MODEL = Model(name="small", provider="simulated", id="small")
MAIL = "anna.keller@posteo-mail.de"
QUESTION = f"The note says: write to {MAIL} before noon. Until when may one write?"


def questions(task: str = "qa", **options: Any) -> Questions:
    system, user = builtin_template("scrub", task)
    template = Template(
        name="clean", model="small", system=system, user=user, reply_schema=reply_schema("scrub", task),
        max_output_tokens=1500,
    )  # fmt: skip
    operator = Operator(
        name="clean", kind="scrub", model="small", max_per_item=1, options=options,
        prior=Prior(success="0.9", input_tokens=1, output_tokens=1),
    )
    return Questions(StepContext(
        task=task, seed=1, dimensions=(), measures=(), labels={}, models={"small": MODEL},
        operators={"clean": operator}, templates={"clean": template},
    ))  # fmt: skip


def item(**fields: Any) -> Item:
    known = {"question": QUESTION, "answer": "noon", **fields}
    return Item("k", "k", "h", known, {"area": "mail"}, {}, Place("items.jsonl"))


def scrub(
    *replies: Any, asking: Questions | None = None, parent: Item | None = None
) -> tuple[Any, list[Effect]]:
    asking, parent = asking or questions(), parent or item()
    attempt = Attempt(asking.context.operators["clean"], parent, {}, 0, "step")
    return drive(make_item(attempt, asking), scripted(replies, lambda effect: "salt"))


def pseudonyms(asking: Questions, parent: Item) -> dict[str, str]:
    return dict(build_work(asking.context, asking.context.operators["clean"], parent).pseudonyms)


def good(text: str = QUESTION, asking: Questions | None = None, parent: Item | None = None) -> dict[str, list[str]]:
    for part, other in pseudonyms(asking or questions(), parent or item()).items():
        text = text.replace(part, other)
    return {"parts": [text]}


def test_a_rewrite_that_holds_becomes_the_item() -> None:
    made, asked = scrub(good())
    assert isinstance(made, Remarked)
    assert isinstance(made.item, Item)
    assert made.item.fields == {"question": good()["parts"][0], "answer": "noon"}
    assert made.item.attributes == {"area": "mail"}
    (remark,) = made.remarks
    assert (remark.check, remark.accept) == (REWRITE, True)
    assert remark.values["found"] == "question 24-50 email 0.97"
    assert len(str(remark.values["pseudonyms"])) == 64
    assert MAIL not in str(made.remarks)
    assert [type(effect) for effect in asked] == [Request, Salt]


def test_the_model_sees_what_was_found_and_no_other_text() -> None:
    parent = item(question=QUESTION, context="A long text about gardens, without anybody in it.")
    _, asked = scrub(good(), parent=parent)
    (request,) = [effect for effect in asked if isinstance(effect, Request)]
    blocks = parse_blocks(request.messages[1].content)
    assert blocks["parts"] == [QUESTION]
    assert blocks["found"] == [MAIL]
    assert "gardens" not in request.messages[1].content


def test_clean_items_ask_nobody() -> None:
    made, asked = scrub(parent=item(question="What is the capital of Norway?"))
    assert isinstance(made, Unreadable)
    assert made.message == "nothing to scrub"
    assert asked == []


def test_faults_are_told_to_the_model_and_logged_without_the_text() -> None:
    missed = {"parts": [QUESTION]}
    invented = {"parts": [QUESTION.replace(MAIL, "bob.stone@gmail.com")]}
    made, asked = scrub(missed, invented, good())
    assert [remark.accept for remark in made.remarks] == [False, False, True]
    assert made.remarks[0].reason == "in `question` stands what was to go, or more of its kind: 1 email"
    retries = [effect for effect in asked if isinstance(effect, Request)][1:]
    assert [retry.turn for retry in retries] == [1, 2]
    assert all("stands what was to go" in retry.messages[3].content for retry in retries)
    assert MAIL not in str(made.remarks)
    assert "gmail" not in str(made.remarks)


def test_more_changes_than_what_was_found_are_refused() -> None:
    wide = {"parts": [good()["parts"][0].replace("Until when may one write?", "When is it too late?")]}
    made, _ = scrub(wide, good())
    assert made.remarks[0].reason == "in `question` more changed than what was found and the words beside it"
    assert made.remarks[1].accept


def test_what_never_holds_is_put_in_by_rule() -> None:
    bad = {"parts": [QUESTION]}
    made, asked = scrub(bad, bad, {"parts": []})
    assert sum(isinstance(effect, Request) for effect in asked) == 3
    assert [remark.check for remark in made.remarks] == [REWRITE] * 3 + [BY_RULE]
    assert made.remarks[2].reason == "it has 0 parts, and 1 were given"
    assert made.item.fields["question"] == good()["parts"][0]


def test_unreadable_replies_are_repaired_once_each() -> None:
    made, asked = scrub("no json", "still none", good())
    assert made.remarks[0].reason.startswith("the reply cannot be read")
    assert sum(isinstance(effect, Request) for effect in asked) == 3
    assert isinstance(made.item, Item)


def test_beyond_max_change_nothing_comes_of_it() -> None:
    asking = questions(max_change="0.01")
    bad = good(asking=asking)
    made, _ = scrub(bad, bad, bad, asking=asking)
    assert isinstance(made.item, Unreadable)
    assert "may" in made.item.message
    assert not made.remarks[-1].accept


def test_an_answer_follows_the_pseudonyms_and_is_not_asked_for() -> None:
    parent = item(answer=MAIL)
    made, _ = scrub(good(parent=parent), parent=parent)
    assert made.item.fields["answer"] == pseudonyms(questions(), parent)[MAIL]


def test_the_key_of_a_choice_stays_the_key() -> None:
    asking = questions("mcq")
    parent = item(question="Who wrote the letter?", choices=["James Whitaker", "nobody"], answer="James Whitaker")
    made, _ = scrub(good("James Whitaker", asking, parent), asking=asking, parent=parent)
    fields = made.item.fields
    assert fields["choices"] == [pseudonyms(asking, parent)["James Whitaker"], "nobody"]
    assert fields["answer"] == fields["choices"][0]


def test_messages_of_a_conversation_are_rewritten_in_place() -> None:
    asking = questions("chat")
    parent = Item("k", "k", "h", {"messages": [
        {"role": "user", "content": QUESTION}, {"role": "assistant", "content": "Until noon."},
    ]}, {}, {}, Place("items.jsonl"))  # fmt: skip
    made, _ = scrub(good(asking=asking, parent=parent), asking=asking, parent=parent)
    assert made.item.fields["messages"] == [
        {"role": "user", "content": good(asking=asking, parent=parent)["parts"][0]},
        {"role": "assistant", "content": "Until noon."},
    ]


CODE = {
    "prompt": f'def whom():\n    """Returns the address {MAIL}."""\n', "entry_point": "whom",
    "solution": f'    return "{MAIL}"\n', "tests": f'def check(candidate):\n    assert candidate() == "{MAIL}"\n',
}  # fmt: skip


def _parts(text_of: Any) -> dict[str, list[str]]:
    return {"parts": [text_of(CODE[name]) for name in ("prompt", "solution", "tests")]}


def test_code_that_fails_its_tests_is_refused() -> None:
    asking = questions("code")
    parent = Item("k", "k", "h", CODE, {}, {}, Place("items.jsonl"))
    other = pseudonyms(asking, parent)[MAIL]
    ran: list[str] = []

    def outcome(effect: Effect) -> Any:
        if isinstance(effect, Salt):
            return "salt"
        assert isinstance(effect, Execute)
        ran.append(effect.code)
        return Outcome("failed", message="AssertionError") if len(ran) == 1 else Outcome("ok")

    attempt = Attempt(asking.context.operators["clean"], parent, {}, 0, "step")
    reply = _parts(lambda text: text.replace(MAIL, other))
    made, _ = drive(make_item(attempt, asking), scripted([reply, reply], outcome))
    assert [remark.accept for remark in made.remarks] == [False, True]
    assert made.remarks[0].reason == "its tests end with AssertionError"
    assert other in made.item.fields["tests"]
    assert made.item.fields["entry_point"] == "whom"


def test_toxic_words_become_civil_or_stars() -> None:
    said = "Only a complete imbecile would sort a list with bubble sort. What is its running time?"
    parent = item(question=said)
    civil = {"parts": [said.replace("a complete imbecile", "somebody careless")]}
    made, _ = scrub(civil, parent=parent)
    assert made.item.fields["question"] == civil["parts"][0]
    made, _ = scrub({"parts": [said]}, {"parts": [said]}, {"parts": [said]}, parent=parent)
    assert "***" in made.item.fields["question"]
    assert detect(made.item.fields["question"], Watch((*PRIVATE, TOXICITY))) == ()


def test_what_only_a_model_found_is_rewritten_as_a_whole() -> None:
    said = "With people like them one knows what to expect. What is the capital of Norway?"
    asking, parent = questions(unmarked=True, criteria=["toxicity"]), item(question=said)
    civil = {"parts": [said.replace("With people like them one", "One")]}
    made, asked = scrub({"parts": [said]}, {"parts": ["Which city is it?"]}, civil, asking=asking, parent=parent)
    assert made.item.fields["question"] == civil["parts"][0]
    assert [remark.reason for remark in made.remarks[:2]] == [
        "nothing changed", "83% of the item's tokens changed, and at most 30% may",
    ]  # fmt: skip
    (first, *_) = [effect for effect in asked if isinstance(effect, Request)]
    assert "Nothing is marked" in first.messages[1].content
    made, _ = scrub(*[{"parts": [said]}] * 3, asking=asking, parent=parent)
    assert isinstance(made.item, Unreadable)
