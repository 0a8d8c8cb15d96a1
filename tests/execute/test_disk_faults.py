"""Damage on the disk is said, whatever command meets it; nothing readable is lost, and where it is mended the run goes
on with what it had."""

from __future__ import annotations

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
    (STORE, make_folder, {RESUME: (8, "RF6032"), LOGS: (0, ""), LIST: (8, "RF6032"), TRACE: (8, "RF6358")}),
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
