"""From expressions of the tree to values of a type: exact, with units, every mistake a diagnostic."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.diagnostics import Diagnostic, Edit, Help
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics import plain, quantities, shares
from refinelab_dsl.semantics.bindings import Variable
from refinelab_dsl.semantics.files import Files
from refinelab_dsl.semantics.order import MOST
from refinelab_dsl.semantics.quantities import Quantity
from refinelab_dsl.semantics.written import (
    is_bare,
    is_dotted,
    is_numeric_text,
    match_arguments,
    mentions,
    relocate,
    what_stands,
    word_of,
)
from refinelab_dsl.source import Place, Sources, Span
from refinelab_dsl.types import UNSET

_ENVIRONMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HUB: Final = re.compile(r"hf://[\w.-]+/[\w.-]+")
_WHOLE: Final = (types.Integer, types.Tokens, types.Shift)


@dataclass(frozen=True)
class Scope:
    """What evaluating needs to know: which names exist, what variables stand for, how files are read.

    variables: by what stands after `var.`. lookup: the qualified name of a reference; None where it names nothing of
    these kinds, which is reported where the last argument says so.
    """

    variables: Mapping[str, Variable]
    lookup: Callable[[str, tuple[str, ...], Span, bool], str | None]
    files: Files
    sources: Sources
    found: list[Diagnostic]


@dataclass(frozen=True)
class Evaluator:
    """Evaluates the value of one attribute.

    subject: what it is called in messages (`` `size` ``); owner: the declaration that it belongs to (``dimension
    `topic` ``); span: the attribute's name.
    """

    scope: Scope
    subject: str
    owner: str = ""
    span: Span | None = None
    later: list[tuple[str, Span]] = field(default_factory=list)
    """What was used that no plan can execute yet: what, where."""

    def evaluate(self, expression: syntax.Expression, type_: types.ValueType) -> Any:
        """The value of an expression as `type_` says; UNSET where there is none, which is then reported.

        Expressions over items (`types.Over`) stay syntax: they are read once all names are known.
        """
        replaced = self.variable(expression)
        if replaced is None:
            return UNSET
        expression = replaced
        match type_:
            case types.Either(options=options):
                return self._either(expression, type_, options)
            case types.Over():
                return expression
            case types.Text() | types.Date():
                return self._text(expression, type_)
            case types.Template():
                return self._template(expression, type_)
            case types.Path() | types.Source():
                return self._path(expression, type_)
            case types.Word(words=words):
                return self._word(expression, type_, words)
            case types.Name(kinds=kinds):
                return self._name(expression, type_, kinds)
            case types.Label():
                return self._label(expression, type_)
            case types.Bool():
                if isinstance(expression, syntax.Literal) and expression.kind == "bool":
                    return expression.value
                return self.wrong(expression, type_)
            case types.Secret():
                return self._secret(expression, type_)
            case types.ListOf():
                return self._list(expression, type_)
            case types.Record():
                return self._record(expression, type_)
            case types.KeyedBy(kind=kind, value=value):
                return self._map(expression, type_, value, kind)
            case types.MapTo(value=value):
                return self._map(expression, type_, value, None)
            case types.Form(context="joint"):
                return shares.evaluate_joint(self, expression)
            case types.Form(context=context):
                return self.form(expression, type_, context)
            case types.Weights():
                return shares.evaluate_weights(self, expression)
            case types.FullCost():
                return self._full_cost(expression, type_)
            case types.Free():
                return plain.evaluate_plain(self, expression)
            case types.Value():
                raise AssertionError("arguments of functions over items are read by semantics.expressions")
        return self._quantity(expression, type_)

    def report(self, diagnostic: Diagnostic) -> Any:
        self.scope.found.append(diagnostic)
        return UNSET

    def about(self, subject: str) -> Evaluator:
        """This evaluator, for a part named `subject`."""
        return replace(self, subject=subject)

    def variable(self, expression: syntax.Expression) -> syntax.Expression | None:
        """What `var.x` stands for, placed where it is used; another expression itself. None: no value."""
        if not isinstance(expression, syntax.Reference) or expression.parts[0] != "var" or len(expression.parts) < 2:
            return expression
        name = ".".join(expression.parts[1:])
        variable = self.scope.variables.get(name)
        if variable is None:
            if self.scope.lookup(name, ("variable",), expression.span, False) is None:
                near = nearest(name, self.scope.variables) if len(self.scope.found) < MOST else ()
                self.report(faults.unknown_variable(expression.span, name, near))
            return None
        return None if variable.value is None else relocate(variable.value, expression.span)

    def text_of(self, span: Span) -> str:
        return self.scope.sources[span.file].text[span.start : span.end]

    def is_numeric(self, expression: syntax.Expression) -> bool:
        return quantities.is_numeric(expression, self.variable)

    def compute(self, expression: syntax.Expression) -> Quantity | None:
        return quantities.compute(expression, self.variable, self.scope.found)

    # Words, names, texts

    def _text(self, expression: syntax.Expression, type_: types.Text | types.Date) -> Any:
        match expression:
            case syntax.Literal(kind="text" | "block", value=str(value)):
                if isinstance(type_, types.Date) and not _is_date(value):
                    return self.report(faults.bad_date(expression.span, value))
                return value
        return self._unquoted(expression, type_)

    def _template(self, expression: syntax.Expression, type_: types.ValueType) -> Any:
        match expression:
            case syntax.Literal(kind="text" | "block", value=str(value)):
                return value
            case syntax.Call(function=syntax.Reference(parts=("file",))):
                formed = self.form(expression, type_, "texts")
                if formed is UNSET:
                    return UNSET
                source = self.scope.files.read(formed["path"], expression.arguments[0].span, self.scope.found)
                return UNSET if source is None else source.text
        return self._unquoted(expression, type_)

    def _path(self, expression: syntax.Expression, type_: types.Path | types.Source) -> Any:
        match expression:
            case syntax.Literal(kind="text", value=str(path)):
                if isinstance(type_, types.Source) and "://" in path:
                    if not _HUB.fullmatch(path):
                        return self.report(faults.bad_path(expression.span, path, "addresses read `hf://owner/name`"))
                    self.later.append(("a dataset of `hf://`", expression.span))
                    return path
                problem = self.scope.files.check(path, expression.span)
                return self.scope.files.locate(path) if problem is None else self.report(problem)
        return self._unquoted(expression, type_)

    def _unquoted(self, expression: syntax.Expression, type_: types.ValueType) -> Any:
        """What is no text: bare words, alone or strung together as in `data/items.csv`, lack quotes."""
        if is_bare(expression):
            return self.report(faults.bare_text(expression.span, self.subject, self.text_of(expression.span)))
        return self.wrong(expression, type_)

    def _word(self, expression: syntax.Expression, type_: types.Word, words: tuple[str, ...]) -> Any:
        word = word_of(expression)
        if word is None:
            return self.wrong(expression, type_)
        if word not in words:
            return self._unknown_word(expression, word, type_, words)
        if word in type_.later:
            self.later.append((f"`{self.subject.strip('`')} = {word}`", expression.span))
        return word

    def _unknown_word(
        self, expression: syntax.Expression, word: str, type_: types.ValueType, words: Iterable[str]
    ) -> Any:
        near = nearest(word, words)
        return self.report(faults.unknown_word(expression.span, word, self.subject, near, types.describe(type_)))

    def _name(self, expression: syntax.Expression, type_: types.Name, kinds: tuple[str, ...]) -> Any:
        match expression:
            case syntax.Reference(parts=parts):
                name = self.scope.lookup(".".join(parts), kinds, expression.span, True)
                return UNSET if name is None else name
            case syntax.Literal(kind="text", value=str(text)):
                return self.report(faults.quoted_name(expression.span, text, kinds[0]))
        return self.wrong(expression, type_)

    def _label(self, expression: syntax.Expression, type_: types.ValueType) -> Any:
        match expression:
            case syntax.Literal(kind="text", value=str(text)):
                return (
                    text
                    if text.strip()
                    else self.report(faults.empty(expression.span, self.subject, types.describe(type_)))
                )
            case syntax.Reference(parts=(word,)):
                return word
            case syntax.Reference() | syntax.Binary(operator="-" | "+" | "/" | "*"):
                return self.report(faults.unquoted_label(expression.span, self.text_of(expression.span)))
            case syntax.Literal(kind="number" | "count" | "percent" | "bool" | "null"):
                text = self.text_of(expression.span)
                return self.wrong(expression, type_, Help(f'quote it, if it is a label: `"{text}"`'))
        return self.wrong(expression, type_)

    def _secret(self, expression: syntax.Expression, type_: types.Secret) -> Any:
        match expression:
            case syntax.Call(function=syntax.Reference(parts=("env",))):
                formed = self.form(expression, type_, "secrets")
                if formed is UNSET:
                    return UNSET
                name = formed["name"]
                if not _ENVIRONMENT.fullmatch(name):
                    return self.report(faults.bad_environment_name(expression.arguments[0].span, name))
                return name
            case syntax.Literal(kind="text" | "block"):
                line = self.scope.sources[expression.span.file].position(expression.span.start).line
                return self.report(faults.secret_in_text(Place(expression.span.file, line), self.subject))
        return self.wrong(expression, type_)

    # Lists, maps, forms

    def _list(self, expression: syntax.Expression, type_: types.ListOf) -> Any:
        if not isinstance(expression, syntax.ListOf):
            if not type_.alone:
                text = f"[{self.text_of(expression.span)}]"
                fits = self._fits(expression, type_.item) or isinstance(type_.item, types.Label | types.Text)
                help_ = Help(f"write `{text}`", (Edit(expression.span, text),), "maybe")
                return self.wrong(
                    expression, type_, help_ if fits and not isinstance(expression, syntax.MapOf) else None
                )
            expression = syntax.ListOf((expression,), expression.span)
        if len(expression.items) < type_.least:
            return self.report(faults.empty(expression.span, self.subject, types.describe(type_)))
        values: list[Any] = []
        first: dict[Any, Span] = {}
        complete = True
        for item in expression.items:
            value = self.evaluate(item, type_.item)
            if value is UNSET:
                complete = False
            elif type_.distinct and value in first:
                self.report(faults.repeated(item.span, f"`{value}`", self.subject, first[value]))
                complete = False
            else:
                if type_.distinct:
                    first[value] = item.span
                values.append(value)
        return tuple(values) if complete else UNSET

    def _record(self, expression: syntax.Expression, type_: types.Record) -> Any:
        if not isinstance(expression, syntax.MapOf):
            return self.wrong(expression, type_)
        entries = {entry.name: entry for entry in type_.entries}
        values: dict[str, Any] = {}
        complete = True
        for pair in self.pairs(expression):
            entry = entries.get(pair.key)
            if entry is None:
                near = nearest(pair.key, entries)
                self.report(faults.unknown_key(pair.key_span, pair.key, self.subject, near, tuple(entries)))
                complete = False
                continue
            value = self.about(f"`{pair.key}`").evaluate(pair.value, entry.type)
            complete = complete and value is not UNSET
            values[pair.key] = value
        for entry in type_.entries:
            if entry.name not in values:
                if entry.required and complete:
                    example = types.describe(entry.type)
                    self.report(faults.missing_key(expression.span, entry.name, self.subject, example))
                    complete = False
                elif entry.default is not UNSET:
                    values[entry.name] = entry.default
        return values if complete else UNSET

    def _map(
        self, expression: syntax.Expression, type_: types.ValueType, value_type: types.ValueType, kind: str | None
    ) -> Any:
        if not isinstance(expression, syntax.MapOf):
            return self.wrong(expression, type_)
        values: dict[str, Any] = {}
        complete = True
        for pair in self.pairs(expression, dotted=kind is not None):
            key = pair.key if kind is None else self.scope.lookup(pair.key, (kind,), pair.key_span, True)
            if key is None:
                complete = False
                continue
            variable = self.scope.variables.get(pair.key) if kind == "variable" else None
            type_of = value_type if variable is None else builtins.VARIABLE_TYPES.get(variable.type or "", value_type)
            value = self.about(f"`{pair.key}`").evaluate(pair.value, type_of)
            complete = complete and value is not UNSET
            values[key] = value
        return values if complete else UNSET

    def pairs(self, expression: syntax.MapOf, *, dotted: bool = False) -> Iterable[syntax.Pair]:
        """The entries of a map, each key once. dotted: keys are names, and `lib.topic` may be one."""
        first: dict[str, Span] = {}
        for pair in expression.pairs:
            if not dotted and is_dotted(pair):
                self.report(faults.unquoted_label(pair.key_span, pair.key))
                continue
            if pair.key in first:
                self.report(faults.duplicate_key(pair.key_span, pair.key, self.subject, first[pair.key]))
                continue
            first[pair.key] = pair.key_span
            yield pair

    def form(self, expression: syntax.Expression, type_: types.ValueType, context: str) -> Any:
        known = builtins.functions(context)
        match expression:
            case syntax.Reference(parts=(word,)):
                row = next((row for row in known if row.bare and row.name == word), None)
                if row is not None:
                    return types.Formed(word)
                return self.wrong(expression, type_)
            case syntax.Call(function=function):
                name = ".".join(function.parts)
                row = next((row for row in known if not row.bare and row.name == name), None)
                if row is None:
                    if name == "env":
                        return self.report(faults.misplaced_secret(expression.span, self.subject))
                    names = tuple(row.name for row in known)
                    return self.report(
                        faults.unknown_function(function.span, name, self.subject, nearest(name, names), names)
                    )
                if not row.reached:
                    self.later.append((f"`{name}(…)` in {self.subject}", expression.span))
                return self._call(expression, row)
        return self.wrong(expression, type_)

    def _call(self, call: syntax.Call, row: builtins.Function) -> Any:
        given = match_arguments(call, row, self.scope.found)
        if given is None:
            return UNSET
        values: dict[str, Any] = {}
        for parameter in row.parameters:
            about = self.about(f"`{parameter.name}` of `{row.name}`")
            arguments = given[parameter.name]
            if parameter.rest:
                values[parameter.name] = tuple(about.evaluate(argument, parameter.type) for argument in arguments)
            elif arguments:
                values[parameter.name] = about.evaluate(arguments[0], parameter.type)
            else:
                values[parameter.name] = parameter.default
        if any(value is UNSET or (isinstance(value, tuple) and UNSET in value) for value in values.values()):
            return UNSET
        return types.Formed(row.name, tuple(values.items()))

    def _either(self, expression: syntax.Expression, type_: types.Either, options: tuple[types.ValueType, ...]) -> Any:
        for option in options:
            if self._fits(expression, option):
                return self.evaluate(expression, option)
        if self.is_numeric(expression) and self.compute(expression) is None:
            return UNSET
        words = [word for option in options for word in _words_of(option)]
        word = word_of(expression)
        if word is not None and words and isinstance(expression, syntax.Reference):
            if types.Form("moves") in options and not nearest(word, words):
                text = f"to({word})"
                return self.wrong(expression, type_, Help(f"write `{text}`", (Edit(expression.span, text),), "maybe"))
            return self._unknown_word(expression, word, type_, words)
        if isinstance(expression, syntax.Call):
            forms = [row.name for option in options for row in _forms_of(option)]
            name = ".".join(expression.function.parts)
            if name != "env" and forms:
                return self.report(
                    faults.unknown_function(expression.function.span, name, self.subject, nearest(name, forms), forms)
                )
        return self.wrong(expression, type_)

    def _fits(self, expression: syntax.Expression, type_: types.ValueType) -> bool:
        """Whether a value is written as this type is, right or wrong."""
        match type_:
            case types.Word(words=words):
                return word_of(expression) in words
            case types.Name():
                return isinstance(expression, syntax.Reference)
            case types.Form():
                name = word_of(expression)
                if isinstance(expression, syntax.Call):
                    name = ".".join(expression.function.parts)
                return any(
                    row.name == name and row.bare != isinstance(expression, syntax.Call) for row in _forms_of(type_)
                )
            case types.ListOf():
                return isinstance(expression, syntax.ListOf)
            case types.FullCost():
                return mentions(expression, "full_cost")
            case types.Free():
                return True
        if not self.is_numeric(expression):
            return False
        quantity = quantities.compute(expression, self.variable, [])
        return quantity is not None and quantity.unit in quantities.units_of(type_)

    # Numbers

    def _quantity(self, expression: syntax.Expression, type_: types.ValueType) -> Any:
        if not self.is_numeric(expression):
            if isinstance(expression, syntax.Call) and expression.function.parts == ("env",):
                return self.report(faults.misplaced_secret(expression.span, self.subject))
            return self.wrong(expression, type_)
        quantity = self.compute(expression)
        if quantity is None:
            return UNSET
        if quantity.unit not in quantities.units_of(type_):
            right = quantities.in_unit(quantity, type_)
            expected = types.describe(type_)
            return self.report(faults.wrong_unit(expression.span, self.subject, expected, quantity.words, right))
        problem = quantities.out_of_bounds(type_, quantity.value)
        if problem is not None:
            shown = f"`{self.text_of(expression.span)}`"
            return self.report(faults.out_of_range(expression.span, self.subject, shown, problem))
        return int(quantity.value) if isinstance(type_, _WHOLE) else quantity.value

    def _full_cost(self, expression: syntax.Expression, type_: types.ValueType) -> Any:
        match expression:
            case syntax.Reference(parts=("full_cost",)):
                return types.Formed("full_cost", (("share", Decimal(1)),))
            case syntax.Binary(operator="*", left=left, right=right):
                factor = left if right == syntax.Reference(("full_cost",), right.span) else right
                other = right if factor is left else left
                if other == syntax.Reference(("full_cost",), other.span) and self.is_numeric(factor):
                    quantity = self.compute(factor)
                    if quantity is None:
                        return UNSET
                    if quantity.unit in ("number", "percent"):
                        if quantity.value <= 0:
                            shown = f"`{self.text_of(factor.span)}`"
                            return self.report(faults.out_of_range(factor.span, self.subject, shown, "more than 0"))
                        return types.Formed("full_cost", (("share", quantity.value),))
        return self.wrong(expression, type_)

    # Complaints

    def wrong(self, expression: syntax.Expression, type_: types.ValueType, help_: Help | None = None) -> Any:
        if isinstance(expression, syntax.Call) and expression.function.parts == ("env",):
            return self.report(faults.misplaced_secret(expression.span, self.subject))
        if is_numeric_text(expression) and _takes_numbers(type_):
            help_ = Help("leave the quotes out", (Edit(expression.span, word_of(expression) or ""),), "maybe")
        elif isinstance(type_, types.Form) and type_.context == "least" and self.is_numeric(expression):
            text = f"at_least({self.text_of(expression.span)})"
            help_ = Help(f"write `{text}`", (Edit(expression.span, text),), "maybe")
        elif isinstance(type_, types.Date) and _is_date(self.text_of(expression.span)):
            help_ = Help("quote it", (Edit(expression.span, f'"{self.text_of(expression.span)}"'),), "machine")
        elif _is_nothing(expression):
            help_ = Help("leave the attribute out, if its default is meant")
        elif isinstance(type_, types.Secret) and _environment_of(expression):
            text = f'env("{_environment_of(expression)}")'
            help_ = Help(f"write `{text}`", (Edit(expression.span, text),), "maybe")
        elif (name := _variable_of(expression)) in self.scope.variables:
            help_ = Help(f"read the variable: `var.{name}`", (Edit(expression.span, f"var.{name}"),), "maybe")
        expected = types.describe(type_)
        return self.report(faults.wrong_type(expression.span, self.subject, expected, what_stands(expression), help_))


def _is_nothing(expression: syntax.Expression) -> bool:
    """`null`, and what other languages have for it."""
    match expression:
        case syntax.Literal(kind="null") | syntax.Reference(parts=("None" | "nil" | "undefined" | "none",)):
            return True
    return False


def _environment_of(expression: syntax.Expression) -> str:
    """The environment variable in `env.NAME` or a bare `NAME`; empty where there is none."""
    match expression:
        case syntax.Reference(parts=("env", name)) | syntax.Reference(parts=(name,)) if name.isupper():
            return name
    return ""


def _variable_of(expression: syntax.Expression) -> str:
    """The variable that was meant by its name alone, or by `"var.x"` in quotes."""
    return (word_of(expression) or "").removeprefix("var.")


def _takes_numbers(type_: types.ValueType) -> bool:
    options = type_.options if isinstance(type_, types.Either) else (type_,)
    return any(quantities.units_of(option) for option in options)


def _words_of(type_: types.ValueType) -> tuple[str, ...]:
    match type_:
        case types.Word(words=words):
            return words
        case types.Form():
            return tuple(row.name for row in _forms_of(type_) if row.bare)
    return ()


def _forms_of(type_: types.ValueType) -> tuple[builtins.Function, ...]:
    return builtins.functions(type_.context) if isinstance(type_, types.Form) else ()


def _is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2026-11-01")
