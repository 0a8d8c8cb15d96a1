"""What the vectors of all items cost, where checks of operators compare results with them by an embedding that an
endpoint computes: paid once, before the first attempt."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from refinelab_dsl.data.profile import Profile
from refinelab_dsl.declarations import Embedding
from refinelab_dsl.prompts.asking import NO_USE, Use


def originals_use(profile: Profile, embeddings: Iterable[Embedding]) -> tuple[Use, Use]:
    """Of asking about all items: expected, and at the most."""
    use = worst = NO_USE
    for embedding in embeddings:
        found = profile.originals.get(embedding.name)
        if found is not None:
            use += Use(found.calls, found.tokens, 0, price_tokens(embedding, found.tokens))
            worst += Use(found.calls, found.most, 0, price_tokens(embedding, found.most))
    return use, worst


def price_tokens(embedding: Embedding, tokens: int) -> Decimal | None:
    """Dollars; None where the price is unknown."""
    return None if embedding.price is None else embedding.price * tokens
