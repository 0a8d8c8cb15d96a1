"""From rows to typed items: fields, choices, ids, hashes; bad rows with their place and reason."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.data import BadRow, Item, find_files, item_hash, load_items, read_items
from refinelab_dsl.data.tasks import canonical_text
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.expressions.nodes import Binary, Constant, Name

from .sets import call, column, columns, make_project

MCQ = {"question": "q", "choices": ["x", "y", "z"], "answer": "B"}


def read(tmp_path: Path, rows: list[Any], *, task: Any = "mcq", **options: Any) -> list[Item | BadRow]:
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    project = make_project(tmp_path, {"items.jsonl": text})
    dataset = Dataset(name="items", task=task, source=("items.jsonl",), **options)
    files, problems = find_files(dataset, project)
    assert problems == ()
    return list(read_items(dataset, files, project))


def item(tmp_path: Path, row: Any, **options: Any) -> Item:
    [entry] = read(tmp_path, [row], **options)
    assert isinstance(entry, Item), entry
    return entry


def reason(tmp_path: Path, row: Any, **options: Any) -> str:
    """Why a row is bad; the row after it is read."""
    options.setdefault("answer_as", "letter" if options.get("task", "mcq") == "mcq" else "auto")
    bad = [entry for entry in read(tmp_path, [row], **options) if isinstance(entry, BadRow) and not entry.fatal]
    assert len(bad) == 1
    diagnostic = bad[0].diagnostic
    assert diagnostic.code == "RF3020"
    assert str(diagnostic.place) == "items.jsonl:1"
    return diagnostic.message.removeprefix("bad row: ")


# Fields


def test_an_mcq_item(tmp_path: Path) -> None:
    found = item(tmp_path, {**MCQ, "extra": [1, None]})
    assert found.fields == {"question": "q", "choices": ["x", "y", "z"], "answer": "y"}
    assert found.raw == {**MCQ, "extra": [1, None]}
    assert found.hash == item_hash("mcq", found.fields)
    assert (found.id, found.key) == (found.hash[:16], found.hash[:16])
    assert (found.place.file, found.place.line, found.place.row, found.row) == ("items.jsonl", 1, 1, 0)


def test_the_map_of_fields_reads_columns_and_names_attributes(tmp_path: Path) -> None:
    fields = {
        "id": column("uid"),
        "answer": call("after", column("answer"), "####"),
        "solution": call("before", column("answer"), "####"),
        "file": call("stem"),
        "at": call("line"),
        "level": column("grade"),
    }
    row = {"uid": 7, "question": "1 + 1?", "answer": "one and one\n#### 2", "grade": 3.0}
    found = item(tmp_path, row, task="math", fields=fields)
    assert found.id == "7"
    assert found.fields == {"question": "1 + 1?", "answer": "2", "solution": "one and one"}
    assert found.attributes == {"file": "items", "at": 1, "level": 3.0}


def test_numbers_become_text_in_one_way(tmp_path: Path) -> None:
    keys = {item(tmp_path, {"question": "q", "answer": answer}, task="qa").key for answer in (18, 18.0, "18")}
    assert len(keys) == 1
    assert item(tmp_path, {"question": 5, "answer": True}, task="qa").fields == {"question": "5", "answer": "true"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (18, "18"),
        (18.0, "18"),
        (1e22, "10000000000000000000000"),
        (0.1, "0.1"),
        (-0.0, "0"),
        (1.50, "1.5"),
        (100, "100"),
        (True, "true"),
        ("x", "x"),
        (None, None),
        ([1], None),
        ({}, None),
        (float("nan"), None),
        (2**70, str(2**70)),
    ],
)
def test_canonical_text(value: Any, text: str | None) -> None:
    assert canonical_text(value) == text


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_canonical_text_keeps_the_value(value: float) -> None:
    text = canonical_text(value)
    assert text is not None
    assert "e" not in text
    assert float(text) == float(value)


@pytest.mark.parametrize(
    ("choices", "answer", "expected"),
    [
        ([1, 2.5, "x"], "C", ["1", "2.5", "x"]),
        ('["a", "b"]', "A", ["a", "b"]),
        ("['a', \"b's\"]", "A", ["a", "b's"]),  # Python's own writing, as MMLU-Redux has it
        ([{"label": "1", "text": "a"}, {"label": "2", "text": "b"}], "2", ["a", "b"]),
        ({"text": ["a", "b"], "label": ["A", "B"]}, "B", ["a", "b"]),
        ({"A": "a", "B": "b"}, "B", ["a", "b"]),
        ("['\\d', 'b']", "B", ["\\d", "b"]),
        (["a", "b", None, ""], "B", ["a", "b"]),
    ],
)
def test_choices_come_in_many_forms(tmp_path: Path, choices: Any, answer: str, expected: list[str]) -> None:
    found = item(tmp_path, {"question": "q", "choices": choices, "answer": answer}, answer_as="letter")
    assert found.fields["choices"] == expected
    assert found.fields["answer"] in expected


def test_choices_from_columns_and_nested_rows(tmp_path: Path) -> None:
    row = {"question": {"stem": "q", "choices": [{"text": "a", "label": "A"}, {"text": "b", "label": "B"}]}, "key": "B"}
    fields = {"question": column("question.stem"), "choices": column("question.choices"), "answer": column("key")}
    assert item(tmp_path, row, fields=fields).fields == {"question": "q", "choices": ["a", "b"], "answer": "b"}
    flat = {"question": "q", "A": "a", "B": "b", "C": "", "answer": "A"}
    assert item(tmp_path, flat, fields={"choices": columns("A", "B", "C")}).fields["choices"] == ["a", "b"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"question": "q", "choices": ["x", "y"]}, "the row has no column `answer`"),
        ({**MCQ, "question": None}, "`question` is null"),
        ({**MCQ, "question": " \n"}, "`question` is empty"),
        ({**MCQ, "question": ["q"]}, "`question` is a list, not text"),
        ({**MCQ, "choices": "x, y"}, "`choices` is text, not a list"),
        ({**MCQ, "choices": "[x, y]"}, "`choices` is text that is no list"),
        ({**MCQ, "choices": "[" * 5000}, "`choices` is text that is no list"),
        ({**MCQ, "choices": "['x', '\\ud800']"}, "`choices` is text that is no list"),
        ({**MCQ, "choices": "[0x" + "f" * 6000 + ", 1]"}, "`choices` is text that is no list"),
        ({**MCQ, "choices": "[b'x', 1j]"}, "`choices` is text that is no list"),
        ({**MCQ, "choices": "[[1], {2}]"}, "choice 1 is a list, not text"),
        ({**MCQ, "choices": 5}, "`choices` is a number, not a list"),
        ({**MCQ, "choices": ["x"]}, "`choices` holds 1, and a multiple-choice item has at least 2"),
        ({**MCQ, "choices": []}, "`choices` holds 0, and a multiple-choice item has at least 2"),
        ({**MCQ, "choices": ["x", "", "z"]}, "choice 2 is empty"),
        ({**MCQ, "choices": ["x", None, "z"]}, "choice 2 is null, not text"),
        ({**MCQ, "choices": ["x", {"a": 1}]}, "choice 2 is a map, not text"),
        ({**MCQ, "answer": "D"}, 'the answer "D" is no letter from A to C'),
        ({**MCQ, "choices": ["x", "y", "y"]}, "choices B and C are the same, and the answer is one of them"),
        ({**MCQ, "id": ["a"]}, "`id` is a list, not text"),
    ],
)
def test_a_row_that_is_no_mcq_item(tmp_path: Path, row: dict[str, Any], expected: str) -> None:
    assert reason(tmp_path, row) == expected


def test_an_expression_that_fails_names_its_field(tmp_path: Path) -> None:
    fields = {"answer": call("after", column("answer"), "####")}
    found = reason(tmp_path, {"question": "q", "answer": "no mark"}, task="math", fields=fields)
    assert found == '`answer`: `after()` does not find the mark "####"'


def test_optional_fields_and_attributes_may_lack(tmp_path: Path) -> None:
    entries = read(
        tmp_path,
        [{"question": "q", "answer": "a", "area": "x"}, {"question": "r", "answer": "a"}],
        task="qa",
        fields={"topic": column("area")},
    )
    assert [entry.attributes for entry in entries if isinstance(entry, Item)] == [{"topic": "x"}, {"topic": None}]


def test_a_column_that_no_row_has_is_a_slip(tmp_path: Path) -> None:
    entries = read(
        tmp_path, [{"question": "q", "answer": "a", "area": "x"}], task="qa", fields={"topic": column("arae")}
    )
    assert isinstance(entries[-1], BadRow)
    assert entries[-1].fatal
    assert entries[-1].diagnostic.code == "RF3022"
    assert entries[-1].diagnostic.help[0].message == "nearest: `area`"


def test_text_of_the_data_is_cut_in_reasons(tmp_path: Path) -> None:
    assert len(reason(tmp_path, {**MCQ, "answer": "x" * 5000})) < 200


# Identity


def test_exact_duplicates_get_a_number_in_reading_order(tmp_path: Path) -> None:
    found = read(tmp_path, [MCQ, {**MCQ, "other": 1}, {**MCQ, "answer": "C"}, MCQ])
    keys = [entry.key for entry in found if isinstance(entry, Item)]
    assert keys == [keys[0], f"{keys[0]}-2", keys[2], f"{keys[0]}-3"]
    assert len({entry.hash for entry in found if isinstance(entry, Item)}) == 2


def test_an_id_that_stands_twice_is_a_bad_row(tmp_path: Path) -> None:
    rows = [{**MCQ, "id": "a"}, {**MCQ, "id": "b"}, {**MCQ, "id": "a"}]
    found = read(tmp_path, rows)
    assert isinstance(found[2], BadRow)
    assert found[2].diagnostic.code == "RF3024"
    assert found[2].diagnostic.notes == ("first at items.jsonl:1",)


def test_the_hash_is_of_the_content_alone() -> None:
    assert item_hash("qa", {"question": "q", "answer": "a"}) == item_hash("qa", {"answer": "a", "question": "q"})
    assert item_hash("qa", {"question": "q", "answer": "a"}) != item_hash("math", {"question": "q", "answer": "a"})
    # Other bytes would rename every item of every user.
    content = '["qa",{"answer":"é\u2028","question":"q"}]'.encode()
    assert item_hash("qa", {"question": "q", "answer": "é\u2028"}) == hashlib.sha256(content).hexdigest()


@given(st.dictionaries(st.sampled_from(["question", "answer", "context"]), st.text(min_size=1)))
def test_unlike_fields_have_unlike_hashes(fields: dict[str, str]) -> None:
    changed = {**fields, "solution": "s"}
    assert item_hash("math", fields) != item_hash("math", changed)
    assert item_hash("math", dict(reversed(fields.items()))) == item_hash("math", fields)


# Filters and answers over a whole dataset


def test_where_keeps_rows_by_fields_and_columns(tmp_path: Path) -> None:
    rows = [{"question": f"q{n}", "answer": "a", "split": "test" if n % 2 else "train"} for n in range(6)]
    where = Binary(operator="==", left=column("split"), right=Constant.of("test"))
    found = read(tmp_path, rows, task="qa", where=where)
    assert [(entry.fields["question"], entry.row) for entry in found if isinstance(entry, Item)] == [
        ("q1", 0),
        ("q3", 1),
        ("q5", 2),
    ]
    named = Binary(operator="!=", left=Name(space="field", name="question"), right=Constant.of("q0"))
    assert len(read(tmp_path, rows, task="qa", where=named)) == 5


def test_a_where_that_does_not_fit_is_a_bad_row(tmp_path: Path) -> None:
    where = Binary(operator=">", left=column("size"), right=Constant.of("x"))
    found = reason(tmp_path, {"question": "q", "answer": "a", "size": 3}, task="qa", where=where)
    assert found == '`where`: `>` compares the number 3 with the text "x"; `number(x)` reads a number out of text'


def test_auto_settles_answers_by_all_rows(tmp_path: Path) -> None:
    rows = [{**MCQ, "answer": 1}, {**MCQ, "answer": 2}, {**MCQ, "answer": 3}]
    assert [entry.fields["answer"] for entry in read(tmp_path, rows) if isinstance(entry, Item)] == ["x", "y", "z"]
    rows[2] = {**MCQ, "answer": 0}
    assert [entry.fields["answer"] for entry in read(tmp_path, rows) if isinstance(entry, Item)] == ["y", "z", "x"]


def test_auto_does_not_guess(tmp_path: Path) -> None:
    [entry] = read(tmp_path, [{**MCQ, "answer": 1}, {**MCQ, "answer": 2}])
    assert isinstance(entry, BadRow)
    assert entry.fatal
    diagnostic: Diagnostic = entry.diagnostic
    assert (diagnostic.code, str(diagnostic.place)) == ("RF3030", "items.jsonl:1")
    said = read(tmp_path, [{**MCQ, "answer": 1}, {**MCQ, "answer": 2}], answer_as="index")
    assert [found.fields["answer"] for found in said if isinstance(found, Item)] == ["y", "z"]
    from_one = {
        "answer": Binary(operator="-", left=call("number", column("answer")), right=Constant(type="number", text="1"))
    }
    said = read(tmp_path, [{**MCQ, "answer": 1}, {**MCQ, "answer": 2}], answer_as="index", fields=from_one)
    assert [found.fields["answer"] for found in said if isinstance(found, Item)] == ["x", "y"]


def test_items_are_found_again_by_key(tmp_path: Path) -> None:
    found = [entry for entry in read(tmp_path, [MCQ, MCQ, {**MCQ, "answer": "C"}]) if isinstance(entry, Item)]
    project = make_project(tmp_path, {})
    dataset = Dataset(name="items", task="mcq", source=("items.jsonl",))
    files, _ = find_files(dataset, project)
    assert load_items(dataset, files, project, {found[1].key, "no such key"}) == {found[1].key: found[1]}
    assert load_items(dataset, files, project, ()) == {}


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    | st.sampled_from(["A", "1", "['x','y']", '["x"]', "["]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "label", "A", "B"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    rows=st.lists(
        st.fixed_dictionaries({}, optional=dict.fromkeys(["id", "question", "choices", "answer"], _JSON)), max_size=4
    ),
    answer_as=st.sampled_from(["auto", "letter", "index", "text"]),
)
def test_any_json_row_is_an_item_or_bad(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], answer_as: Any
) -> None:
    for entry in read(tmp_path_factory.mktemp("rows"), rows, answer_as=answer_as):
        if isinstance(entry, Item):
            assert entry.fields["choices"].count(entry.fields["answer"]) == 1
            assert len(entry.fields["choices"]) >= 2
        else:
            assert entry.diagnostic.message
