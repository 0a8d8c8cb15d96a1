"""Expressions over items: names to spaces, labels to texts, every function and operand of a type that fits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, cast

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.builtins import Function, Parameter
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.expressions import Binary, Call, Constant, Expression, ListOf, Name, Unary
from refinelab_dsl.expressions.functions import check_pattern
from refinelab_dsl.semantics import spaces
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.order import MOST
from refinelab_dsl.semantics.spaces import BOOL, MONEY, NULL, NUMBER, TEXT, Names, Yields
from refinelab_dsl.semantics.written import match_arguments, relocate, what_stands
from refinelab_dsl.source import Span

_PLACES: Final = {
    "fields": "`fields`",
    "rows": "`where` of a dataset",
    "items": "`where` and `prefer` of an operator, and in `protect` and `flagged`",
    "accept": "`accept`",
    "assert": "`assert`",
}


@dataclass(frozen=True)
class Typed:
    """A resolved expression and what it gives. `constant`: no name and no function in it; `items`: those of a list."""

    node: Expression
    yields: Yields
    constant: bool = False
    items: tuple[Typed, ...] = ()


@dataclass(frozen=True)
class Reader:
    """Reads one expression.

    namespace: of the file that it stands in; subject: the attribute in messages; context: whose functions; names: what
    bare names may be.
    found: where mistakes are reported. An expression with a mistake gives None; so does one with a name that a broken
        statement may have declared, which is not reported.
    """

    bindings: Bindings
    namespace: str
    subject: str
    context: str
    names: Names
    found: list[Diagnostic]

    def read(self, expression: syntax.Expression, gives: types.ExpressionKind) -> Expression | None:
        """The expression, if it yields what is needed."""
        typed = self.lower(expression)
        if typed is None:
            return None
        if not _is_a(typed.yields, gives):
            expected = types.expression_kind(gives)
            self._report(faults.wrong_result(expression.span, self.subject, expected, _what(typed.yields)))
            return None
        if typed.constant and gives == "bool" and isinstance(typed.node, Constant):
            self.found.append(faults.always(expression.span, self.subject, typed.node.text))
        return typed.node

    def lower(self, expression: syntax.Expression, like: Yields | None = None) -> Typed | None:
        """The expression with its names resolved. `like`: what it is compared with, where that has labels."""
        replaced = self._variable(expression)
        if replaced is None:
            return None
        expression = replaced
        match expression:
            case syntax.Literal():
                return self._literal(expression, like)
            case syntax.Reference():
                return self._reference(expression, like)
            case syntax.ListOf(items=items):
                parts = [self.lower(item, like) for item in items]
                if any(part is None for part in parts):
                    return None
                typed = cast("list[Typed]", parts)
                node = ListOf(items=tuple(part.node for part in typed))
                return Typed(node, Yields("list"), all(part.constant for part in typed), tuple(typed))
            case syntax.Call():
                return self._call(expression)
            case syntax.Unary():
                return self._unary(expression)
            case syntax.Binary(operator="and" | "or"):
                return self._connective(expression)
            case syntax.Binary(operator="+" | "-" | "*" | "/"):
                return self._arithmetic(expression, like)
            case syntax.Binary():
                return self._comparison(expression)
        self._report(faults.not_an_expression(expression.span, what_stands(expression), self.subject))
        return None

    def _near(self, word: str, candidates: Iterable[str]) -> tuple[str, ...]:
        """Nearest names, as long as they may still be shown: each is compared letter by letter."""
        return nearest(word, candidates) if len(self.found) < MOST else ()

    def _report(self, diagnostic: Diagnostic) -> None:
        self.found.append(diagnostic)

    def _variable(self, expression: syntax.Expression) -> syntax.Expression | None:
        match expression:
            case syntax.Reference(parts=("var", first, *rest)):
                name = ".".join((first, *rest))
                variables = self.bindings.views[self.namespace].variables
                variable = variables.get(name)
                if variable is None:
                    if self.bindings.directory.find(self.namespace, name, ("variable",)) is None:
                        near = self._near(name, variables)
                        self._report(faults.unknown_variable(expression.span, name, near))
                    return None
                return None if variable.value is None else relocate(variable.value, expression.span)
        return expression

    # Names and constants

    def _literal(self, literal: syntax.Literal, like: Yields | None) -> Typed | None:
        match literal:
            case syntax.Literal(kind="text" | "block", value=str(text)):
                if like is not None and like.labels is not None and text not in like.labels:
                    near = self._near(text, like.labels)
                    self._report(faults.wrong_label(literal.span, text, like.owner, near, like.labels))
                    return None
                return Typed(Constant.of(text), TEXT, True)
            case syntax.Literal(kind="number" | "count" | "percent", value=Decimal() as value):
                return Typed(Constant.of(value), NUMBER, True)
            case syntax.Literal(kind="money", value=Decimal() as value):
                return Typed(Constant.of(value), MONEY, True)
            case syntax.Literal(kind="bool", value=bool(value)):
                return Typed(Constant.of(value), BOOL, True)
            case syntax.Literal(kind="null"):
                return Typed(Constant.of(None), NULL, True)
        self._report(faults.not_an_expression(literal.span, what_stands(literal), self.subject))
        return None

    def _reference(self, reference: syntax.Reference, like: Yields | None) -> Typed | None:
        name = ".".join(reference.parts)
        if len(reference.parts) > 1 and name not in self.names.known:
            self._complain_of_dots(reference, name)
            return None
        if like is not None and like.labels is not None and name in like.labels:
            return Typed(Constant.of(name), TEXT, True)
        known = self.names.known.get(name)
        if known is not None:
            if known.missing == spaces.ROWS:
                self._report(faults.not_measured_yet(reference.span, name, known.space))
                return None
            if known.missing:
                self._report(faults.unmeasurable(reference.span, name, known.missing))
                return None
            return Typed(Name(space=known.space, name=known.name), known.yields)
        if like is not None and like.labels is not None:
            near = self._near(name, like.labels)
            self._report(faults.wrong_label(reference.span, name, like.owner, near, like.labels))
            return None
        if (like is not None and like.open) or name in self.names.labels:
            return Typed(Constant.of(name), TEXT, True)
        if self.names.open:
            return Typed(Name(space="field", name=name), spaces.ANY)
        if not self._is_unsure():
            self._report(self._unknown(reference.span, name, like))
        return None

    def _is_unsure(self) -> bool:
        """Whether a statement is broken that may have declared names of expressions: fields, measures, dimensions."""
        broken = self.bindings.directory.modules[self.namespace].tree.broken
        return any(kind in ("dataset", "measure", "dimension") for kind, _ in broken)

    def _complain_of_dots(self, reference: syntax.Reference, name: str) -> None:
        """A dotted name that is none: of an import, or of nothing."""
        directory = self.bindings.directory
        if directory.is_open(self.namespace, name):
            return
        if reference.parts[0] in directory.modules[self.namespace].links and self.names.known:
            self._report(
                directory.complain(self.namespace, name, _MEASURED, reference.span, near=len(self.found) < MOST)
            )
        else:
            self._report(faults.namespace_in_expression(reference.span, name, self.subject))

    def _unknown(self, span: Span, name: str, like: Yields | None) -> Diagnostic:
        near = self._near(name, [*self.names.known, *sorted(self.names.labels)])
        if self.context == "fields":
            return faults.bare_column(span, name)
        if like is not None and like.kind in ("any", "text"):
            return faults.text_or_name(span, name, self.subject, near)
        function = builtins.function(self.context, name)
        if function is not None:
            return faults.function_without_call(span, name, bool(function.parameters))
        if self.context == "assert":
            known = self.bindings.views[self.namespace].items.known.get(name)
            if known is not None:
                return faults.item_in_assertion(span, name, known.space)
        return faults.unknown_name(span, name, self.subject, near, tuple(self.names.known))

    # Operators

    def _unary(self, expression: syntax.Unary) -> Typed | None:
        inner = self.lower(expression.operand)
        if inner is None:
            return None
        if expression.operator == "not":
            if inner.yields.kind not in ("bool", "any"):
                self._report(faults.wrong_operand(expression.operand.span, "not", "a condition", _what(inner.yields)))
                return None
            return Typed(Unary(operator="not", operand=inner.node), BOOL, inner.constant)
        if inner.yields.kind not in ("number", "money", "any"):
            self._report(
                faults.wrong_operand(expression.operand.span, expression.operator, "a number", _what(inner.yields))
            )
            return None
        if expression.operator == "+":
            return inner
        if isinstance(inner.node, Constant) and isinstance(inner.node.value, Decimal):
            return replace(inner, node=Constant.of(-inner.node.value))
        return Typed(Unary(operator="-", operand=inner.node), _number(inner.yields), inner.constant)

    def _connective(self, expression: syntax.Binary) -> Typed | None:
        left, right = self.lower(expression.left), self.lower(expression.right)
        if left is None or right is None:
            return None
        for side, typed in ((expression.left, left), (expression.right, right)):
            if typed.yields.kind not in ("bool", "any"):
                self._report(faults.wrong_operand(side.span, expression.operator, "a condition", _what(typed.yields)))
                return None
        node = Binary(operator=expression.operator, left=left.node, right=right.node)
        return Typed(node, BOOL, left.constant and right.constant)

    def _arithmetic(self, expression: syntax.Binary, like: Yields | None) -> Typed | None:
        if like is not None and like.kind == "label" and self._is_bare(expression):
            self._report(faults.unquoted_label(expression.span, self.bindings.text(expression.span)))
            return None
        left, right = self.lower(expression.left), self.lower(expression.right)
        if left is None or right is None:
            return None
        for side, typed in ((expression.left, left), (expression.right, right)):
            if typed.yields.kind not in ("number", "money", "any"):
                self._report(faults.wrong_operand(side.span, expression.operator, "a number", _what(typed.yields)))
                return None
        yields = _combined(expression.operator, left.yields, right.yields)
        if yields is None:
            self._report(faults.unlike(expression.span, expression.operator, _what(left.yields), _what(right.yields)))
            return None
        if expression.operator == "/" and isinstance(right.node, Constant) and right.node.value == 0:
            self._report(faults.division_by_zero(expression.right.span))
            return None
        node = Binary(operator=expression.operator, left=left.node, right=right.node)
        return Typed(node, yields, left.constant and right.constant)

    def _is_bare(self, expression: syntax.Expression) -> bool:
        """Whether arithmetic is made of words that name nothing: a label that lost its quotes."""
        match expression:
            case syntax.Binary(left=left, right=right):
                return self._is_bare(left) and self._is_bare(right)
            case syntax.Reference(parts=(word,)):
                return word not in self.names.known
            case syntax.Literal(kind=kind):
                return kind == "number"
        return False

    def _comparison(self, expression: syntax.Binary) -> Typed | None:
        """`==`, `<`, `in`: the side that has labels says what bare words on the other side are."""
        sides = (expression.left, expression.right)
        hints = [self._peek(side) for side in sides]
        left = self.lower(sides[0], hints[1])
        if left is None and isinstance(sides[1], syntax.Reference):
            return None  # whether a word is a label cannot be told without what it is compared with
        right = self.lower(sides[1], hints[0])
        if left is None or right is None:
            return None
        if expression.operator in ("in", "not in"):
            return self._membership(expression, left, right)
        pair = (left.yields, right.yields)
        if expression.operator in ("<", "<=", ">", ">="):
            return self._order(expression, left, right)
        if not _are_alike(*pair):
            self._unlike(expression, left, right)
            return None
        node = Binary(operator=expression.operator, left=left.node, right=right.node)
        return Typed(node, BOOL, left.constant and right.constant)

    def _peek(self, side: syntax.Expression) -> Yields | None:
        """What a side of a comparison gives to the other as a hint: a known name or a function alone has labels."""
        match self._quiet_variable(side):
            case syntax.Reference(parts=parts):
                known = self.names.known.get(".".join(parts))
                return None if known is None else known.yields
            case syntax.Call(function=function):
                row = builtins.function(self.context, ".".join(function.parts))
                return None if row is None or row.gives is None else Yields(row.gives)
        return None

    def _quiet_variable(self, expression: syntax.Expression) -> syntax.Expression | None:
        return replace(self, found=[])._variable(expression)

    def _membership(self, expression: syntax.Binary, left: Typed, right: Typed) -> Typed | None:
        textual = right.yields.kind in ("text", "label") and left.yields.kind in ("text", "label", "any")
        if right.yields.kind not in ("list", "any") and not textual:
            self._report(
                faults.wrong_operand(expression.right.span, expression.operator, "a list", _what(right.yields))
            )
            return None
        if isinstance(expression.right, syntax.ListOf) and left.yields.kind not in ("any", "list"):
            for item, typed in zip(expression.right.items, right.items, strict=True):
                if not _are_alike(left.yields, typed.yields):
                    self._report(faults.unlike(item.span, expression.operator, _what(left.yields), _what(typed.yields)))
                    return None
        node = Binary(operator=expression.operator, left=left.node, right=right.node)
        return Typed(node, BOOL, left.constant and right.constant)

    def _order(self, expression: syntax.Binary, left: Typed, right: Typed) -> Typed | None:
        for typed, other, operator in (
            (left, right, expression.operator),
            (right, left, _MIRRORED[expression.operator]),
        ):
            if typed.yields.kind != "label":
                continue
            if not typed.yields.ordered or typed.yields.labels is None:
                self._report(faults.no_order(expression.span, expression.operator, typed.yields.owner))
                return None
            if not isinstance(other.node, Constant):
                self._report(
                    faults.unlike(expression.span, expression.operator, _what(left.yields), _what(right.yields))
                )
                return None
            if other.node.text not in typed.yields.labels:
                self._unlike(expression, left, right)
                return None
            # Labels are texts; their order is the dimension's, so the comparison becomes a choice of labels.
            chosen = _labels_beyond(typed.yields.labels, operator, other.node.text)
            node = Binary(operator="in", left=typed.node, right=ListOf(items=tuple(map(Constant.of, chosen))))
            return Typed(node, BOOL)
        kinds = {left.yields.kind, right.yields.kind}
        if kinds <= {"number", "any"} or kinds <= {"money", "any"} or kinds <= {"text", "any"}:
            node = Binary(operator=expression.operator, left=left.node, right=right.node)
            return Typed(node, BOOL, left.constant and right.constant)
        self._unlike(expression, left, right)
        return None

    def _unlike(self, expression: syntax.Binary, left: Typed, right: Typed) -> None:
        kinds = (left.yields.kind, right.yields.kind)
        if set(kinds) == {"money", "number"}:
            side = expression.left if kinds[0] == "number" else expression.right
            at = left if kinds[0] == "number" else right
            if isinstance(at.node, Constant):
                self._report(faults.money_and_number(expression.span, expression.operator, side.span, at.node.text))
                return
        self._report(faults.unlike(expression.span, expression.operator, _what(left.yields), _what(right.yields)))

    # Functions

    def _call(self, call: syntax.Call) -> Typed | None:
        name = ".".join(call.function.parts)
        row = builtins.function(self.context, name)
        if row is None:
            self._report(self._no_function(call, name))
            return None
        given = match_arguments(call, row, self.found)
        if given is None:
            return None
        nodes: list[Expression] = []
        before = len(self.found)
        read: dict[str, str] = {}
        written = [parameter for parameter in row.parameters if given[parameter.name]]
        for parameter in written:
            node = self._argument(row, parameter, given[parameter.name][0], read)
            if node is not None:
                nodes.append(node)
                if isinstance(node, Constant):
                    read[parameter.name] = node.text
        if len(nodes) < len(written) or len(self.found) > before:
            return None
        assert row.gives is not None
        return Typed(Call(function=name, arguments=tuple(nodes)), Yields(row.gives))

    def _no_function(self, call: syntax.Call, name: str) -> Diagnostic:
        span = call.function.span
        elsewhere = [_PLACES[context] for context in builtins.contexts_of(name) if context in _PLACES]
        if elsewhere:
            here = _PLACES["rows"] if self.context == "rows" else self.subject  # two blocks have a `where`
            return faults.function_elsewhere(span, name, here, elsewhere)
        known = tuple(row.name for row in builtins.functions(self.context))
        return faults.unknown_function(span, name, self.subject, self._near(name, known), known)

    def _argument(
        self, row: Function, parameter: Parameter, argument: syntax.Expression, read: dict[str, str]
    ) -> Expression | None:
        replaced = self._variable(argument)
        if replaced is None:
            return None
        argument = replaced
        match parameter.type:
            case types.Value(gives=gives):
                typed = self.lower(argument)
                if typed is None:
                    return None
                if not _is_a(typed.yields, gives):
                    expected = types.expression_kind(gives)
                    self._report(
                        faults.wrong_argument(argument.span, row.name, parameter.name, expected, _what(typed.yields))
                    )
                    return None
                return typed.node
            case types.Over(context=context, gives=gives):
                names = self.bindings.views[self.namespace].items
                inner = replace(self, subject=f"`{row.name}`", context=context, names=names)
                return inner.read(argument, gives)
            case types.Name(kinds=kinds):
                return self._declared(row, parameter, argument, kinds)
            case types.Label():
                return self._label(row, parameter, argument, read.get("dimension"))
        return self._text(row, parameter, argument)

    def _text(self, row: Function, parameter: Parameter, argument: syntax.Expression) -> Expression | None:
        match argument:
            case syntax.Literal(kind="text", value=str(text)):
                if row.name == "column" and self.names.columns is not None and text not in self.names.columns:
                    near = self._near(text, self.names.columns)
                    self._report(faults.unknown_column(argument.span, text, near, self.names.columns))
                    return None
                if row.name == "matches" and (problem := check_pattern(text)) is not None:
                    self._report(faults.bad_pattern(argument.span, problem.rpartition(": ")[2]))
                    return None
                if parameter.name == "mark" and not text:
                    self._report(faults.empty(argument.span, "`mark`", 'a text such as `"####"`'))
                    return None
                return Constant.of(text)
            case syntax.Reference(parts=(word,)):
                self._report(faults.bare_text(argument.span, f"`{parameter.name}` of `{row.name}`", word))
                return None
        self._report(faults.unsure_argument(argument.span, row.name, parameter.name, types.describe(parameter.type)))
        return None

    def _declared(
        self, row: Function, parameter: Parameter, argument: syntax.Expression, kinds: tuple[str, ...]
    ) -> Expression | None:
        match argument:
            case syntax.Reference(parts=parts):
                directory = self.bindings.directory
                name = ".".join(parts)
                qualified = directory.find(self.namespace, name, kinds)
                if qualified is not None:
                    return Constant.of(qualified)
                near = len(self.found) < MOST
                self._report(directory.complain(self.namespace, name, kinds, argument.span, near=near))
                return None
            case syntax.Literal(kind="text", value=str(text)):
                self._report(faults.quoted_name(argument.span, text, kinds[0]))
                return None
        expected = types.describe(parameter.type)
        self._report(faults.wrong_argument(argument.span, row.name, parameter.name, expected, what_stands(argument)))
        return None

    def _label(
        self, row: Function, parameter: Parameter, argument: syntax.Expression, dimension: str | None
    ) -> Expression | None:
        declared = self.bindings.draft.named("dimension", dimension)
        labels = None if declared is None else spaces.dimension_labels(self.bindings.draft, declared)
        match argument:
            case syntax.Reference(parts=(word,)) | syntax.Literal(kind="text", value=str(word)):
                if labels is not None and word not in labels:
                    near = self._near(word, labels)
                    self._report(faults.wrong_label(argument.span, word, dimension or "", near, labels))
                    return None
                return Constant.of(word)
            case syntax.Binary(operator="-"):
                self._report(faults.unquoted_label(argument.span, self.bindings.text(argument.span)))
                return None
        expected = types.describe(parameter.type)
        self._report(faults.wrong_argument(argument.span, row.name, parameter.name, expected, what_stands(argument)))
        return None


_MEASURED: Final = ("measure", "dimension")

_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _labels_beyond(labels: tuple[str, ...], operator: str, label: str) -> tuple[str, ...]:
    """The labels on one side of a label."""
    at = labels.index(label)
    return {"<": labels[:at], "<=": labels[: at + 1], ">": labels[at + 1 :], ">=": labels[at:]}[operator]


def _is_a(yields: Yields, kind: types.ExpressionKind) -> bool:
    """Whether a value may stand where `kind` is needed."""
    if kind == "any" or yields.kind in (kind, "any"):
        return True
    return kind == "text" and yields.kind == "label"


def _are_alike(left: Yields, right: Yields) -> bool:
    """Whether two values may be compared for equality."""
    kinds = {left.kind, right.kind}
    if "any" in kinds or "null" in kinds or len(kinds) == 1:
        return True
    return kinds <= {"text", "label"}


def _combined(operator: str, left: Yields, right: Yields) -> Yields | None:
    money = [yields.kind == "money" for yields in (left, right)]
    if not any(money):
        return NUMBER
    match operator:
        case "+" | "-":
            return MONEY if all(money) else None
        case "*":
            return None if all(money) else MONEY
        case _:
            if all(money):
                return NUMBER
            return MONEY if money[0] else None


def _number(yields: Yields) -> Yields:
    return MONEY if yields.kind == "money" else NUMBER


def _what(yields: Yields) -> str:
    return "a condition" if yields.kind == "bool" else types.expression_kind(yields.kind)
