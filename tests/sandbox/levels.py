"""Both levels of the sandbox, opened once for a test file; a level that this machine lacks is skipped, and says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from refinelab_dsl.effects import Level
from refinelab_dsl.sandbox import Limits, Missing, Sandbox

QUICK = Limits(seconds=0.5, waiting=2, memory=128_000_000, output=10_000)


def open_levels(limits: Limits = QUICK) -> Iterator[Sandbox]:
    with Sandbox(limits) as sandbox:
        yield sandbox


def need(sandbox: Sandbox, level: Level) -> None:
    """Skips the test where the machine has no such level."""
    try:
        sandbox.open(level)
    except Missing as error:
        pytest.skip(f"no level `{level}`: {error.reason}; {error.fix}")
