"""`verify`: one flipped byte anywhere, in a log, an output or a plan, is found, and its row is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from refinelab_dsl.declarations import Output
from refinelab_dsl.provenance import verify
from tests.provenance.runs import MadeRun, make_run


@pytest.fixture
def run(tmp_path: Path) -> MadeRun:
    return make_run(tmp_path)


def codes(run: MadeRun, path: Path, **options: object) -> list[str]:
    return [entry.code for entry in verify(path, run.project, **options).diagnostics]  # type: ignore[arg-type]


def flipped(content: bytes, position: int, mask: int = 0x01) -> bytes:
    return content[:position] + bytes([content[position] ^ mask]) + content[position + 1 :]


def test_an_untouched_run_verifies(run: MadeRun) -> None:
    verified = verify(run.log, run.project)
    assert verified.diagnostics == ()
    assert (verified.kind, verified.root, verified.status, verified.simulated) == ("log", run.root, "complete", True)
    assert verified.outputs == (("out/capitals.jsonl", 7), ("out/capitals.csv", 7))
    assert verify(run.log, run.project, root=run.root).diagnostics == ()


@pytest.mark.parametrize("name", ["capitals.jsonl", "capitals.csv"])
def test_every_flipped_byte_of_an_output_is_found_in_its_row(run: MadeRun, name: str) -> None:
    path = run.project.base / "out" / name
    content = path.read_bytes()
    header_end = 0 if name.endswith("jsonl") else content.index(b"\n") + 1
    wrong = []
    for position in range(len(content)):
        path.write_bytes(flipped(content, position))
        (found, *more) = verify(path, run.project).diagnostics
        row = content[header_end:position].count(b"\n") + 1
        place = (found.code, found.place.row if found.place else None)
        if more or place != (("RF6332", None) if position < header_end else ("RF6331", row)):
            wrong.append((position, found))
    assert wrong == []


def test_every_flipped_byte_of_a_log_is_found(run: MadeRun) -> None:
    content = run.log.read_bytes()
    unseen = []
    for position in range(len(content)):
        run.log.write_bytes(flipped(content, position, 0x02))
        if not codes(run, run.log):
            unseen.append(position)
    assert unseen == []


def test_every_flipped_byte_of_a_plan_is_found(run: MadeRun) -> None:
    plan = run.folder / "plan.refplan"
    assert verify(plan, run.project).diagnostics == ()
    content = plan.read_bytes()
    unseen = []
    for position in range(len(content)):
        plan.write_bytes(flipped(content, position))
        if not codes(run, plan):
            unseen.append(position)
    assert unseen == []


def test_an_output_finds_its_log(run: MadeRun) -> None:
    path = run.project.base / "out/capitals.csv"
    verified = verify(path, run.project)
    assert (verified.kind, verified.log, verified.outputs) == ("output", run.log, (("out/capitals.csv", 7),))
    assert verified.diagnostics == ()


def test_a_moved_output_is_known_by_its_bytes(run: MadeRun, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.csv"
    shutil.move(run.project.base / "out/capitals.csv", moved)
    assert codes(run, moved) == []
    moved.write_bytes(flipped(moved.read_bytes(), 70))
    assert codes(run, moved) == ["RF6333"]  # neither its bytes nor its name are in a log
    assert codes(run, moved, log=run.log) == ["RF6334"]


def test_a_published_log_beside_its_output_is_enough(run: MadeRun, tmp_path: Path) -> None:
    far = tmp_path / "far" / "out"
    far.mkdir(parents=True)
    shutil.copy(run.log, far / "capitals.prov.jsonl")
    for name in ("capitals.csv", "capitals.jsonl"):
        shutil.copy(run.project.base / "out" / name, far / name)
    shutil.rmtree(run.project.root / ".refine")
    shutil.rmtree(run.project.base)
    assert codes(run, far / "capitals.csv") == []
    assert codes(run, far / "capitals.prov.jsonl") == []
    (far / "capitals.csv").unlink()
    assert codes(run, far / "capitals.prov.jsonl") == ["RF6330"]


@pytest.mark.parametrize(
    ("change", "row", "line", "said"),
    [
        (lambda rows: [*rows[:2], *rows[3:]], 3, 4, "a row before it was taken out"),
        (lambda rows: [*rows[:2], b"x,y,z,,added,\n", *rows[2:]], 3, 4, "it was put in before the row that stood here"),
        (lambda rows: [*rows, rows[0]], 8, 9, "the run wrote 7 rows; this one was added"),
        (lambda rows: [*rows[:5], rows[6], rows[5]], 6, 7, "a row before it was taken out"),
        (lambda rows: [rows[0].replace(b"Paris", b"Nice"), *rows[1:]], 1, 2, "its bytes differ"),
    ],
)
def test_what_happened_to_a_row_is_said(run: MadeRun, change: object, row: int, line: int, said: str) -> None:
    path = run.project.base / "out/capitals.csv"
    head, *rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([head, *change(rows)]))  # type: ignore[operator]
    (found,) = verify(path, run.project).diagnostics
    assert (found.code, found.notes) == ("RF6331", (said,))
    assert found.place is not None
    assert (found.place.row, found.place.line) == (row, line)


def test_a_shorter_output_and_another_header(run: MadeRun) -> None:
    path = run.project.base / "out/capitals.csv"
    head, *rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([head, *rows[:-1]]))
    (found,) = verify(path, run.project).diagnostics
    assert (found.code, found.notes) == ("RF6332", ("it ends after 6 rows; the run wrote 7",))
    path.write_bytes(b"".join([head.replace(b"answer", b"ANSWER"), *rows]))
    (found,) = verify(path, run.project).diagnostics
    assert (found.code, found.notes) == ("RF6332", ("its header line differs",))


def test_rows_of_several_lines_keep_their_numbers(tmp_path: Path) -> None:
    outputs = (Output(name="refined", path="o.csv", format="csv"),)
    run = make_run(tmp_path, outputs=outputs)
    path = run.project.base / "o.csv"
    content = path.read_bytes().replace(b"Capital of Spain?", b'"Capital\nof Spain?"')
    path.write_bytes(content)
    (found,) = verify(path, run.project).diagnostics
    assert found.place is not None
    assert (found.place.row, found.place.line) == (2, 3)


def test_of_two_outputs_with_the_same_bytes_the_one_that_was_asked_about_is_named(tmp_path: Path) -> None:
    outputs = tuple(Output(name=name, path=f"{name}.jsonl", format="jsonl") for name in ("one", "two"))
    run = make_run(tmp_path, outputs=outputs)
    for name in ("one", "two"):
        assert verify(run.project.base / f"{name}.jsonl", run.project).outputs == ((f"{name}.jsonl", 7),)


def test_a_consistent_log_with_another_root_is_not_the_published_one(run: MadeRun, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", simulated=False)
    assert codes(other, other.log) == []
    assert codes(other, other.log, root=run.root) == ["RF6328"]


def test_what_is_not_there_or_nothing_of_ours(run: MadeRun, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n")
    assert codes(run, tmp_path / "x.csv") == ["RF6333"]
    assert codes(run, tmp_path / "absent.csv") == ["RF6320"]
    assert codes(run, tmp_path) == ["RF6320"]
    assert codes(run, tmp_path / "absent.refplan") == ["RF5006"]
    (tmp_path / "x.prov.jsonl").write_text("a,b\n")
    assert codes(run, tmp_path / "x.prov.jsonl") == ["RF6321"]


def test_a_broken_log_proves_nothing_about_its_outputs(run: MadeRun) -> None:
    content = run.log.read_bytes()
    run.log.write_bytes(flipped(content, len(content) // 2))
    verified = verify(run.project.base / "out/capitals.csv", run.project)
    assert len(verified.diagnostics) == 1
    assert verified.outputs == ()
