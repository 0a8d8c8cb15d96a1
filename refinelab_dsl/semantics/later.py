"""What of a spec no plan can execute yet, though each part of it by itself can be."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl.semantics.draft import Draft, Use


def find_later(draft: Draft) -> Iterator[Use]:
    """What whole blocks and attributes need (`Draft.later`), and embeddings that would be asked about every item."""
    yield from draft.later
    for declared in draft.blocks:
        embedding = draft.named("embedding", declared.get("embedding"))
        row, provider = declared.row, None if embedding is None else embedding.get("provider")
        if provider in (None, "hashed") or row is None or not row.reached:
            continue
        match declared.kind, row.name:
            case "measure", "elo":
                yield Use(f"an embedding other than `hashed`, in {declared.title},", declared.span("embedding"))
            case _ if provider != "openai":
                continue
            case "measure", _:
                yield Use(f"an embedding that is asked, in {declared.title},", declared.span("embedding"))
            case "validator", "duplicate" if "originals" in declared.values["against"]:
                what = f"an embedding that is asked about the originals, in {declared.title},"
                yield Use(what, declared.span("embedding"))
