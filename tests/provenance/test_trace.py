"""`trace`: from a row of the output back to the source row, with all that was paid and judged on the way."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.provenance import Trace, dump_trace, render_trace, trace
from tests.provenance.runs import ROWS, SOURCE, MadeRun, make_run


@pytest.fixture
def run(tmp_path: Path) -> MadeRun:
    return make_run(tmp_path)


def find(run: MadeRun, query: str) -> Trace | Diagnostic:
    with run.store() as store:
        return trace(run.folder, query, run.project, source=SOURCE, store=store)


def found(run: MadeRun, query: str) -> Trace:
    result = find(run, query)
    assert isinstance(result, Trace), result
    return result


def test_an_added_row_leads_to_its_anchor_and_all_that_it_cost(run: MadeRun) -> None:
    traced = found(run, "#6")
    assert (traced.key, traced.origin, traced.row, traced.rows, traced.operator) == (
        run.added[0], "added", 6, 7, "author",
    )  # fmt: skip
    assert traced.fields == {"question": "Capital of India?", "answer": "New Delhi"}
    assert [(call.step, call.output_tokens) for call in traced.calls] == [(1, 91)]
    assert [(verdict.check, verdict.accept) for verdict in traced.verdicts] == [("well_formed", True)]
    assert (traced.tokens, traced.usd) == (391, Decimal("0.0009"))
    (anchor,) = traced.parents
    assert (anchor.id, anchor.origin, anchor.row, anchor.place) == ("c4", "original", 4, "data/capitals.jsonl:5")


def test_a_rejected_step_in_between_leaves_nothing_behind(run: MadeRun) -> None:
    traced = found(run, "7")
    assert [call.step for call in traced.calls] == [3]
    assert [verdict.check for verdict in traced.verdicts] == ["well_formed"]


@pytest.mark.parametrize(("query", "row", "line"), [("c0", 1, 1), ("#3", 3, 3), ("4", 4, 5), ("#5", 5, 6)])
def test_a_kept_row_leads_to_its_source_row(run: MadeRun, query: str, row: int, line: int) -> None:
    traced = found(run, query)
    assert (traced.origin, traced.row, traced.place) == ("original", row, f"data/capitals.jsonl:{line}")
    assert traced.fields is not None
    assert traced.fields["question"] == ROWS[line - 1]["question"]
    assert (traced.calls, traced.parents) == ((), ())


def test_a_removed_item_is_said_to_be_gone(run: MadeRun) -> None:
    for query in ("c3", run.removed):
        traced = found(run, query)
        assert (traced.origin, traced.row, traced.operator) == ("removed", None, "drop")
        assert traced.place == "data/capitals.jsonl:4"


def test_beginnings_of_ids(run: MadeRun) -> None:
    assert found(run, run.added[0][:6]).key == run.added[0]
    assert found(run, run.kept[0][:9]).id == "c0"
    several = find(run, "c")
    assert isinstance(several, Diagnostic)
    assert (several.code, several.notes) == ("RF6351", ("`c0`, `c1`, `c2`, `c3`, `c4`, …",))


@pytest.mark.parametrize(
    ("query", "code"), [("zzz", "RF6350"), ("#8", "RF6352"), ("0", "RF6352"), ("", "RF6350"), ("#", "RF6350")]
)
def test_what_is_not_there(run: MadeRun, query: str, code: str) -> None:
    missing = find(run, query)
    assert isinstance(missing, Diagnostic)
    assert missing.code == code


def test_an_id_that_is_a_number_wins_over_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.provenance import runs

    monkeypatch.setattr(runs, "ROWS", [{**row, "id": str(9 - number)} for number, row in enumerate(ROWS)])
    run = make_run(tmp_path)
    assert found(run, "7").row == 3
    assert found(run, "#7").key == run.added[1]
    assert found(run, "2").row == 2  # no such id: a row


def test_without_the_dataset_the_log_still_speaks(run: MadeRun) -> None:
    (run.project.base / SOURCE[0]).unlink()
    traced = found(run, run.added[0])
    assert (traced.row, traced.fields, traced.tokens) == (6, None, 391)
    assert traced.parents[0].missing is not None
    kept = find(run, "#1")
    assert isinstance(kept, Diagnostic)
    assert kept.code.startswith("RF3")


def test_a_changed_dataset_is_not_taken_for_the_run_s(run: MadeRun) -> None:
    path = run.project.base / SOURCE[0]
    path.write_text(path.read_text().replace("Paris", "Nice"))
    kept = find(run, "c0")
    assert isinstance(kept, Diagnostic)
    assert kept.code == "RF6353"
    assert found(run, run.added[0]).parents[0].place is None


def test_as_text(run: MadeRun) -> None:
    lines = render_trace(found(run, "#6")).splitlines()
    assert lines[0] == f"{run.added[0]}   row 6 of 7   added by `author` (simulated)"
    assert "  made for   topic asia" in lines
    assert "  answer     New Delhi" in lines
    assert "  check      well_formed: accepted; words 3" in lines
    assert "  cost       $0.0009, 391 tokens in 1 call" in lines
    assert "    c4   row 4 of 7   kept as it came in" in lines
    assert "      source     data/capitals.jsonl:5" in lines
    assert render_trace(found(run, "c3")).startswith("c3   left the set: taken out by `drop`\n")


def test_a_reply_cannot_steer_the_terminal(run: MadeRun) -> None:
    traced = found(run, "#7")
    assert traced.fields is not None
    assert "\x1b" in traced.fields["question"]
    text = render_trace(traced)
    assert "\x1b" not in text
    assert "Capital of \\u{1b}[31mNepal?" in text


def test_as_json(run: MadeRun) -> None:
    value = json.loads(json.dumps(dump_trace(found(run, "#6"))))
    assert (value["id"], value["row"], value["simulated"]) == (run.added[0], 6, True)
    assert value["cost"] == {"tokens": 391, "usd": "0.0009"}
    assert value["attempt"]["target"] == {"topic": "asia"}
    assert value["parents"][0]["place"] == "data/capitals.jsonl:5"


def test_a_broken_log_is_not_traced(run: MadeRun) -> None:
    run.log.write_bytes(run.log.read_bytes().replace(b'"c3"', b'"c1"'))
    broken = find(run, "#1")
    assert isinstance(broken, Diagnostic)
    assert broken.code == "RF6324"
