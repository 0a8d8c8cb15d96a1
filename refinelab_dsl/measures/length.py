"""`measure { kind = length }`: how long the question is, in words, characters or tokens."""

from __future__ import annotations

from collections.abc import Callable

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Measure


def build_length(measure: Measure) -> Callable[[Item], str | float | None]:
    """Words are runs between white space; characters are Unicode code points; tokens are estimated as for a model whose
    tokenizer is unknown (`prompts.tokens`), so that labels do not depend on what is installed."""
    match measure.options.get("unit", "words"):
        case "words":
            return lambda item: float(len(item.question.split()))
        case "characters":
            return lambda item: float(len(item.question))
        case "tokens":
            from refinelab_dsl.prompts.tokens import count_tokens

            return lambda item: float(count_tokens(item.question, ""))
        case unit:
            raise AssertionError(unit)
