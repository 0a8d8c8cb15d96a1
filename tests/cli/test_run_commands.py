"""`apply` and what looks at runs afterwards: `runs`, `show RUN`, `logs`, `trace`, `replay`, `verify`."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.artifacts.plan_file import PlanFile, write_plan
from refinelab_dsl.cli.runs import describe_head
from refinelab_dsl.execute.journal import read_entries
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import fork_refinec, refinec, talk
from tests.harness.warm import Forked


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A project whose quickstart was applied once, and what `apply` said. Tests only look at it."""
    project = tmp_path_factory.mktemp("applied")
    assert refinec("init", cwd=project).code == 0
    answer = refinec("apply", "--auto-approve", "--format", "json", cwd=project, fresh=True)
    assert answer.code == 0, answer.err
    return project, answer.json


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert refinec("init", cwd=tmp_path).code == 0
    return tmp_path


@pytest.fixture
def copy(applied: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy of the applied project, to be damaged."""
    return Path(shutil.copytree(applied[0], tmp_path / "copy"))


def _rows(project: Path) -> list[dict[str, Any]]:
    lines = (project / "out/quickstart.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_apply_gives_what_the_spec_asks_for(applied: tuple[Path, dict[str, Any]]) -> None:
    project, head = applied
    assert {"run", "status", "size", "mix", "divergence", "cost", "operators", "outputs", "rejected"} <= set(head)
    assert (head["run"], head["status"]) == (1, "complete")
    assert head["size"]["measured"] == 120
    rows = _rows(project)
    assert len(rows) == 120
    tally: dict[str, int] = {}
    for row in rows:
        tally[row["subject"]] = tally.get(row["subject"], 0) + 1
    assert tally == dict.fromkeys(["astronomy", "biology", "chemistry", "computing", "geography"], 24)
    words = [len(row["question"].split()) for row in rows]
    assert sum(count < 9 for count in words) == 42
    assert sum(count >= 15 for count in words) == 30
    added = [row for row in rows if row["_origin"] == "added"]
    assert added
    assert all(row["_simulated"] is True for row in added)


def test_apply_prints_before_and_after_and_where_things_are(project: Path) -> None:
    answer = refinec("apply", "--auto-approve", cwd=project)
    assert answer.code == 0, answer.err
    for part in ("Mix", "before", "after", "out/quickstart.jsonl", "out/quickstart.prov.jsonl", "plan.refplan"):
        assert part in answer.out, answer.out
    assert "Simulated: " in answer.out


def test_a_second_apply_is_a_run_of_its_own_and_buys_nothing(copy: Path) -> None:
    first = (copy / "out/quickstart.jsonl").read_bytes()
    answer = refinec("apply", "--auto-approve", "--format", "json", cwd=copy)
    assert answer.code == 0, answer.err
    assert answer.json["run"] == 2
    assert answer.json["cost"]["tokens"] == 0
    assert answer.json["cost"]["usd"] == "0"
    assert (copy / "out/quickstart.jsonl").read_bytes() == first
    assert [head["run"] for head in refinec("runs", "--format", "json", cwd=copy).json] == [1, 2]


def test_a_saved_plan_is_applied_once(project: Path) -> None:
    assert refinec("plan", "-o", "a.refplan", cwd=project).code == 0
    first = refinec("apply", "a.refplan", cwd=project)  # a saved plan is approval
    assert first.code == 0, first.err
    again = refinec("apply", "a.refplan", cwd=project)
    assert again.code == ExitCode.STALE
    assert "RF6002" in again.err
    shown = refinec("show", "a.refplan", cwd=project)
    assert shown.code == 0
    assert "1" in re.findall(r"run (\d+)", shown.out)


def test_a_stale_plan_is_refused_and_says_what_changed(project: Path) -> None:
    assert refinec("plan", "-o", "a.refplan", cwd=project).code == 0
    spec = project / "quickstart.refine"
    spec.write_text(spec.read_text(encoding="utf-8").replace("short = 35%", "short = 34%"), encoding="utf-8")
    answer = refinec("apply", "a.refplan", "--format", "json", cwd=project)
    assert answer.code == ExitCode.STALE
    assert "the spec `quickstart.refine` changed" in answer.err
    assert [entry["code"] for entry in answer.json["diagnostics"]] == ["RF5020"]
    assert not (project / "out").exists()
    assert not (project / ".refine").exists()


@pytest.mark.parametrize("member", ["models", "budget", "templates", "outputs", "operators"])
def test_a_plan_that_says_what_its_spec_does_not_is_refused(member: str, project: Path) -> None:
    """A pull request could bring a harmless spec, and beside it a plan that calls another host or spends more."""
    assert refinec("plan", "-o", "a.refplan", cwd=project).code == 0
    plan, _ = PlanFile.open(project / "a.refplan")
    assert plan is not None
    first: dict[str, dict[str, Any]] = {
        "models": {"base_url": "http://127.0.0.1:1/v1"}, "templates": {"user": "{{ item | tojson }}"},
        "outputs": {"path": "out/other.jsonl"}, "operators": {"max_cost": Decimal(5)},
    }  # fmt: skip
    value = getattr(plan.header, member)
    if member == "budget":
        edited = value.model_copy(update={"usd": Decimal(1000)})
    else:
        edited = (value[0].model_copy(update=first[member]), *value[1:])
    header = plan.header.model_copy(update={member: edited})
    body = [*plan.candidates(), *plan.steps()]
    write_plan(project / "a.refplan", header, body)
    answer = refinec("apply", "a.refplan", cwd=project)
    assert answer.code == ExitCode.STALE
    assert "RF5020" in answer.err
    assert f"the plan says of `{member}` what the spec does not" in answer.err
    assert not (project / ".refine/runs").exists()


def test_without_terminal_and_approval_nothing_is_done(project: Path) -> None:
    for arguments in (("apply",), ("apply", "--no-input")):
        answer = refinec(*arguments, cwd=project)
        assert answer.code == ExitCode.USAGE
        assert "--auto-approve" in answer.err
    assert not (project / ".refine").exists()
    assert not (project / "out").exists()


@pytest.mark.parametrize("typed", [b"no\n", b"y\n", b"YES\n", b"\n", b"\x04"])
def test_only_yes_is_accepted(typed: bytes, project: Path) -> None:
    code, screen = talk(project, typed, "apply")
    assert code == ExitCode.INTERRUPTED, screen
    assert "apply cancelled" in screen
    assert not (project / ".refine").exists()


def test_yes_in_a_terminal_applies(project: Path) -> None:
    code, screen = talk(project, b"yes\n", "apply")
    assert code == 0, screen
    assert "Only `yes` is accepted" in screen
    assert (project / "out/quickstart.jsonl").exists()


def test_a_program_can_watch_a_run(project: Path) -> None:
    answer = refinec("apply", "--auto-approve", "--format", "jsonl", "--json-file", "watch.jsonl", cwd=project)
    assert answer.code == 0, answer.err
    events = [json.loads(line) for line in answer.out.splitlines()]
    first = {name: events[0][name] for name in ("event", "run", "spec", "wanted")}
    assert first == {
        "event": "started", "run": 1, "spec": "quickstart", "wanted": {"paraphrase": 3, "author": 23}
    }
    assert [event["event"] for event in events[-2:]] == ["ended", "result"]
    assert (events[-2]["status"], events[-2]["exit_code"]) == ("complete", 0)
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert times == sorted(times)
    assert events[-1]["status"] == "complete"
    assert any(event["event"] == "progress" for event in events)
    assert (project / "watch.jsonl").read_text(encoding="utf-8") == answer.out


def test_apply_of_a_spec_with_errors_runs_nothing(project: Path) -> None:
    spec = project / "quickstart.refine"
    spec.write_text(spec.read_text(encoding="utf-8").replace("kind = expand", "kind = expandd"), encoding="utf-8")
    answer = refinec("apply", "--auto-approve", "--format", "json", cwd=project)
    assert answer.code == ExitCode.SPEC
    assert answer.json["diagnostics"]
    assert not (project / ".refine").exists()


def test_apply_of_a_plan_that_fails_its_checks_runs_nothing(project: Path) -> None:
    spec = project / "quickstart.refine"
    text = spec.read_text(encoding="utf-8")
    spec.write_text(text.replace("jsd(length) <= 0.005", "jsd(length) <= 0.005 and size() > 1000"), encoding="utf-8")
    assert refinec("apply", "--auto-approve", cwd=project).code == ExitCode.CHECK_FAILED
    assert not (project / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("apply", "--resume"), ExitCode.USAGE, "no run is unfinished"),
        (("apply", "--resume=7"), ExitCode.USAGE, "RF6003"),
        (("apply", "--resume=1"), ExitCode.STALE, "nothing to resume"),
        (("apply", "quickstart.refine", "--resume=1"), ExitCode.USAGE, "takes no SPEC"),
        (("apply", "--resume=x"), ExitCode.USAGE, "not a valid"),
        (("apply", "nothing.refplan"), ExitCode.USAGE, "no such file"),
    ],
)
def test_what_cannot_be_resumed(
    arguments: tuple[str, ...], code: ExitCode, said: str, applied: tuple[Path, dict[str, Any]]
) -> None:
    answer = refinec(*arguments, cwd=applied[0])
    assert answer.code == code, answer.err
    assert said in answer.err


def test_runs_and_show(applied: tuple[Path, dict[str, Any]]) -> None:
    project, head = applied
    table = refinec("runs", cwd=project, fresh=True)
    assert re.search(r"1 +complete +quickstart +120 ", table.out), table.out
    (listed,) = refinec("runs", "--format", "json", cwd=project).json
    assert listed["outputs"] == head["outputs"]
    shown = refinec("show", "1", cwd=project, fresh=True)
    assert shown.code == 0
    assert "out/quickstart.jsonl" in shown.out
    assert refinec("show", "1", "--format", "json", cwd=project).json["run"] == 1


@pytest.mark.parametrize(
    ("usd", "shown"), [(None, "-"), ("0", "$0.00"), ("0.0050", "$0.0050"), ("1234.5", "$1,234.50")]
)
def test_a_price_below_a_cent_is_no_zero_in_the_table(usd: str | None, shown: str) -> None:
    assert describe_head({"run": 1, "status": "complete", "cost": {"usd": usd}})[4] == shown


def test_logs_have_a_line_for_each_attempt(applied: tuple[Path, dict[str, Any]]) -> None:
    project, head = applied
    answer = refinec("logs", "1", cwd=project, fresh=True)
    attempts = refinec("logs", "1", "--format", "json", cwd=project).json
    assert answer.code == 0
    assert len(answer.out.splitlines()) == len(attempts)
    accepted = [attempt for attempt in attempts if attempt["outcome"] == "accepted"]
    assert len(accepted) == sum(operator["accepted"] for operator in head["operators"].values())
    rejected = refinec("logs", "1", "--rejected", "--format", "json", cwd=project).json
    assert rejected == [attempt for attempt in attempts if attempt["outcome"] == "rejected"]
    assert len(rejected) == sum(head["rejected"].values())
    assert all(attempt["verdicts"] or attempt["reason"] for attempt in rejected)


def test_logs_of_one_item_show_prompt_reply_and_verdicts(applied: tuple[Path, dict[str, Any]]) -> None:
    project, _ = applied
    attempts = refinec("logs", "1", "--format", "json", cwd=project).json
    chosen = next(attempt for attempt in attempts if attempt["outcome"] == "accepted")
    (found,) = [
        attempt
        for attempt in refinec("logs", "1", "--item", chosen["item"], "--format", "json", cwd=project).json
        if attempt["step"] == chosen["step"]
    ]
    call = found["calls"][-1]
    assert [message["role"] for message in call["prompt"]] == ["system", "user"]
    made = next(row for row in _rows(project) if row["id"] == chosen["item"])
    assert json.loads(call["reply"])["question"] == made["question"]
    assert {verdict["check"] for verdict in found["verdicts"]} >= {"well_formed", "fresh"}
    text = refinec("logs", "1", "--item", chosen["item"][:8], cwd=project)
    assert made["question"] in text.out
    assert "--- user" in text.out
    assert refinec("logs", "1", "--item", "zzzz", cwd=project).code == ExitCode.USAGE
    assert refinec("logs", "9", cwd=project).code == ExitCode.USAGE


def test_trace_of_an_addition_an_original_and_a_row(applied: tuple[Path, dict[str, Any]]) -> None:
    project, _ = applied
    rows = _rows(project)
    added = next(row for row in rows if row["_origin"] == "added")
    answer = refinec("trace", added["id"], "--format", "json", cwd=project)
    assert answer.code == 0, answer.err
    trace = answer.json
    assert trace["origin"] == "added"
    assert trace["simulated"] is True
    assert trace["fields"]["question"] == added["question"]
    assert [parent["origin"] for parent in trace["parents"]] in (["original"], ["removed"])
    assert "data/quickstart.jsonl:" in trace["parents"][0]["place"]
    original = refinec("trace", "1", cwd=project)
    assert original.code == 0
    assert rows[0]["id"] in original.out
    text = refinec("trace", added["id"], cwd=project, fresh=True)
    assert added["question"] in text.out
    unknown = refinec("trace", "no-such-id", cwd=project)
    assert unknown.code == ExitCode.USAGE
    assert "RF6350" in unknown.err


def test_replay_and_verify(applied: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    project, head = applied
    replayed = refinec("replay", "1", "--format", "json", "--into", tmp_path / "again", cwd=project)
    assert replayed.code == 0, replayed.err
    assert replayed.json["same"] is True
    again = next((tmp_path / "again").rglob("quickstart.jsonl"))
    assert again.read_bytes() == (project / "out/quickstart.jsonl").read_bytes()
    for path in ("out/quickstart.prov.jsonl", "out/quickstart.jsonl", ".refine/runs/0001/plan.refplan"):
        verified = refinec("verify", path, "--format", "json", cwd=project)
        assert verified.code == 0, verified.err
        assert verified.json["verified"] is True
    root = refinec("verify", "out/quickstart.prov.jsonl", "--format", "json", cwd=project).json["root"]
    assert refinec("verify", "out/quickstart.prov.jsonl", "--root", root, cwd=project, fresh=True).code == 0
    other = refinec("verify", "out/quickstart.prov.jsonl", "--root", "0" * 64, cwd=project)
    assert other.code == ExitCode.CHECK_FAILED
    assert refinec("verify", "nothing", cwd=project).code == ExitCode.USAGE
    assert head["provenance"]["root"] == root


@pytest.mark.parametrize("file", ["out/quickstart.jsonl", "out/quickstart.prov.jsonl"])
def test_verify_finds_a_flipped_byte(file: str, copy: Path) -> None:
    path = copy / file
    whole = path.read_bytes()
    for position in (3, len(whole) // 3, len(whole) - 3):
        damaged = bytearray(whole)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        answer = refinec("verify", "out/quickstart.prov.jsonl", cwd=copy)
        assert answer.code == ExitCode.CHECK_FAILED, position
        assert "error[RF63" in answer.err


def test_replay_fails_where_the_data_or_the_replies_are_not_the_runs(copy: Path) -> None:
    data = copy / "data/quickstart.jsonl"
    whole = data.read_bytes()
    data.write_bytes(whole.replace(b"Brazil", b"Brasil", 1))
    changed = refinec("replay", "1", cwd=copy)
    assert changed.code == ExitCode.CHECK_FAILED
    assert "RF6353" in changed.err
    data.write_bytes(whole)
    for path in (copy / ".refine").glob("store.db*"):
        path.unlink()
    missing = refinec("replay", "1", cwd=copy)
    assert missing.code == ExitCode.CHECK_FAILED
    assert "RF6032" in missing.err
    assert not (copy / ".refine/store.db").exists()


def test_a_run_that_only_removes_is_replayed_without_a_store(tmp_path: Path) -> None:
    rows = [{"topic": "a" if number < 5 else "b", "question": f"{number}?", "answer": "x"} for number in range(8)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "a.refine").write_text(
        'edition = 1\ndataset d { task = qa, source = "d.jsonl" }\nmeasure m { kind = column, column = "topic" }\n'
        "dimension topic { from = m, target = uniform() }\noperator drop { kind = remove }\n"
        "constraints { size = 6 }\nbudget { tokens = 1 }\noutput o { path = \"out.jsonl\" }\n"
    )
    (tmp_path / ".refine").mkdir()
    assert refinec("apply", "--auto-approve", cwd=tmp_path).code == 0
    (tmp_path / ".refine/store.db").unlink(missing_ok=True)
    answer = refinec("replay", "1", cwd=tmp_path)
    assert answer.code == 0, answer.err


@pytest.mark.parametrize(
    "arguments", [["show", "9"], ["logs", "9"], ["trace", "x", "--run", "9"], ["trace", "x"], ["replay", "9"]], ids=str
)
def test_a_refusal_is_json_where_json_was_asked_for(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / ".refine").mkdir()
    answer = refinec(*arguments, "--format", "json", cwd=tmp_path)
    assert answer.code == 2
    assert [entry["code"] for entry in answer.json["diagnostics"]] == ["RF6003"]


def test_damaged_run_folders_are_diagnostics(copy: Path) -> None:
    folder = copy / ".refine/runs/0001"
    (folder / "run.json").write_text("{", encoding="utf-8")
    commands = [("runs",), ("show", "1"), ("replay", "1"), ("trace", "1"), ("logs", "1"), ("apply", "--resume=1")]
    for arguments in commands:
        answer = refinec(*arguments, cwd=copy)
        assert "RF9" not in answer.err, arguments
    (folder / "plan.refplan").unlink()
    for arguments in commands[1:]:
        answer = refinec(*arguments, cwd=copy)
        assert answer.code != 0
        assert "RF9" not in answer.err, arguments


def test_no_key_is_in_anything_that_a_run_writes(project: Path) -> None:
    spec = project / "quickstart.refine"
    text = spec.read_text(encoding="utf-8")
    spec.write_text(
        text.replace('id = "simulated-small"', 'id = "simulated-small"\n  api_key = env("PLANTED")'), encoding="utf-8"
    )
    answer = refinec("apply", "--auto-approve", cwd=project, environ={"PLANTED": "sk-planted-secret-value"})
    assert answer.code == 0, answer.err
    assert "planted-secret" not in answer.out + answer.err
    for path in project.rglob("*"):
        if path.is_file():
            assert b"planted-secret" not in path.read_bytes(), path


def _slow_down(project: Path, latency: float) -> None:
    """The model takes its time: seconds a call."""
    spec = project / "quickstart.refine"
    text = spec.read_text(encoding="utf-8")
    slow = f'id = "simulated-small"\n  params = {{ latency = {latency} }}'
    spec.write_text(text.replace('id = "simulated-small"', slow), encoding="utf-8")


def _start_slow(project: Path, latency: float, accepted: int) -> tuple[Forked, Path]:
    """`apply` with a model that takes its time; returns when some results are accepted, with the file that its
    standard error goes to."""
    _slow_down(project, latency)
    events, errors = project / "events.txt", project / "errors.txt"
    with open(os.devnull) as nothing, events.open("wb") as out, errors.open("wb") as err:
        process = fork_refinec(
            "apply", "--auto-approve", "--format", "jsonl", cwd=project,
            descriptors=[nothing.fileno(), out.fileno(), err.fileno()],
        )  # fmt: skip
    while process.poll() is None:
        told = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines(True) if line[-1] == "\n"]
        if any(sum(each["accepted"] for each in event.get("operators", ())) >= accepted for event in told):
            return process, errors
        time.sleep(0.02)
    raise AssertionError("the run ended before it could be stopped")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the slow model's project gives where nothing disturbs it."""
    project = tmp_path_factory.mktemp("whole")
    assert refinec("init", cwd=project).code == 0
    _slow_down(project, 0.2)
    assert refinec("apply", "--auto-approve", cwd=project).code == 0
    return (project / "out/quickstart.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_a_stopped_run_goes_on_where_it_was(number: int, code: int, project: Path, whole: bytes) -> None:
    process, errors = _start_slow(project, 0.2, 3)
    process.send_signal(number)
    assert process.wait(60) == code
    err = errors.read_bytes()
    if number != signal.SIGKILL:
        assert b"refinec apply --resume" in err
    assert b"Traceback" not in err
    assert not [path for path in (project / "out").rglob("*") if path.is_file()]  # nothing half written
    (head,) = refinec("runs", "--format", "json", cwd=project).json
    assert head["status"] == "interrupted"
    calls = refinec("logs", "1", "--format", "json", cwd=project).json
    bought = {entry["step"] for entry in calls}
    assert head["cost"]["calls"] >= len(bought)  # what it paid is told, though it came to no result
    assert head["cost"]["tokens"] > 0
    assert Decimal(head["cost"]["usd"]) > 0
    resumed = refinec("apply", "--resume", "--format", "json", cwd=project)
    assert resumed.code == 0, resumed.err
    assert (resumed.json["run"], resumed.json["status"]) == (1, "complete")
    assert len(bought) > 0
    assert (project / "out/quickstart.jsonl").read_bytes() == whole  # as if it had never been stopped


@pytest.mark.parametrize(("sent", "code"), [([signal.SIGHUP] * 2, ExitCode.TERMINATED), ([], ExitCode.DONE)])
def test_a_terminal_that_is_closed_costs_nothing(sent: list[int], code: int, project: Path, whole: bytes) -> None:
    """With the signal that it sends, and without (a shell told it to be left alone)."""
    _slow_down(project, 0.2)
    parent, child = pty.openpty()
    process = fork_refinec(
        "apply", "--auto-approve", cwd=project, environ={"TERM": "xterm"}, descriptors=[child] * 3
    )
    os.close(child)
    screen = b""
    while b" done, " not in screen:
        screen += os.read(parent, 65_536)
    os.close(parent)
    for number in sent:
        process.send_signal(number)
    assert process.wait(60) == code
    assert {entry.state for entry in read_entries(project / ".refine/runs/0001/journal.db")} == {"answered"}
    if sent:
        assert refinec("apply", "--resume", cwd=project).code == 0
    assert (project / "out/quickstart.jsonl").read_bytes() == whole


def test_two_runs_at_once_are_7(project: Path) -> None:
    process, _ = _start_slow(project, 30, 0)
    try:
        second = refinec("apply", "--auto-approve", cwd=project)
        assert second.code == ExitCode.LOCKED
        assert "RF6001" in second.err
        resumed = refinec("apply", "--resume", cwd=project)
        assert resumed.code == ExitCode.LOCKED
        assert "RF6001" in resumed.err
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(60)
