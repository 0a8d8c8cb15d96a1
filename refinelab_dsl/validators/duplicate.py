"""`duplicate`: the result is not too like an item of the source, or one that was accepted before it."""

from __future__ import annotations

from typing import Final, Literal

from refinelab_dsl.artifacts.provenance import Scalar
from refinelab_dsl.declarations import Validator
from refinelab_dsl.prompts.vectors import embedding_of
from refinelab_dsl.validators.expression import accept
from refinelab_dsl.validators.verdict import Result, Surroundings, ValidatorKind, Verdict

_PLACES: Final = 4  # decimals of `similarity` as it is judged and recorded


def judge(validator: Validator, result: Result, surroundings: Surroundings) -> Verdict:
    """`accept` over `similarity`: the likeness to the nearest held-out item, then to that of what `against` names
    (`likeness`)."""
    held: dict[str, Scalar] = {}
    if validator.name in surroundings.heldout:
        held = {"heldout": round(surroundings.heldout[validator.name].nearest(result.item), _PLACES)}
        verdict = accept(validator, result, surroundings, {"similarity": held["heldout"]})
        if not verdict.accept:
            return Verdict(False, verdict.reason or "it is too like a held-out item", held)
    similarity = 0.0
    name = embedding_of(validator)
    if "originals" in validator.against:
        similarity = result.likeness[name] if name in result.likeness else measure_originals(name, result, surroundings)
    if "output" in validator.against:
        similarity = max(similarity, surroundings.output[name].nearest(result.item, result.vectors.get(name)))
    values: dict[str, Scalar] = {"similarity": round(similarity, _PLACES)}
    verdict = accept(validator, result, surroundings, values)
    reason = verdict.reason if verdict.accept or verdict.reason else "it is too like another item"
    return Verdict(verdict.accept, reason, {**values, **held})


def measure_originals(name: str, result: Result, surroundings: Surroundings) -> float:
    """The likeness to the nearest item of the source. name: of the embedding, as `nearness.embedding_of` has it."""
    return surroundings.originals[name].nearest(result.item, result.vectors.get(name))


def settle_time(validator: Validator) -> Literal["arrival", "commit"]:
    """What stands in the output is only known in plan order."""
    return "commit" if "output" in validator.against else "arrival"


KIND: Final = ValidatorKind("duplicate", judge, when=settle_time)
