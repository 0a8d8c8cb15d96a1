"""`key.json` of an audit: which item stands behind each code, and how the sample was drawn. JSON, version 1.0.

It is what reviewers must not see: it says who made an item. It holds no text of the dataset.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from refinelab_dsl.diagnostics.catalog import audit as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic

FORMAT_VERSION: Final = "1.0"
KEY_NAME: Final = "key.json"
MAX_BYTES: Final = 256 * 2**20


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stratum(Record):
    """Items with the same labels: how many there are, and how many of them were drawn."""

    labels: dict[str, str | None]
    items: int
    drawn: int


class Entry(Record):
    """A drawn item. code: how the sheets call it. row: in the set, from 1. origin: None where it is not known.
    stratum: its place in `strata`."""

    code: str
    id: str
    row: int
    origin: Literal["original", "changed", "added"] | None = None
    operator: str | None = None
    stratum: int


class AuditKey(Record):
    """source: the run or the file that was sampled, as it was named. sheets: file names, one per reviewer. result: of a
    run, the content key of its rows; spec, spec_path: whose run, as its plan has them."""

    format_version: str = FORMAT_VERSION
    source: str
    seed: int
    sheets: tuple[str, ...]
    strata: tuple[Stratum, ...]
    items: tuple[Entry, ...]
    result: str | None = Field(default=None, exclude_if=lambda key: key is None)
    spec: str | None = Field(default=None, exclude_if=lambda spec: spec is None)
    spec_path: str | None = Field(default=None, exclude_if=lambda path: path is None)

    @property
    def labels(self) -> Mapping[str, Mapping[str, str | None]]:
        """Code -> labels of its stratum."""
        return {entry.code: self.strata[entry.stratum].labels for entry in self.items}


def dump_key(key: AuditKey) -> bytes:
    """The bytes of `key.json`: the same key, the same bytes."""
    return key.model_dump_json(indent=1).encode() + b"\n"


def load_key(folder: Path) -> AuditKey | Diagnostic:
    """The key of the audit in a folder, or what is wrong with it."""
    path = folder / KEY_NAME
    try:
        if path.stat().st_size > MAX_BYTES:
            return faults.key_unreadable(str(path), "it is too large for a key")
        key = AuditKey.model_validate_json(path.read_bytes())
    except OSError as error:
        return faults.key_unreadable(str(path), error.strerror or str(error))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return faults.key_unreadable(str(path), f"{f'`{where}`: ' if where else ''}{first['msg'].lower()}")
    if key.format_version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        return faults.key_unreadable(str(path), f"it has version {key.format_version}; this is {FORMAT_VERSION}")
    codes = {entry.code for entry in key.items}
    if len(codes) != len(key.items) or any(not 0 <= entry.stratum < len(key.strata) for entry in key.items):
        return faults.key_unreadable(str(path), "its codes or its strata contradict each other")
    return key
