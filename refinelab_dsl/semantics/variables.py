"""Variables: declared types, defaults, and values given from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics.bindings import Options, Variable
from refinelab_dsl.semantics.evaluate import Evaluator, Scope
from refinelab_dsl.semantics.files import Files
from refinelab_dsl.semantics.written import relocate, word_of
from refinelab_dsl.source import Source, Sources, Span
from refinelab_dsl.types import UNSET

TYPES: Final[Mapping[str, types.ValueType]] = {
    "number": types.Number(),
    "integer": types.Integer(low=None),
    "percent": types.Percent(),
    "tokens": types.Tokens(),
    "money": types.Money(),
    "duration": types.Duration(),
    "text": types.Text(),
    "path": types.Source(),
    "name": types.Label(),
    "bool": types.Bool(),
    "weights": types.Weights(),
}
"""Types of variables; `path` also takes globs."""

_VERBATIM: Final = ("text", "path")


def settle_variables(
    blocks: Mapping[str, syntax.Block], sources: Sources, options: Options, whole: Span
) -> tuple[dict[str, Variable], list[Diagnostic]]:
    """Each variable with the expression that it stands for. Given values come first, then the environment, then the
    default. whole: the span of the file, at whose start a value for an undeclared variable is reported."""
    found: list[Diagnostic] = []
    settled: dict[str, Variable] = {}
    for name in options.variables:
        if name not in blocks:
            start = Span(whole.file, whole.start, whole.start)
            found.append(faults.undeclared_variable(name, nearest(name, blocks), start))
    for name, block in blocks.items():
        settled[name] = _settle(name, block, blocks, sources, options, found)
    return settled, found


def _settle(
    name: str,
    block: syntax.Block,
    blocks: Mapping[str, syntax.Block],
    sources: Sources,
    options: Options,
    found: list[Diagnostic],
) -> Variable:
    written = {each.name: each for each in block.body if isinstance(each, syntax.Attribute)}
    span = block.label_span or block.kind_span
    kind = written.get("type")
    if kind is None:
        found.append(
            faults.missing_attribute(
                block.header_span, "type", f"variable `{name}`", types.describe(types.Word(builtins.VARIABLE_TYPES))
            )
        )
        return Variable(name, None, None, block)
    word = word_of(kind.value)
    if word is None or word not in TYPES:
        shown = word or sources[kind.value.span.file].text[kind.value.span.start : kind.value.span.end]
        words = builtins.VARIABLE_TYPES
        found.append(
            faults.unknown_word(
                kind.value.span, shown, "`type`", nearest(shown, words), types.describe(types.Word(words))
            )
        )
        return Variable(name, None, None, block)
    given = options.variables.get(name, options.environ.get(f"REFINE_VAR_{name}"))
    if given is not None:
        value = _read_given(name, given, word, span, options)
        if isinstance(value, Diagnostic):
            found.append(value)
            return Variable(name, word, None, block)
        return Variable(name, word, relocate(value, span), block)
    default = written.get("default")
    if default is None:
        found.append(faults.variable_without_value(span, name))
        return Variable(name, word, None, block)
    if (circle := _find_variable(default.value)) is not None:
        found.append(faults.variable_in_default(circle.span, name))
        return Variable(name, word, None, block)
    scope = _scope(sources, found, options)
    subject = f"`default` of variable `{name}`"
    value_ = Evaluator(scope, subject, f"variable `{name}`", default.name_span).evaluate(default.value, TYPES[word])
    return Variable(name, word, None if value_ is UNSET else default.value, block)


def _read_given(name: str, text: str, kind: str, span: Span, options: Options) -> syntax.Expression | Diagnostic:
    """A value as typed on a command line: texts and paths stand for themselves, others read as in a spec."""
    problem = faults.bad_variable_value(span, name, text, types.describe(TYPES[kind]))
    if kind in _VERBATIM:
        expression: syntax.Expression = syntax.Literal("text", text, span)
    else:
        source = Source(f"variable {name}", f"value = {text}\n")
        tree, wrong = syntax.parse(source, edition=False)
        match tree.statements:
            case (syntax.Attribute(name="value", value=value),) if not wrong.has_errors:
                expression = value
            case _:
                return problem
    quiet: list[Diagnostic] = []
    texts = Sources([Source(f"variable {name}", f"value = {text}\n"), Source(span.file, " " * span.end)])
    evaluated = Evaluator(_scope(texts, quiet, options), f"variable `{name}`").evaluate(expression, TYPES[kind])
    if evaluated is UNSET:
        outside = next((each for each in quiet if each.code == "RF2073"), None)
        return problem if outside is None else outside
    return expression


def _scope(sources: Sources, found: list[Diagnostic], options: Options) -> Scope:
    """A scope in which nothing is declared: the values of variables refer to nothing."""
    return Scope(
        {}, lambda *_: False, lambda *_: False, Files(options.project, options.allow_outside, ""), sources, found
    )


def _find_variable(expression: syntax.Expression) -> syntax.Reference | None:
    """A `var.x` in an expression."""
    match expression:
        case syntax.Reference(parts=("var", _)):
            return expression
        case syntax.Unary(operand=operand):
            return _find_variable(operand)
        case syntax.Binary(left=left, right=right):
            return _find_variable(left) or _find_variable(right)
        case syntax.ListOf(items=items):
            return next((each for each in map(_find_variable, items) if each is not None), None)
        case syntax.MapOf(pairs=pairs):
            inner = (_find_variable(pair.value) for pair in pairs)
            return next((each for each in inner if each is not None), None)
        case syntax.Call(arguments=arguments):
            inner = (_find_variable(argument.value) for argument in arguments)
            return next((each for each in inner if each is not None), None)
    return None
