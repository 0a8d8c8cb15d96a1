"""Performs `Salt`: random texts, which are then kept like replies. What a log says of them is their hash."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.effects import SALT, Salt, encode_outcome
from refinelab_dsl.execute.calls import Performer
from refinelab_dsl.execute.place import Place
from refinelab_dsl.prompts.request import Completion, Usage
from refinelab_dsl.prompts.scrubbing import SCRUB

_BYTES: Final = 32


def open_salts(place: Place) -> Mapping[str, Performer]:
    """What draws salts, where the plan scrubs."""
    return {SALT: _Drawer()} if is_scrubbing(place.header) else {}


def is_scrubbing(header: Header) -> bool:
    return any(operator.kind == SCRUB for operator in header.operators)


def find_scrubbed(header: Header, plan: PlanFile) -> frozenset[str]:
    """The keys of the items that are to be scrubbed; where that fails they leave."""
    names = {operator.name for operator in header.operators if operator.kind == SCRUB}
    if not names:
        return frozenset()
    return frozenset(key for step in plan.steps() if step.operator in names for key in step.items)


class _Drawer:
    async def complete(self, effect: Salt, /) -> Completion:
        return Completion(encode_outcome(secrets.token_hex(_BYTES)), Usage(0, 0), "stop", SALT)

    async def close(self) -> None:
        return None
