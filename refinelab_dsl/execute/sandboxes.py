"""Performs `Execute`: the programs of models run in the sandbox, at the levels that a plan asks for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Final

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.builtins import validator_row
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.effects import SANDBOX, Execute, Level, encode_outcome
from refinelab_dsl.execute.calls import Performer
from refinelab_dsl.execute.place import Place
from refinelab_dsl.prompts.request import Completion, Usage
from refinelab_dsl.prompts.scrubbing import SCRUB
from refinelab_dsl.providers.provider import TransientError
from refinelab_dsl.sandbox import Missing, Sandbox

PROGRAMS_AT_ONCE: Final = os.cpu_count() or 1
"""Programs compute: more of them than processors would only make each look slow."""

_NO_TOKENS: Final = Usage(0, 0)


def open_sandbox(place: Place) -> Mapping[str, Performer] | Diagnostic:
    """The sandbox, with each level that the plan's validators ask for tried; none where none asks. A level that this
    machine does not have is said before anything is paid."""
    wanted = find_levels(place.header)
    if not wanted:
        return {}
    sandbox = Sandbox(workers=PROGRAMS_AT_ONCE)
    for level, validator in wanted.items():
        try:
            sandbox.open(level)
        except Missing as error:
            sandbox.close()
            return faults.sandbox_missing(validator, level, error.reason, error.fix)
    return {SANDBOX: _Runner(sandbox)}


def find_levels(header: Header) -> dict[Level, str]:
    """The levels at which programs will run, each with the first validator that asks for it."""
    used = {name for operator in header.operators for name in operator.checks}
    used |= {str(each.options.get("validator")) for each in header.measures}
    used |= {str(each.options.get("validator")) for each in header.operators}
    levels: dict[Level, str] = {}
    for validator in header.validators:
        runs = any(each.name == "sandbox" for each in validator_row(validator.kind).attributes)
        if runs and validator.name in used:
            level: Level = "strict" if validator.options.get("sandbox") == "strict" else "embedded"
            levels.setdefault(level, validator.name)
    if header.dataset.item_task == "code":  # what is scrubbed still passes its tests
        for operator in header.operators:
            if operator.kind == SCRUB:
                levels.setdefault("embedded", operator.name)
    return levels


class _Runner:
    """Runs programs in threads, so that calls to models go on meanwhile."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def complete(self, effect: Execute, /) -> Completion:
        try:
            outcome = await asyncio.to_thread(self._sandbox.run, effect)
        except OSError as error:  # no process, no pipe: another try may have them
            raise TransientError("server", f"no sandboxed process can be started: {error.strerror}") from None
        return Completion(encode_outcome(outcome), _NO_TOKENS, "stop", SANDBOX)

    async def close(self) -> None:
        await asyncio.to_thread(self._sandbox.close)
