"""What `resolve` learns of a tree and what it imports: declarations, variables with their values, texts of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from refinelab_dsl import builtins, syntax
from refinelab_dsl.artifacts.lock_file import price_key
from refinelab_dsl.declarations import Price
from refinelab_dsl.project import Project
from refinelab_dsl.semantics.directory import Directory
from refinelab_dsl.semantics.draft import Draft
from refinelab_dsl.semantics.modules import Module
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
    library: a file that only declares names for others to import is right, too.
    prices: of models whose spec states none, by `artifacts.lock_file.price_key`.
    unsaved: what files hold instead of what stands on disk, by their resolved paths.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow_outside: bool = False
    project: Project | None = None
    library: bool = False
    prices: Mapping[str, Price] = field(default_factory=dict)
    unsaved: Mapping[Path, str] = field(default_factory=dict)

    def find_price(self, provider: str | None, base_url: str | None, model: str | None) -> Price | None:
        """The pinned price of a model that states none."""
        return self.prices.get(price_key(base_url, model)) if provider == "openai" and model else None


@dataclass(frozen=True)
class Variable:
    """`variable x { … }`. `value` is the expression that `var.x` stands for, None where there is none (reported).

    namespace: of the file that declares it.
    """

    name: str
    type: str | None
    value: syntax.Expression | None
    block: syntax.Block
    namespace: str = ""


@dataclass(frozen=True)
class View:
    """What the expressions of one file see.

    variables: by what stands after `var.`: `limit`, `lib.limit`. items, results: the names that an expression over an
    item, or over a new item, sees.
    """

    variables: Mapping[str, Variable]
    items: Names
    results: Names


@dataclass(frozen=True)
class Bindings:
    """Names and what they stand for.

    directory: the files of the spec and what each declares. views: what each sees, by namespace.
    broken: (kind, name) of statements of the spec itself that did not parse: they count as declared.
    variables: by qualified name.
    draft: the blocks of the spec and, of what it imports, those that it uses; expressions over items are syntax still.
    files: located path of `file("…")` or `load("…")` -> text; what could not be read was reported.
    """

    directory: Directory
    views: Mapping[str, View]
    broken: frozenset[tuple[str, str | None]]
    variables: Mapping[str, Variable]
    files: Mapping[str, Source]
    sources: Sources
    options: Options
    draft: Draft

    @property
    def declarations(self) -> Mapping[str, Mapping[str, syntax.Block]]:
        """Kind -> name -> block of the spec itself."""
        return self.directory.declarations[""]

    @property
    def imports(self) -> Mapping[str, syntax.Import]:
        """The imports of the spec itself, by name."""
        return self.directory.modules[""].imports

    @property
    def is_library(self) -> bool:
        """Whether the file declares names alone, so that it may be there to be imported; only where that is allowed."""
        if not self.options.library or not self.declarations:
            return False
        whole = any(row.whole for kind in self.declarations if (row := builtins.BLOCKS.get(kind)) is not None)
        return not whole and not (self.draft.dataset is not None and any(self.draft.all("operator")))

    def everything(self) -> Iterator[tuple[str, str, syntax.Block]]:
        """Kind, qualified name and block of all that the spec and the files that it imports declare."""
        for namespace, module in reversed(tuple(self.directory.modules.items())):
            for kind, blocks in self.directory.declarations[namespace].items():
                for name, block in blocks.items():
                    yield kind, module.qualify(name), block

    def module(self, file: str) -> Module:
        """The file of a span."""
        return next(each for each in self.directory.modules.values() if each.tree.span.file == file)

    def text(self, span: Span) -> str:
        """The text of a span."""
        return self.sources[span.file].text[span.start : span.end]
