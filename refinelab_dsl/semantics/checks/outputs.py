"""Outputs: a path of its own for each, a format, and columns that new items fit into."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from refinelab_dsl import syntax
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics import Diagnostic, Edit
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.semantics import readings
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared
from refinelab_dsl.semantics.formats import COMPRESSED, format_of, is_folder
from refinelab_dsl.source import Span

_PATHS = ("path", "provenance", "quarantine", "card", "report")


def check_outputs(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """Paths, formats and layouts."""
    outputs = list(bindings.draft.all("output"))
    if not outputs and not bindings.is_library and not any(kind == "output" for kind, _ in bindings.broken):
        yield faults.nothing_written(Span(tree.span.file, tree.span.start, tree.span.start))
    yield from _check_paths(bindings, outputs)
    for output in outputs:
        path = output.get("path")
        if path is not None and path.lower().endswith(COMPRESSED):
            yield faults.output_compressed(output.span("path"), path)
        elif path is not None and "format" not in output.written and not is_folder(path) and format_of(path) is None:
            yield faults.output_format(output.span("path"), path)
        quarantine = output.get("quarantine")
        if quarantine is not None and not quarantine.lower().endswith(".jsonl"):
            yield faults.quarantine_format(output.span("quarantine"), quarantine)
        format = output.get("format")
        if format == "hf" and path is not None and not is_folder(path):
            yield faults.output_folder_needed(output.span("path"), path)
        if output.get("layout") == "source" and format not in ("sft", "preference"):
            yield from _check_layout(bindings, output)


def _check_paths(bindings: Bindings, outputs: list[Declared]) -> Iterator[Diagnostic]:
    sources: dict[str, Span] = {}
    for dataset in bindings.draft.all("dataset"):
        for source in dataset.get("source") or ():
            sources.setdefault(posixpath.normpath(source), dataset.span("source"))
    first: dict[str, Span] = {}
    for output in outputs:
        for name in _PATHS:
            path = output.get(name)
            if path is None:
                continue
            span, plain = output.span(name), posixpath.normpath(path)
            if plain in first:
                yield faults.same_output(span, path, first[plain])
            elif plain in sources:
                yield faults.output_over_source(span, path, sources[plain])
            first.setdefault(plain, span)


def _check_layout(bindings: Bindings, output: Declared) -> Iterator[Diagnostic]:
    """`layout = source` and an operator that makes items: every field must lead back to columns."""
    draft = bindings.draft
    makers = [each for each in draft.all("operator") if each.operator is not None and each.operator.effect != "remove"]
    dataset = draft.dataset
    if not makers or dataset is None or dataset.is_broken("fields", "task", "source") or dataset.get("task") is None:
        return
    stuck = _stuck_fields(bindings, dataset)
    if not stuck:
        return
    layout = output.written.get("layout")
    if layout is not None:
        edit = Edit(layout.value.span, "task")
    else:
        end = output.written["path"].span.end if "path" in output.written else output.block.header_span.end
        line = bindings.sources[output.block.span.file]
        start = output.written["path"].span.start if "path" in output.written else 0
        column = line.position(start).column - 1
        edit = Edit(Span(output.block.span.file, end, end), "\n" + " " * column + "layout = task")
    span = layout.value.span if layout is not None else output.block.header_span
    yield faults.not_invertible(span, span, stuck, makers[0].name, edit)


def _stuck_fields(bindings: Bindings, dataset: Declared) -> list[tuple[str, Span]]:
    """Fields that no row of the source can be made from, with their places."""
    from refinelab_dsl.data.invert import invertible

    fields = {}
    for name in dataset.get("fields") or {}:
        expression = readings.read(bindings, dataset, "fields", [], name)
        if expression is None:
            return []
        fields[name] = expression
    declared = Dataset(
        name=dataset.name, task=dataset.values["task"], source=dataset.get("source") or (), fields=fields
    )
    written = dataset.get("fields") or {}
    return [
        (name, written[name].span if name in written else dataset.block.header_span) for name in invertible(declared)
    ]
