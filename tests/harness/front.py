"""The compiler's front end in one call: text to program, or to what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refinelab_dsl import ir, semantics, syntax
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.project import find_project
from refinelab_dsl.source import Source, Sources

HEAD = """edition = 1
dataset items {
  task = qa
  source = "data/items.jsonl"
  fields = { area = column("area") }
}
measure subject { kind = column, column = area }
measure words { kind = length }
dimension topic { from = subject, labels = [algebra, geometry], target = uniform() }
dimension length { from = words, bands = { short = below(10), long = above(10) } }
model small { provider = simulated }
output refined { path = "out/items.jsonl", layout = task }
"""
"""A spec to which a test adds what it is about."""


@dataclass(frozen=True)
class Front:
    """The program is there exactly when no diagnostic is an error."""

    program: ir.Program | None
    diagnostics: Diagnostics

    @property
    def codes(self) -> list[str]:
        """Codes of errors, in order."""
        return [entry.code for entry in self.diagnostics.errors]

    @property
    def certain(self) -> ir.Program:
        assert self.program is not None, self.codes
        return self.program


def compile_text(text: str, *, name: str = "spec.refine", path: Path | None = None, **options: Any) -> Front:
    """Text through parse, resolve, check, lower and verify. `options` are those of `semantics.Options`; with a `path`
    the project is the one that it lies in."""
    source = Source(name, text, path)
    if path is not None:
        options.setdefault("project", find_project(path.parent))
    tree, found = syntax.parse(source)
    bindings, more = semantics.resolve(tree, Sources([source]), semantics.Options(**options))
    diagnostics = found.with_(more).with_(semantics.check(tree, bindings))
    if diagnostics.has_errors:
        return Front(None, diagnostics)
    program = ir.lower(tree, bindings, Path(name).stem)
    ir.verify(program)
    return Front(program, diagnostics)


def compile_file(path: Path, **options: Any) -> Front:
    """A file's text through the front end."""
    return compile_text(path.read_text(encoding="utf-8"), name=path.name, path=path, **options)
