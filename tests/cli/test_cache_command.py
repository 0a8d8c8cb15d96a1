"""`refinec cache`: what the store holds, and what becomes of runs when it is made smaller."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.execute.lock import RunLock, take_lock
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.prompts import Completion
from refinelab_dsl.store import Bought, Origin, Store
from tests.cli.command import Answer, refinec, talk

DAY = 86_400


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one run and one evaluation, and a reply that nobody needs."""
    folder = tmp_path_factory.mktemp("cache")
    assert refinec("init", cwd=folder).code == 0
    assert refinec("apply", "--auto-approve", cwd=folder).code == 0
    asked = ("evaluate", "quickstart.refine", "--models", "small", "--budget", "2M", "--auto-approve")
    assert refinec(*asked, cwd=folder).code == 0
    with Store(folder / ".refine/store.db") as store:
        reply = Completion("left over", None, "stop", "gpt")
        store.put_many([Bought("f" * 64, reply, Origin("openai", "gpt", "author"))])
    return folder


@pytest.fixture
def project(applied: Path, tmp_path: Path) -> Path:
    """A copy of it, to be made smaller."""
    return Path(shutil.copytree(applied, tmp_path / "project"))


def _cache(project: Path, *arguments: str) -> Answer:
    return refinec("cache", *arguments, cwd=project)


def _ls(project: Path, *arguments: str) -> dict[str, Any]:
    answer = refinec("cache", "ls", "--format", "json", *arguments, cwd=project)
    assert answer.code == 0, answer.err
    listing: dict[str, Any] = answer.json
    return listing


def _grow_old(project: Path, days: int) -> None:
    with sqlite3.connect(project / ".refine/store.db") as connection:
        connection.execute("UPDATE replies SET stored_at = stored_at - ?", (days * DAY,))
    connection.close()


def test_what_the_store_holds(applied: Path) -> None:
    listing = refinec("cache", "ls", "--format", "json", "--entries", cwd=applied, fresh=True).json
    bought = refinec("runs", "--format", "json", cwd=applied).json[0]["cost"]["calls"]
    run, evaluation = listing["uses"]
    assert (run["run"], run["status"], run["replies"]) == (1, "complete", bought)
    assert (evaluation["evaluation"], evaluation["replies"]) == (1, 120)
    assert listing["replies"] == run["replies"] + evaluation["replies"] + 1 == len(listing["entries"])
    assert listing["bytes"] == sum(entry["bytes"] for entry in listing["entries"])
    assert (listing["unused"]["replies"], listing["undated"]["replies"]) == (1, 0)
    assert {entry["model"]: entry["replies"] for entry in listing["models"]} == {
        "gpt": 1, "simulated-small": listing["replies"] - 1,
    }  # fmt: skip
    assert {entry["template"] for entry in listing["templates"]} == {"author", "paraphrase", "evaluate.plain"}
    assert listing["ages"][0] == {"within": "today", "replies": listing["replies"], "bytes": listing["bytes"]}
    text = _cache(applied, "ls").out
    for shown in ("simulated-small (simulated)", "run 1 (complete, quickstart)", "evaluation 1", "none of them"):
        assert shown in text
    assert _ls(applied, "--unused", "--model", "gpt")["replies"] == 1
    assert _ls(applied, "--run", "1", "--template", "author")["replies"] == _ls(applied, "--run", "1")["templates"][0][
        "replies"
    ]
    assert _ls(applied, "--older-than", "1d")["replies"] == 0


def test_a_project_without_a_store_gets_none(tmp_path: Path) -> None:
    assert _ls(tmp_path)["replies"] == 0
    for arguments in (("gc",), ("purge", "--auto-approve"), ("rm", "--model", "m", "--auto-approve")):
        assert _cache(tmp_path, *arguments).code == 0
    assert not (tmp_path / ".refine").exists()


def test_gc_takes_what_nothing_needs_once_it_is_old(project: Path) -> None:
    before = _ls(project)["replies"]
    assert refinec("cache", "gc", "--format", "json", cwd=project).json["removed"] == 0  # not old enough
    _grow_old(project, 91)
    dry = refinec("cache", "gc", "--dry-run", "--format", "json", cwd=project).json
    assert (dry["removed"], dry["loses"], _ls(project)["replies"]) == (1, [], before)
    assert refinec("cache", "gc", "--older-than", "92d", "--format", "json", cwd=project).json["removed"] == 0
    done = refinec("cache", "gc", "--format", "json", cwd=project).json
    assert (done["removed"], done["left"]) == (1, before - 1)
    assert _ls(project)["unused"]["replies"] == 0
    assert refinec("replay", "1", cwd=project).code == 0
    assert refinec("apply", "--auto-approve", "--format", "json", cwd=project).json["cost"]["calls"] == 0


def test_gc_keeps_what_an_unfinished_run_may_have_been_told(project: Path) -> None:
    record = project / ".refine/runs/0001/run.json"
    record.write_text(json.dumps({**json.loads(record.read_bytes()), "status": "interrupted"}), encoding="utf-8")
    assert refinec("cache", "gc", "--older-than", "0s", "--format", "json", cwd=project).json["removed"] == 0


def test_rm_says_who_loses_what_and_asks(project: Path) -> None:
    before = _ls(project)
    refused = _cache(project, "rm", "--run", "1")
    assert (refused.code, "--auto-approve" in refused.err) == (ExitCode.USAGE, True)
    code, screen = talk(project, b"no\n", "cache", "rm", "--template", "author")
    assert code == ExitCode.INTERRUPTED
    assert "run 1 (complete, quickstart) loses" in screen
    assert "`replay` cannot rebuild its output" in screen
    assert _ls(project) == before
    code, screen = talk(project, b"yes\n", "cache", "rm", "--template", "author")
    assert (code, "took out" in screen) == (0, True)
    assert {entry["template"] for entry in _ls(project)["templates"]} == {"paraphrase", "evaluate.plain"}
    assert "RF6355" in refinec("replay", "1", cwd=project).err
    # What was lost is bought again, and nothing else.
    again = refinec("apply", "--auto-approve", "--no-inventory", "--format", "json", cwd=project).json
    assert again["cost"]["cached"] > 0
    assert refinec("replay", "2", cwd=project).code == 0


def test_rm_of_one_reply(project: Path) -> None:
    entry = _ls(project, "--entries", "--model", "gpt")["entries"][0]
    assert _cache(project, "rm", "0123", "--auto-approve").code == ExitCode.USAGE
    assert "RF6720" in _cache(project, "rm", "0123456789abcdef", "--auto-approve").err
    done = refinec("cache", "rm", entry["calls"][0][:12], "--auto-approve", "--format", "json", cwd=project).json
    assert (done["removed"], done["loses"]) == (1, [])
    assert _ls(project, "--model", "gpt")["replies"] == 0


def test_a_beginning_that_several_replies_have(tmp_path: Path) -> None:
    with Store(tmp_path / ".refine/store.db") as store:
        for key in ("abcd1", "abcd2"):
            store.put(key, Completion(key, None, "stop", "m"))
    answer = _cache(tmp_path, "rm", "abcd", "--auto-approve")
    assert (answer.code, "2 replies of the store begin with abcd" in answer.err) == (ExitCode.USAGE, True)


def test_purge_takes_everything_and_leaves_no_text(project: Path) -> None:
    text = json.loads((project / "out/quickstart.jsonl").read_text(encoding="utf-8").splitlines()[-1])["question"]
    assert text.encode() in (project / ".refine/store.db").read_bytes()
    done = refinec("cache", "purge", "--auto-approve", "--format", "json", cwd=project).json
    assert [next(iter(loss)) for loss in done["loses"]] == ["run", "evaluation"]
    assert done["left"] == 0
    kept = b"".join(path.read_bytes() for path in (project / ".refine").glob("store.db*"))
    assert text.encode() not in kept
    assert refinec("verify", "out/quickstart.jsonl", cwd=project).code == 0  # output and log are what they were


@pytest.mark.parametrize("arguments", [("gc",), ("purge", "--auto-approve"), ("rm", "--run", "1", "--auto-approve")])
def test_beside_a_run_only_looking_is_possible(arguments: tuple[str, ...], applied: Path) -> None:
    lock = take_lock(applied / ".refine")
    assert isinstance(lock, RunLock)
    with lock:
        answer = _cache(applied, *arguments)
        assert (answer.code, "RF6001" in answer.err) == (ExitCode.LOCKED, True)
        assert _ls(applied)["replies"] > 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("rm",), ExitCode.USAGE, "cache purge"),
        (("rm", "xyz"), ExitCode.USAGE, "hex digits"),
        (("rm", "--run", "9"), ExitCode.USAGE, "RF6003"),
        (("ls", "--run", "9"), ExitCode.USAGE, "RF6003"),
        (("gc", "--older-than", "soon"), ExitCode.USAGE, "is no age"),
        (("purge",), ExitCode.USAGE, "--auto-approve"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], code: int, said: str, applied: Path) -> None:
    answer = _cache(applied, *arguments)
    assert (answer.code, said in answer.err) == (code, True), answer.err


@pytest.mark.parametrize("damage", ["garbage", "newer", "foreign"])
@pytest.mark.parametrize("arguments", [("ls",), ("gc",), ("rm", "--model", "m"), ("purge", "--auto-approve")])
def test_a_store_that_cannot_be_used_is_named_and_left_alone(
    damage: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / ".refine/store.db"
    path.parent.mkdir(mode=0o700)
    if damage == "garbage":
        path.write_bytes(b"no database" * 500)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE cats (name TEXT)")
            connection.execute(f"PRAGMA user_version = {99 if damage == 'newer' else 0}")
        connection.close()
    before = path.read_bytes()
    answer = _cache(tmp_path, *arguments)
    assert (answer.code, "RF6032" in answer.err) == (ExitCode.UNAVAILABLE, True)
    assert path.read_bytes() == before


def test_where_a_record_cannot_be_read_gc_takes_nothing_and_the_others_say_so(project: Path) -> None:
    _grow_old(project, 100)
    before = _ls(project)["replies"]
    (project / ".refine/runs/0001/journal.db").write_bytes(b"garbage" * 500)
    for side in ("-wal", "-shm"):
        (project / f".refine/runs/0001/journal.db{side}").unlink(missing_ok=True)
    answer = _cache(project, "gc")
    assert (answer.code, "error[RF6721]" in answer.err) == (ExitCode.UNAVAILABLE, True)
    assert _ls(project)["replies"] == before
    answer = _cache(project, "rm", "--model", "gpt", "--auto-approve")
    assert (answer.code, "warning[RF6721]" in answer.err) == (0, True)


def test_a_full_disk_loses_nothing(project: Path) -> None:
    """No room for what is left while it is made smaller: what is left is there all the same."""
    program = (
        "import resource, sys; from refinelab_dsl.cli.main import run; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); import signal; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); sys.exit(run(sys.argv[1:]))"
    )
    answer = _python(project, program, "cache", "rm", "--model", "gpt", "--auto-approve")
    assert (answer.code, "RF6032" in answer.err or "RF6030" in answer.err) == (ExitCode.UNAVAILABLE, True), answer.err
    assert refinec("replay", "1", cwd=project).code == 0
    assert _ls(project, "--run", "1")["replies"] > 0


def _python(project: Path, program: str, *arguments: str) -> Answer:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=project, env=dict(os.environ), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Answer(done.returncode, done.stdout, done.stderr)
