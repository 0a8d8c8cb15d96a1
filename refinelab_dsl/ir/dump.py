"""The program as data: what `compile --emit=ir` prints, golden tests keep, and the spec's hash is taken of."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from refinelab_dsl.ir.program import Program


def dump(program: Program) -> dict[str, Any]:
    """The program as JSON values, defaults included, without spans. Numbers that JSON lacks are decimal texts."""
    data: dict[str, Any] = program.model_dump(mode="json", by_alias=True, exclude={"origins"})
    data["unexecutable"] = [use.what for use in program.unexecutable]
    return data


def spec_hash(program: Program) -> str:
    """SHA-256 (hex) of the canonical program: layout, comments, `##` documentation and order of attributes do not
    count; values, names and the order of declarations do. Nor does where the data stand: they count by their bytes."""
    data = dump(program)
    del data["docs"], data["unexecutable"], data["dataset"]["source"]
    data.pop("pilot", None)  # what is learnt counts, not what learning it may cost
    for model in data["models"]:
        if model["price"] is not None and model["price"].get("locked"):
            model["price"] = None  # of refine.lock, not of the spec
    return hashlib.sha256(msgspec.json.encode(data, order="deterministic")).hexdigest()
