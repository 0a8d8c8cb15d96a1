"""From a file of decisions to what they mean for a plan: which edits of which runs they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refinelab_dsl.artifacts.decisions import Decisions
from refinelab_dsl.artifacts.inventory import NO_RESULT, EarlierEdit, EarlierRun
from refinelab_dsl.artifacts.plan import Decided, DecisionSet
from refinelab_dsl.builtins import FORMAT
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import decisions as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.project import Project
from refinelab_dsl.source import Place


@dataclass(frozen=True)
class Settled:
    """Decisions as a plan holds them, and where each stands in its file (by id)."""

    told: DecisionSet
    places: Mapping[str, Place] = field(default_factory=dict)

    def place(self, row: Decided) -> Place:
        """Where a decision stands."""
        return self.places.get(row.id, Place(self.told.file))


def settle_decisions(
    given: Decisions | DecisionSet | None, spec_path: str, project: Project, runs: Sequence[EarlierRun]
) -> tuple[Settled | None, tuple[Diagnostic, ...]]:
    """What the decisions are about, or what is wrong with them. given: a file's, or those of a plan whose rest is to be
    made. spec_path: of the spec, as plans have it."""
    if given is None or isinstance(given, DecisionSet):
        return None if given is None else Settled(given), ()
    known: dict[str, EarlierEdit] = {}
    kinds: dict[str, Mapping[str, str]] = {}  # by id: the kinds of the checks of its run
    elsewhere: dict[str, EarlierRun] = {}
    for run in runs:
        for made in run.edits:
            if run.header.spec_path == spec_path:
                known[made.id] = made
                kinds[made.id] = {validator.name: validator.kind for validator in run.header.validators}
            else:
                elsewhere[made.id] = run
    found: list[Diagnostic] = []
    rows: list[Decided] = []
    accepted = 0
    for row in given.rows.values():
        edit, place = known.get(row.id), given.place(row)
        if edit is None and row.id in elsewhere:
            other = elsewhere[row.id]
            found.append(faults.edit_elsewhere(row.id, other.header.spec_path, other.number, place))
        elif edit is None:
            found.append(faults.edit_unknown(row.id, nearest(row.id, known), place))
        elif edit.operator != row.operator:
            found.append(faults.edit_differs(row.id, row.operator, edit.operator, place))
        elif edit.refused is not None:
            unfit = None if row.decision == "reject" else _find_unfit(row.id, edit.refused, kinds[row.id], place)
            if unfit is not None:
                found.append(unfit)
            elif row.decision != "reject":  # that it is, by itself
                rows.append(Decided(
                    id=row.id, operator=edit.operator, edit=edit.edit, decision=row.decision, key=edit.key, by_hand=True
                ))
        elif row.decision != "accept":
            rows.append(Decided(
                id=row.id, operator=edit.operator, edit=edit.edit, decision=row.decision, key=edit.key
            ))
        else:
            accepted += 1
    if found:
        return None, tuple(found)
    told = DecisionSet(
        file=name_file(given.name, project), sha256=given.sha256, accepted=accepted, rows=tuple(rows)
    )
    return Settled(told, {row.id: given.place(row) for row in given.rows.values()}), ()


def _find_unfit(name: str, check: str, kinds: Mapping[str, str], place: Place) -> Diagnostic | None:
    """Why nobody can accept what a check refused."""
    if check == NO_RESULT:
        return faults.nothing_to_accept(name, "its attempt came to no item that could be read", place)
    if kinds.get(check) == FORMAT:
        return faults.nothing_to_accept(name, f"`{check}` refused its form: it would be no item of the task", place)
    return None


def name_file(name: str, project: Project) -> str:
    """A file's path as plans have it: from the project's root, outside of that its name alone."""
    resolved, root = Path(name).resolve(), project.root.resolve()
    return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else resolved.name
