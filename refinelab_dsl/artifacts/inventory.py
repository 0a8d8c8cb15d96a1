"""What earlier runs of a project were told, as plain values: read by the runtime, weighed by the compiler."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.diagnostics import Diagnostic

NO_RESULT: Final = ""
"""In the place of a check: an attempt came to no result that one could have refused."""


@dataclass(frozen=True, slots=True)
class EarlierAttempt:
    """An attempt that a run judged. key, sample, items, target: as its plan's step has them.

    replies: the calls that it took, in order, as (request key, reply hash). request: the content key of the first of
    them that its operator's own prompt made; None where none did, as in a correction by a validator's own calls.
    by_hand: a check refused it, and it was accepted since a person had said so.
    """

    operator: str
    items: tuple[str, ...]
    target: dict[str, str]
    sample: int
    key: str
    accepted: bool
    replies: tuple[tuple[str, str], ...]
    request: str | None
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class EarlierEdit:
    """What a run did to its set, or would have done had no check refused it: `Decided` says what the members are.
    refused: the check that refused the result, `NO_RESULT` where there was none; None of what no check refused. Of what
    a person had accepted it is the check that refused it before."""

    id: str
    operator: str
    edit: Literal["changed", "added", "removed"]
    key: str
    refused: str | None = None


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
