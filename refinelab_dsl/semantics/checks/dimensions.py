"""Dimensions: labels, bands and targets agree; and what the constraints say of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from itertools import islice

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics import spaces
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared, Draft
from refinelab_dsl.semantics.joint import find_dimensions
from refinelab_dsl.semantics.order import MOST
from refinelab_dsl.semantics.quantities import spell_number
from refinelab_dsl.semantics.shares import Shares
from refinelab_dsl.semantics.written import word_of
from refinelab_dsl.source import Span


def check_dimensions(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """Labels, bands, targets and measures of every dimension, as far as each of them is right in itself."""
    for dimension in bindings.draft.all("dimension"):
        labels, order = dimension.written.get("labels"), dimension.written.get("order")
        if labels is not None and order is not None:
            yield faults.labels_twice(labels.name_span, dimension.title, order.name_span)
            continue
        if dimension.is_broken("labels", "order", "bands"):
            continue
        if dimension.get("bands") is not None:
            yield from _check_bands(dimension)
        yield from _check_measure(bindings.draft, dimension)
        yield from _check_target(bindings.draft, dimension)


def check_constraints(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """Ranges of sizes that hold one; joint targets of several dimensions that have one each."""
    constraints = bindings.draft.one("constraints")
    size = None if constraints is None else constraints.get("size")
    if constraints is not None and isinstance(size, types.Formed) and size["low"] > size["high"]:
        yield faults.size_bounds(constraints.span("size"), size["low"], size["high"])
    joint = None if constraints is None else constraints.get("joint")
    if constraints is None:
        return
    if isinstance(joint, types.Formed) and joint.function == "independent":
        yield from _check_joint(bindings.draft, constraints, joint["dimensions"])
    if isinstance(joint, Shares):
        labels = tuple(joint.weights)
        found = find_dimensions(bindings.draft, labels)
        if len(found) != 1:
            yield faults.joint_labels(constraints.span("joint"), labels[:3], found[:3])


def _check_joint(draft: Draft, constraints: Declared, names: tuple[str, ...]) -> Iterator[Diagnostic]:
    span = constraints.span("joint")
    if len(names) == 1:
        yield faults.lone_dimension(span, names[0], "a joint target is over several dimensions")
    for index, name in enumerate(names):
        dimension = draft.named("dimension", name)
        if name in names[:index]:
            yield faults.lone_dimension(span, name, "it stands there twice")
        elif dimension is not None and "target" not in dimension.written:
            yield faults.lone_dimension(span, name, "it has no `target`")


def _check_bands(dimension: Declared) -> Iterator[Diagnostic]:
    bands = dimension.values["bands"]
    written = dimension.written["bands"]
    if not bands:
        yield faults.empty(written.value.span, "`bands`", types.describe(types.MapTo(types.Form("bands"), "label")))
        return
    labels = dimension.get("order") or dimension.get("labels")
    if labels is not None:
        missing = tuple(label for label in labels if label not in bands)
        for label in _outside(bands, labels):
            span = _key_span(written.value, label)
            meant = nearest(label, missing)
            yield faults.band_without_label(span, label, dimension.title, meant or nearest(label, labels), labels)
            # A label that is only misspelt there is not missing, too.
            missing = tuple(other for other in missing if other not in meant[:1])
        if missing:
            yield faults.label_without_band(written.name_span, dimension.title, missing)
    ranges = []
    for label, form in bands.items():
        bounds = dict(form.arguments)
        low, high = bounds.get("low"), bounds.get("high")
        if low is not None and high is not None and low >= high:
            yield faults.empty_band(_value_span(written.value, label), label)
        else:
            ranges.append((low, high, label))
    if len(ranges) < len(bands):
        return  # an empty band leaves gaps, which are not a further mistake
    ranges.sort(key=lambda entry: (entry[0] is not None, entry[0] or Decimal(0), entry[1] or Decimal(0)))
    yield from islice(_check_neighbours(dimension, written, ranges), MOST)


def _check_neighbours(
    dimension: Declared, written: syntax.Attribute, ranges: list[tuple[Decimal | None, Decimal | None, str]]
) -> Iterator[Diagnostic]:
    """Bands next to each other, lowest first: overlaps are errors, gaps are warned of."""
    widest = ranges[0] if ranges else None
    for entry in ranges[1:]:
        assert widest is not None
        low, high, label = entry
        if widest[1] is None or low is None or low < widest[1]:
            first, second = _value_span(written.value, widest[2]), _value_span(written.value, label)
            yield faults.bands_overlap(second, label, widest[2], first)
        elif low > widest[1] and dimension.get("unknown") == "error":
            bounds = (spell_number(widest[1]), spell_number(low))
            yield faults.bands_gap(written.name_span, dimension.title, *bounds)
        if widest[1] is not None and (high is None or high > widest[1]):
            widest = entry


def _check_measure(draft: Draft, dimension: Declared) -> Iterator[Diagnostic]:
    measure = draft.named("measure", dimension.get("from"))
    if measure is None or measure.measure is None:
        return
    span = dimension.span("from")
    if dimension.get("bands") is None:
        if measure.measure.gives == "number":
            yield faults.bands_needed(span, dimension.title, measure.name)
    elif measure.measure.gives == "label":
        yield faults.bands_over_labels(dimension.written["bands"].name_span, dimension.title, measure.name)
    given = spaces.measure_labels(measure)
    if given is None or dimension.get("bands") is not None:
        return
    for name in ("labels", "order"):
        for label in _outside(dimension.get(name) or (), given):
            near = nearest(label, given)
            span = _item_span(dimension.written[name].value, label)
            yield faults.foreign_measure_label(span, label, dimension.title, near, given)
    target = dimension.get("target")
    if isinstance(target, Shares) and dimension.get("labels") is None and dimension.get("order") is None:
        yield from _compare_labels(dimension, target, given)


def _check_target(draft: Draft, dimension: Declared) -> Iterator[Diagnostic]:
    target = dimension.get("target")
    if target is None:
        if "target" not in dimension.written:
            for name in ("tolerance", "weight"):
                if name in dimension.written:
                    yield faults.no_effect(
                        dimension.written[name].name_span, name, dimension.title, "it has no `target`"
                    )
        return
    listed = dimension.get("order") or dimension.get("labels") or spaces.ordered_bands(dimension.get("bands") or {})
    if isinstance(target, Shares):
        if listed:
            yield from _compare_labels(dimension, target, listed)
    elif target.function == "preset":
        shares = builtins.PRESETS[target["name"]].shares
        labels = listed if spaces.is_ordered(dimension) else None
        if labels is None or len(labels) != len(shares):
            count = None if not labels else len(labels)
            span = dimension.span("target")
            yield faults.preset_does_not_fit(span, target["name"], len(shares), dimension.title, count)


def _compare_labels(dimension: Declared, target: Shares, labels: tuple[str, ...]) -> Iterator[Diagnostic]:
    written = dimension.written["target"]
    unlisted = _outside(target.weights, labels)
    for label in unlisted:
        span = _key_span(written.value, label)
        yield faults.unlisted_label(span, label, dimension.title, nearest(label, labels), labels)
    missing = tuple(label for label in labels if label not in target.weights)
    if missing and not unlisted:
        yield faults.label_without_weight(written.name_span, dimension.title, missing)


def _outside(found: Iterable[str], labels: Collection[str]) -> list[str]:
    """What is no label, as far as it will be shown."""
    known = frozenset(labels)
    return [each for each in found if each not in known][:MOST]


def _key_span(value: syntax.Expression, key: str) -> Span:
    """Where a key of a map stands; the whole value where it comes from elsewhere."""
    if isinstance(value, syntax.MapOf):
        return next((pair.key_span for pair in value.pairs if pair.key == key), value.span)
    return value.span


def _item_span(value: syntax.Expression, label: str) -> Span:
    """Where a label stands in a list; the whole value where it comes from elsewhere."""
    items = value.items if isinstance(value, syntax.ListOf) else ()
    return next((item.span for item in items if word_of(item) == label), value.span)


def _value_span(value: syntax.Expression, key: str) -> Span:
    if isinstance(value, syntax.MapOf):
        return next((pair.value.span for pair in value.pairs if pair.key == key), value.span)
    return value.span
