"""RF23xx: expressions over items, and templates' counterpart in `where`, `accept` and `assert`."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Edit, Help
from refinelab_dsl.diagnostics.wording import error, listed, nearest_names
from refinelab_dsl.source import Span


def unknown_name(span: Span, name: str, subject: str, near: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """RF2301: a bare name that is no field, measure, dimension, label or documented name of the attribute.

    Wrong: `where = lenght > 10`. Right: `where = length > 10`.
    """
    notes = () if near or not known else (f"names here: {listed(known)}",)
    return error("RF2301", f"{subject} knows no name `{name}`", span, "unknown here", nearest_names(near, span), notes)


def text_or_name(span: Span, name: str, subject: str, near: Sequence[str]) -> Diagnostic:
    """RF2317: an unknown bare word is compared with a text: it may have lost its quotes.

    Wrong: `where = source == web`. Right: `where = source == "web"`.
    """
    helps = (Help("quote it, if it is a text", (Edit(span, f'"{name}"'),), "maybe"), *nearest_names(near, span))
    return error("RF2317", f"{subject} knows no name `{name}`", span, "unknown here", helps)


def function_without_call(span: Span, name: str, takes_any: bool) -> Diagnostic:
    """RF2319: a function without its brackets.

    Wrong: `assert = size > 100`. Right: `assert = size() > 100`.
    """
    help_ = Help(f"call it: `{name}(…)`") if takes_any else Help("call it", (Edit(span, f"{name}()"),), "maybe")
    return error("RF2319", f"`{name}` is a function", span, "not called", (help_,))


def item_in_assertion(span: Span, name: str, what: str) -> Diagnostic:
    """RF2320: an assertion speaks of the whole set, and a name of one item stands in it.

    Wrong: `assert = topic == algebra`. Right: `assert = count(topic == algebra) > 10`.
    """
    if what == "dimension":
        help_ = Help(f"write `share({name}, …)`, `jsd({name})`, or `count({name} == …)`")
    else:
        help_ = Help(f"count the items: `count({name} == …)`")
    return error("RF2320", f"`{name}` is a {what} of an item, and `assert` speaks of all", span, f"a {what}", (help_,))


def bare_column(span: Span, name: str) -> Diagnostic:
    """RF2302: a column is named as if it were a field.

    Wrong: `question = prompt`. Right: `question = column("prompt")`.
    """
    help_ = Help("name the column", (Edit(span, f'column("{name}")'),), "maybe")
    return error("RF2302", f"`{name}` is no value; a column is read with `column(…)`", span, "a bare name", (help_,))


def not_measured_yet(span: Span, name: str, what: str) -> Diagnostic:
    """RF2303: a dataset's `where` chooses rows before anything is measured.

    Wrong: `dataset d { where = difficulty == hard }`. Right: a condition over its own fields.
    """
    help_ = Help("choose rows by a field, or take items out by an operator of kind `remove`")
    message = f"`{name}` is a {what}, and rows are chosen before anything is measured"
    return error("RF2303", message, span, f"a {what}", (help_,))


def wrong_label(span: Span, label: str, dimension: str, near: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """RF2304: a comparison with a word that is no label.

    Wrong: `difficulty == hrad`. Right: `difficulty == hard`.
    """
    notes = (f"labels of `{dimension}`: {listed(known)}",)
    return error(
        "RF2304", f"`{dimension}` has no label `{label}`", span, "no such label", nearest_names(near, span), notes
    )


def unlike(span: Span, operator: str, left: str, right: str) -> Diagnostic:
    """RF2305: a comparison or arithmetic on values that do not go together.

    Wrong: `question > 10`. Right: `len(question) > 10`.
    """
    return error("RF2305", f"`{operator}` cannot take {left} and {right}", span, "do not go together")


def money_and_number(span: Span, operator: str, at: Span, text: str) -> Diagnostic:
    """RF2318: dollars are compared with a plain number.

    Wrong: `cost() < 3`. Right: `cost() < $3`.
    """
    help_ = Help("write an amount of money", (Edit(at, f"${text}"),), "maybe")
    return error("RF2318", f"`{operator}` cannot take an amount of money and a number", span, "units differ", (help_,))


def wrong_operand(span: Span, operator: str, expected: str, found: str) -> Diagnostic:
    """RF2306: an operand of another type.

    Wrong: `not question`. Right: `not matches(question, "x")`.
    """
    return error("RF2306", f"`{operator}` takes {expected}, not {found}", span, f"this is {found}")


def wrong_result(span: Span, subject: str, expected: str, found: str) -> Diagnostic:
    """RF2307: an expression that gives something else than the attribute needs.

    Wrong: `where = len(question)`. Right: `where = len(question) > 20`.
    """
    return error("RF2307", f"{subject} must give {expected}, and this gives {found}", span, f"gives {found}")


def no_order(span: Span, operator: str, name: str) -> Diagnostic:
    """RF2308: labels without an order are compared by size.

    Wrong: `topic > organic`. Right: `topic in [organic, inorganic]`.
    """
    help_ = Help("list the labels: `in […]`; or give the dimension `order` instead of `labels`")
    return error(
        "RF2308", f"`{operator}` needs an order, and the labels of `{name}` have none", span, "no order", (help_,)
    )


def function_elsewhere(span: Span, name: str, subject: str, where: Sequence[str]) -> Diagnostic:
    """RF2309: a function of the language that does not exist here.

    Wrong: `where = jsd(topic) < 0.1`. Right: `assert = jsd(topic) < 0.1`.
    """
    notes = (f"it belongs in {', '.join(where)}",)
    return error("RF2309", f"`{name}` cannot be used in {subject}", span, "not here", notes=notes)


def wrong_argument(span: Span, function: str, parameter: str, expected: str, found: str) -> Diagnostic:
    """RF2310: an argument of another type.

    Wrong: `words(3)`. Right: `words(question)`.
    """
    return error("RF2310", f"`{parameter}` of `{function}` takes {expected}, not {found}", span, f"this is {found}")


def bad_pattern(span: Span, reason: str) -> Diagnostic:
    """RF2311: a pattern of `matches` that is no regular expression.

    Wrong: `matches(question, "(")`. Right: `matches(question, "\\(")`.
    """
    return error("RF2311", "this pattern is no regular expression", span, "cannot be used", notes=(reason,))


def not_an_expression(span: Span, found: str, subject: str) -> Diagnostic:
    """RF2312: something that no expression over items can hold.

    Wrong: `where = { a = 1 }`. Right: `where = a == 1`.
    """
    return error("RF2312", f"{subject} is computed over items and cannot hold {found}", span, f"this is {found}")


def always(span: Span, subject: str, value: str) -> Diagnostic:
    """RF2313: a condition without any name or function is always the same."""
    return Diagnostic("RF2313", "warning", f"{subject} is always {value}", span=span, label=f"always {value}")


def namespace_in_expression(span: Span, name: str, subject: str) -> Diagnostic:
    """RF2314: a dotted name in an expression.

    Wrong: `item.question`. Right: `question`.
    """
    return error("RF2314", f"{subject} has no dotted names such as `{name}`", span, "name the field alone")


def unmeasurable(span: Span, name: str, reason: str) -> Diagnostic:
    """RF2315: `accept` looks at something that cannot be measured of a new item.

    Wrong: `accept = topic == organic` where topics come from file names. Right: a condition over the result's fields.
    """
    return error("RF2315", f"`{name}` cannot be measured of a result: {reason}", span, "not known of a result")


def unsure_argument(span: Span, function: str, parameter: str, expected: str) -> Diagnostic:
    """RF2316: an argument that must be written out is computed.

    Wrong: `column(lower("X"))`. Right: `column("x")`.
    """
    return error("RF2316", f"`{parameter}` of `{function}` takes {expected}, written out", span, "not written out")
