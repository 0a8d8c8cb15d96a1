"""Runs `refinec` as a user does: a process of its own, bytes in, bytes out."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.warm import Forked, start_warm

# What an interpreter reads when it starts.
_OF_THE_START = ("PYTHON", "LC_", "LANG")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call of `refinec` left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def refinec(
    *arguments: str | Path,
    cwd: Path,
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    timeout: float = 300,
    fresh: bool = False,
) -> Answer:
    """One call. The environment holds no key, no variable of ours, no colour wish and no user's configuration unless
    `environ` adds it.

    fresh: as an interpreter of its own, with a hash seed of its own, and not as a fork of one that waits (`warm`).
    """
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        if fresh or any(name.startswith(_OF_THE_START) for name in environ or ()):
            code = subprocess.run(
                [sys.executable, "-m", "refinelab_dsl.cli.main", *words], cwd=cwd, env=clean_environment(environ),
                stdin=given, stdout=out, stderr=err, timeout=timeout, check=False,
            ).returncode  # fmt: skip
        else:
            descriptors = [given.fileno(), out.fileno(), err.fileno()]
            code = fork_refinec(*words, cwd=cwd, environ=environ, descriptors=descriptors).wait(timeout)
        out.seek(0)
        err.seek(0)
        result = Answer(code, out.read().decode(), err.read().decode())
    assert "Traceback (most recent call last)" not in result.err, result.err
    return result


def fork_refinec(
    *arguments: str, cwd: Path, environ: Mapping[str, str] | None = None, descriptors: Sequence[int]
) -> Forked:
    """A call that has begun. descriptors: of standard input, output and error."""
    return start_warm().start(
        "refinec", arguments, cwd=cwd, environ=clean_environment(environ), descriptors=descriptors
    )


def talk(
    project: Path, typed: bytes, *arguments: str, environ: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """`refinec` in a terminal of its own, where `typed` is typed at the first question and the line after it at the
    next. The code, and what was to be seen."""
    parent, child = pty.openpty()
    surroundings = {"TERM": "xterm", **(environ or {})}
    process = fork_refinec(*arguments, cwd=project, environ=surroundings, descriptors=[child, child, child])
    os.close(child)
    lines, told, screen = typed.splitlines(keepends=True), 0, b""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        ready, _, _ = select.select([parent], [], [], 0.2)
        if ready:
            try:
                piece = os.read(parent, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            screen += piece
            if lines and screen.count(b"Enter a value: ") > told:
                os.write(parent, lines.pop(0))
                told += 1
        elif process.poll() is not None:
            break
    code = process.wait(60)
    os.close(parent)
    return code, screen.decode(errors="replace")


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("REFINE_") and name not in ("NO_COLOR", "FORCE_COLOR", "OPENAI_API_KEY")
    }
    return {**kept, "XDG_CONFIG_HOME": os.path.join(os.devnull, "config"), **(extra or {})}
