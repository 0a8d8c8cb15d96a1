"""Runs `refinec` as a user does: a process of its own, bytes in, bytes out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
) -> Answer:
    """One call. The environment holds no key, no variable of ours and no colour wish unless `environ` adds it."""
    answer = subprocess.run(
        [sys.executable, "-m", "refinelab_dsl.cli.main", *map(str, arguments)],
        cwd=cwd, env=clean_environment(environ), input=stdin, capture_output=True, timeout=timeout, check=False,
    )  # fmt: skip
    result = Answer(answer.returncode, answer.stdout.decode(), answer.stderr.decode())
    assert "Traceback (most recent call last)" not in result.err, result.err
    return result


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("REFINE_VAR_") and name not in ("NO_COLOR", "FORCE_COLOR", "OPENAI_API_KEY")
    }
    return {**kept, **(extra or {})}
