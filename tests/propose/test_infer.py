"""Inference on small tables: each form of question, choices and key, and what is no set of questions."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refinelab_dsl import compiler, propose, syntax
from refinelab_dsl.compiler import Options
from refinelab_dsl.data.files import find_files
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project
from refinelab_dsl.propose.text import render_expression
from refinelab_dsl.source import Source


def infer(folder: Path, files: Mapping[str, str | bytes], source: str | None = None) -> propose.Inference | Diagnostic:
    """What a folder with these files gives, the one file or those of a pattern."""
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    pattern = source or next(iter(files))
    project = Project(folder, folder)
    found, problems = find_files(_named(pattern), project)
    assert problems == ()
    return propose.infer("set", [pattern], found, project)


def rows(folder: Path, entries: Sequence[Mapping[str, Any]]) -> propose.Inference:
    found = infer(folder, {"set.jsonl": "".join(json.dumps(entry) + "\n" for entry in entries)})
    assert isinstance(found, propose.Inference), found
    return found


def fields(found: propose.Inference) -> dict[str, str]:
    return {finding.name: render_expression(finding.expression) for finding in found.reading.findings}


def spec_of(folder: Path, found: propose.Inference) -> compiler.Analysis:
    """The proposal, analysed; it is laid out as `fmt` would lay it out."""
    text = propose.write_spec(found, "set.refine")
    assert syntax.format_source(Source("set.refine", text))[0] == text
    return compiler.analyze(Source("set.refine", text, folder / "set.refine"), Options())


def _named(pattern: str) -> Any:
    from refinelab_dsl.declarations import Dataset

    return Dataset(name="set", task="qa", source=(pattern,))


WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight"]


def questions(count: int, **more: Any) -> list[dict[str, Any]]:
    """Rows with a question each; of a list in `more` each row gets its own entry, in turn."""
    return [
        {"question": f"What is {' '.join(WORDS[: 1 + at % 8])} of {at}?",
         **{name: value[at % len(value)] if isinstance(value, list) else value for name, value in more.items()}}
        for at in range(count)
    ]  # fmt: skip


CHOICES = ["red", "green", "blue", "white"]


@pytest.mark.parametrize(
    ("choices", "answers", "key", "answer_as"),
    [
        ({"choices": CHOICES}, ["A", "B", "C", "D"], "letter", "letter"),
        ({"choices": CHOICES}, ["a", "d"], "letter", "letter"),
        ({"choices": CHOICES}, ["(A)", "(C)"], "letter", "letter"),
        ({"choices": CHOICES}, [0, 1, 2, 3], "index", "index"),
        ({"choices": CHOICES}, ["0", "3", "1"], "index", "index"),
        ({"choices": CHOICES}, [1, 2, 3, 4], "index from 1", "auto"),
        ({"choices": CHOICES}, ["red", "white"], "text", "text"),
        ({"choices": {"text": CHOICES, "label": list("ABCD")}}, ["A", "D"], "label", "letter"),
        ({"choices": {"text": CHOICES, "label": list("1234")}}, ["1", "4"], "label", "letter"),
        ({"choices": [{"text": text, "label": label} for text, label in zip(CHOICES, "ABCD", strict=True)]},
         ["B", "C"], "label", "letter"),
        ({"choices": dict(zip("ABCD", CHOICES, strict=True))}, ["B", "C"], "label", "letter"),
        ({"choices": str(CHOICES)}, [0, 1, 2, 3], "index", "index"),
        ({"choices": json.dumps(CHOICES)}, ["A", "B"], "letter", "letter"),
    ],
)  # fmt: skip
def test_keys(tmp_path: Path, choices: Any, answers: list[Any], key: str, answer_as: str) -> None:
    constant = {"choices": [choices["choices"]]}
    found = rows(tmp_path, questions(12, **constant, answer=answers))
    assert (found.reading.task, found.reading.key, found.dataset.answer_as) == ("mcq", key, answer_as)
    assert fields(found)["choices"] == 'column("choices")'
    assert (found.rows, found.bad) == (12, 0)
    analysis = spec_of(tmp_path, found)
    assert [entry.message for entry in analysis.diagnostics] == []


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("A", "B", "C", "D"), '[column("A"), column("B"), column("C"), column("D")]'),
        (("option_1", "option_2"), '[column("option_1"), column("option_2")]'),
        (("choice0", "choice1", "choice2"), '[column("choice0"), column("choice1"), column("choice2")]'),
        (("opa", "opb", "opc", "opd"), '[column("opa"), column("opb"), column("opc"), column("opd")]'),
        (("Option A", "Option B"), '[column("Option A"), column("Option B")]'),
        (("ending0", "ending1"), '[column("ending0"), column("ending1")]'),
    ],
)
def test_choices_in_several_columns(tmp_path: Path, names: tuple[str, ...], expected: str) -> None:
    texts = dict(zip(names, ([text] for text in CHOICES), strict=False))
    found = rows(tmp_path, questions(8, **texts, label=["A", "B"]))
    assert fields(found)["choices"] == expected
    assert fields(found)["answer"] == 'column("label")'


def test_a_right_answer_beside_wrong_ones(tmp_path: Path) -> None:
    wrong = {f"distractor{at}": [f"{text}!" for text in CHOICES] for at, _ in enumerate(CHOICES[:3], 1)}
    wrong["distractor2"] = ["x"]
    wrong["distractor3"] = ["y"]
    found = rows(tmp_path, questions(9, **wrong, correct_answer=CHOICES))
    assert fields(found)["choices"] == (
        '[column("correct_answer"), column("distractor1"), column("distractor2"), column("distractor3")]'
    )
    assert (fields(found)["answer"], found.reading.key) == ('column("correct_answer")', "text")


def test_positions_that_could_count_from_either_end_are_not_sure(tmp_path: Path) -> None:
    found = rows(tmp_path, questions(9, choices=[CHOICES], answer_index=[1, 2, 3]))
    assert found.reading.key == "index"
    assert not found.reading.sure
    assert any("two ways" in doubt for doubt in propose.list_doubts(found))
    assert spec_of(tmp_path, found).program is not None


@pytest.mark.parametrize(
    ("more", "task", "key"),
    [
        ({"answer": [12, 3.5, -4]}, "math", "number"),
        ({"answer": ["1,200", "$5", "40%"]}, "math", "number"),
        ({"answer": ["so it is 5\n#### 5", "hence\n#### 1,200"]}, "math", "number"),
        ({"answer": ["because\n#### Paris", "hence\n#### the moon"]}, "qa", "free text"),
        ({"answer": ["Paris", "the moon", "seven"]}, "qa", "free text"),
        ({"output": ["Paris", "the moon", "seven"]}, "qa", "free text"),
    ],
)
def test_answers_of_their_own(tmp_path: Path, more: dict[str, Any], task: str, key: str) -> None:
    found = rows(tmp_path, questions(9, **more))
    assert (found.reading.task, found.reading.key) == (task, key)
    assert spec_of(tmp_path, found).program is not None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("messages", [{"role": "user", "content": "Hi {}?"}, {"role": "assistant", "content": "Yes"}], "column"),
        ("conversations", [{"from": "human", "value": "Hi {}?"}, {"from": "gpt", "value": "Yes"}], "column"),
        ("conversations", '[{{"from": "human", "value": "Hi {}?"}}, {{"from": "gpt", "value": "Yes"}}]', "column"),
        ("data", ["Hi {}?", "Yes", "How many?", "Two"], "dialogue"),
        ("turns", ["Hi {}?", "How many?"], "asked"),
        ("prompt", {"role": "prompter", "text": "Hi {}?", "replies": []}, "column"),
    ],
)
def test_conversations(tmp_path: Path, name: str, value: Any, expected: str) -> None:
    def fill(part: Any, number: int) -> Any:
        match part:
            case str():
                return part.format(number) if "{}" in part else part
            case list():
                return [fill(each, number) for each in part]
            case dict():
                return {key: fill(each, number) for key, each in part.items()}
        return part

    found = rows(tmp_path, [{"area": "ab"[n % 2], name: fill(value, n)} for n in range(12)])
    read = f'column("{name}")'
    assert (found.reading.task, found.rows, found.bad) == ("chat", 12, 0)
    assert fields(found)["messages"] == (read if expected == "column" else f"{expected}({read})")
    assert [entry.message for entry in spec_of(tmp_path, found).diagnostics] == []


def test_side_fields(tmp_path: Path) -> None:
    entries = questions(9, answer=["yes it is", "no it is not"], passage=["Some text."], rationale=["As is said."])
    entries = [{"qid": f"q{at}", **entry} for at, entry in enumerate(entries)]
    assert fields(rows(tmp_path, entries)) == {
        "id": 'column("qid")', "question": 'column("question")', "answer": 'column("answer")',
        "context": 'column("passage")', "solution": 'column("rationale")',
    }  # fmt: skip


def test_columns_that_only_look_like_a_field_are_switched_off(tmp_path: Path) -> None:
    """Without an entry a field is read from the column of its name; ids that repeat and lists would be bad rows."""
    found = rows(tmp_path, questions(9, id=[1, 2], answer=["Paris", "Rome"], context=[["a", "list"]]))
    assert fields(found)["id"] == fields(found)["context"] == '""'
    assert (found.rows, found.bad) == (9, 0)


def test_an_id_that_repeats_beyond_the_sample_is_left_out(tmp_path: Path) -> None:
    entries = [{"id": at if at < 3_500 else 7, **entry} for at, entry in enumerate(questions(3_600, answer=["x y"]))]
    found = rows(tmp_path, entries)
    assert (found.rows, found.bad) == (3_600, 0)
    assert fields(found)["id"] == '""'


def test_what_is_to_be_balanced(tmp_path: Path) -> None:
    topics = ["algebra"] * 6 + ["pre-algebra"] * 3 + [None]
    found = rows(tmp_path, questions(40, answer=["Paris", "Rome"], topic=topics, split=["train", "test"]))
    assert found.topic is not None
    assert (found.topic.name, dict(found.topic.counts), found.topic.absent) == (
        "topic", {"algebra": 24, "pre-algebra": 12}, 4
    )  # fmt: skip
    text = propose.write_spec(found, "set.refine")
    assert 'labels = [algebra, "pre-algebra"]' in text
    assert "unknown = keep  # 4 rows" in text


def test_a_topic_in_the_names_of_files(tmp_path: Path) -> None:
    line = "Why is {0} so?,yes,no,maybe,never,B\n"
    names = ("anatomy_dev.csv", "anatomy_test.csv", "virology_test.csv")
    found = infer(tmp_path, {name: "".join(line.format(f"{name} {at}") for at in range(5)) for name in names}, "*.csv")
    assert isinstance(found, propose.Inference)
    assert found.dataset.columns == ("question", "A", "B", "C", "D", "answer")
    assert found.topic is not None
    assert dict(found.topic.counts) == {"anatomy": 10, "virology": 5}
    assert render_expression(found.topic.expression) == 'remove_suffix(remove_suffix(stem(), "_dev"), "_test")'


def test_a_few_bad_rows_are_left_out_and_said(tmp_path: Path) -> None:
    entries = questions(40, choices=[CHOICES], answer=["A", "B"])
    entries[7]["answer"] = "Q"
    found = rows(tmp_path, entries)
    assert (found.rows, found.bad, found.dataset.on_bad_row) == (39, 1, "skip")
    assert "on_bad_row = skip  # 1 of 40 rows" in propose.write_spec(found, "set.refine")
    assert any("1 of 40 rows" in doubt for doubt in propose.list_doubts(found))


def test_nothing_of_the_data_but_names_and_labels_is_in_the_spec(tmp_path: Path) -> None:
    secret = [f"confidential{at}" for at in range(30)]
    entries = questions(30, choices=[[f"{text} wxyz" for text in CHOICES]], answer=["A", "C"], note=secret)
    found = rows(tmp_path, entries)
    text = propose.write_spec(found, "set.refine") + json.dumps(propose.list_doubts(found))
    assert "wxyz" not in text
    assert "What is" not in text
    assert "confidential" not in text


def test_a_refusal_shows_shapes_and_no_text(tmp_path: Path) -> None:
    row = '{"alpha": "the secret words", "beta": [1, 2], "gamma": {"delta": null}, "epsilon": "x"}\n'
    refusal = infer(tmp_path, {"set.jsonl": row})
    assert isinstance(refusal, Diagnostic)
    assert refusal.code == "RF3060"
    shown = "\n".join(refusal.notes)
    assert "`alpha`: text, 3 words on average" in shown
    assert "`beta`: list of 2: number" in shown
    assert "secret" not in shown
    assert 'question = column("alpha"), answer = column("epsilon")' in refusal.help[0].message


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("set.jsonl", b"", "RF3012"),
        ("set.jsonl", b"\n\n", "RF3012"),
        ("set.csv", b"", "RF3012"),
        ("set.csv", b"question,answer\n", "RF3012"),
        ("set.jsonl", bytes(range(256)) * 400, "RF3020"),
        ("set.csv", b"\x00\xff\xfe\n" * 1000, "RF3009"),
        ("set.jsonl", b"PAR1" + b"x" * 100, "RF3009"),
        ("set.jsonl.gz", gzip.compress(b'{"question": "a", "answer": "b"}\n' * 99)[:-20], "RF3010"),
        ("set.parquet", b"PAR1", "RF3013"),
        ("set.json", b"[]", "RF3012"),
        ("set.json", b"[{}, ", "RF3025"),
        ("set.txt", b"text", "RF3006"),
        ("set.jsonl", b'[{"question": "a"}]\n', "RF3020"),
        ("set.jsonl", b'{"question": "' + b"x" * (1 << 20), "RF3020"),
        ("set.csv", b"question,question\na,b\n", "RF3023"),
        ("set.jsonl", b"{}\n", "RF3060"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_files_that_give_nothing(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    refusal = infer(tmp_path, {name: content})
    assert isinstance(refusal, Diagnostic), refusal
    assert refusal.code == code, refusal.message


NAMES = st.sampled_from([
    "question", "answer", "choices", "options", "label", "id", "context", "solution", "topic", "A", "B", "C", "D",
    "subject", "target", "input", "text", "prompt", "messages", "length", "words", "recorded", "rest", 'a"b', "x.y",
    "\n",
]) | st.text(max_size=6)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["A", "B", "1", "0", "red", "green", "what is it?", "so\n#### 5", "", " ", "['a', 'b']"])
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
)  # fmt: skip
VALUES = SCALARS | st.lists(SCALARS, max_size=4) | st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=3),
                                                                   max_size=3)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of one shape, more or less: each column has a kind of values of its own, and gaps."""
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    kinds = {name: draw(st.sampled_from([SCALARS, VALUES, st.just(draw(VALUES)), st.sampled_from("ABCD"),
                                         st.integers(0, 3), st.just(CHOICES), st.text(max_size=5)]))
             for name in names}  # fmt: skip
    count = draw(st.integers(1, 12))
    return [{name: draw(kinds[name]) for name in names} for _ in range(count)]


def _holds_surrogate(entries: Any) -> bool:
    return any(0xD800 <= ord(character) <= 0xDFFF for character in json.dumps(entries, ensure_ascii=False))


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(entries=tables())
def test_any_table_gives_a_spec_that_checks_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, Any]]
) -> None:
    if _holds_surrogate(entries):
        return
    folder = tmp_path_factory.mktemp("table")
    content = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    found = infer(folder, {"set.jsonl": content})
    if isinstance(found, Diagnostic):
        assert found.is_error
        return
    analysis = spec_of(folder, found)
    assert [entry.message for entry in analysis.diagnostics] == []
    assert analysis.program is not None
    assert analysis.program.dataset == found.dataset


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=200) | st.lists(
    st.lists(st.sampled_from(["question", "answer", "A", "B", "is it?", "", '"', "1", "a,b", "x\ny"]), max_size=6),
    max_size=8).map(lambda records: "\n".join(",".join(record) for record in records).encode()))  # fmt: skip
def test_any_bytes_as_csv(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    found = infer(folder, {"set.csv": content})
    if isinstance(found, propose.Inference):
        assert [entry.message for entry in spec_of(folder, found).diagnostics] == []


@pytest.mark.parametrize(
    "entries",
    [
        [{"question": "why?", "answer": "so"}],
        [{"question": "why?", "answer": "so"}] * 3,
        questions(3, choices=[CHOICES], answer=["A"]),
        questions(7, answer=["Paris", "Rome"], topic=["a", "b", "c"]),
    ],
)
def test_the_smallest_sets_plan(tmp_path: Path, entries: list[dict[str, Any]]) -> None:
    found = rows(tmp_path, entries)
    text = propose.write_spec(found, "set.refine")
    planned = compiler.plan(Source("set.refine", text, tmp_path / "set.refine"), Options())
    assert (planned.exit_code, [entry.message for entry in planned.diagnostics.errors]) == (ExitCode.DONE, [])
