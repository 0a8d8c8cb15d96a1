"""The evidence file: what a line holds, how findings are merged, and what is no evidence."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from refinelab_dsl.artifacts.evidence import (
    NO_EVIDENCE,
    AnyRecord,
    Evidence,
    Label,
    Rate,
    Rating,
    Value,
    dump_evidence,
    load_evidence,
    sum_rates,
)

OLD, NEW = "0" * 16, "1" * 16


def value(item: str, found: str | float | None = "algebra", *, key: str = OLD, measure: str = "topic") -> Value:
    return Value(measure=measure, key=key, item=item, value=found)


def rate(run: str, attempts: int = 10, accepted: int = 7, *, key: str = OLD, usd: str | None = "0.25") -> Rate:
    return Rate(
        operator="author", key=key, run=run, attempts=attempts, accepted=accepted, input_tokens=100 * attempts,
        output_tokens=10 * attempts, own_input_tokens=90 * attempts, own_output_tokens=9 * attempts,
        squares=110**2 * attempts, usd=None if usd is None else Decimal(usd),
    )  # fmt: skip


def label(place: int, name: str, *, key: str = OLD) -> Label:
    return Label(measure="topic", key=key, place=place, label=name, meaning=f"all of {name}")


EVERYTHING: tuple[AnyRecord, ...] = (
    value("a" * 16), value("b" * 16, None), Value(measure="hard", key=NEW, item="a" * 16, value=1520.5, error=130.25),
    Rating(measure="hard", key=NEW, item="c" * 16, rating=1500.0, simulated=True), label(0, "algebra"),
    label(1, "geometry"), rate("r1"), rate("r2", usd=None),
)  # fmt: skip


def test_what_is_written_is_what_is_read_in_one_order(tmp_path: Path) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    dump_evidence(one, NO_EVIDENCE.including(EVERYTHING))
    dump_evidence(other, NO_EVIDENCE.including(EVERYTHING[4:]).including(EVERYTHING[:4]))
    assert one.read_bytes() == other.read_bytes()
    evidence, problems = load_evidence(one)
    assert problems == ()
    assert set(evidence.records) == set(EVERYTHING)
    assert evidence == NO_EVIDENCE.including(EVERYTHING)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.jsonl", "other.jsonl"]


def test_no_file_is_no_evidence(tmp_path: Path) -> None:
    assert load_evidence(tmp_path / "none.jsonl") == (NO_EVIDENCE, ())


def test_branches_that_both_learnt_merge_by_keeping_the_lines_of_both(tmp_path: Path) -> None:
    path = tmp_path / "merged.jsonl"
    lines = []
    for records in ([value("a" * 16), rate("r1")], [value("b" * 16), rate("r2")]):
        dump_evidence(path, NO_EVIDENCE.including(records))
        lines += path.read_bytes().splitlines()
    path.write_bytes(b"\n".join(lines) + b"\n\n")
    evidence, problems = load_evidence(path)
    assert problems == ()
    assert set(evidence.values(OLD).values) == {"a" * 16, "b" * 16}
    assert len(evidence.rates(OLD)) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("<<<<<<< HEAD", "json"),
        ('{"record":"rumour","measure":"topic"}', "rumour"),
        ('{"record":"value","measure":"topic","key":"0","value":"x"}', "item"),
        ('{"record":"value","measure":"topic","key":"0","item":"a","value":NaN}', ""),
        ('{"record":"rating","measure":"topic","key":"0","item":"a","rating":"much"}', "rating"),
        ('{"record":"value","measure":"topic","key":"0","item":"a","value":"x","note":"!"}', "note"),
        ("[]", ""),
    ],
)
def test_a_line_that_is_none_is_an_error_at_its_place_and_nothing_is_read(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    dump_evidence(path, NO_EVIDENCE.including(EVERYTHING[:1]))
    path.write_text(path.read_text() + line + "\n")
    evidence, (problem,) = load_evidence(path)
    assert evidence == NO_EVIDENCE
    assert problem.code == "RF5141"
    assert problem.place is not None
    assert problem.place.line == 2
    assert said in problem.notes[0]


def test_a_folder_in_its_place_cannot_be_read(tmp_path: Path) -> None:
    evidence, (problem,) = load_evidence(tmp_path)
    assert evidence == NO_EVIDENCE
    assert problem.code == "RF5140"


def test_a_newer_finding_takes_the_place_of_the_older_one() -> None:
    evidence = NO_EVIDENCE.including([value("a"), value("b")]).including([value("a", "geometry")])
    assert evidence.values(OLD).values == {"a": "geometry", "b": "algebra"}


def test_what_was_learnt_under_the_same_name_for_another_key_goes() -> None:
    evidence = NO_EVIDENCE.including([value("a"), value("b"), value("a", measure="other"), label(0, "algebra")])
    evidence = evidence.including([value("a", "logic", key=NEW)])
    assert evidence.values(OLD).values == {"a": "algebra"}  # of the measure with the other name
    assert evidence.values(NEW).values == {"a": "logic"}
    assert evidence.labels(OLD) == {"algebra": "all of algebra"}  # another topic


def test_a_value_that_could_not_be_told_is_known() -> None:
    evidence = NO_EVIDENCE.including(EVERYTHING)
    assert evidence.values(OLD).values == {"a" * 16: "algebra", "b" * 16: None}
    assert evidence.values(NEW).errors == {"a" * 16: 130.25}
    assert evidence.ratings(NEW) == {"c" * 16: 1500.0}


def test_labels_come_in_their_order() -> None:
    many = [label(place, f"l{place}") for place in range(12)]
    assert list(NO_EVIDENCE.including(reversed(many)).labels(OLD)) == [f"l{place}" for place in range(12)]


def test_rates_of_several_runs_add_up_and_one_run_counts_once() -> None:
    evidence = NO_EVIDENCE.including([rate("r1")]).including([rate("r2", 30, 23)]).including([rate("r1")])
    together = sum_rates(evidence.rates(OLD))
    assert together is not None
    assert (together.attempts, together.accepted) == (40, 30)
    assert together.input_tokens == 4_000
    assert together.own_output_tokens == 360
    assert together.squares == 110**2 * 40
    assert together.usd == Decimal("0.50")
    assert not together.simulated


def test_a_run_that_went_on_replaces_what_it_had_taught() -> None:
    evidence = NO_EVIDENCE.including([rate("r1", 4, 1)]).including([rate("r1", 10, 7)])
    assert [each.attempts for each in evidence.rates(OLD)] == [10]


def test_an_unknown_price_stays_unknown_in_a_sum() -> None:
    together = sum_rates([rate("r1"), rate("r2", usd=None)])
    assert together is not None
    assert together.usd is None
    assert sum_rates([]) is None


def test_a_rate_of_an_operator_that_asks_otherwise_goes() -> None:
    evidence = NO_EVIDENCE.including([rate("r1")]).including([rate("r2", key=NEW)])
    assert evidence.rates(OLD) == ()
    assert [each.run for each in evidence.rates(NEW)] == ["r2"]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        dump_evidence(tmp_path / "missing/refine.evidence.jsonl", Evidence(EVERYTHING))
    assert list(tmp_path.iterdir()) == []
