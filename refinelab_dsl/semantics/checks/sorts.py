"""References of the right kind of block and of the right sort, and fields that are named by attributes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from refinelab_dsl import syntax, types
from refinelab_dsl.detectors import find_bad_pattern
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics import spaces
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared, Draft
from refinelab_dsl.semantics.schema import find_schema
from refinelab_dsl.semantics.uses import find_names
from refinelab_dsl.semantics.written import word_of
from refinelab_dsl.source import Span

_LANGUAGE = re.compile(r"[a-z]{2,12}(-[a-z]{2,12}){0,2}")


def check_sorts(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """Datasets of the role, measures and validators of the `kind` that an attribute takes; fields that exist."""
    for declared in bindings.draft.blocks:
        schema = find_schema(declared.block)
        for name, attribute in schema.attributes.items() if schema is not None else ():
            for expected, target in find_names(declared.get(name), attribute.type):
                yield from _check_sort(bindings.draft, declared, name, expected, target)
        yield from _check_kind(bindings.draft, declared)
        yield from _check_wikipedia(declared)


def _check_sort(
    draft: Draft, declared: Declared, attribute: str, expected: types.Name, target: str
) -> Iterator[Diagnostic]:
    for kind in expected.kinds if expected.of else ():
        found = draft.named(kind, target)
        what = "role" if kind == "dataset" else "kind"
        sort = None if found is None else found.get(what)
        if sort is not None and sort not in expected.of:
            span = declared.span(attribute)
            yield faults.wrong_sort(span, declared.title, attribute, kind, target, what, expected.of)


def _check_kind(draft: Draft, declared: Declared) -> Iterator[Diagnostic]:
    """What single kinds need of their attributes."""
    header = declared.block.header_span
    match declared.kind, declared.row.name if declared.row is not None else "":
        case "measure", "label_issue":
            answers, probabilities = declared.written.get("answers"), declared.written.get("probabilities")
            if answers is None and probabilities is None:
                because = "issues are found in what models answered; or in `probabilities`"
                yield faults.attribute_needed_with(header, declared.title, "answers", because)
            elif answers is not None and probabilities is not None:
                yield faults.either_or(
                    probabilities.name_span, declared.title, "answers", "probabilities", answers.name_span
                )
            yield from _check_joined(draft, declared, "answers")
            yield from _check_joined(draft, declared, "probabilities")
            if "by" in declared.written:
                yield from _check_fields(draft, declared, "by", (declared.get("by"),))
                if answers is None and probabilities is not None:
                    because = "probabilities are judged class by class, over all items"
                    yield faults.no_effect(declared.written["by"].name_span, "by", declared.title, because)
        case "measure", "near_duplicate":
            if "embedding" in declared.written and declared.get("method") == "minhash":
                because = "`method = minhash` compares letters; write `method = embedding`"
                yield faults.no_effect(declared.written["embedding"].name_span, "embedding", declared.title, because)
        case "measure", "loss" | "knn":
            yield from _check_joined(draft, declared, "signals")
        case "measure", "self_judge":
            signals, model = declared.written.get("signals"), declared.written.get("model")
            if signals is None and model is None:
                because = "grades are recorded in `signals`, or a model gives them"
                yield faults.attribute_needed_with(header, declared.title, "model", because)
            elif signals is not None and model is not None:
                yield faults.either_or(model.name_span, declared.title, "signals", "model", signals.name_span)
            for name, other in (("prompt", model), ("column", signals)):
                if name in declared.written and other is None and (signals or model) is not None:
                    because = "its values are recorded" if name == "prompt" else "a model is asked for its values"
                    yield faults.no_effect(declared.written[name].name_span, name, declared.title, because)
            yield from _check_joined(draft, declared, "signals")
        case "measure", "elo":
            seeds = draft.named("dataset", declared.get("seeds"))
            if seeds is None or seeds.get("role") != "seeds" or seeds.is_broken("fields"):
                return
            if "rating" not in (seeds.get("fields") or {}):
                because = f"measure `{declared.name}` takes the ratings of exemplars from it"
                yield faults.attribute_needed_with(seeds.block.header_span, seeds.title, "fields.rating", because)
        case "measure", "responses":
            yield from _check_joined(draft, declared, "matrix")
        case "measure", "pii" | "toxicity":
            for category, pattern in (declared.get("patterns") or {}).items():
                reason = find_bad_pattern(pattern)
                if reason is not None:
                    span = _key_place(declared, "patterns", category)
                    yield faults.unusable_pattern(span, declared.title, category, reason)
        case "measure", "custom":
            yield from _check_fields(draft, declared, "inputs", declared.get("inputs") or ())
        case "dataset", _:
            yield from _check_join(draft, declared)
            sources = declared.get("source") or ("hf://",)
            for name in ("revision", "split", "config"):
                if name in declared.written and not any(each.startswith("hf://") for each in sources):
                    because = "its source is no `hf://` address"
                    yield faults.no_effect(declared.written[name].name_span, name, declared.title, because)


def _check_joined(draft: Draft, declared: Declared, attribute: str) -> Iterator[Diagnostic]:
    """Signals that a measure reads say by what their rows are joined to items."""
    signals = draft.named("dataset", declared.get(attribute))
    if signals is None or signals.get("role") != "signals" or signals.is_broken("join") or signals.get("join"):
        return
    because = f"measure `{declared.name}` joins its rows to items"
    yield faults.attribute_needed_with(signals.block.header_span, signals.title, "join", because)


def _check_wikipedia(declared: Declared) -> Iterator[Diagnostic]:
    """A language is part of a host's name, so it is nothing but a code."""
    for name in ("corpus", "context"):
        value = declared.get(name)
        if isinstance(value, types.Formed) and value.function == "retrieve":
            value = dict(value.arguments).get("corpus")
        if not isinstance(value, types.Formed) or value.function != "wikipedia":
            continue
        language = dict(value.arguments).get("language")
        if isinstance(language, str) and not _LANGUAGE.fullmatch(language):
            yield faults.no_wikipedia(declared.span(name), language)


def _check_join(draft: Draft, declared: Declared) -> Iterator[Diagnostic]:
    """Columns and fields of a join that exist, as far as the spec says which there are."""
    join: Mapping[str, str] = declared.get("join") or {}
    yield from _check_fields(draft, declared, "join", join.values())
    columns, fields = declared.get("columns"), declared.get("fields") or {}
    if columns is not None and not declared.is_broken("fields"):
        known = (*columns, *(name for name in fields if name not in columns))
        for name in join:
            if name not in known:
                span = _key_place(declared, "join", name)
                yield faults.unknown_column(span, name, nearest(name, known), known)
    if "join" in declared.written and declared.get("role") not in ("signals", None):
        because = "only signals are joined to items: `role = signals`"
        yield faults.no_effect(declared.written["join"].name_span, "join", declared.title, because)


def _check_fields(draft: Draft, declared: Declared, attribute: str, names: Iterable[str]) -> Iterator[Diagnostic]:
    dataset = draft.dataset
    if dataset is None or dataset.get("task") is None or dataset.is_broken("fields"):
        return
    known = tuple(spaces.field_yields(dataset))
    for name in names:
        if name not in known:
            yield faults.unknown_field(
                _place(declared, attribute, name), name, declared.title, attribute, nearest(name, known), known
            )


def _key_place(declared: Declared, attribute: str, key: str) -> Span:
    """Where a key of a map stands."""
    value = declared.written[attribute].value
    pairs = value.pairs if isinstance(value, syntax.MapOf) else ()
    return next((pair.key_span for pair in pairs if pair.key == key), value.span)


def _place(declared: Declared, attribute: str, word: str) -> Span:
    """Where a word stands in a list, or as a value of a map."""
    value = declared.written[attribute].value
    parts: tuple[syntax.Expression, ...] = ()
    match value:
        case syntax.ListOf(items=items):
            parts = items
        case syntax.MapOf(pairs=pairs):
            parts = tuple(pair.value for pair in pairs)
    return next((part.span for part in parts if word_of(part) == word), value.span)
