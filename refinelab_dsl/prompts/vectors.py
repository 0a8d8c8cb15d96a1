"""Which texts checks have embedded of a result, and what that takes where an endpoint is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Embedding, Operator, Validator
from refinelab_dsl.likeness import comparison_text, meaning_text
from refinelab_dsl.prompts.steps import StepContext
from refinelab_dsl.prompts.tokens import count_tokens

LETTERS: Final = ""
"""Stands for an embedding where none is named: `duplicate` compares letters, `drift` takes the built-in one."""

OVERHEAD: Final = 4
"""Tokens that an endpoint may add to a text."""

MOST_TEXTS: Final = 256
"""Texts that one request asks about."""

MOST_BYTES: Final = 250_000
"""UTF-8 bytes of them together: no more tokens than that, which endpoints take (OpenAI's: 300 000)."""


def batch_texts(texts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Texts as requests ask about them, in order. A text that is too long for a batch has one of its own."""
    batches: list[list[str]] = []
    size = 0
    for text in texts:
        length = _most_tokens(text)
        if not batches or len(batches[-1]) == MOST_TEXTS or size + length > MOST_BYTES:
            batches.append([])
            size = 0
        batches[-1].append(text)
        size += length
    return tuple(map(tuple, batches))


def compared_originals(items: Iterable[Item]) -> tuple[str, ...]:
    """The texts by which the items of a dataset are compared, each once, in reading order."""
    return tuple(dict.fromkeys(map(comparison_text, items)))


def comparing_embeddings(
    operators: Iterable[Operator], validators: Mapping[str, Validator], embeddings: Mapping[str, Embedding]
) -> tuple[Embedding, ...]:
    """The embeddings that checks of these operators ask an endpoint for, about all items of the source."""
    found: dict[str, Embedding] = {}
    for operator in operators:
        for name in operator.checks:
            validator = validators.get(name)
            if validator is None or validator.kind != "duplicate" or "originals" not in validator.against:
                continue
            embedding = embeddings.get(embedding_of(validator))
            if embedding is not None and embedding.is_asked:
                found[embedding.name] = embedding
    return tuple(found[name] for name in sorted(found))


def _most_tokens(text: str) -> int:
    return len(text.encode("utf-8", "replace")) + OVERHEAD


def embedding_of(validator: Validator) -> str:
    """The name of the embedding that a validator compares by, `LETTERS` where it names none."""
    return str(validator.options.get("embedding") or LETTERS)


def compared_texts(validator: Validator, item: Item, parent: Item) -> tuple[str, ...]:
    """What a validator compares of a result: nothing where it does not compare."""
    match validator.kind:
        case "drift":
            return meaning_text(item), meaning_text(parent)
        case "duplicate":
            return (comparison_text(item),)
    return ()


def asked_by(context: StepContext, operator: Operator) -> Iterator[tuple[Validator, Embedding]]:
    """The checks of an operator whose embeddings are asked."""
    for name in operator.checks:
        validator = context.validators.get(name)
        embedding = None if validator is None else context.embeddings.get(embedding_of(validator))
        if validator is not None and embedding is not None and embedding.is_asked:
            yield validator, embedding


def expected_vectors(
    context: StepContext, operator: Operator, items: Sequence[Item]
) -> Iterator[tuple[float, float, Decimal | None]]:
    """Calls, tokens and dollars (None where the price is unknown) of each check, for results as long as these items."""
    for validator, embedding in asked_by(context, operator):
        texts = [compared_texts(validator, item, item) for item in items]
        total = sum(count_tokens(text, embedding.id) for each in texts for text in each)
        tokens = total / len(items) if items else 0.0
        calls = len(texts[0]) if texts else 0
        price = embedding.price
        yield calls, tokens, None if price is None else price * Decimal(repr(round(tokens, 6)))


def most_vectors(context: StepContext, operator: Operator, size: int) -> Iterator[tuple[float, float, Decimal | None]]:
    """The same at the most, for a result and a parent of `size` UTF-8 bytes each."""
    for validator, embedding in asked_by(context, operator):
        calls = 2 if validator.kind == "drift" else 1
        tokens = calls * (size + OVERHEAD)
        yield calls, tokens, None if embedding.price is None else embedding.price * tokens
