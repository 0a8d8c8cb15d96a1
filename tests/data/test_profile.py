"""The profile: labels, eligibility, preference, protection, samples; what speaks against a dataset."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refinelab_dsl.data import Profile, build_profile
from refinelab_dsl.data import build as building
from refinelab_dsl.declarations import Band, Constraints, Dataset, Dimension, Measure, Move, Operator, Prior, Target
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.expressions.nodes import Binary, Constant, Expression, Name
from refinelab_dsl.source import Span

from .sets import call, column, make_project

TOPIC = Measure(name="area", kind="column", options={"column": "topic"})
LENGTH = Measure(name="length", kind="length", options={"unit": "words"})


def dimension(**options: Any) -> Dimension:
    return Dimension(**{"name": "topic", "measure": "area", **options})


def bands(**bounds: tuple[float | None, float | None]) -> tuple[Band, ...]:
    return tuple(
        Band(
            label=label,
            low=None if low is None else Decimal(str(low)),
            high=None if high is None else Decimal(str(high)),
        )
        for label, (low, high) in bounds.items()
    )


def weights(**shares: str) -> Target:
    return Target(kind="weights", weights={label: Decimal(share) for label, share in shares.items()})


def operator(name: str, **options: Any) -> Operator:
    return Operator(
        **{
            "name": name,
            "kind": "remove",
            "prior": Prior(success=Decimal(1), input_tokens=0, output_tokens=0),
            **options,
        }
    )


def compare(left: Expression, sign: Any, right: Any) -> Binary:
    value = Decimal(str(right)) if isinstance(right, int | float) else right
    return Binary(operator=sign, left=left, right=Constant.of(value))


def rows(*topics: Any, **more: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "question": "w " * (number + 1) + "?",
            "answer": "a",
            "topic": topic,
            **{name: values[number] for name, values in more.items()},
        }
        for number, topic in enumerate(topics)
    ]


def profile_of(
    folder: Path,
    data: list[Any] | str | bytes,
    dimensions: Sequence[Dimension] = (),
    operators: Sequence[Operator] = (),
    constraints: Constraints | None = None,
    *,
    name: str = "items.jsonl",
    origins: dict[str, Span] | None = None,
    seed: int = 0,
    measures: Sequence[Measure] = (TOPIC, LENGTH),
    **options: Any,
) -> tuple[Profile | None, Diagnostics]:
    content = "".join(json.dumps(row) + "\n" for row in data) if isinstance(data, list) else data
    project = make_project(folder, {name: content})
    dataset = Dataset(**{"name": "items", "task": "qa", "source": (name,), **options})
    return build_profile(
        dataset,
        measures,
        dimensions,
        operators,
        constraints or Constraints(),
        seed=seed,
        project=project,
        origins=origins,
    )


def profile(*arguments: Any, **options: Any) -> Profile:
    found, diagnostics = profile_of(*arguments, **options)
    assert found is not None, diagnostics
    return found


def error(*arguments: Any, **options: Any) -> Any:
    found, diagnostics = profile_of(*arguments, **options)
    assert found is None
    [problem] = diagnostics
    return problem


# Labels


def test_labels_settled_by_the_data_are_sorted(tmp_path: Path) -> None:
    found = profile(tmp_path, rows("b", "a", "c", "b"), [dimension(target=Target(kind="uniform"))])
    assert found.label_names == {"topic": ("a", "b", "c")}
    assert found.labels["topic"].tolist() == [1, 0, 2, 1]
    assert found.counts("topic") == {"a": 1, "b": 2, "c": 1}
    assert found.labels["topic"].dtype == np.int32


def test_labels_of_the_spec_keep_their_order(tmp_path: Path) -> None:
    for options in ({"labels": ("c", "a", "b")}, {"target": weights(c="0.5", a="0.2", b="0.3")}):
        found = profile(tmp_path, rows("b", "a", "c"), [dimension(**options)])
        assert found.label_names["topic"] == ("c", "a", "b")
        assert found.labels["topic"].tolist() == [2, 1, 0]


def test_bands_are_half_open(tmp_path: Path) -> None:
    cut = dimension(name="size", measure="length", bands=bands(short=(None, 3), medium=(3, 5), long=(5, None)))
    found = profile(tmp_path, rows("x", "x", "x", "x", "x"), [cut])  # 2, 3, 4, 5 and 6 words
    assert found.label_names["size"] == ("short", "medium", "long")
    assert found.labels["size"].tolist() == [0, 1, 1, 2, 2]


def test_numbers_in_text_fall_into_bands(tmp_path: Path) -> None:
    cut = dimension(bands=bands(low=(None, 1.5), high=(1.5, None)))
    found = profile(tmp_path, rows("1.00", 1, "1.5", 2.5), [cut])
    assert found.labels["topic"].tolist() == [0, 0, 1, 1]


def test_labels_that_the_spec_does_not_list_are_counted_and_the_nearest_named(tmp_path: Path) -> None:
    span = Span("s.refine", 1, 2)
    problem = error(
        tmp_path,
        rows("algebra", "algebre", "algebre", "zoo"),
        [dimension(target=weights(algebra="1"))],
        origins={"dimension.topic": span},
    )
    assert (problem.code, str(problem.place), problem.span) == ("RF3040", "items.jsonl:2", span)
    assert problem.message == "3 items have a label that dimension `topic` does not list"
    assert problem.notes == ("not listed: `algebre` (2), `zoo` (1)", "listed: `algebra`")
    assert problem.help[0].message == "nearest to `algebre`: `algebra`"


@pytest.mark.parametrize(
    ("value", "options", "reason"),
    [
        (None, {}, "measure `area` has no value"),
        ("", {}, "measure `area` has no value"),
        ("abc", {"bands": bands(low=(0, 1))}, 'the value "abc" of measure `area` is no number'),
        (7, {"bands": bands(low=(0, 1), high=(8, 9))}, "the value 7 of measure `area` lies in no band"),
    ],
)
def test_items_without_a_label(tmp_path: Path, value: Any, options: dict[str, Any], reason: str) -> None:
    data = rows(0.5, value, 0.5, value)
    problem = error(tmp_path, data, [dimension(**options)])
    assert (problem.code, str(problem.place)) == ("RF3041", "items.jsonl:2")
    assert problem.message == "2 items have no label in dimension `topic`"
    assert problem.notes == (f"the first: {reason}",)
    kept = profile(tmp_path, data, [dimension(unknown="keep", **options)])
    assert (kept.size, kept.labels["topic"].tolist(), kept.dropped) == (4, [0, -1, 0, -1], 0)
    assert kept.notes[-1] == "2 items without a label of `topic` kept outside of its shares"
    dropped = profile(tmp_path, data, [dimension(unknown="drop", **options)])
    assert (dropped.size, dropped.labels["topic"].tolist(), dropped.dropped) == (2, [0, 0], 2)


def test_labels_that_are_not_listed_are_unknown_too(tmp_path: Path) -> None:
    kept = profile(tmp_path, rows("a", "b"), [dimension(labels=("a",), unknown="keep")])
    assert kept.labels["topic"].tolist() == [0, -1]
    dropped = profile(tmp_path, rows("a", "b"), [dimension(labels=("a",), unknown="drop")])
    assert (dropped.size, dropped.dropped) == (1, 1)


def test_an_unknown_label_is_null_to_expressions(tmp_path: Path) -> None:
    unknown = operator("unknown", where=compare(Name(space="dimension", name="topic"), "==", None))
    found = profile(tmp_path, rows("a", "b", None), [dimension(labels=("a",), unknown="keep")], [unknown])
    assert found.eligible["unknown"].tolist() == [False, True, True]


def test_a_dimension_needs_a_label(tmp_path: Path) -> None:
    assert error(tmp_path, rows(None, None), [dimension(unknown="keep")]).code == "RF3042"


@pytest.mark.parametrize("unknown", ["error", "drop", "keep"])
def test_a_measure_of_a_column_that_is_nowhere_is_a_slip(tmp_path: Path, unknown: str) -> None:
    slip = Measure(name="area", kind="column", options={"column": "topik"})
    span = Span("s.refine", 1, 2)
    problem = error(
        tmp_path, rows("a", "b"), [dimension(unknown=unknown)], measures=(slip,), origins={"measure.area.column": span}
    )
    assert (problem.code, problem.span, str(problem.place)) == ("RF3026", span, "items.jsonl:1")
    assert problem.help[0].message == "nearest: `topic`"


def test_unlisted_labels_are_counted_beyond_those_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_TRACKED", 2)
    problem = error(tmp_path, rows("a", "b", "c", "d", "b"), [dimension(labels=("a",))])
    assert problem.message.startswith("4 items")
    assert problem.notes[0] == "not listed: `b` (2), `c` (1)"


def test_an_identifier_is_no_topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "MAX_LABELS", 3)
    problem = error(tmp_path, rows(*"abcd"), [dimension(target=Target(kind="uniform"))])
    assert (problem.code, problem.message) == (
        "RF3043",
        "dimension `topic` has 4 labels in the data; at most 3 can be balanced",
    )


# Operators and constraints


def test_where_prefer_and_protect(tmp_path: Path) -> None:
    topic, length = Name(space="dimension", name="topic"), Name(space="measure", name="length")
    found = profile(
        tmp_path,
        rows("a", "b", "a", "b", year=[1990, 2001, 2010, None]),
        [dimension()],
        [
            operator("every"),
            operator("of_a", where=compare(topic, "==", "a"), prefer=length),
            operator("old", where=compare(column("year"), "!=", None), prefer=column("year")),
            operator("judged", prefer=compare(length, ">", 3)),
            operator("spread", prefer=call("z", "length")),
            operator("here", where=compare(call("stem"), "==", "items"), prefer=call("line")),
        ],
        Constraints(protect=compare(Name(space="field", name="question"), "==", "w ?")),
    )
    assert {name: flags.tolist() for name, flags in found.eligible.items()} == {
        "every": [True] * 4,
        "of_a": [True, False, True, False],
        "old": [True, True, True, False],
        "judged": [True] * 4,
        "spread": [True] * 4,
        "here": [True] * 4,
    }
    assert found.preference["of_a"].tolist() == [2, 3, 4, 5]
    assert found.preference["old"].tolist() == [1990, 2001, 2010, -np.inf]  # null leaves last
    assert found.preference["judged"].tolist() == [0, 0, 1, 1]
    assert found.preference["here"].tolist() == [1, 2, 3, 4]
    assert found.preference["spread"] == pytest.approx((np.arange(4) - 1.5) / np.std([2, 3, 4, 5]))
    assert found.protected.tolist() == [True, False, False, False]
    assert "every" not in found.preference


def test_an_expression_that_does_not_fit_is_said_once(tmp_path: Path) -> None:
    span = Span("s.refine", 5, 9)
    data = rows("a", "b", "c", year=[1990, "2001", "2010"])
    bad = operator("old", where=compare(column("year"), "<", 2000))
    problem = error(tmp_path, data, [dimension()], [bad], origins={"operator.old.where": span})
    assert (problem.code, problem.span, str(problem.place)) == ("RF3044", span, "items.jsonl:2")
    assert problem.message == "`where` of operator `old` cannot be evaluated for 2 items"
    assert problem.notes[0].startswith('the first: `<` compares the text "2001" with the number 2000')
    text = operator("old", prefer=column("topic"))
    assert (
        error(tmp_path, data, [dimension()], [text]).message
        == "`prefer` of operator `old` cannot be evaluated for 3 items"
    )
    protect = Constraints(protect=column("topic"))
    assert error(tmp_path, data, [dimension()], [], protect).message == "`protect` cannot be evaluated for 3 items"


def test_samples_stand_for_every_combination(tmp_path: Path) -> None:
    topics = [f"t{number % 5}" for number in range(200)]
    splitting, told = dimension(target=Target(kind="uniform")), dimension(name="told")
    found = profile(tmp_path, rows(*topics), [splitting, told])
    assert {item.raw["topic"] for item in found.samples} == set(topics)
    assert len(found.samples) == 10
    assert len({item.key for item in found.samples}) == 10
    assert profile(tmp_path, rows(*topics), [splitting, told]).samples == found.samples
    other = profile(tmp_path, rows(*topics), [splitting, told], seed=1)
    assert [item.key for item in other.samples] != [item.key for item in found.samples]


def test_samples_do_not_grow_with_the_combinations(tmp_path: Path) -> None:
    topics = [f"t{number}" for number in range(300)]
    moved = operator("g", kind="generate", moves={"topic": Move(kind="any")})
    found = profile(tmp_path, rows(*topics), [dimension()], [moved])
    assert len(found.samples) == building.MAX_SAMPLES


# Rows


def test_bad_rows_stop_after_a_few(tmp_path: Path) -> None:
    found, diagnostics = profile_of(tmp_path, [{"question": "q", "answer": None}] * 30 + rows("a"))
    assert found is None
    assert [problem.code for problem in diagnostics] == ["RF3020"] * building.BAD_ROWS_SHOWN + ["RF3021"]
    assert [str(problem.place) for problem in diagnostics][:2] == ["items.jsonl:1", "items.jsonl:2"]
    assert ["skip" in str(problem.help) for problem in diagnostics] == [True, *[False] * 9, True]


@pytest.mark.parametrize(("times", "where"), [(3, ""), (30, " in its first 10 rows")])
def test_a_column_that_every_row_lacks_is_said_once(tmp_path: Path, times: int, where: str) -> None:
    found, [problem] = profile_of(tmp_path, [{"question": "q", "anwser": "a"}] * times)
    assert found is None
    assert (problem.code, problem.message) == ("RF3022", f"`items.jsonl` has no column `answer`{where}")
    assert problem.help[0].message == "nearest: `anwser`"


def test_bad_rows_are_skipped_and_counted(tmp_path: Path) -> None:
    found, diagnostics = profile_of(tmp_path, [{"question": "q"}, *rows("a", "b"), "no object"], on_bad_row="skip")
    assert found is not None
    assert (found.size, found.skipped) == (2, 2)
    [warning] = diagnostics
    assert (warning.code, warning.severity, str(warning.place)) == ("RF3050", "warning", "items.jsonl:1")


def test_duplicates_are_counted_and_said(tmp_path: Path) -> None:
    found = profile(tmp_path, [*rows("a"), *rows("a"), *rows("b")])
    assert (found.size, found.duplicates) == (3, 2)
    assert [key.partition("-")[2] for key in found.keys] == ["", "2", "3"]
    assert found.notes == ("2 items repeat an earlier one exactly",)


@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        ("", {}, "RF3012"),
        ("\n\n", {}, "RF3012"),
        ([{"bad": 1}], {"on_bad_row": "skip"}, "RF3022"),
        ("question,answer\n", {"name": "items.csv"}, "RF3012"),
        ("q", {"name": "items.txt"}, "RF3006"),
        ("[]", {"name": "items.json"}, "RF3012"),
        ("[", {"name": "items.json"}, "RF3025"),
        ("PAR1", {"name": "items.parquet"}, "RF3013"),
        ("PAR1", {"name": "items.parquet.gz"}, "RF3007"),
        ("q".encode("utf-16"), {}, "RF3009"),
        (gzip.compress(b"{}" * 100, mtime=0)[:-12], {"name": "items.jsonl.gz"}, "RF3010"),
        ("q,a\n1,2\n", {"name": "items.csv"}, "RF3022"),
        ("question,answer,question\n1,2,3\n", {"name": "items.csv"}, "RF3023"),
    ],
)
def test_datasets_that_have_no_items(tmp_path: Path, data: Any, options: dict[str, Any], code: str) -> None:
    found, diagnostics = profile_of(tmp_path, data, **options)
    assert found is None
    assert code in [problem.code for problem in diagnostics]


def test_where_may_leave_nothing(tmp_path: Path) -> None:
    problem = error(tmp_path, rows("a"), where=compare(column("topic"), "==", "b"))
    assert (problem.code, problem.notes) == ("RF3012", ("its files hold no row that `where` keeps",))


def test_everything_may_be_dropped(tmp_path: Path) -> None:
    problem = error(tmp_path, rows("a", "a"), [dimension(labels=("b",), unknown="drop")])
    assert (problem.code, problem.notes) == ("RF3012", ("2 items without a label were dropped",))


def test_files_are_hashed(tmp_path: Path) -> None:
    found = profile(tmp_path, rows("a"))
    assert [(file.name, file.bytes) for file in found.files] == [
        ("items.jsonl", (tmp_path / "items.jsonl").stat().st_size)
    ]
    assert profile(tmp_path, rows("b")).sha256 != found.sha256


def test_a_compressed_file_gives_the_same_items(tmp_path: Path) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows("a", "b"))
    plain, packed = profile(tmp_path, text), profile(tmp_path, gzip.compress(text.encode()), name="items.jsonl.gz")
    assert plain.keys == packed.keys


_TOPICS = st.lists(st.sampled_from(["a", "b", "c", "é", "", None, 1, 1.0, True]), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(topics=_TOPICS, unknown=st.sampled_from(["drop", "keep"]), listed=st.sampled_from([None, ("a", "b")]))
def test_columns_agree_with_the_rows(
    tmp_path: Path, topics: list[Any], unknown: Any, listed: tuple[str, ...] | None
) -> None:
    found, diagnostics = profile_of(tmp_path, rows(*topics), [dimension(unknown=unknown, labels=listed)])
    texts = [{None: None, "": None, 1: "true" if topic is True else "1"}.get(topic, topic) for topic in topics]
    known = [text for text in texts if text is not None and (listed is None or text in listed)]
    if found is None:
        assert not known
        assert next(problem.code for problem in diagnostics) in ("RF3012", "RF3042")
        return
    assert found.size == (len(topics) if unknown == "keep" else len(known))
    names = found.label_names["topic"]
    assert [names[code] for code in found.labels["topic"] if code >= 0] == known
    assert all(len(flags) == found.size for flags in (found.keys, found.protected, found.labels["topic"]))


_PIECES = (
    b'{"question": "q", "answer": "a", "topic": "x"}\n',
    b"question,answer,topic\n",
    b"q,a,x\n",
    *(b'"', b",", b"\n", b"\r", b"{", b"}", b"[]", b"\\ud800", b"\0", b";"),
    *(b"\xff", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\x1f\x8b", b"PAR1"),
)
_SOUP = st.lists(st.sampled_from(_PIECES), max_size=25).map(b"".join) | st.binary(max_size=300)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    data=_SOUP,
    name=st.sampled_from(["items.jsonl", "items.csv", "items.tsv", "items.jsonl.gz", "items.csv.gz", "items.json"]),
    packed=st.booleans(),
    cut=st.integers(0, 30),
    skip=st.booleans(),
)
def test_any_file_gives_a_profile_or_diagnostics(
    tmp_path: Path, data: bytes, name: str, packed: bool, cut: int, skip: bool
) -> None:
    content = gzip.compress(data) if packed else data
    found, diagnostics = profile_of(
        tmp_path, content[: len(content) - cut], [dimension()], name=name, on_bad_row="skip" if skip else "stop"
    )
    assert (found is None) == diagnostics.has_errors
    assert found is None or found.size == len(found.keys) > 0
    for problem in diagnostics:
        assert problem.code.startswith("RF3")
        assert len(problem.message) < 300
        assert problem.message.encode()
