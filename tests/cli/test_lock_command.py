"""`refinec lock`: what it pins, what `--check` finds, and where pinned prices and roots count."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from refinelab_dsl import compiler
from refinelab_dsl.artifacts.lock_file import Lock, PricePin, load_lock, save_lock
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli import main
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.ir import spec_hash
from tests.cli.command import Answer
from tests.cli.command import refinec as run_refinec

Command: TypeAlias = Callable[..., Answer]

SPEC = """\
edition = 1
dataset quiz { task = qa, source = "data/*.jsonl", fields = { area = column("subject") } }
measure area_of { kind = column, column = "area" }
dimension topic { from = area_of, target = load("tables/topics.csv", key = "area", value = "share") }
model small { provider = simulated }
prompt ask { user = file("prompts/ask.jinja") }
operator reword { kind = expand, model = small, prompt = ask }
operator author { kind = generate, model = small, moves = { topic = any } }
operator drop { kind = remove }
budget { tokens = 400k }
output refined { path = "out/quiz.jsonl", provenance = "out/quiz.prov.jsonl" }
"""
PRICED = 'provider = openai, id = "gpt-4o-mini-2024-07-18", api_key = env("OPENAI_API_KEY")'


@pytest.fixture
def refinec(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*arguments: str, cwd: Path) -> Answer:
        monkeypatch.chdir(cwd)
        code = main.run(list(arguments))
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return call


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("data", "tables", "prompts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "quiz.refine").write_text(SPEC)
    (tmp_path / "tables/topics.csv").write_text("area,share\nbiology,50%\nphysics,50%\n")
    (tmp_path / "prompts/ask.jinja").write_text("Reword: {{ item.question }}\n")
    rows = [
        json.dumps({"question": f"what is {n}?", "answer": str(n), "subject": "biology" if n < 7 else "physics"})
        for n in range(10)
    ]
    (tmp_path / "data/a.jsonl").write_text("\n".join(rows[:8]) + "\n")
    (tmp_path / "data/b.jsonl").write_text("\n".join(rows[8:]) + "\n")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def read(project: Path) -> Lock:
    lock, problems = load_lock(project / "refine.lock")
    assert problems == ()
    assert lock is not None
    return lock


def test_lock_pins_data_files_models_and_prompts(project: Path, refinec: Command) -> None:
    answer = refinec("lock", cwd=project)
    assert answer.code == 0, answer.err
    pins = read(project).specs["quiz.refine"]
    assert {name: pin.rows for name, pin in pins.data["quiz"].items()} == {"data/a.jsonl": 8, "data/b.jsonl": 2}
    assert set(pins.files) == {"prompts/ask.jinja", "tables/topics.csv"}
    assert pins.models["small"].provider == "simulated"
    assert {name: pin.source for name, pin in pins.prompts.items()} == {"author": "built-in", "reword": "ask"}
    text = (project / "refine.lock").read_text()
    assert "what is" not in text  # no text of the dataset
    assert str(project) not in text
    tomllib.loads(text)


def test_lock_again_changes_no_byte(project: Path, refinec: Command) -> None:
    refinec("lock", cwd=project)
    before = (project / "refine.lock").read_bytes()
    again = refinec("lock", cwd=project)
    assert (again.code, again.out) == (0, "")
    assert "as it was" in again.err
    assert (project / "refine.lock").read_bytes() == before
    assert run_refinec("lock", cwd=project, fresh=True).code == 0  # with another hash seed
    assert (project / "refine.lock").read_bytes() == before
    assert refinec("lock", "--check", cwd=project).code == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "what"),
    [
        ("data/b.jsonl", "what is 9", "what was 9", "data file `data/b.jsonl`"),
        ("prompts/ask.jinja", "Reword", "Say again", "file `prompts/ask.jinja`"),
        ("tables/topics.csv", "physics,50%", "physics,50.0%", "file `tables/topics.csv`"),
        ("quiz.refine", "provider = simulated", 'provider = simulated, id = "other"', "model `small`"),
        ("quiz.refine", ", prompt = ask", "", "the prompt of `reword`"),
    ],
)
def test_check_names_each_stale_pin(
    file: str, old: str, new: str, what: str, project: Path, refinec: Command
) -> None:
    refinec("lock", cwd=project)
    before = (project / "refine.lock").read_bytes()
    edit(project / file, old, new)
    answer = refinec("lock", "--check", "--format", "json", cwd=project)
    assert answer.code == ExitCode.STALE
    assert what in [each["what"] for each in answer.json["changes"]]
    assert {each["code"] for each in answer.json["diagnostics"]} == {"RF5410"}
    assert all(each["help"] for each in answer.json["diagnostics"])
    assert (project / "refine.lock").read_bytes() == before
    assert refinec("lock", cwd=project).code == 0
    assert refinec("lock", "--check", cwd=project).code == 0


def test_layout_of_the_spec_is_not_pinned(project: Path, refinec: Command) -> None:
    refinec("lock", cwd=project)
    edit(project / "quiz.refine", "budget { tokens = 400k }", "# more\n\nbudget { tokens = 500k }")
    assert refinec("lock", "--check", cwd=project).code == 0


def test_data_files_that_come_and_go(project: Path, refinec: Command) -> None:
    refinec("lock", cwd=project)
    (project / "data/b.jsonl").rename(project / "data/c.jsonl")
    answer = refinec("lock", "--check", cwd=project)
    assert answer.code == ExitCode.STALE
    assert "data file `data/b.jsonl` of `quiz.refine` is pinned and gone" in answer.out
    assert "data file `data/c.jsonl` of `quiz.refine` is not pinned" in answer.out
    changed = refinec("lock", cwd=project).out
    assert "- quiz.refine: data file `data/b.jsonl`" in changed
    assert "+ quiz.refine: data file `data/c.jsonl`" in changed


def test_a_dataset_that_went_is_a_stale_pin(project: Path, refinec: Command) -> None:
    text = (project / "quiz.refine").read_text()
    (project / "seeds.jsonl").write_text('{"question": "a?", "answer": "b"}\n')
    (project / "quiz.refine").write_text(text + 'dataset extra { task = qa, source = "seeds.jsonl", role = seeds }\n')
    assert refinec("lock", cwd=project).code == 0
    assert set(read(project).specs["quiz.refine"].data) == {"extra", "quiz"}
    (project / "quiz.refine").write_text(text)
    answer = refinec("lock", "--check", cwd=project)
    assert answer.code == ExitCode.STALE
    assert "data file `seeds.jsonl` of `quiz.refine` is pinned and gone" in answer.out


def test_several_specs_share_a_lock(project: Path, refinec: Command) -> None:
    (project / "more").mkdir()
    (project / "more/other.refine").write_text(SPEC.replace('"data/', '"../data/').replace('"tables/', '"../tables/')
                                               .replace('"prompts/', '"../prompts/'))  # fmt: skip
    assert refinec("lock", cwd=project).code == 0
    unpinned = refinec("lock", "--check", "more/other.refine", cwd=project)
    assert unpinned.code == ExitCode.STALE
    assert "RF5411" in unpinned.out
    assert refinec("lock", "more/other.refine", cwd=project).code == 0
    assert sorted(read(project).specs) == ["more/other.refine", "quiz.refine"]
    assert refinec("lock", "--check", cwd=project / "more").code == 0
    (project / "more/other.refine").unlink()
    gone = refinec("lock", "--check", cwd=project)
    assert gone.code == ExitCode.STALE
    assert "RF5412" in gone.out
    assert refinec("lock", cwd=project).code == 0
    assert sorted(read(project).specs) == ["quiz.refine"]


def test_a_lock_is_not_written_for_what_is_wrong(project: Path, refinec: Command) -> None:
    edit(project / "quiz.refine", "400k", "400m")
    answer = refinec("lock", cwd=project)
    assert answer.code == ExitCode.SPEC
    assert "RF1060" in answer.err
    edit(project / "quiz.refine", "400m", "400k")
    edit(project / "quiz.refine", "data/*.jsonl", "data/z.jsonl")
    missing = refinec("lock", cwd=project)
    assert missing.code == ExitCode.SPEC
    assert "RF3001" in missing.err
    assert not (project / "refine.lock").exists()


@pytest.mark.parametrize("command", [["check"], ["plan"], ["lock"], ["lock", "--check"]])
def test_a_conflict_in_the_lock_stops_with_a_way_out(command: list[str], project: Path, refinec: Command) -> None:
    text = "<<<<<<< HEAD\na = 1\n=======\na = 2\n>>>>>>> other\n"
    (project / "refine.lock").write_text(text)
    answer = refinec(*command, cwd=project)
    assert answer.code == ExitCode.SPEC
    assert "RF5403" in answer.out + answer.err
    assert "refine.lock:1" in answer.out + answer.err
    assert (project / "refine.lock").read_text() == text


def test_plan_says_whether_the_data_are_those_that_are_pinned(project: Path, refinec: Command) -> None:
    assert "since lock" not in refinec("plan", cwd=project).out
    refinec("lock", cwd=project)
    fresh = refinec("plan", "-o", "a.refplan", cwd=project)
    assert fresh.code == 0, fresh.err
    assert "10 rows in 2 files, unchanged since lock" in fresh.out
    assert "RF5413" not in fresh.err
    edit(project / "data/b.jsonl", "what is 9", "what was 9")
    edit(project / "prompts/ask.jinja", "Reword", "Say again")
    changed = refinec("plan", "--format", "json", cwd=project)
    assert changed.code == 0
    assert changed.json["locked"] is False
    said = [each["message"] for each in changed.json["diagnostics"] if each["code"] == "RF5413"]
    assert said == [
        "data file `data/b.jsonl` changed since it was pinned",
        "file `prompts/ask.jinja` changed since it was pinned",
        "the prompt of `reword` changed since it was pinned",
    ]


def test_pins_of_data_are_no_part_of_a_plan(project: Path, refinec: Command) -> None:
    refinec("plan", "-o", "a.refplan", cwd=project)
    refinec("lock", cwd=project)
    refinec("plan", "-o", "b.refplan", cwd=project)
    assert (project / "a.refplan").read_bytes() == (project / "b.refplan").read_bytes()


def pin_price(project: Path, figure: str) -> None:
    pin = PricePin(input=figure, output="0.60", as_of="2026-11-01", source="a list 1.0")  # type: ignore[arg-type]
    lock, _ = load_lock(project / "refine.lock")
    save_lock(project / "refine.lock", (lock or Lock()).model_copy(update={"prices": {"gpt-4o-mini-2024-07-18": pin}}))


def test_a_pinned_price_stands_where_the_spec_states_none(project: Path, refinec: Command) -> None:
    edit(project / "quiz.refine", "provider = simulated", PRICED)
    edit(project / "quiz.refine", "tokens = 400k", "tokens = 400k, cost = $1")
    assert "RF2221" in refinec("check", cwd=project).out
    pin_price(project, "0.15")
    assert refinec("check", cwd=project).code == 0
    first = refinec("plan", "-o", "a.refplan", cwd=project)
    assert first.code == 0, first.err
    assert "(2026-11-01, refine.lock)" in first.out
    assert refinec("show", "a.refplan", "--format", "json", cwd=project).json["stale"] == []
    pin_price(project, "0.30")
    stale = refinec("show", "a.refplan", "--format", "json", cwd=project).json["stale"]
    assert stale == ["the price of `small` in refine.lock changed"]
    refused = refinec("apply", "a.refplan", cwd=project)
    assert refused.code == ExitCode.STALE
    plan, _ = PlanFile.open(project / "a.refplan")
    assert plan is not None
    price = plan.header.models[0].price
    assert price is not None
    assert price.locked


def test_the_price_of_the_spec_wins_and_the_lock_is_not_in_its_hash(project: Path, refinec: Command) -> None:
    edit(project / "quiz.refine", "provider = simulated", PRICED)
    without = compiler.analyze(project / "quiz.refine").program
    pin_price(project, "0.15")
    pinned = compiler.analyze(project / "quiz.refine").program
    assert without is not None
    assert pinned is not None
    assert without.models[0].price is None
    assert pinned.models[0].price is not None
    assert spec_hash(without) == spec_hash(pinned)
    edit(project / "quiz.refine", PRICED, PRICED + ", price = { input = $9 / 1M, output = $9 / 1M }")
    stated = compiler.analyze(project / "quiz.refine").program
    assert stated is not None
    assert stated.models[0].price is not None
    assert str(stated.models[0].price.input * 10**6).startswith("9")
    assert not stated.models[0].price.locked


def test_update_prices_takes_list_prices_and_keeps_dates(project: Path, refinec: Command) -> None:
    pytest.importorskip("genai_prices", reason="list prices need the extra `prices`")
    edit(project / "quiz.refine", "provider = simulated", PRICED)
    edit(project / "quiz.refine", "tokens = 400k", "tokens = 400k, cost = $1")
    answer = refinec("lock", "--update-prices", cwd=project)
    assert answer.code == 0, answer.err
    pin = read(project).prices["gpt-4o-mini-2024-07-18"]
    assert pin.source.startswith("genai-prices ")
    assert 0 < pin.input < pin.output
    assert refinec("check", cwd=project).code == 0
    older = pin.model_copy(update={"as_of": "2026-01-01"})
    save_lock(project / "refine.lock", read(project).model_copy(update={"prices": {"gpt-4o-mini-2024-07-18": older}}))
    refinec("lock", "--update-prices", cwd=project)
    assert read(project).prices["gpt-4o-mini-2024-07-18"] == older
    pin_price(project, "99")
    changed = refinec("lock", "--update-prices", cwd=project)
    assert "$99 / 1M in, $0.60 / 1M out (2026-11-01, a list 1.0) -> $" in changed.out


def test_update_prices_says_what_it_does_not_know_and_what_the_spec_states_otherwise(
    project: Path, refinec: Command
) -> None:
    pytest.importorskip("genai_prices", reason="list prices need the extra `prices`")
    edit(project / "quiz.refine", "provider = simulated", PRICED.replace("gpt-4o-mini-2024-07-18", "my-own-tune"))
    unknown = refinec("lock", "--update-prices", cwd=project)
    assert unknown.code == 0, unknown.err
    assert "RF5421" in unknown.err
    assert read(project).prices == {}
    edit(project / "quiz.refine", 'id = "my-own-tune"',
         'id = "gpt-4o-mini-2024-07-18", price = { input = $99 / 1M, output = $99 / 1M }')  # fmt: skip
    stated = refinec("lock", "--update-prices", "--format", "json", cwd=project)
    (note,) = [each for each in stated.json["diagnostics"] if each["code"] == "RF5420"]
    (edit_,) = note["help"][0]["edits"]
    assert "price" not in edit_["text"]
    assert edit_["text"].startswith("{ input = $")
    assert read(project).prices == {}


def test_wrong_use(project: Path, refinec: Command) -> None:
    assert refinec("lock", "--check", "--update-prices", cwd=project).code == ExitCode.USAGE
    assert refinec("lock", "nothing.refine", cwd=project).code == ExitCode.USAGE
    refinec("plan", "-o", "a.refplan", cwd=project)
    assert refinec("lock", "a.refplan", cwd=project).code == ExitCode.USAGE


def test_the_root_of_a_run_is_pinned_where_there_is_a_lock_and_verify_compares(project: Path, refinec: Command) -> None:
    first = refinec("apply", "--auto-approve", "-q", cwd=project)
    assert first.code in (0, ExitCode.INCOMPLETE), first.err
    assert not (project / "refine.lock").exists()
    published = {path: path.read_bytes() for path in (project / "out").iterdir()}
    refinec("lock", cwd=project)
    edit(project / "quiz.refine", "edition = 1", "edition = 1, seed = 5")
    second = refinec("apply", "--auto-approve", cwd=project)
    assert second.code in (0, ExitCode.INCOMPLETE), second.err
    assert "written to refine.lock" in second.err
    pin = read(project).runs["out/quiz.prov.jsonl"]
    assert pin.run == 2
    verified = refinec("verify", "out/quiz.prov.jsonl", "--format", "json", cwd=project)
    assert (verified.code, verified.json["root"]) == (0, pin.root)
    # Another run's log and output are consistent with each other; that they were not published, the pin tells.
    for path, data in published.items():
        path.write_bytes(data)
    forged = refinec("verify", "out/quiz.prov.jsonl", "--format", "json", cwd=project)
    assert forged.code == ExitCode.CHECK_FAILED
    assert [each["code"] for each in forged.json["diagnostics"]] == ["RF6328"]
    (project / "refine.lock").rename(project / "elsewhere")
    assert refinec("verify", "out/quiz.prov.jsonl", cwd=project).code == 0
    (project / "elsewhere").rename(project / "refine.lock")
    assert refinec("lock", cwd=project).code == 0
    assert read(project).runs["out/quiz.prov.jsonl"] == pin
