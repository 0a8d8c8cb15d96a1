"""Answers from the store alone: what an earlier run paid for, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from refinelab_dsl.prompts.request import Completion, Request, request_key
from refinelab_dsl.providers.provider import RefusedError
from refinelab_dsl.store import Store

_BOUGHT_BY = ("openai", "simulated")


class CachedProvider:
    """Finds the replies that a model with the same id, address and params gave, whichever provider it had: that a
    spec now says `provider = cached` does not make another call of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def complete(self, request: Request) -> Completion:
        """
        Raises:
            RefusedError: kind `missing`, scope `step`: nobody has asked this before.
            StoreError: the store cannot be read.
        """
        for key in cached_keys(request):
            stored = await asyncio.to_thread(self._store.get, key)
            if stored is not None:
                return stored.completion
        raise RefusedError("missing", "no reply to this call is in the cache", scope="step")

    async def close(self) -> None:
        """The store belongs to whoever opened it."""


def cached_keys(request: Request) -> tuple[str, ...]:
    """The content keys under which a reply to this request may be stored, its own first."""
    models = (request.model.model_copy(update={"provider": provider}) for provider in _BOUGHT_BY)
    return (request_key(request), *(request_key(replace(request, model=model)) for model in models))


