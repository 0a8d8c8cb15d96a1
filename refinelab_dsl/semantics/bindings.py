"""What `resolve` learns of a tree: declarations by kind and name, variables with their values, texts of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from refinelab_dsl import syntax
from refinelab_dsl.project import Project
from refinelab_dsl.semantics.draft import Draft
from refinelab_dsl.semantics.spaces import Names
from refinelab_dsl.source import Source, Sources, Span


@dataclass(frozen=True)
class Options:
    """What the caller settles outside of the spec.

    variables: values of variables as text (`{"limit": "400k"}`), from `--var` and `--var-file`, the caller's
        precedence already applied; each must be declared.
    environ: the environment; `REFINE_VAR_x` gives a declared variable `x` its value where `variables` does not.
    allow_outside: paths may leave the project's root.
    project: where paths are resolved; None checks the text of paths alone and reads no file.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow_outside: bool = False
    project: Project | None = None


@dataclass(frozen=True)
class Variable:
    """`variable x { … }`. `value` is the expression that `var.x` stands for, None where there is none (reported)."""

    name: str
    type: str | None
    value: syntax.Expression | None
    block: syntax.Block


@dataclass(frozen=True)
class Bindings:
    """Names and what they stand for.

    declarations: kind -> name -> block; the first block of a name counts.
    broken: (kind, name) of statements that did not parse: they count as declared.
    imports: namespaces of other files. Their declarations are not read yet: `models.bulk` counts as declared.
    draft: every block with its values; its expressions over items are syntax still.
    items, results: the names that an expression over an item, or over a new item, sees.
    files: path as written in `file("…")` or `load("…")` -> text; what could not be read was reported.
    """

    declarations: Mapping[str, Mapping[str, syntax.Block]]
    broken: frozenset[tuple[str, str | None]]
    imports: Mapping[str, syntax.Import]
    variables: Mapping[str, Variable]
    files: Mapping[str, Source]
    sources: Sources
    options: Options
    draft: Draft
    items: Names
    results: Names

    def names(self, kind: str) -> tuple[str, ...]:
        """Names declared for a kind, in the order of the file."""
        return tuple(self.declarations.get(kind, ()))

    def is_declared(self, kind: str, name: str) -> bool:
        return name in self.declarations.get(kind, ()) or (kind, name) in self.broken

    def kinds_of(self, name: str) -> Iterator[tuple[str, syntax.Block]]:
        """The kinds under which a name is declared."""
        for kind, blocks in self.declarations.items():
            if name in blocks:
                yield kind, blocks[name]

    def text(self, span: Span) -> str:
        """The text of a span."""
        return self.sources[span.file].text[span.start : span.end]
