"""RF308x: embeddings that are computed on this machine."""

from __future__ import annotations

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help


def embedding_package_missing(name: str, oldest: int, found: str | None) -> Diagnostic:
    """RF3080: a model of embeddings is to be loaded, and the library that loads it is not installed, or too old: it
    would run code that stands in the model's folder. found: the version that is installed."""
    is_missing = found is None
    state = "which is not installed" if is_missing else f"version {oldest} or newer; {found} is installed"
    return Diagnostic(
        "RF3080", "error", f"embedding `{name}` needs the package sentence-transformers, {state}",
        notes=() if is_missing else ("older versions run code that stands in a model's folder",),
        help=(
            Help("install it: python -m pip install 'refinec[embed]'"),
            Help("or use the built-in embedding: provider = hashed"),
        ),
    )


def embedding_unusable(name: str, reason: str) -> Diagnostic:
    """RF3081: the folder of an embedding's model is not there, or holds no model that can be loaded.

    Wrong: `id = "all-MiniLM-L6-v2"`, the name of a model elsewhere. Right: `id = "models/all-MiniLM-L6-v2"`, a folder.
    """
    return Diagnostic(
        "RF3081", "error", f"the model of embedding `{name}` cannot be loaded: {reason}",
        notes=("`id` is a folder as sentence-transformers saves a model, seen from the spec's; nothing is downloaded",),
        help=(Help("save the model there, its weights as safetensors; or use the built-in one: provider = hashed"),),
    )
