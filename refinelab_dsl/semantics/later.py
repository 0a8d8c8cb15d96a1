"""What of a spec no plan can execute yet, though each part of it by itself can be."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl.semantics.draft import Draft, Use


def find_later(draft: Draft) -> Iterator[Use]:
    """What whole blocks and attributes need (`Draft.later`), embeddings of `elo` that would have to be loaded or asked,
    and embeddings of `outlier` that would have to be asked."""
    yield from draft.later
    for declared in draft.blocks:
        row = declared.row
        if declared.kind != "measure" or row is None or row.name not in ("elo", "outlier") or not row.reached:
            continue
        embedding = draft.named("embedding", declared.get("embedding"))
        provider = None if embedding is None else embedding.get("provider")
        if row.name == "elo" and provider not in (None, "hashed"):
            yield Use(f"an embedding other than `hashed`, in {declared.title},", declared.span("embedding"))
        if row.name == "outlier" and provider == "openai":
            yield Use(f"an embedding that an endpoint computes, in {declared.title},", declared.span("embedding"))
