"""Whether a model or an embedding may be called: its address, its host, its key."""

from __future__ import annotations

from collections.abc import Mapping

from refinelab_dsl.declarations import Embedding, Model
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.prompts.hosts import check_endpoint


def check_trust(model: Model | Embedding, environ: Mapping[str, str]) -> Diagnostic | None:
    """What keeps this model, or this embedding, from being called, None if nothing: an address that is refused
    (RF5201), a host that is not trusted (RF5202), a key that is not set (RF6200) or is none (RF6201). Names the
    variable, never its value. environ: also says where the user's trusted hosts stand."""
    refused = check_endpoint(model, environ)
    if refused is not None or model.provider != "openai" or model.api_key is None:
        return refused
    key = environ.get(model.api_key, "").strip()
    if not key:
        return faults.key_missing(model.title, model.api_key)
    if not key.isascii() or any(not "!" <= character <= "~" for character in key):
        return faults.key_malformed(model.title, model.api_key)
    return None
