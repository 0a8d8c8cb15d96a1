"""A spec cut into files gives what the same spec in one file gives; a plan of it is stale when a file changes in
meaning, and only then."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

DATA = Path(__file__).resolve().parents[2] / "specs" / "data"

MODELS = """
## Answers by a seeded rule.
model small { provider = simulated, price = { input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" } }
model large { provider = simulated }
prompt write { user = file("write.jinja") }
"""
PROMPT = "Anchor: {{ anchor | block('anchor') }}\nMake it {{ target.length.label }}, of {{ target.subject.label }}.\n"
LENGTHS = """
measure words { kind = length }
dimension length {
  from = words
  bands = { short = below(9), medium = between(9, 15), long = above(15) }
  target = { short = 35%, medium = 40%, long = rest }
}
validator in_length { kind = in_bin, dimension = length }
validator well_formed { kind = format }
operator drop { kind = remove, where = words < 20 }
"""
SPEC = """
seed = 7
dataset quiz {
  task = mcq
  source = "data/quickstart.jsonl"
  fields = { id = column("id"), subject = column("subject") }
}
measure field { kind = column, column = subject }
dimension subject { from = field, target = uniform() }
operator author {
  kind = generate
  model = models.small
  prompt = models.write
  moves = { subject = any, lib.length = any }
  checks = [lib.well_formed, lib.in_length]
  prior = { success = 70% }
}
budget { tokens = 200k, cost = $0.10 }
output refined { path = "out/quiz.jsonl" }
expect "even" { assert = jsd(lib.length) <= 0.005 and count(lib.words < 9) < 60 and accepted(author) > 0 }
"""
IMPORTS = 'import "lib/models.refine" as models\nimport "lib/lengths.refine" as lib\nuse = lib.drop\n'


def _write(folder: Path) -> None:
    """The project in three files and a prompt."""
    shutil.copytree(DATA, folder / "data")
    (folder / ".refine").mkdir()
    (folder / "lib").mkdir()
    (folder / "lib/write.jinja").write_text(PROMPT, encoding="utf-8")
    (folder / "lib/models.refine").write_text("edition = 1\n" + MODELS, encoding="utf-8")
    (folder / "lib/lengths.refine").write_text("edition = 1\n" + LENGTHS, encoding="utf-8")
    (folder / "quiz.refine").write_text("edition = 1\n" + IMPORTS + SPEC, encoding="utf-8")


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Path, dict[str, Any]]:
    """The spec in three files and in one, both applied, and what `apply` said."""
    cut, whole = tmp_path_factory.mktemp("cut"), tmp_path_factory.mktemp("whole")
    for folder in (cut, whole):
        _write(folder)
    spec = re.sub(r"\b(lib|models)\.", "", SPEC)
    text = "edition = 1\n" + MODELS.replace("write.jinja", "lib/write.jinja") + LENGTHS + spec
    (whole / "quiz.refine").write_text(text, encoding="utf-8")
    heads = []
    for folder in (cut, whole):
        answer = refinec("apply", "quiz.refine", "--auto-approve", "--format", "json", cwd=folder)
        assert answer.code == 0, answer.err
        heads.append(answer.json)
    return cut, heads[0], whole, heads[1]


def _rows(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "out/quiz.jsonl").read_text(encoding="utf-8").splitlines()
    return [{**json.loads(line), "id": None} for line in lines]


def test_the_refined_set_is_the_same(applied: tuple[Path, dict[str, Any], Path, dict[str, Any]]) -> None:
    """But for the ids of new rows: they name the step that made them, and with it the model and the checks."""
    cut, head, whole, other = applied
    assert _rows(cut) == _rows(whole)
    assert head["size"] == other["size"]
    assert {name.rpartition(".")[2]: shares for name, shares in head["mix"].items()} == other["mix"]
    assert head["mix"].keys() == {"lib.length", "subject"}
    assert sum(row["_origin"] == "added" for row in _rows(cut)) > 10


def test_what_is_not_used_is_no_part_of_the_plan(applied: tuple[Path, dict[str, Any], Path, dict[str, Any]]) -> None:
    header = json.loads((applied[0] / ".refine/runs/0001/plan.refplan").read_text(encoding="utf-8").partition("\n")[0])
    assert [model["name"] for model in header["models"]] == ["models.small"]
    assert [operator["name"] for operator in header["operators"]] == ["lib.drop", "author"]
    assert header["templates"][0]["user"] == PROMPT


def test_a_run_with_dotted_names_can_be_looked_at(applied: tuple[Path, dict[str, Any], Path, dict[str, Any]]) -> None:
    cut = applied[0]
    added = next(line for line in (cut / "out/quiz.jsonl").read_text("utf-8").splitlines() if '"added"' in line)
    for arguments in (
        ("replay", "1"), ("verify", ".refine/runs/0001/plan.refplan"), ("verify", "out/quiz.jsonl"), ("runs",),
        ("show", "1"), ("logs", "1"), ("logs", "1", "--rejected"), ("trace", json.loads(added)["id"]),
        ("show", ".refine/runs/0001/plan.refplan"), ("render", "author"), ("plan", "--format", "markdown"),
        ("compile", "--emit", "lp", "quiz.refine"),
    ):  # fmt: skip
        answer = refinec(*arguments, cwd=cut)
        assert answer.code == 0, (arguments, answer.err)


def test_a_plan_is_stale_when_an_imported_file_changes_in_meaning(tmp_path: Path) -> None:
    _write(tmp_path)
    assert refinec("plan", "quiz.refine", "-o", "a.refplan", cwd=tmp_path).code == 0
    lengths, models = tmp_path / "lib/lengths.refine", tmp_path / "lib/models.refine"
    lengths.write_text("# A comment.\n" + lengths.read_text().replace("{ from", "{\n  from"), encoding="utf-8")
    models.write_text(models.read_text().replace("large", "enormous"), encoding="utf-8")  # nothing uses it
    assert refinec("plan", "quiz.refine", "-o", "b.refplan", cwd=tmp_path).code == 0
    assert (tmp_path / "a.refplan").read_bytes() == (tmp_path / "b.refplan").read_bytes()
    (tmp_path / "lib/write.jinja").write_text(PROMPT + "Be brief.\n", encoding="utf-8")
    answer = refinec("apply", "a.refplan", cwd=tmp_path)
    assert answer.code == ExitCode.STALE, answer.err
    (tmp_path / "lib/write.jinja").write_text(PROMPT, encoding="utf-8")
    lengths.write_text(lengths.read_text().replace("short = 35%", "short = 34%"), encoding="utf-8")
    answer = refinec("apply", "a.refplan", cwd=tmp_path)
    assert answer.code == ExitCode.STALE, answer.err
    assert "RF5020" in answer.err
