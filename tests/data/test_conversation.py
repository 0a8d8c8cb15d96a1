"""Conversations: the shapes in which sets hold them, what is none, and turns written back as they came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.data.conversation import count_open, prompt_text, read_messages
from refinelab_dsl.data.invert import Unfit, invert, invertible
from refinelab_dsl.data.layout import Origin
from refinelab_dsl.data.read import BadRow, read_items
from refinelab_dsl.data.tasks import item_hash
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.expressions.nodes import Constant, Expression
from refinelab_dsl.likeness import comparison_text, likeness
from refinelab_dsl.likeness.text import answer_text, passage_digest
from refinelab_dsl.project import Project
from tests.data.sets import call, column, columns, load, make_project, make_result

SHARED = Path(__file__).resolve().parents[3] / "shared/data"

PLAIN = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi?"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "How are you?"},
    {"role": "assistant", "content": "Well."},
]


def turns(*texts: str, first: str = "user") -> list[dict[str, str]]:
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]


@pytest.mark.parametrize(
    "value",
    [
        PLAIN,
        [{"from": {"user": "human", "assistant": "gpt"}.get(turn["role"], "system"), "value": turn["content"]}
         for turn in PLAIN],
        [{"role": turn["role"].upper(), "content": [{"type": "text", "text": turn["content"]}]} for turn in PLAIN],
        [{**turn, "weight": 1} for turn in PLAIN],
    ],
)  # fmt: skip
def test_the_shapes_of_turns(value: Any) -> None:
    assert read_messages(value) == PLAIN


def test_of_a_tree_the_replies_that_were_ranked_best() -> None:
    leaf: dict[str, Any] = {"text": "Thanks!", "role": "prompter", "replies": []}
    tree = {"text": "Why?", "role": "prompter", "replies": [
        {"text": "No idea.", "role": "assistant", "rank": 1, "replies": []},
        {"text": "Because.", "role": "assistant", "rank": 0, "replies": [leaf]},
        {"text": "Spam.", "role": "assistant", "rank": 0, "deleted": True, "replies": []},
    ]}  # fmt: skip
    assert read_messages(tree) == turns("Why?", "Because.", "Thanks!")


def test_an_empty_system_turn_says_nothing() -> None:
    assert read_messages([{"role": "system", "content": " "}, *turns("Hi?")]) == turns("Hi?")


def read(tmp_path: Path, rows: list[Any], **fields: Expression) -> list[Any]:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    project = make_project(tmp_path, {"a.jsonl": text})
    return list(read_items(Dataset(name="a", task="chat", source=("a.jsonl",), fields=fields), (tmp_path / "a.jsonl",),
                           project))  # fmt: skip


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "has no turn"),
        ("hello", "text that is no list"),
        (["a", "b"], "does not say who speaks"),
        (7, "not a list"),
        ({"turns": []}, "a map, not a list"),
        (turns("", "b"), "turn 1 is empty"),
        (turns("a", "b", first="assistant"), "the first turn is the assistant's"),
        ([*turns("a", "b"), {"role": "assistant", "content": "c"}], "turns 2 and 3 are both the assistant's"),
        ([*turns("a", "b"), {"role": "system", "content": "c"}], "turn 3 is the system's"),
        ([{"role": "system", "content": "c"}], "no turn of the user's"),
        ([{"role": "tool", "content": "c"}], "turn 1 is a tool's"),
        ([{"role": "judge", "content": "c"}], "a role that is neither"),
        ([{"role": "user", "content": None}], "turn 1 has no text"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "something else than text"),
        (["a", {"role": "user", "content": "c"}], "turn 1 is no map"),
        ([{"who": "user", "what": "c"}], "neither `role` and `content`"),
    ],
)
def test_what_is_no_conversation(tmp_path: Path, value: Any, reason: str) -> None:
    (bad,) = read(tmp_path, [{"messages": value}])
    assert isinstance(bad, BadRow)
    assert reason in bad.diagnostic.message


def test_texts_become_turns_by_who_speaks(tmp_path: Path) -> None:
    row = {"q": "Hi?", "a": "Hello.", "s": "Be brief.", "turns": ["One?", "Two?"], "data": ["A?", "B.", "C?"]}
    both = call("dialogue", columns("q", "a"), column("s"))
    (item,) = read(tmp_path, [row], messages=both)
    assert item.fields["messages"] == PLAIN[:3]
    (item,) = read(tmp_path, [row], messages=call("dialogue", column("data")))
    assert item.fields["messages"] == turns("A?", "B.", "C?")
    (item,) = read(tmp_path, [row], messages=call("asked", column("turns")))
    assert [turn["role"] for turn in item.fields["messages"]] == ["user", "user"]
    assert count_open(item.fields["messages"]) == 2
    (item,) = read(tmp_path, [row], messages=call("asked", column("q")))
    assert item.fields["messages"] == turns("Hi?")
    (bad,) = read(tmp_path, [row], messages=call("dialogue", column("q")))
    assert "`dialogue()` needs a list of texts" in bad.diagnostic.message


def test_what_is_asked_and_what_answers_it(tmp_path: Path) -> None:
    (item,) = read(tmp_path, [{"messages": PLAIN}])
    assert item.question == prompt_text(PLAIN) == "Hi?\n\nHello.\n\nHow are you?"
    assert (item.answer, answer_text(item)) == ("Well.", "well.")
    assert comparison_text(item) == "hi? hello. how are you?"
    (open_item,) = read(tmp_path, [{"messages": turns("Hi?")}])
    assert (open_item.question, open_item.answer) == ("Hi?", "")


def test_the_same_turns_are_the_same_item_whatever_their_shape(tmp_path: Path) -> None:
    shared = [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Hello."}]
    one, other = read(tmp_path, [{"messages": shared}, {"messages": turns("Hi?", "Hello.")}])
    assert one.hash == other.hash == item_hash("chat", {"messages": turns("Hi?", "Hello.")})
    assert other.key == f"{one.key}-2"


def write_back(tmp_path: Path, name: str, content: str, better: list[dict[str, str]], **fields: Expression) -> Any:
    """The row of an item of the file whose turns were replaced by these."""
    project = make_project(tmp_path, {name: content})
    dataset = Dataset(name="a", task="chat", source=(name,), fields=fields)
    assert invertible(dataset) == ()
    files, items = load(dataset, project)
    result = make_result(items[0], task="chat", messages=better)
    return invert(dataset, result, Origin(dataset, files, project).answers, keep=True)


BETTER = turns("Hi?", "Hello there.", "How are you?", "Very well.")


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (turns("Hi?", "Hello."), BETTER),
        ([{"from": "human", "value": "Hi?"}],
         [{"from": ("human", "gpt")[place % 2], "value": turn["content"]} for place, turn in enumerate(BETTER)]),
        ([{"content": "Hi?", "role": "user", "id": 3}, {"content": [{"type": "text", "text": "Yes."}],
          "role": "assistant", "id": 4}],
         [{"content": "Hi?", "role": "user", "id": 3},
          {"content": [{"type": "text", "text": "Hello there."}], "role": "assistant", "id": 4}, *BETTER[2:]]),
    ],
)  # fmt: skip
def test_turns_go_back_in_the_form_of_their_source(tmp_path: Path, source: Any, written: Any) -> None:
    content = json.dumps({"n": 1, "messages": source}) + "\n"
    assert write_back(tmp_path, "a.jsonl", content, BETTER) == {"n": 1, "messages": written}


def test_turns_go_back_as_text_where_they_were_text(tmp_path: Path) -> None:
    row = write_back(tmp_path, "a.csv", 'n,messages\n1,"[{""from"":""human"",""value"":""Hi?""}]"\n', BETTER[:2])
    assert json.loads(row["messages"]) == [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Hello there."}]


def test_turns_go_back_to_the_columns_of_a_dialogue(tmp_path: Path) -> None:
    both = call("dialogue", columns("q", "a"), column("s"))
    content = json.dumps({"q": "Hi?", "a": "Hello.", "s": "Be brief."}) + "\n"
    better = [PLAIN[0], *turns("Hi?", "Hello there.")]
    assert write_back(tmp_path, "a.jsonl", content, better, messages=both) == {
        "q": "Hi?", "a": "Hello there.", "s": "Be brief."
    }  # fmt: skip
    with pytest.raises(Unfit, match="4 turns"):
        write_back(tmp_path, "a.jsonl", content, BETTER, messages=both)
    with pytest.raises(Unfit, match="no place for one"):
        write_back(tmp_path, "a.jsonl", content, better, messages=call("dialogue", columns("q", "a")))


def test_turns_that_are_all_the_users_have_no_place_for_answers() -> None:
    fields = {"messages": call("asked", column("turns"))}
    assert invertible(Dataset(name="a", task="chat", source=("a.jsonl",), fields=fields)) == ("messages",)


def test_turns_go_back_along_the_path_of_a_tree(tmp_path: Path) -> None:
    tree = {"text": "Why?", "role": "prompter", "lang": "en", "replies": [
        {"text": "Because.", "role": "assistant", "rank": 1, "replies": []},
        {"text": "So.", "role": "assistant", "rank": 0, "replies": []},
    ]}  # fmt: skip
    row = write_back(tmp_path, "a.jsonl", json.dumps({"prompt": tree}) + "\n", turns("Why?", "Therefore."),
                     messages=column("prompt"))  # fmt: skip
    assert [reply["text"] for reply in row["prompt"]["replies"]] == ["Because.", "Therefore."]
    assert read_messages(row["prompt"]) == turns("Why?", "Therefore.")


@pytest.mark.skipif(not SHARED.is_dir(), reason="NO DATA: ../shared/data is not beside this checkout")
def test_public_sets_are_read() -> None:
    def count(name: str, expression: Expression) -> tuple[int, int]:
        dataset = Dataset(name="a", task="chat", source=(name,), fields={"id": Constant.of(""), "messages": expression})
        entries = list(read_items(dataset, (SHARED / name,), Project(SHARED, SHARED)))
        return len(entries), sum(isinstance(entry, BadRow) for entry in entries)

    assert count("openassistant/en_trees_first50.jsonl.gz", column("prompt")) == (50, 0)
    assert count("mt_bench/question.jsonl", call("asked", column("turns"))) == (80, 0)
    assert count("ultrachat/ultra_eval.json", call("asked", column("data"))) == (385, 0)
    assert count("tulu/eval_instances_tulu_1_half.jsonl.gz", call("asked", column("prompt"))) == (498, 0)


def test_what_the_system_says_sets_conversations_apart_and_makes_none_alike(tmp_path: Path) -> None:
    long = "You answer in the name of the town, in two sentences at most, and you never promise anything. " * 3
    rows = [
        {"messages": [{"role": "system", "content": said}, *turns(asked, "Yes.")]}
        for said, asked in ((long, "Is the pool open?"), (long, "May I park here?"), ("Be brief.", "Is the pool open?"))
    ]
    pool, park, brief = read(tmp_path, rows)
    assert likeness(comparison_text(pool), comparison_text(park)) < 0.5
    assert comparison_text(pool) == comparison_text(brief)
    assert passage_digest(pool) == passage_digest(park) != passage_digest(brief)
