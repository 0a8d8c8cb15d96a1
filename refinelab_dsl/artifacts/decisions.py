"""What a person decided about the edits of a run (`decisions.jsonl`): JSON Lines, one row per edit, to be committed.

    {"id":"3f0c…","parent":"c4","operator":"author","decision":"reject","note":"two right answers"}

`accept`: it counts as bought; a result that a check refused comes into the output by that. `reject`: it does not come
into the output again, and its place is filled anew; of a removal: the item stays as it came in. `pin`: it stays,
whatever a new plan wants. Rows stand in the order in which runs made the edits, and have the same bytes for the same
decisions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import decisions as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.source import Place

Word: TypeAlias = Literal["accept", "reject", "pin"]
WORDS: Final[tuple[Word, ...]] = get_args(Word)
_REFUSED: Final = "refused by "  # so begin the notes of rows that nobody changed, of results that a check refused
_MEMBERS: Final = ("id", "parent", "operator", "decision", "note")


@dataclass(frozen=True, slots=True)
class Decision:
    """A row. id: of the edit's result; of a removal, of the item that left. parent: id of the item that it was made
    from, of a removal the item itself. line: from 1; 0 for a row that no file has."""

    id: str
    parent: str
    operator: str
    decision: Word = "accept"
    note: str = ""
    line: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing that would not hold without it."""
        if self.decision == "reject":
            return self.note.startswith(_REFUSED)
        return self.decision == "accept" and not self.note


def refused_row(id: str, parent: str, operator: str, check: str) -> Decision:
    """The row of a result that a check refused, until somebody decides otherwise."""
    return Decision(id, parent, operator, "reject", f"{_REFUSED}{check}")


@dataclass(frozen=True)
class Decisions:
    """A file of decisions. name: as the user gave it. sha256: of its bytes."""

    name: str = ""
    sha256: str = ""
    rows: Mapping[str, Decision] = field(default_factory=dict)  # by id, in order

    def place(self, row: Decision) -> Place:
        """Where a row stands."""
        return Place(self.name, row.line)


def load_decisions(path: Path) -> tuple[Decisions | None, tuple[Diagnostic, ...]]:
    """The decisions at `path`, or all that is wrong with them. Empty lines do not count."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return None, (faults.decisions_unreadable(str(path), error.strerror or type(error).__name__),)
    found: list[Diagnostic] = []
    rows: dict[str, Decision] = {}
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        row = _read_row(line, number, Place(str(path), number))
        if isinstance(row, Diagnostic):
            found.append(row)
        elif row.id in rows:
            found.append(faults.decided_twice(row.id, rows[row.id].line, Place(str(path), number)))
        else:
            rows[row.id] = row
    if found:
        return None, tuple(found)
    return Decisions(str(path), hashlib.sha256(content).hexdigest(), rows), ()


def _read_row(line: bytes, number: int, place: Place) -> Decision | Diagnostic:
    try:
        row: Any = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return faults.decision_malformed(str(error), place)
    if not isinstance(row, dict):
        return faults.decision_malformed("it is no JSON object", place)
    for name, value in row.items():
        if name not in _MEMBERS:
            near = nearest(name, _MEMBERS)
            hint = f"; nearest: `{near[0]}`" if near else ""
            return faults.decision_malformed(f"`{name}` is no member of a decision{hint}", place)
        if not isinstance(value, str):
            return faults.decision_malformed(f"`{name}` must be a text", place)
    missing = [name for name in _MEMBERS if name != "note" and not row.get(name)]
    if missing:
        return faults.decision_malformed(f"`{missing[0]}` is missing", place)
    word = row["decision"]
    if word not in WORDS:
        return faults.decision_unknown(word, nearest(word, WORDS), WORDS, place)
    return Decision(row["id"], row["parent"], row["operator"], word, row.get("note", ""), number)


def merge_decisions(edits: Iterable[Decision], before: Decisions) -> tuple[Decision, ...]:
    """The rows of a review: those of its edits with what was decided before, after those of an earlier one that say
    something, and whose edits this run does not have."""
    rows = {row.id: before.rows.get(row.id, row) for row in edits}
    older = [row for row in before.rows.values() if row.id not in rows and not row.is_plain]
    return (*older, *rows.values())


def dump_decisions(rows: Iterable[Decision]) -> bytes:
    """The file's bytes: a line each, members in order, texts in UTF-8."""
    return b"".join(
        msgspec.json.encode({name: getattr(row, name) for name in _MEMBERS}) + b"\n" for row in rows
    )
