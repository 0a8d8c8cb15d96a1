"""`drift`: the result still means what the item means that it was made of."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.declarations import Validator
from refinelab_dsl.embeddings import cosine
from refinelab_dsl.likeness import meaning_text
from refinelab_dsl.prompts.vectors import embedding_of
from refinelab_dsl.validators.expression import accept
from refinelab_dsl.validators.verdict import Result, Surroundings, ValidatorKind, Verdict

_PLACES: Final = 4  # decimals of `similarity` as it is judged and recorded


def judge(validator: Validator, result: Result, surroundings: Surroundings) -> Verdict:
    """`accept` over `similarity`: the cosine of the embeddings of both, question and answer each."""
    name = embedding_of(validator)
    embedder = result.vectors[name] if name in result.vectors else surroundings.embedders[name]
    similarity = max(0.0, cosine(*embedder.embed([meaning_text(result.item), meaning_text(result.parent)])))
    values = {"similarity": round(similarity, _PLACES)}
    verdict = accept(validator, result, surroundings, values)
    return verdict if verdict.accept or verdict.reason else Verdict(False, "it is too far from its parent", values)


KIND: Final = ValidatorKind("drift", judge)
