"""Performs `Salt`: random texts, which are then kept like replies. What a log says of them is their hash."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from refinelab_dsl.effects import SALT, Salt, encode_outcome
from refinelab_dsl.execute.calls import Performer
from refinelab_dsl.execute.leaving import list_scrubbers
from refinelab_dsl.execute.place import Place
from refinelab_dsl.prompts.request import Completion, Usage

_BYTES: Final = 32


def open_salts(place: Place) -> Mapping[str, Performer]:
    """What draws salts, where the plan scrubs."""
    return {SALT: _Drawer()} if list_scrubbers(place.header) else {}


class _Drawer:
    async def complete(self, effect: Salt, /) -> Completion:
        return Completion(encode_outcome(secrets.token_hex(_BYTES)), Usage(0, 0), "stop", SALT)

    async def close(self) -> None:
        return None
