"""The files of a spec: the one that was named, and what it imports, each read once."""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.semantics.files import Files
from refinelab_dsl.source import Source, Sources, Span

ENDING = ".refine"


@dataclass(frozen=True)
class Module:
    """One file of a spec.

    namespace: how the spec calls what it declares: "" for the spec itself, `lib`, `lib.models` for what `lib` imports
        as `models`. A file that several import has the shortest of its names.
    folder: where its paths start, as seen from the spec's folder; "" for the spec's own.
    imports: the imports by name, the first of each. links: the namespaces that they lead to; None for a file that
        could not be read, of which every name counts as declared.
    """

    namespace: str
    tree: syntax.Tree
    folder: str
    imports: Mapping[str, syntax.Import]
    links: Mapping[str, str | None]

    def qualify(self, name: str) -> str:
        """How the whole spec calls a name of this file: `lib.topic`."""
        return f"{self.namespace}.{name}" if self.namespace else name

    def believing(self, names: Iterable[tuple[str, str | None]]) -> Module:
        """This file, with further kinds and names that count as declared: what has been complained of once."""
        more = tuple(dict.fromkeys(names))
        return replace(self, tree=replace(self.tree, broken=(*self.tree.broken, *more))) if more else self


def load_modules(
    tree: syntax.Tree, sources: Sources, files: Files, found: list[Diagnostic]
) -> tuple[Mapping[str, Module], Sources]:
    """The files by namespace, each before those that import it, the spec itself last; and their texts.

    What cannot be read, is no spec or leads back to where it started is reported at its `import`; what is wrong with
    the form of an imported file in that file.
    """
    loader = _Loader(files, found)
    main = sources.get(tree.span.file)
    loader.add("", tree, "", main.path if main is not None else None)
    while loader.waiting:
        loader.load(loader.waiting.popleft())
    modules = _unwind(loader.modules, sources.including(*loader.texts), found)
    return modules, sources.including(*loader.texts)


class _Loader:
    """Reads breadth first, so that a file has its shortest name."""

    def __init__(self, files: Files, found: list[Diagnostic]) -> None:
        self.files = files
        self.found = found
        self.modules: dict[str, Module] = {}
        self.waiting: deque[str] = deque()
        self.texts: list[Source] = []
        self._places: dict[Path, str | None] = {}

    def add(self, namespace: str, tree: syntax.Tree, folder: str, place: Path | None) -> None:
        imports: dict[str, syntax.Import] = {}
        for statement in tree.statements:
            if isinstance(statement, syntax.Import):
                imports.setdefault(statement.name, statement)
        self.modules[namespace] = Module(namespace, tree, folder, imports, {})
        self.waiting.append(namespace)
        if place is not None:
            self._places[place.resolve()] = namespace

    def load(self, namespace: str) -> None:
        module = self.modules[namespace]
        links = {name: self._follow(module, statement) for name, statement in module.imports.items()}
        self.modules[namespace] = replace(module, links=links)

    def _follow(self, module: Module, statement: syntax.Import) -> str | None:
        files = replace(self.files, prefix=module.folder)
        if statement.name == "var":
            self.found.append(faults.reserved_namespace(statement.span, statement.name))
        problem = files.check(statement.path, statement.path_span)
        if problem is not None:
            self.found.append(problem)
            return None
        path = files.locate(statement.path)
        place = None if files.project is None else _resolve(files.project.base / path)
        if place in self._places:
            return self._places[place]
        target = self._read(files, module.qualify(statement.name), path, statement)
        if place is not None:
            self._places[place] = target
        return target

    def _read(self, files: Files, namespace: str, path: str, statement: syntax.Import) -> str | None:
        span = statement.path_span
        data = files.read_bytes(path, span, syntax.MAX_BYTES, self.found)
        if data is None or files.project is None:
            return None
        source, undecodable = syntax.decode(files.name(path), data, files.project.base / path)
        if undecodable.has_errors:
            self.found.append(faults.file_unreadable(span, path, undecodable.errors[0].message))
            return None
        tree, wrong = syntax.parse(source)
        if wrong.has_errors and not path.endswith(ENDING):
            self.found.append(faults.not_a_spec(span, path, wrong.errors[0].message))
            return None
        self.texts.append(source)
        self.found.extend(wrong)
        if wrong.has_errors and not tree.statements:
            return None  # nothing of it could be read, an unknown edition say
        self.add(namespace, tree, posixpath.dirname(path), None)
        return namespace


def _resolve(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path


def _unwind(modules: Mapping[str, Module], sources: Sources, found: list[Diagnostic]) -> dict[str, Module]:
    """The modules in the order in which they count, without the imports that lead back to their own file."""
    ordered: dict[str, Module] = {}
    cut: dict[str, dict[str, str | None]] = {name: dict(module.links) for name, module in modules.items()}
    path: list[str] = [""]
    steps: list[Iterator[tuple[str, str | None]]] = [iter(modules[""].links.items())]
    while path:
        here = path[-1]
        name, target = next(steps[-1], ("", None))
        if not name:
            ordered[here] = replace(modules[here], links=cut[here])
            path.pop()
            steps.pop()
        elif target in path:
            found.append(_complain(modules, [*path[path.index(target) :], target], modules[here].imports[name]))
            cut[here][name] = None
        elif target is not None and target not in ordered:
            path.append(target)
            steps.append(iter(modules[target].links.items()))
    return ordered


def _complain(modules: Mapping[str, Module], circle: list[str], closing: syntax.Import) -> Diagnostic:
    """circle: namespaces, the first of them again at the end; closing: the import that leads back."""
    between: list[Span] = []
    for importer, imported in pairwise(circle[:-1]):
        module = modules[importer]
        between.extend(module.imports[name].span for name, link in module.links.items() if link == imported)
    return faults.import_cycle(closing.span, [modules[name].tree.span.file for name in circle], between)
