"""Opening providers against the local endpoint, and their failures as values."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.prompts import Completion, Request
from refinelab_dsl.providers import Provider, RefusedError, TransientError, open_provider
from refinelab_dsl.store import Store
from tests.harness.openai_server import Behaviour, OpenAIServer
from tests.prompts.models import make_model

KEY = "sk-planted-4bd1c7e8f0a94d"
ENVIRON = {"TEST_KEY": KEY}


def open_or_refuse(model: Any, environ: Mapping[str, str] = ENVIRON) -> Provider | Diagnostic:
    with TemporaryDirectory() as folder, Store(Path(folder) / "store.db") as store:
        return open_provider(model, store=store, environ=environ)


@asynccontextmanager
async def opened(base_url: str, **changes: Any) -> AsyncIterator[tuple[Provider, Any]]:
    """A provider for the endpoint at `base_url`, and its model."""
    model = make_model(base_url=base_url, **{"api_key": "TEST_KEY", "timeout": "20", **changes})
    provider = open_or_refuse(model)
    assert not isinstance(provider, Diagnostic), provider
    try:
        yield provider, model
    finally:
        await provider.close()


@asynccontextmanager
async def asking(
    behaviour: Behaviour | None = None, **changes: Any
) -> AsyncIterator[tuple[OpenAIServer, Provider, Any]]:
    """The local endpoint, a provider for it, and its model."""
    async with (
        OpenAIServer(behaviour or Behaviour()) as server,
        opened(server.base_url, **changes) as (provider, model),
    ):
        yield server, provider, model


async def outcome(provider: Provider, request: Request) -> Completion | TransientError | RefusedError:
    try:
        return await provider.complete(request)
    except (TransientError, RefusedError) as error:
        return error


async def failure(provider: Provider, request: Request) -> TransientError:
    error = await outcome(provider, request)
    assert isinstance(error, TransientError), error
    return error


async def refusal(provider: Provider, request: Request) -> RefusedError:
    error = await outcome(provider, request)
    assert isinstance(error, RefusedError), error
    return error
