"""`compare`: what two specs mean differently, declaration by declaration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

from refinelab_dsl.ir.outline import KINDS, TOP, Entry, build_outline
from refinelab_dsl.ir.program import Program
from refinelab_dsl.ir.spelling import Value
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.source import Span

Outline: TypeAlias = Mapping[tuple[str, str], Entry]


@dataclass(frozen=True)
class Subject:
    """One side of a comparison: a spec without errors."""

    program: Program
    bindings: Bindings


@dataclass(frozen=True)
class Change:
    """One difference.

    change: of a declaration where `path` is empty, else of the attribute or map entry at `path` (`target.hard`).
    kind, name: the declaration, by its new name; both empty for `seed` and the like.
    old, new: the values; for a declaration that was added or removed what it writes; for a renamed one its names.
    """

    change: Literal["added", "removed", "changed", "renamed"]
    kind: str
    name: str
    path: str
    old: Value | None
    new: Value | None
    old_span: Span | None = None
    new_span: Span | None = None


def compare(old: Subject, new: Subject, *, docs: bool = False) -> tuple[Change, ...]:
    """What differs in meaning, in the order of the language's table of blocks; empty where nothing does.

    A declaration whose body is the same under another name is renamed; what refers to it does not count as changed.
    docs: `##` comments count, too.
    """
    after = build_outline(new.program, new.bindings, docs=docs)
    names: dict[tuple[str, str], str] = {}
    while True:  # what refers to a renamed declaration may be seen to be renamed itself, once that is known
        before = build_outline(old.program, old.bindings, names, docs=docs)
        more = _find_renamed(before, after)
        if not more:
            break
        names.update(more)
    originals = {(kind, renamed): name for (kind, name), renamed in names.items()}
    changes: list[Change] = []
    for key in _in_order(before, after):
        changes.extend(_compare_entries(before.get(key), after.get(key), originals.get(key)))
    return tuple(changes)


def _find_renamed(before: Outline, after: Outline) -> dict[tuple[str, str], str]:
    """(kind, old name) -> new name, of declarations that are gone and stand under another name with the same body.

    Where several do, the names that are most alike go together.
    """
    gone = [entry for key, entry in before.items() if key not in after]
    come = [entry for key, entry in after.items() if key not in before]
    pairs = [(old, new) for old in gone for new in come if old.kind == new.kind and old.values == new.values]
    pairs.sort(key=lambda pair: -SequenceMatcher(None, pair[0].name, pair[1].name).ratio())
    names: dict[tuple[str, str], str] = {}
    taken: set[tuple[str, str]] = set()
    for old, new in pairs:
        if (old.kind, old.name) not in names and (new.kind, new.name) not in taken:
            names[old.kind, old.name] = new.name
            taken.add((new.kind, new.name))
    return names


def _in_order(before: Outline, after: Outline) -> list[tuple[str, str]]:
    """Every declaration once: kinds in the order of the table, the new file's before those that are gone."""
    return sorted(dict.fromkeys([*after, *before]), key=lambda key: KINDS.index(key[0]))


def _compare_entries(old: Entry | None, new: Entry | None, original: str | None) -> Iterator[Change]:
    if old is None and new is not None:
        yield Change("added", new.kind, new.name, "", None, _own_values(new), None, new.span)
    elif new is None and old is not None:
        yield Change("removed", old.kind, old.name, "", _own_values(old), None, old.span, None)
    elif old is not None and new is not None:
        if original is not None:
            yield Change("renamed", new.kind, new.name, "", original, new.name, old.span, new.span)
        for name in dict.fromkeys([*new.values, *old.values]):
            # What neither side writes follows from something that one of them does.
            if (new.kind, new.name) == TOP or name in old.written or name in new.written:
                yield from _compare_values(old, new, name, old.values.get(name), new.values.get(name))


def _own_values(entry: Entry) -> dict[str, Value]:
    return {name: value for name, value in entry.values.items() if name in entry.written}


def _compare_values(old: Entry, new: Entry, path: str, before: Value | None, after: Value | None) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*after, *before]):
            yield from _compare_values(old, new, f"{path}.{key}", before.get(key), after.get(key))
        return
    change: Literal["added", "removed", "changed"] = (
        "added" if before is None else "removed" if after is None else "changed"
    )
    yield Change(
        change, new.kind, new.name, path, before, after,
        None if before is None else old.place(path), None if after is None else new.place(path),
    )  # fmt: skip
