"""Damage on the disk is said, whatever command meets it; nothing readable is lost, and where it is mended the run goes
on with what it had."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.providers.endpoint import Simulation
from tests.cli.command import refinec
from tests.end_to_end.test_replan import write_project
from tests.harness.disks import mount_small, read_only
from tests.harness.openai_server import Behaviour, ThreadServer


class Stopped(NamedTuple):
    """A project with a finished run and one that was refused half way; `asked` calls stand when it is copied."""

    folder: Path
    server: ThreadServer
    output: bytes


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    with ThreadServer(Behaviour(simulation=Simulation(success=0.6))) as server:
        base = write_project(tmp_path_factory.mktemp("base") / "p", server.base_url, "never")
        assert refinec("apply", "--auto-approve", cwd=base).code == ExitCode.DONE
        spec = base / "spec.refine"
        spec.write_text(spec.read_text().replace("seed = 3", "seed = 9"))
        calm = base.with_name("calm")
        shutil.copytree(base, calm)
        server.server.refuse_after(6)
        assert refinec("apply", "--auto-approve", "--no-inventory", cwd=base).code == ExitCode.UNAVAILABLE
        server.script.clear()
        assert refinec("apply", "--auto-approve", "--no-inventory", cwd=calm).code == ExitCode.DONE
        yield Stopped(base, server, (calm / "out.jsonl").read_bytes())


def flip(path: Path) -> None:
    """All pages but the first are no longer what they were."""
    content = bytearray(path.read_bytes())
    for at in range(4_200 if len(content) > 9_000 else len(content) // 2, len(content), 97):
        content[at] ^= 0x55
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil(path: Path) -> None:
    path.write_bytes(b"garbage" * 999)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


JOURNAL, PLAN, RECORD = (f".refine/runs/0002/{name}" for name in ("journal.db", "plan.refplan", "run.json"))
STORE, LOG, LOCK = ".refine/store.db", ".refine/runs/0001/provenance.jsonl", ".refine/run.lock"
RESUME, LOGS, EARLIER, REPLAY = ("apply", "--resume=2"), ("logs", "2"), ("logs", "1"), ("replay", "1")
LIST, TRACE = ("cache", "ls"), ("trace", "1", "--run=1")
TABLE: list[tuple[str, Callable[[Path], None], dict[tuple[str, ...], tuple[int, str]]]] = [
    (JOURNAL, flip, {RESUME: (8, "RF6031"), LOGS: (8, "RF6031")}),
    (JOURNAL, cut, {RESUME: (8, "RF6031")}),
    (JOURNAL, Path.unlink, {RESUME: (8, "RF6031")}),
    (JOURNAL, make_folder, {RESUME: (8, "RF6030"), LOGS: (8, "RF6031")}),
    (STORE, flip, {RESUME: (8, "RF6032"), REPLAY: (11, "RF6355"), ("plan",): (0, "RF6036")}),
    (STORE, make_folder, {RESUME: (8, "RF6032"), LOGS: (0, ""), LIST: (8, "RF6032"), TRACE: (8, "RF6032")}),
    (LOG, flip, {EARLIER: (11, "RF6323"), REPLAY: (11, "RF6323"), ("plan",): (0, "RF6036")}),
    (PLAN, spoil, {RESUME: (1, "RF5001"), LOGS: (1, "RF5001"), ("runs",): (0, "")}),
    (RECORD, spoil, {RESUME: (8, "RF6006"), ("runs",): (0, ""), ("replay", "2"): (8, "RF6006")}),
]


@pytest.mark.parametrize(("name", "damage", "answers"), TABLE, ids=lambda value: getattr(value, "__name__", None))
def test_damage_is_said_and_once_it_is_mended_the_run_goes_on(
    name: str, damage: Callable[[Path], None], answers: dict[tuple[str, ...], tuple[int, str]],
    stopped: Stopped, tmp_path: Path,
) -> None:  # fmt: skip
    folder = tmp_path / "p"
    shutil.copytree(stopped.folder, folder)
    path = folder / name
    whole = path.read_bytes()
    damage(path)
    before = dict(stopped.server.tally.asked)
    for words, (code, diagnostic) in answers.items():
        answer = refinec(*words, cwd=folder)
        assert (answer.code, diagnostic in answer.err + answer.out) == (code, True), (words, answer)
        assert code or diagnostic or not re.search(r"error\[RF", answer.err)
    if path.is_dir():
        path.rmdir()
    path.write_bytes(whole)
    resumed = refinec(*RESUME, cwd=folder)
    assert resumed.code == ExitCode.DONE, resumed.err
    assert (folder / "out.jsonl").read_bytes() == stopped.output
    again = {key: count - before.get(key, 0) for key, count in stopped.server.tally.asked.items()}
    assert set(again.values()) <= {0, 1}


def test_a_lock_file_of_garbage_is_in_nobodys_way(stopped: Stopped, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    shutil.copytree(stopped.folder, folder)
    spoil(folder / LOCK)
    assert refinec(*RESUME, cwd=folder).code == ExitCode.DONE


def test_a_lock_that_is_a_folder_is_said_alike_by_all_that_take_it(stopped: Stopped, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    shutil.copytree(stopped.folder, folder)
    make_folder(folder / LOCK)
    for words in (RESUME, ("apply", "--auto-approve"), ("cache", "gc"), ("runs", "unlock")):
        answer = refinec(*words, cwd=folder)
        assert (answer.code, "RF6030" in answer.err) == (8, True), (words, answer)
        assert "then start the command again" in answer.err  # nothing was begun that could be gone on with
        assert "resume" not in answer.err
    assert refinec("runs", cwd=folder).code == ExitCode.DONE


def test_the_way_out_of_state_that_cannot_be_written_works(stopped: Stopped, tmp_path: Path) -> None:
    """Where a run was begun before, it is to go on with that; where none could be begun, with nothing."""
    folder = tmp_path / "p"
    shutil.copytree(stopped.folder, folder)
    whole = (folder / JOURNAL).read_bytes()
    make_folder(folder / JOURNAL)
    refused = refinec(*RESUME, cwd=folder)
    assert "make room or allow writing there, then go on with: refinec apply --resume=2\n" in refused.err
    (folder / JOURNAL).rmdir()
    (folder / JOURNAL).write_bytes(whole)
    runs = folder / ".refine/runs"
    runs.rename(folder / "kept")
    runs.write_bytes(b"")
    refused = refinec("apply", "--auto-approve", cwd=folder)
    assert (refused.code, "RF6030" in refused.err) == (8, True), refused
    assert "make room or allow writing there, then start the command again\n" in refused.err
    assert "resume" not in refused.err
    runs.unlink()
    (folder / "kept").rename(runs)
    assert refinec(*RESUME, cwd=folder).code == ExitCode.DONE
    assert (folder / "out.jsonl").read_bytes() == stopped.output


READING = (
    ("runs",), ("cache", "ls"), ("logs", "1"), ("logs", "2"), ("trace", "1", "--run=1"), ("replay", "1"), ("show", "1"),
    ("plan",), ("audit", "sample", "1", "-o", "../sheets"), ("verify", "out.prov.jsonl"),
)  # fmt: skip


def test_what_only_reads_works_where_nothing_can_be_written(stopped: Stopped, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    shutil.copytree(stopped.folder, folder)
    before = {words: refinec(*words, cwd=folder) for words in READING}
    shutil.rmtree(tmp_path / "sheets")
    with read_only(folder):
        for words in READING:
            answer = refinec(*words, cwd=folder)
            assert (answer.code, answer.err) == (before[words].code, before[words].err), (words, answer)
            assert answer.out == before[words].out or words == ("plan",), (words, answer)  # that tells its seconds
        for words in (RESUME, ("apply", "--auto-approve"), ("cache", "gc"), ("runs", "unlock")):
            answer = refinec(*words, cwd=folder)
            assert (answer.code, "RF6030" in answer.err) == (8, True), (words, answer)
    resumed = refinec(*RESUME, cwd=folder)
    assert resumed.code == ExitCode.DONE, resumed.err
    assert (folder / "out.jsonl").read_bytes() == stopped.output


def test_a_disk_that_is_full_stops_a_run_which_goes_on_when_there_is_room(stopped: Stopped, tmp_path: Path) -> None:
    with mount_small(tmp_path / "disk", 2_048) as disk:
        folder = disk / "p"
        shutil.copytree(stopped.folder, folder)
        room = disk / "filler"
        room.write_bytes(bytes(_free(disk) - 24 * 1024))
        full = refinec(*RESUME, cwd=folder)
        assert full.code == ExitCode.UNAVAILABLE, full
        assert re.search(r"error\[RF603[0-2]\]", full.err), full.err
        assert not (folder / "out.jsonl").read_bytes().startswith(b"\0")
        assert refinec("logs", "2", cwd=folder).code in (ExitCode.DONE, ExitCode.UNAVAILABLE)
        room.unlink()
        resumed = refinec(*RESUME, cwd=folder)
        assert resumed.code == ExitCode.DONE, resumed.err
        assert (folder / "out.jsonl").read_bytes() == stopped.output


def _free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


@pytest.mark.parametrize("words", [("apply", "--auto-approve"), ("runs",)])
def test_a_state_folder_that_is_a_file_is_a_diagnostic_or_no_state(
    words: tuple[str, ...], stopped: Stopped, tmp_path: Path
) -> None:
    folder = tmp_path / "p"
    shutil.copytree(stopped.folder, folder)
    shutil.rmtree(folder / ".refine")
    (folder / ".refine").write_text("a file")
    answer = refinec(*words, cwd=folder)
    assert answer.code in (ExitCode.DONE, ExitCode.UNAVAILABLE), answer
    assert (answer.code == ExitCode.DONE) == (words == ("runs",)), answer
    assert (folder / ".refine").read_text() == "a file"
