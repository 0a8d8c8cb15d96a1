"""Examples that are done, not only read: their files in a folder, and the commands that a user types there.

A `refine` block without a name is the spec, completed by what it leaves out; every other block with a name is the
further file of that path; where no example of data is given, a few items stand in `data/items.jsonl`.

A `console` block holds commands: lines that start with `$ `, run in order, and under each of them lines of what is
then seen, in that order; `…` in such a line stands for anything. `$ echo $?` shows the exit code of the command before.
The address `http://127.0.0.1:8000/v1` becomes the one of the server that the situation is run beside.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from unittest import mock

from refinelab_dsl import compiler
from refinelab_dsl.cli.main import run
from refinelab_dsl.diagnostics.explanations import LANGUAGES, Example
from refinelab_dsl.diagnostics.render import render_text
from tests.cli.command import clean_environment
from tests.explain.completion import complete

SPEC = "items.refine"
ADDRESS = "http://127.0.0.1:8000/v1"
CODE = re.compile(r"(?:error|warning|note)\[(RF\d{4})\]")

ITEMS = "".join(
    f'{{"question": "{question}", "answer": "{answer}", "area": "{area}"}}\n'
    for question, answer, area in (
        ("What is the sum of seven and eight?", 15, "algebra"),
        ("Solve x + 4 = 10 for x.", 6, "algebra"),
        ("Which number doubled gives ninety?", 45, "algebra"),
        ("Half of a number is twelve. Name it.", 24, "algebra"),
        ("How many primes lie below twenty?", 8, "algebra"),
        ("Evaluate three squared minus five.", 4, "algebra"),
        ("How many sides has a hexagon?", 6, "geometry"),
        ("A square has side nine; find its area.", 81, "geometry"),
    )
)
# A command of ours alone, perhaps with variables of the environment before it and its data sent to a file: run in this
# process.
_PLAIN = re.compile(
    r"(?P<variables>(?:[A-Z_]+=(?:'[^']*'|[^ '\"]*) )*)refinec(?P<arguments>(?: (?:'[^']*'|[^ |&;<>$`*?~()'\"]+))*)"
    r"(?: > (?P<target>[\w./-]+))?"
)
_NOBODY = 65534


@dataclass(frozen=True)
class Step:
    """A command line, and lines of what is seen after it."""

    line: str
    shown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Situation:
    """Files by path, and what is then typed."""

    files: Mapping[str, str]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Answer:
    """What a command left behind. text: standard output and standard error together."""

    step: Step
    code: int
    text: str

    @property
    def codes(self) -> set[str]:
        """The diagnostics that were shown."""
        return set(CODE.findall(self.text))


@dataclass(frozen=True)
class Place:
    """Where situations are run. base_url: of the server that stands for ADDRESS. environ: what is set besides.
    unprivileged: `refinec` is run as a user to whom permissions apply, also where the tests are run as root."""

    folder: Path
    base_url: str = ADDRESS
    environ: Mapping[str, str] = field(default_factory=dict)
    unprivileged: bool = False

    @property
    def surroundings(self) -> dict[str, str]:
        """The variables that are set: the user's configuration stands in `.config`."""
        return {"XDG_CONFIG_HOME": str(self.folder / ".config"), **self.environ}


def read_situation(examples: Iterable[Example], code: str = "") -> Situation:
    """What the blocks of an example come to; without commands the spec is checked. code: what it is about."""
    files: dict[str, str] = {}
    steps: list[Step] = []
    for each in examples:
        if each.language == "console":
            steps += read_steps(each.text)
        else:
            files[each.name or SPEC] = each.text if each.name else complete(each.text, code)
    files.setdefault(SPEC, complete("", code))
    if not any(name.startswith("data/") for name in files):
        files["data/items.jsonl"] = ITEMS
    return Situation(files, tuple(steps) or (Step(f"refinec check {SPEC}"),))


def read_steps(text: str) -> Iterator[Step]:
    """The commands of a console block."""
    line, shown = None, list[str]()
    for each in text.splitlines():
        if each.startswith("$ "):
            if line is not None:
                yield Step(line, tuple(shown))
            line, shown = each[2:], []
        elif each.strip():
            assert line is not None, f"nothing is typed before {each!r}"
            shown.append(each)
    if line is not None:
        yield Step(line, tuple(shown))


def lay_out(files: Mapping[str, str], place: Place) -> None:
    """Writes the files into the folder."""
    for name, text in files.items():
        path = place.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(ADDRESS, place.base_url), encoding="utf-8")


def run_steps(steps: Sequence[Step], place: Place) -> list[Answer]:
    """Types the commands. Raises AssertionError where what is seen is not what the example shows."""
    answers: list[Answer] = []
    for step in steps:
        if step.line == "echo $?":
            answer = Answer(step, 0, f"{answers[-1].code}\n")
        elif plain := _PLAIN.fullmatch(step.line):
            answer = _run_here(step, plain, place)
        else:
            answer = _run_in_shell(step, place)
        assert "Traceback (most recent call last)" not in answer.text, answer.text
        _check_shown(answer)
        answers.append(answer)
    return answers


def _run_here(step: Step, plain: re.Match[str], place: Place) -> Answer:
    variables = dict(pair.split("=", 1) for pair in shlex.split(plain["variables"]))
    environ = clean_environment({**place.surroundings, **variables})
    screen, data = io.StringIO(), io.StringIO()
    with (
        chdir(place.folder),
        mock.patch.dict(os.environ, environ, clear=True),
        mock.patch.object(sys, "stdin", io.StringIO()),
        redirect_stdout(data if plain["target"] else screen),
        redirect_stderr(screen),
        _as_nobody() if place.unprivileged else nullcontext(),
    ):
        code = run(shlex.split(plain["arguments"]))
    if plain["target"]:
        (place.folder / plain["target"]).write_text(data.getvalue(), encoding="utf-8")
    return Answer(step, code, screen.getvalue().replace(place.base_url, ADDRESS))


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Without the rights of root, to whom no file is closed."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def _run_in_shell(step: Step, place: Place) -> Answer:
    with _command_on_path(place) as environ:
        done = subprocess.run(
            ["bash", "-c", step.line], cwd=place.folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=60, check=False,
        )  # fmt: skip
    return Answer(step, done.returncode, done.stdout.replace(place.base_url, ADDRESS))


@contextmanager
def _command_on_path(place: Place) -> Iterator[dict[str, str]]:
    """An environment in which `refinec` is this checkout."""
    programs = place.folder.parent / f"{place.folder.name}.bin"
    programs.mkdir(exist_ok=True)
    script = programs / "refinec"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m refinelab_dsl.cli.main "$@"\n')
    script.chmod(0o755)
    environ = clean_environment(place.surroundings)
    yield {**environ, "PATH": f"{programs}{os.pathsep}{environ.get('PATH', '')}"}


def _check_shown(answer: Answer) -> None:
    """Each line that the example shows is seen, in that order."""
    at = 0
    text = re.sub("[ \t]+", " ", answer.text)  # how wide a table is does not count
    for line in answer.step.shown:
        words = [re.escape(" ".join(piece.split())) for piece in line.split("…")]
        found = re.compile(".*?".join(words)).search(text, at)
        assert found, f"`{answer.step.line}` does not show {line.strip()!r} after what precedes it:\n\n{answer.text}"
        at = found.end()


# Chapters of `specs/language/` about data, plans and runs.

_EXPECTED = re.compile(r"# (?P<severity>error|warning|note): (?P<codes>RF\d{4}(?:, RF\d{4})*)")
_FENCE = re.compile(r"^```(?P<language>\w+)(?: (?P<name>[^\n]+))?\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Scene:
    """A block of a chapter that is done, with all that stands before it.

    plan: the spec is planned, and what is said of it is what the example says: on the line of the spec that a comment
    is on, or at the place in the data that `report` names, as `error: RF3020 data/items.jsonl:2`.
    console: the commands are typed; every code that they give is one that the example shows.
    """

    chapter: str
    line: int
    kind: Literal["plan", "console"]
    situation: Situation
    report: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.chapter}:{self.line}"


def find_scenes(path: Path) -> Iterator[Scene]:
    """The scenes of a chapter: its ` ```refine plan ` and ` ```console ` blocks.

    ` ```jsonl data/items.jsonl ` and the like is a file, which stands beside each later scene until another of its
    name comes; so does the spec of a ` ```refine plan ` for the commands after it. ` ```text report ` belongs to the
    plan before it.
    """
    chapter = path.read_text(encoding="utf-8")
    files: dict[str, str] = {"data/items.jsonl": ITEMS}
    spec = complete("", "")
    planned: Scene | None = None
    for fence in _FENCE.finditer(chapter):
        line = chapter.count("\n", 0, fence.start()) + 1
        language, name, text = fence["language"], fence["name"] or "", fence["text"]
        if (language, name) == ("text", "report"):
            assert planned is not None, f"{path.name}:{line}: a report belongs to a plan"
            yield replace(planned, report=tuple(text.splitlines()))
            planned = None
            continue
        if planned is not None:
            yield planned
            planned = None
        if (language, name) == ("refine", "plan"):
            spec = complete(text, "")
            planned = Scene(path.name, line, "plan", Situation({**files, SPEC: spec}, ()))
        elif language == "console":
            situation = Situation({**files, SPEC: spec}, tuple(read_steps(text)))
            yield Scene(path.name, line, "console", situation)
        elif language in LANGUAGES and "/" in name:
            files[name] = text
    if planned is not None:
        yield planned


def check_scene(scene: Scene, folder: Path) -> None:
    """Raises AssertionError where a scene does not come to what the chapter says."""
    place = Place(folder)
    lay_out(scene.situation.files, place)
    if scene.kind == "console":
        for answer in run_steps(scene.situation.steps, place):
            shown = set(CODE.findall("\n".join(answer.step.shown)))
            assert answer.codes == shown, f"{scene}: `{answer.step.line}` shows {answer.codes}\n\n{answer.text}"
        return
    with chdir(folder):
        found = compiler.plan(Path(SPEC)).diagnostics
    shown_text = f"{scene}\n\n{render_text(found)}"
    expected = sorted(
        (number, expectation["severity"], code)
        for number, line in enumerate(scene.situation.files[SPEC].split("\n"), 1)
        for expectation in _EXPECTED.finditer(line)
        for code in expectation["codes"].split(", ")
    )
    source = found.sources[SPEC]
    said = [
        (source.position(entry.span.start).line, entry.severity, entry.code)
        for entry in found
        if entry.span is not None
    ]
    assert sorted(said) == expected, shown_text
    placed = [f"{entry.severity}: {entry.code} {entry.place}" for entry in found if entry.place is not None]
    assert placed == list(scene.report), shown_text
