"""RF21xx: distributions, labels and bands."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Edit, Help, Label
from refinelab_dsl.diagnostics.wording import error, listed, nearest_names, percent
from refinelab_dsl.source import Place, Span


def no_weights(span: Span, owner: str) -> Diagnostic:
    """RF2101: a distribution over nothing.

    Wrong: `target = { }`. Right: `target = { easy = 40%, hard = rest }`.
    """
    help_ = Help("leave `target` out to report a dimension without steering it")
    return error("RF2101", f"{owner} has a target without weights", span, "no weight here", (help_,))


def several_rest(span: Span, owner: str, first: Span) -> Diagnostic:
    """RF2102: two labels take the remainder.

    Wrong: `{ a = rest, b = rest }`. Right: `{ a = 50%, b = rest }`.
    """
    labels = (Label(first, "first here"),)
    help_ = Help("give all but one of them a weight")
    return error("RF2102", f"weights of {owner} have more than one `rest`", span, "again", (help_,), labels=labels)


def nothing_left(span: Span, owner: str, rest: Span, total: Decimal, summands: str) -> Diagnostic:
    """RF2103: the weights beside `rest` exceed 100%.

    Wrong: `{ a = 70%, b = 40%, c = rest }`. Right: `{ a = 60%, b = 30%, c = rest }`.
    """
    return error(
        "RF2103",
        f"weights of {owner} leave nothing for `rest`: they add up to {percent(total)}",
        span,
        "must stay within 100%",
        notes=(f"{summands} = {percent(total)}",),
        labels=(Label(rest, "nothing is left for it"),),
    )


def weights_sum(
    span: Span, owner: str, total: Decimal, summands: str, last: Span, last_label: str, remainder: Decimal | None
) -> Diagnostic:
    """RF2104: weights do not add up to exactly 100%, and none is `rest`. They are never normalised silently.

    Wrong: `{ a = 50%, b = 55% }`. Right: `{ a = 50%, b = rest }`.
    """
    helps: tuple[Help, ...] = ()
    if remainder is not None:
        way_out = f"let `{last_label}` take the remainder (it becomes {percent(remainder)})"
        helps = (Help(way_out, (Edit(last, "rest"),), "maybe"),)  # another weight may be the wrong one
    return error(
        "RF2104",
        f"weights of {owner} add up to {percent(total)}",
        span,
        "must add up to 100%",
        helps,
        notes=(f"{summands} = {percent(total)}",),
        labels=(Label(last, "nothing here takes the remainder"),),
    )


def unknown_preset(span: Span, name: str, near: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """RF2105: no built-in distribution has this name.

    Wrong: `preset("stress")`. Right: `preset("stress-test")`.
    """
    quoted = tuple(f'"{each}"' for each in near)
    return error(
        "RF2105",
        f"no preset is named `{name}`",
        span,
        "unknown",
        nearest_names(quoted, span),
        (f"presets: {listed(known)}",),
    )


def preset_does_not_fit(span: Span, name: str, shares: int, owner: str, labels: int | None) -> Diagnostic:
    """RF2106: a preset has another number of shares than the dimension has labels, or these have no order.

    Wrong: `preset("stress-test")` for four labels. Right: for `order = [easy, medium, hard]`.
    """
    found = "has no ordered labels" if labels is None else f"has {labels}"
    return error(
        "RF2106",
        f"`{name}` is a distribution over {shares} ordered labels, and {owner} {found}",
        span,
        "does not fit",
        (Help("list the labels, lowest first: `order = [easy, medium, hard]`" if labels is None else
              f"give it {shares} labels, or write the weights out"),),
    )  # fmt: skip


def unlisted_label(span: Span, label: str, owner: str, near: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """RF2107: a label that the dimension does not have.

    Wrong: `to(hardd)`. Right: `to(hard)`.
    """
    notes = (f"its labels: {listed(known)}",)
    return error("RF2107", f"{owner} has no label `{label}`", span, "no such label", nearest_names(near, span), notes)


def label_without_weight(span: Span, owner: str, missing: Sequence[str]) -> Diagnostic:
    """RF2108: a target leaves labels of the dimension out.

    Wrong: `order = [easy, hard]` with `target = { hard = 100% }`. Right: `target = { easy = 0%, hard = 100% }`.
    """
    return error(
        "RF2108",
        f"the target of {owner} gives no weight to {listed(missing)}",
        span,
        "not all labels have a weight",
        (Help("give each label a weight; `0%` empties it"),),
    )


def labels_twice(span: Span, owner: str, first: Span) -> Diagnostic:
    """RF2109: labels are listed as unordered and as ordered.

    Wrong: `labels = […]` and `order = […]`. Right: one of them.
    """
    labels = (Label(first, "and here"),)
    help_ = Help("keep `order` if the labels have one, else `labels`")
    message = f"{owner} has both `labels` and `order`"
    return error("RF2109", message, span, "labels are listed here", (help_,), labels=labels)


def band_without_label(span: Span, label: str, owner: str, near: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """RF2110: a band for something that is no label.

    Wrong: `order = [easy, hard]` with a band `medium`. Right: the same words in both.
    """
    notes = (f"its labels: {listed(known)}",)
    return error(
        "RF2110",
        f"{owner} has a band for `{label}`, no label of it",
        span,
        "no such label",
        nearest_names(near, span),
        notes,
    )


def label_without_band(span: Span, owner: str, missing: Sequence[str]) -> Diagnostic:
    """RF2111: labels without a band, where others have one.

    Wrong: `order = [easy, hard]` with a band for `easy` alone. Right: a band for each.
    """
    help_ = Help("add one for each, or take the labels out of the list")
    return error("RF2111", f"{owner} has no band for {listed(missing)}", span, "each label needs a band", (help_,))


def empty_band(span: Span, label: str) -> Diagnostic:
    """RF2112: a band that holds no number: bands are half open, `[low, high)`.

    Wrong: `between(20, 10)`. Right: `between(10, 20)`.
    """
    return error("RF2112", f"the band of `{label}` is empty", span, "no number lies in it")


def bands_overlap(span: Span, label: str, other: str, first: Span) -> Diagnostic:
    """RF2113: a number would have two labels.

    Wrong: `short = below(20), long = above(15)`. Right: `short = below(15), long = above(15)`.
    """
    return error(
        "RF2113",
        f"the bands of `{other}` and `{label}` overlap",
        span,
        "overlaps",
        labels=(Label(first, f"with `{other}`"),),
        notes=("bands are half open: `between(10, 20)` holds 10 and does not hold 20",),
    )


def bands_gap(span: Span, owner: str, low: str, high: str) -> Diagnostic:
    """RF2114: numbers between two bands, or beyond them, have no label; `unknown` says what such items do."""
    return Diagnostic(
        "RF2114",
        "warning",
        f"{owner} has no band for numbers from {low} to {high}"
        if low and high
        else f"{owner} has no band for numbers {f'below {high}' if high else f'from {low} on'}",
        span=span,
        label="leaves a gap",
        help=(Help("close it, or say what such items do: `unknown = drop` or `unknown = keep`"),),
    )


def bands_needed(span: Span, owner: str, measure: str) -> Diagnostic:
    """RF2115: a dimension over numbers has labels and no bands.

    Wrong: `from = words` (a length) with `labels = [short, long]`. Right: `bands = { short = below(20), … }`.
    """
    return error(
        "RF2115",
        f"{owner} needs `bands`: measure `{measure}` gives numbers",
        span,
        "gives numbers",
        (Help("say which numbers have which label: `bands = { short = below(20), long = above(20) }`"),),
    )


def bands_over_labels(span: Span, owner: str, measure: str) -> Diagnostic:
    """RF2116: bands over a measure that gives labels.

    Wrong: `from = subject` (a classification) with `bands`. Right: `labels`.
    """
    help_ = Help("list them: `labels = […]`, or `order = […]`, lowest first")
    message = f"{owner} has `bands`, and measure `{measure}` gives labels, not numbers"
    return error("RF2116", message, span, "not numbers", (help_,))


def foreign_measure_label(span: Span, label: str, owner: str, near: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """RF2117: a label that the measure never gives.

    Wrong: `classify` with `labels = [a, b]`, and a dimension with `labels = [a, c]`. Right: the same labels.
    """
    notes = (f"its measure gives {listed(known)}",)
    return error(
        "RF2117",
        f"no item can have the label `{label}` of {owner}",
        span,
        "never measured",
        nearest_names(near, span),
        notes,
    )


def mixed_variable(span: Span, name: str) -> Diagnostic:
    """RF2118: `mix` over something that is no variable of type weights.

    Wrong: `mix(topic = 100%)`. Right: `mix(curriculum = 40%, exam = 60%)` over two such variables.
    """
    help_ = Help(f"declare it: `variable {name} {{ type = weights, default = {{ … }} }}`")
    return error(
        "RF2118", f"`mix` takes variables that hold weights, and `{name}` is none", span, "no such variable", (help_,)
    )


def nested_mix(span: Span, name: str) -> Diagnostic:
    """RF2119: a part of a mixture is no map of weights (`uniform()` has no labels of its own)."""
    help_ = Help(f"write them out: `variable {name} {{ type = weights, default = {{ … }} }}`")
    return error("RF2119", f"`mix` needs weights written out in variable `{name}`", span, "not written out", (help_,))


def table_column(span: Span, path: str, column: str, near: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """RF2120: a table of shares lacks a column.

    Wrong: `load("t.csv", key = "topic", value = "share")` without such columns.
    """
    quoted = tuple(f'"{each}"' for each in near)
    notes = (f"its columns: {listed(known)}",) if known else ("it is empty",)
    return error(
        "RF2120", f"`{path}` has no column `{column}`", span, "no such column", nearest_names(quoted, span), notes
    )


def table_row(place: Place, reason: str) -> Diagnostic:
    """RF2121: a row of a table of shares cannot be read."""
    return Diagnostic("RF2121", "error", f"bad row in a table of shares: {reason}", place=place)


def table_sum(span: Span, path: str, total: Decimal) -> Diagnostic:
    """RF2122: the shares of a table do not add up to 100% (within 0.05%)."""
    return error("RF2122", f"the shares in `{path}` add up to {percent(total)}", span, "must add up to 100%")
