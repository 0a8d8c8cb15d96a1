"""`init --from` on every public set beside the checkout: what it infers against what the sets are known to hold."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from refinelab_dsl import compiler, propose, syntax
from refinelab_dsl.compiler import Options
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project
from refinelab_dsl.propose.text import render_expression
from refinelab_dsl.source import Source
from tests.cli.command import refinec

from .truth import KNOWN, REFUSED, TOPICS

SHARED = (Path(__file__).resolve().parents[2] / "../shared/data").resolve()
NOT_DATA = ("SOURCE.md", "README.md")

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="THE REAL DATA SETS ARE MISSING: ../shared/data does not exist beside the checkout"
)


def _files(pattern: str) -> list[Path]:
    return sorted(path for path in SHARED.glob(pattern) if path.is_file() and path.name not in NOT_DATA)


def _infer(path: Path) -> propose.Inference | Diagnostic:
    name = path.relative_to(SHARED).as_posix()
    return propose.infer("real", [name], [path], Project(SHARED, SHARED))


def test_every_file_is_accounted_for() -> None:
    """A set that is added says here what is to be inferred of it, or why nothing is."""
    there = {path.relative_to(SHARED).as_posix() for path in _files("**/*")}
    stated = {name for name in there for pattern in (*KNOWN, *REFUSED) if fnmatchcase(name, pattern)}
    assert sorted(there - stated) == []
    twice = [name for name in there if sum(fnmatchcase(name, pattern) for pattern in (*KNOWN, *REFUSED)) > 1]
    assert twice == []
    assert [pattern for pattern in (*KNOWN, *REFUSED) if not _files(pattern)] == []


@pytest.mark.parametrize("pattern", KNOWN)
def test_what_is_inferred(pattern: str) -> None:
    """Task, key and the column of each field; the proposal passes `check`, and that of the first file `plan`."""
    truth = KNOWN[pattern]
    for place, path in enumerate(_files(pattern)):
        found = _infer(path)
        assert isinstance(found, propose.Inference), (path, found)
        fields = {finding.name: render_expression(finding.expression) for finding in found.reading.findings}
        assert (found.reading.task, found.reading.key, fields) == (truth.task, truth.key, truth.fields), path
        assert found.dataset.columns == truth.columns, path
        topic = None if found.topic is None else (found.topic.name, len(found.topic.counts))
        assert topic == TOPICS.get(pattern), path
        assert found.dataset.explode == truth.explode, path
        assert found.bad <= truth.bad * found.rows, path
        text = propose.write_spec(found, "real.refine")
        assert syntax.format_source(Source("real.refine", text))[0] == text, path
        analysis = compiler.analyze(Source("real.refine", text, SHARED / "real.refine"), Options())
        assert [entry.message for entry in analysis.diagnostics] == [], path
        assert analysis.program is not None
        # What was verified on every row is what the spec says.
        assert analysis.program.dataset == found.dataset, path
        if place == 0:
            planned = compiler.plan(Source("real.refine", text, SHARED / "real.refine"), Options())
            assert planned.exit_code == ExitCode.DONE, [entry.message for entry in planned.diagnostics]


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_is_refused(pattern: str) -> None:
    code, words = REFUSED[pattern]
    for path in _files(pattern):
        refusal = _infer(path)
        assert isinstance(refusal, Diagnostic), path
        shown = "\n".join((refusal.message, *refusal.notes))
        assert refusal.code == code, (path, shown)
        assert words in shown, (path, shown)
        assert refusal.help, path


@pytest.mark.parametrize(
    "given",
    [
        "openbookqa/dev_complete.jsonl",  # nested choices with labels
        "arc_copy_defects/llm_foundry_arc_challenge_defects.jsonl",  # seven rows, answers as text
        "bigbench_mistake/multistep_arithmetic.jsonl.gz",  # numbers, gzipped
        "gsm8k/test.jsonl",  # a mark inside the answer
        "mmlu/dev",  # a folder of CSV without header
        "mmlu_redux/original/mmlu_anatomy.csv",  # semicolons, lists as text
        "truthfulqa/TruthfulQA.csv",  # free text, 38 categories
        "humaneval/HumanEval.jsonl.gz",  # functions with tests
    ],
)
def test_the_command_then_check_then_plan(tmp_path: Path, given: str) -> None:
    answer = refinec("init", "--from", SHARED / given, "--allow-outside", "--format", "json", cwd=tmp_path)
    assert answer.code == 0, answer.err
    document = answer.json
    spec = next(name for name in document["created"] if name.endswith(".refine"))
    assert document["inference"]["executable"] is True
    checked = refinec("check", "--allow-outside", "--format", "json", cwd=tmp_path)
    assert (checked.code, checked.json["diagnostics"]) == (0, [])
    planned = refinec("plan", spec, "--allow-outside", "--format", "json", cwd=tmp_path)
    assert planned.code == 0, planned.err
    assert planned.json["size"]["now"] == document["inference"]["rows"]
    assert [check["status"] for check in planned.json["checks"]] == ["passed"]
