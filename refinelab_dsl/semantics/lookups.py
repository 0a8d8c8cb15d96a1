"""References of one file: what they stand for, and what is to be said of those that stand for nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics import order
from refinelab_dsl.semantics.directory import Directory
from refinelab_dsl.semantics.modules import Module
from refinelab_dsl.source import Sources, Span


@dataclass(frozen=True)
class Lookups:
    """missing: references that name nothing, with the kinds that they expect. used: (kind, name) that something refers
    to."""

    directory: Directory
    module: Module
    found: list[Diagnostic]
    missing: list[tuple[str, tuple[str, ...], Span]] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)

    def lookup(self, name: str, kinds: tuple[str, ...], span: Span, report: bool) -> str | None:
        """The qualified name; None where there is none, which `report` tells later."""
        self.used.update((kind, name) for kind in kinds)
        qualified = self.directory.find(self.module.namespace, name, kinds)
        if qualified is None and report:
            self.missing.append((name, kinds, span))
        return qualified

    def report(self, sources: Sources) -> list[tuple[str, str | None]]:
        """Reports what is missing: each reference, or once the declaration that is named otherwise than all that refers
        to it. Gives the kinds and names of the latter as they were meant."""
        uses: dict[tuple[str, str], list[Span]] = {}
        blamed: dict[tuple[str, str], syntax.Block] = {}
        for name, kinds, span in self.missing:
            near = len(self.found) < order.MOST
            block = self._misnamed(name, kinds, sources) if near else None
            if block is None:
                self.found.append(self.directory.complain(self.module.namespace, name, kinds, span, near=near))
                continue
            uses.setdefault((block.kind, name), []).append(span)
            blamed[block.kind, name] = block
        for (kind, name), block in blamed.items():
            # A title or another text in place of a name has been complained of.
            if block.label is not None and block.label_span is not None and block.label.isidentifier():
                self.found.append(faults.misnamed(block.label_span, kind, block.label, name, uses[kind, name]))
        return list(blamed)

    def _misnamed(self, name: str, kinds: tuple[str, ...], sources: Sources) -> syntax.Block | None:
        """The declaration that is to have a name: it alone is near, nothing refers to it, and the file writes the name
        more often than the declaration's own."""
        declared = self.directory.declarations[self.module.namespace]
        unused = {
            other: block
            for kind in kinds
            for other, block in declared.get(kind, {}).items()
            if (kind, other) not in self.used and block.label_span is not None
        }
        near = nearest(name, unused)
        if len(near) != 1:
            return None
        block = unused[near[0]]
        text = sources[block.span.file].text
        written, own = (len(re.findall(rf"\b{re.escape(word)}\b", text)) for word in (name, near[0]))
        return block if written > own else None
