"""`refinec diff` over files, git revisions and saved plans."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from refinelab_dsl.cli import main
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import Answer, refinec

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="revisions need the program git")

Diff: TypeAlias = Callable[..., Answer]

SPEC = """\
edition = 1
dataset quiz { task = mcq, source = "quiz.jsonl", fields = { area = column("subject") } }
measure area_of { kind = column, column = "area" }
dimension topic { from = area_of, target = load("tables/topics.csv", key = "area", value = "share") }
model small { provider = simulated }
prompt ask { user = file("prompts/ask.jinja") }
operator author { kind = generate, model = small, prompt = ask, moves = { topic = any } }
operator drop { kind = remove }
budget { tokens = 400k }
output refined { path = "out/quiz.jsonl" }
"""


@pytest.fixture
def diff(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Diff:
    """`refinec diff` in this process: many small calls, none of which leaves anything behind."""

    def call(*arguments: str, cwd: Path) -> Answer:
        monkeypatch.chdir(cwd)
        code = main.run(["diff", *arguments])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return call


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    answer = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return answer.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits of a spec with a prompt and a table; the second changed the budget, the table and the prompt."""
    specs = tmp_path / "specs"
    (specs / "prompts").mkdir(parents=True)
    (specs / "tables").mkdir()
    (specs / "quiz.refine").write_text(SPEC)
    (specs / "prompts/ask.jinja").write_text("Write one.\nBe brief.\nThanks.\n")
    (specs / "tables/topics.csv").write_text("area,share\nbiology,50%\nphysics,50%\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    (specs / "quiz.refine").write_text(SPEC.replace("400k", "500_000"))
    (specs / "prompts/ask.jinja").write_text("Write one.\nBe brief!\nThanks.\n")
    (specs / "tables/topics.csv").write_text("area,share\nbiology,40%\nphysics,60%\n")
    git(tmp_path, "commit", "-qam", "second")
    return tmp_path


def changes(answer: Answer) -> list[tuple[str, str, str]]:
    return [(each["kind"], each["path"], each["new"]) for each in answer.json["changes"]]


SECOND = [
    ("dimension", "target.biology", "40%"),
    ("dimension", "target.physics", "60%"),
    ("prompt", "user", "Write one.\nBe brief!\nThanks.\n"),
    ("budget", "tokens", "500k"),
]


def test_nothing_changed(repository: Path) -> None:
    answer = refinec("diff", "--exit-code", cwd=repository / "specs", fresh=True)
    assert answer.code == 0, answer.err
    assert "no difference in meaning" in answer.out


@pytest.mark.parametrize(
    ("arguments", "cwd"),
    [
        (["HEAD~1"], "specs"),
        (["HEAD~1", "specs/quiz.refine"], "."),
        (["HEAD~1", "specs"], "."),
        (["HEAD~1:specs/quiz.refine"], "."),
        (["HEAD~1:specs/quiz.refine", "HEAD:specs/quiz.refine"], "."),
        (["HEAD~1:./quiz.refine", "quiz.refine"], "specs"),
        (["HEAD~1", "HEAD"], "specs"),
        (["HEAD~1..HEAD", "specs/quiz.refine"], "."),
        (["HEAD~1..main"], "specs"),
        (["HEAD~1...HEAD"], "specs"),
        (["HEAD~1", "main", "specs/quiz.refine"], "."),
        (["HEAD~1", "HEAD:specs/quiz.refine"], "."),
    ],
)
def test_a_revision_and_its_files(arguments: list[str], cwd: str, repository: Path, diff: Diff) -> None:
    """The prompt and the table of the old side are those of the old revision."""
    answer = diff(*arguments, "--format", "json", cwd=repository / cwd)
    assert answer.code == 0, answer.err
    assert changes(answer) == SECOND


def test_the_other_way_round(repository: Path, diff: Diff) -> None:
    answer = diff("quiz.refine", "HEAD~1", "--format", "json", cwd=repository / "specs")
    assert ("budget", "tokens", "400k") in changes(answer)


def test_uncommitted_changes_against_the_last_commit(repository: Path, diff: Diff) -> None:
    path = repository / "specs/quiz.refine"
    path.write_text(path.read_text().replace("operator drop", "operator thin"))
    for arguments in ([], ["quiz.refine"]):
        answer = diff(*arguments, cwd=repository / "specs")
        assert answer.code == 0, answer.err
        assert "~ operator thin   renamed, was `drop`   quiz.refine:8" in answer.out
        assert answer.out.endswith("1 renamed\n")


def test_text(repository: Path, diff: Diff) -> None:
    answer = diff("HEAD~1", "--exit-code", cwd=repository / "specs")
    assert answer.code == ExitCode.WORK
    assert answer.out == (
        "HEAD~1:specs/quiz.refine -> quiz.refine\n"
        "\n"
        "~ dimension topic   quiz.refine:4\n"
        "  ~ target      old   new   points\n"
        "  ~   biology   50%   40%      -10\n"
        "  ~   physics   50%   60%      +10\n"
        "\n"
        "~ prompt ask   quiz.refine:6\n"
        "  ~ user\n"
        "      Write one.\n"
        "    - Be brief.\n"
        "    + Be brief!\n"
        "      Thanks.\n"
        "\n"
        "~ budget   quiz.refine:9\n"
        "  ~ tokens   400k -> 500k\n"
        "\n"
        "3 changed\n"
    )
    colored = diff("HEAD~1", "--color", "always", cwd=repository / "specs")
    assert "\x1b[32m    + Be brief!\x1b[0m" in colored.out


def test_markdown(repository: Path, diff: Diff) -> None:
    (repository / "specs/prompts/ask.jinja").write_text("Write one.\n```\n@everyone <b>\n")
    answer = diff("HEAD", "--format", "markdown", cwd=repository / "specs")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("<!-- refinec diff quiz.refine -->\n### 1 changed\n")
    # A fence longer than any in the prompt: what stands in it stays text.
    fence = answer.out.index("````diff\n")
    assert fence < answer.out.index("@everyone") < answer.out.index("````\n", fence + 5)


def test_imported_files_are_those_of_the_revision(repository: Path, diff: Diff) -> None:
    (repository / "lib/prompts").mkdir(parents=True)
    library = repository / "lib/models.refine"
    library.write_text(
        'edition = 1\nmodel small { provider = simulated }\nmodel unused { provider = simulated }\n'
        'prompt tell { user = file("prompts/tell.jinja") }\n'
    )
    (repository / "lib/prompts/tell.jinja").write_text("Tell one.\n")
    spec = repository / "specs/quiz.refine"
    text = spec.read_text().replace("model small { provider = simulated }\n", "").replace("edition = 1", (
        'edition = 1\nimport "../lib/models.refine" as lib')).replace("model = small", "model = lib.small")  # fmt: skip
    spec.write_text(text)
    moved = diff("HEAD", cwd=repository / "specs")
    assert moved.code == 0, moved.err
    assert "~ model lib.small   renamed, was `small`   ../lib/models.refine:2" in moved.out
    assert moved.out.endswith("\n1 renamed\n")
    spec.write_text(text.replace("prompt = ask", "prompt = lib.tell"))
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "a library")
    library.write_text(library.read_text().replace("model small {", "model small { timeout = 90s,"))
    (repository / "lib/prompts/tell.jinja").write_text("Tell two.\n")
    answer = diff("HEAD", "--format", "json", cwd=repository / "specs")
    found = {(each["name"], each["path"]): each for each in answer.json["changes"]}
    assert set(found) == {("lib.small", "timeout"), ("lib.tell", "user")}
    assert found["lib.small", "timeout"]["old"] == "1min"
    assert found["lib.tell", "user"]["where"]["old"]["file"] == "HEAD:lib/models.refine"
    library.write_text(library.read_text().replace("90s", "90m"))
    broken = diff("HEAD", cwd=repository / "specs")
    assert broken.code == ExitCode.SPEC
    assert "lib/models.refine:2" in broken.err


def test_two_files(repository: Path, diff: Diff) -> None:
    (repository / "specs/other.refine").write_text(SPEC.replace("operator drop { kind = remove }\n", ""))
    answer = diff("specs/quiz.refine", "specs/other.refine", "--format", "json", cwd=repository)
    assert answer.code == 0, answer.err
    gone = next(each for each in answer.json["changes"] if each["change"] == "removed")
    assert gone["name"] == "drop"
    assert gone["old"] == "kind = remove"
    assert gone["where"] == {"old": {"file": "specs/quiz.refine", "line": 8, "column": 1}, "new": None}


def test_variables_go_to_the_side_that_has_them(repository: Path, diff: Diff) -> None:
    path = repository / "specs/quiz.refine"
    path.write_text(path.read_text().replace("500_000", "var.limit") + "variable limit { type = tokens }\n")
    answer = diff("HEAD", "--var", "limit=1M", "--format", "json", cwd=repository / "specs")
    assert answer.code == 0, answer.err
    assert ("budget", "tokens", "1M") in changes(answer)
    unknown = diff("HEAD", "--var", "limit=1M", "--var", "no=1", cwd=repository / "specs")
    assert unknown.code == ExitCode.USAGE
    assert "neither side has a variable `no`" in unknown.err


@pytest.mark.parametrize("arguments", [["HEAD"], ["HEAD~1", "HEAD"]])
def test_a_broken_side_is_told_with_its_place(arguments: list[str], repository: Path, diff: Diff) -> None:
    path = repository / "specs/quiz.refine"
    path.write_text(path.read_text().replace("tokens = 500_000", "tokens = 500m"))
    git(repository, "commit", "-qam", "broken")
    answer = diff(*arguments, cwd=repository / "specs")
    assert answer.code == ExitCode.SPEC
    assert "error[RF1060]" in answer.err
    assert "HEAD:specs/quiz.refine:9:19" in answer.err
    assert answer.out == ""


def test_a_file_that_a_revision_lacks_is_named_with_the_revision(repository: Path, diff: Diff) -> None:
    git(repository, "rm", "-q", "specs/prompts/ask.jinja")
    git(repository, "commit", "-qm", "without its prompt")
    (repository / "specs/prompts").mkdir()
    (repository / "specs/prompts/ask.jinja").write_text("now it is there\n")
    answer = diff("HEAD", cwd=repository / "specs")
    assert answer.code == ExitCode.SPEC
    assert "RF2" in answer.err
    assert "HEAD:specs/quiz.refine:6" in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["HEAD~7"], "git knows no revision 'HEAD~7'"),
        (["nothing:quiz.refine"], "git knows no revision 'nothing'"),
        (["HEAD:quiz.refine"], "relative to this folder it is HEAD:./quiz.refine"),
        (["HEAD:./other.refine"], "there is no file specs/other.refine in HEAD"),
        (["nothing.refine", "quiz.refine"], "no such file: nothing.refine"),
        (["a", "b", "c", "d"], "git knows no revision 'a'"),
        (["HEAD", "HEAD", "HEAD"], "two sides are compared"),
        (["/etc/passwd"], "lies outside of the git repository"),
    ],
)
def test_wrong_use(arguments: list[str], said: str, repository: Path, diff: Diff) -> None:
    answer = diff(*arguments, cwd=repository / "specs")
    assert answer.code == ExitCode.USAGE
    assert said in answer.err


def test_no_repository_and_no_commit(
    tmp_path: Path, diff: Diff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "quiz.refine").write_text(SPEC)
    answer = diff(cwd=tmp_path)
    assert answer.code == ExitCode.USAGE
    assert "no git repository" in answer.err
    git(tmp_path, "init", "-q")
    answer = diff(cwd=tmp_path)
    assert answer.code == ExitCode.USAGE
    assert "no commit yet" in answer.err


def test_saved_plans(tmp_path: Path, diff: Diff) -> None:
    assert refinec("init", "quiz", cwd=tmp_path).code == 0
    folder = tmp_path / "quiz"
    assert refinec("plan", "-o", "a.refplan", cwd=folder).code == 0
    same = diff("a.refplan", "a.refplan", "--exit-code", cwd=folder)
    assert same.code == 0, same.err
    spec = folder / "quickstart.refine"
    spec.write_text(spec.read_text().replace("short = 35%", "short = 45%"))
    assert refinec("plan", "-o", "b.refplan", cwd=folder).code == 0
    answer = diff("a.refplan", "b.refplan", "--format", "json", "--exit-code", cwd=folder)
    assert answer.code == ExitCode.WORK, answer.err
    found = {(each["kind"], each["path"]): (each["old"], each["new"]) for each in answer.json["changes"]}
    assert found["mix", "length.short target"] == ("35.0%", "45.0%")
    assert ("inputs", "spec quickstart.refine") in found
    mixed = diff("a.refplan", "quickstart.refine", cwd=folder)
    assert mixed.code == ExitCode.USAGE
