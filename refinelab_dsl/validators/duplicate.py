"""`duplicate`: the result is not too like an item of the source, or one that was accepted before it."""

from __future__ import annotations

from typing import Final, Literal

from refinelab_dsl.declarations import Validator
from refinelab_dsl.prompts.vectors import embedding_of
from refinelab_dsl.validators.expression import accept
from refinelab_dsl.validators.verdict import Result, Surroundings, ValidatorKind, Verdict

_PLACES: Final = 4  # decimals of `similarity` as it is judged and recorded


def judge(validator: Validator, result: Result, surroundings: Surroundings) -> Verdict:
    """`accept` over `similarity`: the likeness to the nearest item of what `against` names (`likeness`)."""
    similarity = 0.0
    name = embedding_of(validator)
    if "originals" in validator.against:
        similarity = result.likeness[name] if name in result.likeness else measure_originals(name, result, surroundings)
    if "output" in validator.against:
        similarity = max(similarity, surroundings.output[name].nearest(result.item, result.vectors.get(name)))
    values = {"similarity": round(similarity, _PLACES)}
    verdict = accept(validator, result, surroundings, values)
    return verdict if verdict.accept or verdict.reason else Verdict(False, "it is too like another item", values)


def measure_originals(name: str, result: Result, surroundings: Surroundings) -> float:
    """The likeness to the nearest item of the source. name: of the embedding, as `nearness.embedding_of` has it."""
    return surroundings.originals[name].nearest(result.item, result.vectors.get(name))


def settle_time(validator: Validator) -> Literal["arrival", "commit"]:
    """What stands in the output is only known in plan order."""
    return "commit" if "output" in validator.against else "arrival"


KIND: Final = ValidatorKind("duplicate", judge, when=settle_time)
