"""What earlier runs of a project were told, as plain values: read by the runtime, weighed by the compiler."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.diagnostics import Diagnostic


@dataclass(frozen=True, slots=True)
class EarlierAttempt:
    """An attempt that a run judged. key, sample, items, target: as its plan's step has them.

    replies: the calls that it took, in order, as (request key, reply hash). request: the content key of the first of
    them that its operator's own prompt made; None where none did, as in a correction by a validator's own calls.
    """

    operator: str
    items: tuple[str, ...]
    target: dict[str, str]
    sample: int
    key: str
    accepted: bool
    replies: tuple[tuple[str, str], ...]
    request: str | None


@dataclass(frozen=True, slots=True)
class EarlierEdit:
    """What a run did to its set: `Decided` says what the members are."""

    id: str
    operator: str
    edit: Literal["changed", "added", "removed"]
    key: str


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run, its attempts in the order in which they were judged, and its edits. header: its plan's."""

    number: int
    header: Header
    attempts: tuple[EarlierAttempt, ...]
    edits: tuple[EarlierEdit, ...] = ()


@dataclass(frozen=True, slots=True)
class Earlier:
    """The runs of a project by number; `diagnostics` name those that cannot be read and are left out."""

    runs: tuple[EarlierRun, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = field(default=())
