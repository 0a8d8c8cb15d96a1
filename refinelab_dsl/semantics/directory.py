"""Which names the files of a spec declare, and what a name in one of them stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from refinelab_dsl import builtins, syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics.modules import Module
from refinelab_dsl.semantics.written import find_relatives
from refinelab_dsl.source import Span


@dataclass(frozen=True)
class Directory:
    """Declarations by file.

    A name is *written* as its file may write it (`topic`, `lib.topic`); *qualified*, it is the same in the whole spec:
    what the spec itself declares by its bare name, the rest under its namespace.

    modules: by namespace. declarations: namespace -> kind -> bare name -> block; the first block of a name counts.
    """

    modules: Mapping[str, Module]
    declarations: Mapping[str, Mapping[str, Mapping[str, syntax.Block]]]

    @cached_property
    def _broken(self) -> Mapping[str, frozenset[tuple[str, str | None]]]:
        return {name: frozenset(module.tree.broken) for name, module in self.modules.items()}

    def find(self, namespace: str, name: str, kinds: Iterable[str]) -> str | None:
        """The qualified name of what a file calls `name`; None where it is of none of these kinds.

        Names of broken statements and of files that could not be read count as declared; where the name itself is
        lost, every name of the kind.
        """
        module = self.modules[namespace]
        alias, dot, member = name.partition(".")
        if not dot:
            return module.qualify(name) if self._has(namespace, name, kinds) else None
        if "." in member:
            return None
        if alias not in module.links:
            lost = any(kind == "import" and label in (alias, None) for kind, label in module.tree.broken)
            return module.qualify(name) if lost else None
        target = module.links[alias]
        if target is None:
            return module.qualify(name)
        shared = [kind for kind in kinds if not builtins.BLOCKS[kind].whole]
        return self.modules[target].qualify(member) if self._has(target, member, shared) else None

    def is_open(self, namespace: str, name: str) -> bool:
        """Whether a dotted name leads into a file that could not be read, where it may be anything."""
        alias = name.partition(".")[0]
        module = self.modules[namespace]
        return "." in name and (
            module.links.get(alias, "") is None or any(kind == "import" for kind, _ in module.tree.broken)
        )

    def visible(self, namespace: str, kind: str) -> Iterator[tuple[str, str]]:
        """What a file may write for the declarations of a kind, with their qualified names; its own first."""
        module = self.modules[namespace]
        for name in self.declarations[namespace].get(kind, {}):
            if not name.startswith("("):  # one that was left without a name
                yield name, module.qualify(name)
        for alias, target in module.links.items():
            if target is not None and not builtins.BLOCKS[kind].whole:
                for name in self.declarations[target].get(kind, {}):
                    yield f"{alias}.{name}", self.modules[target].qualify(name)

    def complain(self, namespace: str, name: str, kinds: tuple[str, ...], span: Span, *, near: bool) -> Diagnostic:
        """What is wrong with a name that stands for nothing of these kinds. near: whether nearest names are sought."""
        module = self.modules[namespace]
        alias, dot, member = name.partition(".")
        candidates = {written: None for kind in kinds for written, _ in self.visible(namespace, kind)}
        if not dot:
            other = self._other(namespace, name, kinds)
            known = [written for written in candidates if "." not in written]
            found = _nearest(name, candidates) if near else ()
            if other is not None:
                meant = find_relatives(self.declarations[namespace], name, kinds) or found
                return faults.wrong_kind(span, name, kinds, *other, meant)
            return faults.unknown_reference(span, name, kinds, found, known)
        if alias not in module.links:
            found = nearest(alias, module.links) if near else ()
            return faults.unknown_namespace(span, alias, tuple(f"{other}.{member}" for other in found))
        if "." in member:
            return faults.private_import(span, name, alias, member.partition(".")[0])
        target = module.links[alias]
        assert target is not None, "what could not be read declares every name"
        known = [written for written in candidates if written.startswith(f"{alias}.")]
        found = _nearest(member, known) if near else ()
        other = self._other(target, member, kinds)
        if other is not None:
            return faults.wrong_kind(span, name, kinds, *other, found)
        return faults.unknown_member(span, name, kinds, self.modules[target].tree.span.file, found, known)

    def _has(self, namespace: str, name: str, kinds: Iterable[str]) -> bool:
        declared, broken = self.declarations[namespace], self._broken[namespace]
        return any(name in declared.get(kind, ()) or {(kind, name), (kind, None)} & broken for kind in kinds)

    def _other(self, namespace: str, name: str, kinds: tuple[str, ...]) -> tuple[str, Span] | None:
        """As what else a file declares a name, and where."""
        for kind, blocks in self.declarations[namespace].items():
            if kind not in kinds and name in blocks:
                return kind, blocks[name].label_span or blocks[name].kind_span
        return None


def _nearest(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """The nearest of names as written: what has the same or a like name in an imported file is near, too."""
    members: dict[str, list[str]] = {}
    for written in candidates:
        members.setdefault(written.rpartition(".")[2], []).append(written)
    found = [*members.get(name, ()), *(each for member in nearest(name, members) for each in members[member])]
    return tuple(found[:3])
