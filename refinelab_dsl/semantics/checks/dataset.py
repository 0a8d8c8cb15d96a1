"""Datasets: one main, and every field that its task needs."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl import builtins, syntax
from refinelab_dsl.builtins import TaskKind
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics import readings
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared
from refinelab_dsl.semantics.written import word_of
from refinelab_dsl.source import Span
from refinelab_dsl.types import ExpressionKind, expression_kind

_EXAMPLE = 'dataset items { task = qa, source = "data/items.jsonl" }'


def check_datasets(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """Exactly one main dataset; columns that are named; fields of the right type."""
    datasets = list(bindings.draft.all("dataset"))
    main = [each for each in datasets if each.get("role") == "main"]
    is_unsure = any(kind == "dataset" for kind, _ in bindings.broken) or any(
        each.is_broken("role") for each in datasets
    )
    if not main and not is_unsure and not bindings.is_library:
        yield _missing(Span(tree.span.file, tree.span.start, tree.span.start), datasets, bindings)
    for other in main[1:]:
        yield faults.several_main(_name_span(other), other.name, _name_span(main[0]), main[0].name)
    for dataset in datasets:
        format_ = dataset.get("format")
        if dataset.get("columns") is not None and format_ not in (None, "csv"):
            yield faults.columns_of_records(dataset.written["columns"].name_span, format_)
        task = builtins.TASKS.get(dataset.get("task") or "")
        if task is not None and dataset.get("role") in ("main", "seeds", "heldout"):
            yield from _check_fields(bindings, dataset, task)
        if dataset.get("role") == "corpus":
            yield from _check_text(dataset)


def _missing(start: Span, datasets: list[Declared], bindings: Bindings) -> Diagnostic:
    """No main dataset: an import may have one that does not take part."""
    for alias, target in bindings.directory.modules[""].links.items():
        for name, block in bindings.directory.declarations[target or ""].get("dataset", {}).items():
            written = {each.name: each.value for each in block.body if isinstance(each, syntax.Attribute)}
            if target and ("role" not in written or word_of(written["role"]) == "main"):
                return faults.main_not_used(start, alias, f"{alias}.{name}", _EXAMPLE)
    return faults.missing_block(start, "dataset" if not datasets else "main dataset", _EXAMPLE)


def _check_fields(bindings: Bindings, dataset: Declared, task: TaskKind) -> Iterator[Diagnostic]:
    fields = dataset.get("fields") or {}
    columns = dataset.get("columns")
    if columns is not None and not dataset.is_broken("fields"):
        for name in task.required:
            if name not in fields and name not in columns:
                span = dataset.written["fields"].name_span if "fields" in dataset.written else dataset.span("columns")
                yield faults.field_needed(span, name, task.name, columns, nearest(name, columns))
    for name, expression in fields.items():
        if name not in task.fields:
            continue
        wanted: tuple[ExpressionKind, ...] = ("list", "any", "text") if name in ("choices", "messages") else _TEXTUAL
        kind = readings.kind_of(bindings, dataset, "fields", name)
        if kind is not None and kind not in wanted:
            expected = "a list" if "list" in wanted else "a text"
            yield faults.task_field_type(expression.span, name, expected, expression_kind(kind))
        elif name == "choices" and isinstance(expression, syntax.ListOf) and len(expression.items) < 2:
            yield faults.few_choices(expression.span, len(expression.items))


def _check_text(dataset: Declared) -> Iterator[Diagnostic]:
    """A corpus has a `text`, as far as the spec says which columns there are."""
    fields, columns = dataset.get("fields") or {}, dataset.get("columns")
    if columns is not None and not dataset.is_broken("fields") and "text" not in fields and "text" not in columns:
        span = dataset.written["fields"].name_span if "fields" in dataset.written else dataset.span("columns")
        yield faults.text_needed(span, columns, nearest("text", columns))


_TEXTUAL: tuple[ExpressionKind, ...] = ("text", "number", "any", "label")


def _name_span(declared: Declared) -> Span:
    return declared.block.label_span or declared.block.kind_span
