"""`fix`: makes the edits that diagnostics suggest, round by round, and keeps only those that mend something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics, Edit, Help
from refinelab_dsl.diagnostics.edits import apply_edits, is_overlapping, move
from refinelab_dsl.source import Source, Span

MAX_ROUNDS = 1000  # far more than any file that a person wrote needs
AT_ONCE = 200  # suggestions followed in one round

Analyze: TypeAlias = Callable[[Mapping[str, str]], Diagnostics]
"""What is wrong with a spec, given the texts by which some of its files differ from what stands on disk, by name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which suggestions are followed. codes: of these errors alone (a prefix counts for all that start so); empty: of
    all. unsafe: those that a person should look at, too. may_edit: whether a file may be changed."""

    codes: tuple[str, ...] = ()
    unsafe: bool = False
    may_edit: Callable[[Source], bool] = lambda source: True


@dataclass(frozen=True, slots=True)
class Repair:
    """A suggestion that was followed, or was not because it mended nothing. `line` counts from 1 in the file as it was
    then. made: what it would have brought, by code; empty where the error stayed."""

    code: str
    file: str
    line: int
    message: str
    applicability: str
    made: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fixed:
    """texts: the changed files by name. left: what is wrong after all repairs."""

    texts: Mapping[str, str]
    repairs: tuple[Repair, ...]
    rejected: tuple[Repair, ...]
    left: Diagnostics


def fix(analyze: Analyze, choice: Choice = Choice()) -> Fixed:
    """Follows suggestions until none is left that mends anything.

    In one round edits never overlap. A round is kept if it has fewer errors (or as many, and fewer warnings) and none
    that is new; else half of it is tried, and a single suggestion that fails is rejected for good. What a mended error
    of form had hidden is not new: the rest of its statement, and all that can only be said once it is read.
    """
    state = _State({}, analyze({}))
    limit = AT_ONCE
    for _ in range(MAX_ROUNDS):
        picked = _pick(state, choice, limit)
        if not picked:
            break
        attempt = _attempt(analyze, state, picked)
        if isinstance(attempt, tuple) and len(picked) > 1:
            limit = len(picked) // 2
            continue
        if isinstance(attempt, tuple):
            rejected = _Rejected(replace(_record(picked[0], state), made=attempt), picked[0].place.start)
            attempt = replace(state, rejected=(*state.rejected, rejected))
        state = attempt
        limit = min(AT_ONCE, 2 * limit)
    return Fixed(state.texts, state.repairs, tuple(each.repair for each in state.rejected), state.found)


def is_fixable(entry: Diagnostic, *, unsafe: bool = False) -> bool:
    """Whether `fix` would follow a suggestion of this diagnostic."""
    return any(_counts(help_, unsafe) for help_ in entry.help)


def _counts(help_: Help, unsafe: bool) -> bool:
    return bool(help_.edits) and (help_.applicability == "machine" or (unsafe and help_.applicability == "maybe"))


@dataclass(frozen=True, slots=True)
class _Way:
    entry: Diagnostic
    help: Help

    @property
    def place(self) -> Span:
        return self.entry.span or self.help.edits[0].span


@dataclass(frozen=True, slots=True)
class _Rejected:
    """A suggestion by what it is about; `at` moves with the text."""

    repair: Repair
    at: int

    def is_of(self, way: _Way) -> bool:
        repair = self.repair
        place = way.place
        return (repair.code, repair.message, repair.file, self.at) == (
            way.entry.code, way.help.message, place.file, place.start,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _State:
    texts: Mapping[str, str]
    found: Diagnostics
    repairs: tuple[Repair, ...] = ()
    rejected: tuple[_Rejected, ...] = ()


def _record(way: _Way, state: _State) -> Repair:
    place = way.place
    source = state.found.sources.get(place.file)
    line = source.position(place.start).line if source is not None else 1
    return Repair(way.entry.code, place.file, line, way.help.message, way.help.applicability)


def _pick(state: _State, choice: Choice, limit: int) -> list[_Way]:
    """The first suggestions whose edits do not overlap, one for each diagnostic at most."""
    picked: list[_Way] = []
    taken: list[Edit] = []
    for entry in state.found:
        if len(picked) == limit:
            break
        if choice.codes and not entry.code.startswith(choice.codes):
            continue
        for help_ in entry.help:
            way = _Way(entry, help_)
            if not _counts(help_, choice.unsafe) or not all(_is_open(edit, state, choice) for edit in help_.edits):
                continue
            if any(each.is_of(way) for each in state.rejected):
                continue
            if not any(is_overlapping(edit, other) for edit in help_.edits for other in taken):
                picked.append(way)
                taken.extend(help_.edits)
            break
    return picked


def _is_open(edit: Edit, state: _State, choice: Choice) -> bool:
    source = state.found.sources.get(edit.span.file)
    return source is not None and choice.may_edit(source)


def _attempt(analyze: Analyze, state: _State, ways: Sequence[_Way]) -> _State | tuple[str, ...]:
    """The state after some suggestions, or the codes of the errors that they would bring."""
    edits = [_with_ends(edit, state) for way in ways for edit in way.help.edits]
    texts = dict(state.texts)
    for file in dict.fromkeys(edit.span.file for edit in edits):
        here = [edit for edit in edits if edit.span.file == file]
        texts[file] = apply_edits(state.found.sources[file].text, here)
    found = analyze(texts)
    new = _find_new(state.found, found, edits)
    brought = [entry for entry in new if not _was_hidden(entry, ways, edits)]
    gone = not any(_is_same(entry, way, edits) for entry in found for way in ways)
    uncovered = len(new) - len(brought)
    if brought or not gone or _weigh(found, uncovered) >= _weigh(state.found):
        return tuple(sorted({entry.code for entry in brought}))
    return _State(
        texts,
        found,
        (*state.repairs, *(_record(way, state) for way in ways)),
        tuple(replace(each, at=move(each.repair.file, each.at, edits)) for each in state.rejected),
    )


def _with_ends(edit: Edit, state: _State) -> Edit:
    """The edit with the line ends that its file has."""
    if "\n" not in edit.text or "\r\n" not in state.found.sources[edit.span.file].text:
        return edit
    return Edit(edit.span, edit.text.replace("\r\n", "\n").replace("\n", "\r\n"))


def _weigh(found: Diagnostics, uncovered: int = 0) -> tuple[int, int]:
    return len(found.errors) - uncovered, sum(entry.severity == "warning" for entry in found)


def _find_new(before: Diagnostics, after: Diagnostics, edits: Sequence[Edit]) -> list[Diagnostic]:
    """Errors that are not those of before, in their places as the edits have moved them. Within a replaced text no
    place is known any more: there an error is known by its code."""
    known = Counter(_key(entry, edits, moved=False) for entry in before.errors)
    new: list[Diagnostic] = []
    for entry in after.errors:
        key = _key(entry, edits, moved=True)
        if known[key]:
            known[key] -= 1
        else:
            new.append(entry)
    return new


def _key(entry: Diagnostic, edits: Sequence[Edit], *, moved: bool) -> tuple[str, str, int]:
    """Code, file and place of an error after the edits; `moved`: it stands there already."""
    if entry.span is None:
        return entry.code, "", 0
    file, start = entry.span.file, entry.span.start
    for edit in edits:
        if edit.span.file == file and edit.span.start < edit.span.end:
            first = move(file, edit.span.start, edits) if moved else edit.span.start
            length = len(edit.text) if moved else edit.span.end - edit.span.start
            if first < start < first + length:
                return entry.code, file, move(file, edit.span.start, edits)
    return entry.code, file, start if moved else move(file, start, edits)


def _was_hidden(entry: Diagnostic, ways: Sequence[_Way], edits: Sequence[Edit]) -> bool:
    """Whether an error may have been there before, behind an error of form that is mended."""
    forms = [way for way in ways if _is_of_form(way.entry)]
    if not _is_of_form(entry) or entry.span is None:
        return bool(forms)
    at = entry.span
    return any(
        way.place.file == at.file and move(at.file, way.help.edits[0].span.start, edits) < at.start for way in forms
    )


def _is_of_form(entry: Diagnostic) -> bool:
    return entry.code.startswith("RF1")


def _is_same(entry: Diagnostic, way: _Way, edits: Sequence[Edit]) -> bool:
    """Whether a complaint is still the one that a suggestion should have mended."""
    place = way.place
    return (
        entry.span is not None
        and (entry.code, entry.message, entry.span.file) == (way.entry.code, way.entry.message, place.file)
        and entry.span.start == move(place.file, place.start, edits)
    )
