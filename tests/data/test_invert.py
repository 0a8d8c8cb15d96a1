"""`layout = source`: what is written is read again as the same item, for every way in which sources are written."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinelab_dsl.data.answers import AnswerStyle
from refinelab_dsl.data.examples import write_choices, write_scalar
from refinelab_dsl.data.files import find_files
from refinelab_dsl.data.invert import invertible
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items, settle_answers
from refinelab_dsl.data.tasks import choices_of
from refinelab_dsl.data.write import OutputRow, write_outputs
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.expressions.nodes import Binary, Constant
from refinelab_dsl.project import Project
from tests.data.sets import MMLU_COLUMNS, MMLU_FIELDS, call, codes, column, columns, load, make_project, output

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
GSM8K_SPLIT = {
    "solution": call("strip", call("before", column("answer"), "####")),
    "answer": call("strip", call("after", column("answer"), "####")),
}

# name, task, files below the shared data, options of the dataset
REAL: list[tuple[str, str, str, dict[str, Any]]] = [
    ("mmlu", "mcq", "mmlu/test/a*_test.csv", {"columns": MMLU_COLUMNS, "fields": {**MMLU_FIELDS, "s": call("stem")}}),
    ("gsm8k", "math", "gsm8k/test.jsonl", {"fields": GSM8K_SPLIT}),
    ("gsm8k_key_only", "math", "gsm8k/test.jsonl", {"fields": {"answer": call("after", column("answer"), "####")}}),
    (
        "gsm8k_whole", "math", "gsm8k/test.jsonl",
        {"fields": {"solution": column("answer"), "answer": call("after", column("answer"), "####")}},
    ),
    (
        "arc", "mcq", "arc/ARC-Challenge-Test.jsonl.gz",
        {"fields": {"question": column("question.stem"), "choices": column("question.choices"),
                    "answer": column("answerKey")}},
    ),
    (
        "commonsenseqa", "mcq", "commonsenseqa/dev.jsonl",
        {"fields": {"question": column("question.stem"), "choices": column("question.choices.text"),
                    "answer": column("answerKey"), "concept": column("question.question_concept")}},
    ),
    (
        "openbookqa", "mcq", "openbookqa/dev_complete.jsonl",
        {"fields": {"question": column("question.stem"), "choices": column("question.choices"),
                    "answer": column("answerKey")}},
    ),
    (
        "mmlu_pro", "mcq", "mmlu_pro/questions.jsonl.gz",
        {"fields": {"id": column("question_id"), "choices": column("options"), "answer": column("answer")}},
    ),
    (
        "mmlu_redux", "mcq", "mmlu_redux/mmlu_redux.jsonl.gz",
        {"fields": {"answer": column("answer_index")}, "answer_as": "index"},
    ),
    (
        "defects", "mcq", "arc_copy_defects/llm_foundry_arc_challenge_defects.jsonl",
        {"fields": {"choices": column("true_choices"), "answer": column("true_answer")}},
    ),
]  # fmt: skip


NESTED = ("arc", "commonsenseqa", "openbookqa")  # their columns have no CSV form that reads back
WRITTEN = [(*row, suffix) for row in REAL for suffix in ("jsonl", "csv") if suffix == "jsonl" or row[0] not in NESTED]


@pytest.mark.parametrize(
    ("name", "task", "pattern", "options", "suffix"), WRITTEN, ids=[f"{row[0]}-{row[4]}" for row in WRITTEN]
)
def test_real_items_written_beside_each_other_are_read_again(
    name: str, task: Any, pattern: str, options: dict[str, Any], suffix: str, tmp_path: Path
) -> None:
    """Every item is written in the columns of another one, as a result of its own, and read again by the same spec."""
    if not SHARED.exists():
        pytest.skip(f"NO REAL DATA: {SHARED} is not there")
    dataset = Dataset(name=name, task=task, source=(str(SHARED / pattern),), on_bad_row="skip", **options)
    project = Project(tmp_path, tmp_path)
    files, _ = find_files(dataset, project, allow_outside=True)
    items = [entry for entry in read_items(dataset, files, project) if isinstance(entry, Item)][:150]
    assert len(items) >= 5
    rows = []
    for item, parent in zip(items, items[3:] + items[:3], strict=True):
        made = replace(item, raw=parent.raw, place=parent.place, id=f"new-{item.row}")
        rows.append(OutputRow(made, "added", parents=(parent.key,)))
    written = output(f"out.{suffix}", columns=None)
    _, diagnostics = write_outputs([written], dataset, files, project, rows, allow_outside=True)
    assert codes(diagnostics) == []

    changes: dict[str, Any] = {"source": (f"out.{suffix}",), "answer_as": _settled(dataset, files, project)}
    if dataset.columns is not None:  # one file: what the files' names said is a column now
        changes["fields"] = {**MMLU_FIELDS, "s": column("s")}
        changes["columns"] = (*dataset.columns, "s", "_origin") if suffix == "csv" else None
    again = dataset.model_copy(update=changes)
    _, reread = load(again, Project(tmp_path, tmp_path))
    assert [_escaped_off(item.fields) for item in reread] == [dict(item.fields) for item in items]
    assert [item.attributes for item in reread] == [item.attributes for item in items]
    if "id" in dataset.fields or "id" in items[0].raw:
        assert [item.id for item in reread] == [row.item.id for row in rows]


def _settled(dataset: Dataset, files: Any, project: Project) -> str:
    """The answers' style is a fact of the whole source; 150 rows might not settle it alike."""
    style = settle_answers(dataset, files, project)
    assert isinstance(style, AnswerStyle)
    assert style is not AnswerStyle.FROM_ONE
    return style.value


def _escaped_off(fields: Any) -> dict[str, Any]:
    """A model's cell that looks like a formula got a quote in front."""

    def off(text: Any) -> Any:
        if isinstance(text, list):
            return [off(each) for each in text]
        return text[1:] if text[:1] == "'" and text[1:2] in tuple("=+-@\t\r") else text

    return {name: off(value) for name, value in fields.items()}


@pytest.mark.parametrize(
    ("raw", "fields", "expected"),
    [
        # labels by number, one more choice than the example has
        (
            {"q": "x", "choices": [{"label": "1", "text": "a"}, {"label": "2", "text": "b"}], "key": "2"},
            {"choices": ["c", "d", "e"], "answer": "e"},
            {
                "choices": [{"label": "1", "text": "c"}, {"label": "2", "text": "d"}, {"label": "3", "text": "e"}],
                "key": "3",
            },
        ),
        # a map of lists, its keys in their order
        (
            {"q": "x", "key": "A", "choices": {"text": ["a", "b"], "label": ["A", "B"]}},
            {"choices": ["c", "d"], "answer": "d"},
            {"choices": {"text": ["c", "d"], "label": ["A", "B"]}, "key": "B"},
        ),
        # a map by label
        (
            {"q": "x", "key": "B", "choices": {"A": "a", "B": "b"}},
            {"choices": ["c", "d"], "answer": "c"},
            {"choices": {"A": "c", "B": "d"}, "key": "A"},
        ),
        # Python's literal, with its quotes
        (
            {"q": "x", "choices": "['a', \"b's\"]", "key": "B"},
            {"choices": ["it's", "d"], "answer": "d"},
            {"choices": "[\"it's\", 'd']", "key": "B"},
        ),
        # JSON in text
        (
            {"q": "x", "choices": '["a", "b"]', "key": "A"},
            {"choices": ["c", "d"], "answer": "c"},
            {"choices": '["c","d"]', "key": "A"},
        ),
        # the look of a letter
        (
            {"q": "x", "choices": ["a", "b"], "key": "(b)"},
            {"choices": ["c", "d"], "answer": "c"},
            {"choices": ["c", "d"], "key": "(a)"},
        ),
        # a number stays a number
        (
            {"q": "x", "choices": ["u", "v"], "key": 0},
            {"choices": ["c", "d"], "answer": "d"},
            {"choices": ["c", "d"], "key": 1},
        ),
    ],
)  # fmt: skip
def test_choices_and_answers_look_like_the_example(
    raw: dict[str, Any], fields: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    dataset = Dataset(
        name="d", task="mcq", source=("d.jsonl",), fields={"question": column("q"), "answer": column("key")}
    )
    project = make_project(tmp_path, {"d.jsonl": msgspec.json.encode(raw) + b"\n"})
    files, items = load(dataset, project)
    made = replace(items[0], id="n", fields={"question": "new", **fields})
    write_outputs([output("o.jsonl")], dataset, files, project, [OutputRow(made, "added")])
    row = msgspec.json.decode((tmp_path / "o.jsonl").read_bytes())
    assert row == {"q": "new", **expected, "_origin": "added"}
    assert list(row) == [*raw, "_origin"]


def test_answers_that_count_from_one(tmp_path: Path) -> None:
    lines = "".join(f"q{n},a,b,c,{n}\n" for n in (1, 2, 3, 3))
    fields = {"question": column("q"), "choices": columns("A", "B", "C"), "answer": column("k")}
    dataset = Dataset(name="d", task="mcq", source=("d.csv",), columns=("q", "A", "B", "C", "k"), fields=fields)
    project = make_project(tmp_path, {"d.csv": lines})
    files, items = load(dataset, project)
    assert [item.fields["answer"] for item in items] == ["a", "b", "c", "c"]
    made = replace(items[0], fields={**items[0].fields, "answer": "b"})
    write_outputs([output("o.csv")], dataset, files, project, [OutputRow(made, "added")])
    assert (tmp_path / "o.csv").read_text() == "q1,a,b,c,2,added\n"


def test_an_expression_that_subtracts_is_added_back(tmp_path: Path) -> None:
    minus_one = Binary(operator="-", left=call("number", column("k")), right=Constant.of(Decimal(1)))
    fields = {"question": column("q"), "choices": columns("A", "B"), "answer": minus_one}
    dataset = Dataset(
        name="d", task="mcq", source=("d.csv",), columns=("q", "A", "B", "k"), fields=fields, answer_as="index"
    )
    assert invertible(dataset) == ()
    project = make_project(tmp_path, {"d.csv": "q,a,b,1\nq,a,b,2\n"})
    files, items = load(dataset, project)
    made = replace(items[0], fields={**items[0].fields, "answer": "b"})
    write_outputs([output("o.csv")], dataset, files, project, [OutputRow(made, "added")])
    assert (tmp_path / "o.csv").read_text() == "q,a,b,2,added\n"


def test_an_unmapped_column_takes_the_label_it_is_made_for(tmp_path: Path) -> None:
    dataset = Dataset(name="q", task="qa", source=("q.jsonl",))
    project = make_project(tmp_path, {"q.jsonl": '{"question":"a","answer":"b","subject":"law","page":3}\n'})
    files, items = load(dataset, project)
    made = replace(items[0], attributes={"subject": "art"})
    write_outputs([output("o.jsonl")], dataset, files, project, [OutputRow(made, "added")])
    assert (tmp_path / "o.jsonl").read_text() == (
        '{"question":"a","answer":"b","subject":"art","page":null,"_origin":"added"}\n'
    )


def test_an_attribute_never_overwrites_the_field_of_its_column(tmp_path: Path) -> None:
    dataset = Dataset(name="q", task="qa", source=("q.jsonl",), fields={"small": call("lower", column("question"))})
    project = make_project(tmp_path, {"q.jsonl": '{"question":"Ab","answer":"b"}\n'})
    files, items = load(dataset, project)
    made = replace(items[0], fields={"question": "NEW", "answer": "x"}, attributes={"small": "ab"})
    write_outputs([output("o.jsonl")], dataset, files, project, [OutputRow(made, "added")])
    assert (tmp_path / "o.jsonl").read_text() == '{"question":"NEW","answer":"x","_origin":"added"}\n'


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, ()),
        ({"question": call("strip", column("q")), "n": call("words", column("q"))}, ()),
        ({"topic": call("remove_suffix", call("stem"), "_test"), "line": call("line")}, ()),
        ({"question": call("strip", call("lower", column("q")))}, ()),
        (GSM8K_SPLIT, ()),
        ({"n": call("words", column("notes"))}, ("n",)),
        ({"answer": call("before", call("after", column("a"), "x"), "y")}, ("answer",)),
        ({"question": Binary(operator="+", left=column("a"), right=column("b"))}, ("question",)),
        ({"flag": call("matches", column("answer"), "x"), "len": call("len", column("gone"))}, ("len",)),
    ],
)
def test_invertible_names_what_cannot_be_written_back(fields: dict[str, Any], named: tuple[str, ...]) -> None:
    assert invertible(Dataset(name="d", task="math", source=(), fields=fields)) == named


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(lambda text: text.strip())


@settings(max_examples=150, deadline=None)
@given(
    st.lists(texts, min_size=2, max_size=6, unique=True),
    st.sampled_from(
        [
            ["x", "y"],
            [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}],
            {"text": ["x", "y"], "label": ["1", "2"]},
            {"A": "x", "B": "y"},
            "['x', 'y']",
            '["x", "y"]',
            "{'text': ['x', 'y'], 'label': ['A', 'B']}",
            None,
        ]
    ),
)
def test_choices_of_any_text_are_read_as_they_were_written(choices: list[str], example: Any) -> None:
    assert choices_of(write_choices(choices, example)).texts == choices


@pytest.mark.parametrize(
    ("value", "example", "expected"),
    [
        ("42", 18, 42), ("4.5", 18, 4.5), ("many", 18, "many"), ("007", 18, "007"), ("true", False, True),
        ("42", "18", "42"), ("42", None, "42"), (2, "1", "2"), (Decimal("2"), 1, 2), (Decimal("2.50"), "1", "2.5"),
        ("1e400", 1.0, "1e400"),
    ],
)  # fmt: skip
def test_scalars_take_the_type_of_the_example(value: Any, example: Any, expected: Any) -> None:
    written = write_scalar(value, example)
    assert written == expected
    assert type(written) is type(expected)
