"""Answers refined from a spec: planned, applied, written as preferences, traced, replayed, priced, watched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

ROOT = Path(__file__).resolve().parents[2]


def _write(folder: Path, **changes: str) -> None:
    """The example of `specs/`. changes: texts in it -> texts in their place."""
    (folder / "data").mkdir(exist_ok=True)
    (folder / ".refine").mkdir(exist_ok=True)
    shutil.copy(ROOT / "specs/data/noisy_answers.jsonl", folder / "data")
    text = (ROOT / "specs/refine_answers.refine").read_text("utf-8")
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    (folder / "answers.refine").write_text(text, "utf-8")


def _apply(folder: Path, *more: str, code: int = 0) -> dict[str, Any]:
    found = refinec("apply", "--auto-approve", "--format", "json", *more, "answers.refine", cwd=folder)
    assert found.code == code, found.err
    head: dict[str, Any] = json.loads(found.out)
    return head


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("refine")
    _write(folder)
    return folder, _apply(folder)


def test_every_answer_is_looked_at_and_what_stays_is_no_failure(done: tuple[Path, dict[str, Any]]) -> None:
    folder, head = done
    assert head["operators"]["improve"]["accepted"] == head["operators"]["improve"]["attempts"] == 24
    assert head["changed"] + head["kept"] == 24
    told = head["chains"]["improve"]
    assert (told["chains"], told["refined"]) == (24, head["changed"])
    calls = [event for event in _rows(folder / "out/answers.prov.jsonl") if event["event"] == "call"]
    rounds = sum(int(number) * count for number, count in told["rounds"].items())
    assert rounds == sum(call["template"] == "improve" for call in calls)
    assert sum(told["stops"].values()) == 24
    refined = {row["question"]: row for row in _rows(folder / "out/answers.jsonl")}
    for row in _rows(folder / "data/noisy_answers.jsonl"):
        found = refined[row["question"]]
        assert (found["_origin"] == "original") == (found["answer"] == row["answer"])


def test_chains_become_preferences(done: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = done
    pairs = _rows(folder / "out/pairs.jsonl")
    sources = {row["id"]: row for row in _rows(folder / "data/noisy_answers.jsonl")}
    chains = [event for event in _rows(folder / "out/answers.prov.jsonl") if event["event"] == "chain"]
    decided = [each["verdict"] for chain in chains for each in chain["rounds"] if each["verdict"] not in ("tie", None)]
    assert len(pairs) == len(decided)
    for pair in pairs:
        assert pair["prompt"] == sources[pair["id"]]["question"]
        assert pair["chosen"] != pair["rejected"]
        assert pair["score_chosen"] > pair["score_rejected"]
        assert pair["_simulated"] is True
    best = {row["messages"][0]["content"]: row["messages"][1]["content"] for row in _rows(folder / "out/chat.jsonl")}
    last = {pair["prompt"]: pair["chosen"] for pair in pairs}
    assert last.items() <= best.items()


def test_the_log_holds_hashes_and_scores_and_no_text(done: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = done
    log = (folder / "out/answers.prov.jsonl").read_text("utf-8")
    assert '"previous":' in log
    for row in _rows(folder / "data/noisy_answers.jsonl"):
        assert len(row["truth"]) < 12 or row["truth"] not in log


def test_the_run_is_made_again_from_its_record(done: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = done
    assert refinec("replay", "1", cwd=folder).code == 0
    assert refinec("verify", "out/answers.prov.jsonl", cwd=folder).code == 0
    kept = next(event for event in _rows(folder / "out/answers.prov.jsonl") if event["event"] == "kept")
    told = refinec("trace", kept["id"], cwd=folder).out
    assert "found nothing better" in told
    assert "round 1" in told
    origins = [row["_origin"] for row in _rows(folder / "out/answers.jsonl")]
    row = origins.index("changed") + 1
    traced = json.loads(refinec("trace", str(row), "--format", "json", cwd=folder).out)
    assert traced["origin"] == "changed"
    assert traced["answers"][-1] == traced["fields"]["answer"]
    assert len(traced["refinements"]) == len(traced["chain"]["rounds"])
    again = refinec("plan", "answers.refine", "--format", "json", cwd=folder)
    assert json.loads(again.out)["cost"]["tokens"]["expected"] > 0  # from the same inputs, the same plan


def test_bytes_do_not_depend_on_how_many_calls_are_made_at_once(
    done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    _write(tmp_path, **{'id = "simulated-small"\n': 'id = "simulated-small"\n  limits = { concurrency = 1 }\n'})
    _apply(tmp_path)
    for name in ("answers.jsonl", "pairs.jsonl", "chat.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (done[0] / "out" / name).read_bytes()


def test_what_a_run_takes_lies_below_the_ceiling_of_its_plan(tmp_path: Path) -> None:
    """A judge that errs often and a refiner that always succeeds: long chains, further tries, unreadable replies."""
    _write(tmp_path, **{
        "judge_accuracy = 0.95, position_bias = 0.05": "success = 100%, judge_accuracy = 0.99, malformed = 0.3",
        "max_rounds = 10": "max_rounds = 5\n  second_model = small\n  checks = [brief]",
        "tokens = 600k": "tokens = 90M",
        "## Every question": (
            'validator brief { kind = expression, accept = len(answer) > 80, on_reject = retry, retries = 1 }\n'
            "## Every question"
        ),
        '\nexpect "every answer is looked at" {\n  assert = accepted(improve) == 24\n}\n': "",
    })  # fmt: skip
    plan = json.loads(refinec("plan", "answers.refine", "--format", "json", cwd=tmp_path).out)
    head = _apply(tmp_path)
    assert head["operators"]["improve"]["retries"] > 0
    assert max(map(int, head["chains"]["improve"]["rounds"])) > 2
    assert 0 < head["cost"]["tokens"] <= int(plan["cost"]["tokens"]["ceiling"])


def test_a_budget_that_ends_early_is_not_passed_and_a_chain_goes_on_where_it_stopped(tmp_path: Path) -> None:
    # Chains of ten rounds each: more than the plan expects, and than the budget holds.
    _write(tmp_path, **{
        "judge_accuracy = 0.95, position_bias = 0.05": "success = 100%, judge_accuracy = 1",
        "truth = column": "right = column", "tokens = 600k": "tokens = 110k", "== 24": "> 20",
    })  # fmt: skip
    head = _apply(tmp_path, code=ExitCode.BUDGET)
    assert head["status"] == "partial"
    assert head["cost"]["tokens"] <= 110_000
    assert 0 < head["chains"]["improve"]["chains"] < 24
    assert refinec("replay", "1", cwd=tmp_path).code == 0


def test_a_judge_that_goes_by_the_place_is_named(tmp_path: Path) -> None:
    _write(tmp_path, **{"position_bias = 0.05": "position_bias = 1"})
    found = refinec("apply", "--auto-approve", "--format", "json", "answers.refine", cwd=tmp_path)
    assert found.code == 0
    assert "RF6024" in found.err
    told = json.loads(found.out)["chains"]["improve"]
    assert told["refined"] == 0
    assert told["flips"]["share"] == 1
    assert told["first_named"]["small"]["share"] == 1


def test_a_panel_says_how_far_it_agrees(tmp_path: Path) -> None:
    _write(tmp_path, **{
        "judge careful {\n  model = small": "model other { provider = simulated, params = { judge_accuracy = 60% } }\n"
        "judge careful {\n  models = [small, other]",
    })  # fmt: skip
    found = refinec("apply", "--auto-approve", "answers.refine", cwd=tmp_path)
    assert found.code == 0, found.err
    assert "agreement improve" in found.out
    assert "alpha" in found.out


def test_a_log_that_tells_of_another_chain_is_not_replayed(tmp_path: Path) -> None:
    _write(tmp_path)
    _apply(tmp_path)
    # The simulated judge of another accuracy says other things: its replies do not lead to this chain.
    log = tmp_path / ".refine/runs/0001/provenance.jsonl"
    text = log.read_text("utf-8")
    log.write_text(text.replace('"stop":"previous"', '"stop":"tie"', 1), "utf-8")
    found = refinec("replay", "1", cwd=tmp_path)
    assert found.code != 0
