"""Opens the provider that a model declares."""

from __future__ import annotations

from collections.abc import Mapping

from refinelab_dsl.declarations import Embedding, Model
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.exchange.secret import Secret
from refinelab_dsl.exchange.workers import Workers
from refinelab_dsl.providers.batches import Batches
from refinelab_dsl.providers.cached import CachedProvider
from refinelab_dsl.providers.openai import OpenAIEmbeddings, OpenAIProvider
from refinelab_dsl.providers.provider import Embedder, Provider
from refinelab_dsl.providers.simulated import SimulatedProvider, read_params
from refinelab_dsl.providers.trust import check_trust
from refinelab_dsl.store import Store


def open_provider(
    model: Model, *, store: Store, environ: Mapping[str, str], workers: Workers | None = None
) -> Provider | Diagnostic:
    """The provider of a model, ready to answer in the running event loop; or why it cannot be used.

    store: where `cached` looks. environ: where keys are read from; the value goes into the provider, to its workers and
    nowhere else. workers: who makes the exchanges with an endpoint, if not this process.
    """
    match model.provider:
        case "simulated":
            rehearsal = read_params(model)
            return rehearsal if isinstance(rehearsal, Diagnostic) else SimulatedProvider(rehearsal)
        case "cached":
            return CachedProvider(store)
        case "openai":
            return _open_openai(model, environ, workers)


def open_batches(model: Model, environ: Mapping[str, str]) -> Batches | Diagnostic:
    """The batches of a model that is asked so, ready in the running event loop; or why they cannot be used."""
    refused = check_trust(model, environ)
    if refused is not None:
        return refused
    try:
        from refinelab_dsl.providers.openai_batch import OpenAIBatches  # slow to import: only where it is used
    except ImportError as error:
        return faults.sdk_missing(model.title, error.name or "openai")
    return OpenAIBatches(model, _read_key(model, environ))


def open_embedding(embedding: Embedding, environ: Mapping[str, str]) -> Embedder | Diagnostic:
    """What answers for an embedding that is asked, ready in the running event loop; or why it cannot be used."""
    refused = check_trust(embedding, environ)
    if refused is not None:
        return refused
    try:
        return OpenAIEmbeddings(embedding, _read_key(embedding, environ))
    except ImportError as error:
        return faults.sdk_missing(embedding.title, error.name or "openai")


def _open_openai(model: Model, environ: Mapping[str, str], workers: Workers | None) -> Provider | Diagnostic:
    refused = check_trust(model, environ)
    if refused is not None:
        return refused
    try:
        return OpenAIProvider(model, _read_key(model, environ), workers)
    except ImportError as error:
        return faults.sdk_missing(model.title, error.name or "openai")


def _read_key(owner: Model | Embedding, environ: Mapping[str, str]) -> Secret | None:
    return None if owner.api_key is None else Secret(environ[owner.api_key].strip())
