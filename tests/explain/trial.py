"""Tries an example out as a user would, in a folder that holds its files."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

from refinelab_dsl import compiler
from refinelab_dsl.cli.main import run
from refinelab_dsl.diagnostics import Diagnostics, Edit
from refinelab_dsl.diagnostics.explanations import Example
from tests.cli.command import clean_environment
from tests.explain.completion import add_uses, complete

SPEC = "items.refine"

BUGS = {
    "RF1080": "the formatter read its own output again, and it was not what the file says",
}
"""Codes that no spec makes: they say that refinec itself has a bug."""


def try_example(examples: Sequence[Example], code: str, folder: Path) -> tuple[list[str], str]:
    """The codes that an example makes, in order, and what was to be seen. Without commands its spec is checked."""
    for each in examples:
        if each.language != "console":
            path = folder / (each.name or SPEC)
            path.parent.mkdir(parents=True, exist_ok=True)
            text = each.text if each.name else complete(each.text, code)
            path.write_text(text, encoding="utf-8", newline="\n")
    spec = folder / SPEC
    commands = [each.text for each in examples if each.language == "console"]
    if not commands or spec.exists():
        found = check_spec(spec, code)
    if commands:
        return run_console("".join(commands), folder)
    return [entry.code for entry in found], _show(found)


def check_spec(spec: Path, code: str) -> Diagnostics:
    """What is wrong with a spec, once all that it declares has a use."""
    found = compiler.analyze(spec).diagnostics
    text = spec.read_text(encoding="utf-8")
    used = add_uses(text, code, found)
    if used == text:
        return found
    spec.write_text(used, encoding="utf-8", newline="\n")
    return compiler.analyze(spec).diagnostics


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """The text after a suggestion was followed."""
    for edit in sorted(edits, key=lambda each: each.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def run_console(console: str, folder: Path) -> tuple[list[str], str]:
    """Runs the lines after `$ `, one after the other; every other line must be seen, in this order."""
    shown = "".join(_call(line[2:], folder) for line in console.splitlines() if line.startswith("$ "))
    assert "Traceback (most recent call last)" not in shown, shown
    place = 0
    for line in console.splitlines():
        if not line.startswith("$ ") and line.strip():
            place = shown.find(line.strip(), place)
            assert place >= 0, f"`{line}` is not to be seen (any more) in\n{shown}"
    return re.findall(r"\[(RF\d{4})\]", shown), shown


def _call(command: str, folder: Path) -> str:
    """What a command writes. Those of refinec alone run in this process, which is quicker; others need a shell."""
    environ = _environment()
    words = shlex.split(command)
    if words[0] == "refinec" and not set(command) & set("|&;<>$`*"):
        stream = StringIO()
        here = (chdir(folder), mock.patch.dict(os.environ, environ, clear=True))
        with here[0], here[1], redirect_stdout(stream), redirect_stderr(stream):
            run(words[1:])
        return stream.getvalue()
    answer = subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=environ, capture_output=True, text=True,
        errors="backslashreplace", timeout=120, check=False,
    )  # fmt: skip
    return answer.stdout + answer.stderr


def _environment() -> dict[str, str]:
    """`refinec` is the one of this environment; no terminal, no colour."""
    here = str(Path(sys.executable).parent)
    return clean_environment({"PATH": f"{here}{os.pathsep}{os.environ.get('PATH', '')}", "NO_COLOR": "1"})


def _show(found: Diagnostics) -> str:
    from refinelab_dsl.diagnostics.render import render_text

    return render_text(found)
