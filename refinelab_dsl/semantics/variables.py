"""Variables: declared types, defaults, and values given from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from refinelab_dsl import syntax, types
from refinelab_dsl.builtins import VARIABLE_TYPES
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics.bindings import Options, Variable
from refinelab_dsl.semantics.directory import Directory
from refinelab_dsl.semantics.draft import Declared
from refinelab_dsl.semantics.evaluate import Evaluator, Scope
from refinelab_dsl.semantics.files import Files, relocate_path
from refinelab_dsl.semantics.modules import Module
from refinelab_dsl.semantics.written import find_variables, relocate, word_of
from refinelab_dsl.source import Source, Sources, Span
from refinelab_dsl.types import UNSET

_VERBATIM: Final = ("text", "path")


def environment_name(variable: str) -> str:
    """The environment variable that gives a variable its value: `REFINE_VAR_limit`, `REFINE_VAR_lib__limit`."""
    return f"REFINE_VAR_{variable.replace('.', '__')}"


def given_value(variable: str, options: Options) -> str | None:
    """What was given from outside for a variable, by its qualified name."""
    return options.variables.get(variable, options.environ.get(environment_name(variable)))


def refuse_undeclared(directory: Directory, options: Options) -> Iterator[Diagnostic]:
    """Values that were given for variables that no file declares, at the start of the spec."""
    whole = directory.modules[""].tree.span
    declared = [
        module.qualify(name)
        for namespace, module in directory.modules.items()
        for name in directory.declarations[namespace].get("variable", {})
    ]
    for name in options.variables:
        broken = ("variable", name) in directory.modules[""].tree.broken
        if name not in declared and not broken and not directory.is_open("", name):
            start = Span(whole.file, whole.start, whole.start)
            yield faults.undeclared_variable(name, nearest(name, declared), start)


def settle_variables(
    module: Module, blocks: Mapping[str, syntax.Block], scope: Scope, options: Options
) -> dict[str, Variable]:
    """Each variable of a file, by bare name, with the expression that it stands for. Given values come first, then the
    environment, then the default. scope: what a default sees; no variables. One that did not parse has no value."""
    settled = {name: _settle(name, module, block, scope, options) for name, block in blocks.items()}
    for kind, name in module.tree.broken:
        if kind == "variable" and name is not None and name not in settled:
            nowhere = Span(module.tree.span.file, 0, 0)
            block = syntax.Block(kind, name, (), nowhere, None, nowhere, nowhere)
            settled[name] = Variable(module.qualify(name), None, None, block, module.namespace)
    return settled


def view_variables(
    module: Module, modules: Mapping[str, Module], settled: Mapping[str, Mapping[str, Variable]]
) -> dict[str, Variable]:
    """The variables that a file sees by what stands after `var.`: its own, and those of its imports. A path is as the
    file would write it. settled: by namespace and bare name."""
    seen = dict(settled[module.namespace])
    for alias, target in module.links.items():
        for name, variable in settled[target].items() if target is not None else ():
            moved = variable.value and _move(variable.value, variable.type, modules[target or ""].folder, module.folder)
            seen[f"{alias}.{name}"] = replace(variable, value=moved)
    return seen


def find_needed(
    declared: Iterable[Declared], views: Mapping[str, Mapping[str, Variable]], options: Options
) -> Iterator[Diagnostic]:
    """Variables of imported files without a value, which these declarations need. views: what files see, by
    namespace."""
    for block in declared:
        names = {name for each in block.written.values() for name in find_variables(each.value)}
        for name in sorted(names):
            variable = views[block.namespace].get(name)
            if variable is None or not variable.namespace or variable.type is None:
                continue
            has_default = any(
                isinstance(each, syntax.Attribute) and each.name == "default" for each in variable.block.body
            )
            if not has_default and given_value(variable.name, options) is None:
                span = variable.block.label_span or variable.block.kind_span
                yield faults.variable_without_value(span, variable.name, environment_name(variable.name))


def _settle(name: str, module: Module, block: syntax.Block, scope: Scope, options: Options) -> Variable:
    qualified, namespace, found = module.qualify(name), module.namespace, scope.found
    written = {each.name: each for each in block.body if isinstance(each, syntax.Attribute)}
    span = block.label_span or block.kind_span
    kind = written.get("type")
    if kind is None:
        found.append(
            faults.missing_attribute(
                block.header_span, "type", f"variable `{name}`", types.describe(types.Word(tuple(VARIABLE_TYPES)))
            )
        )
        return Variable(qualified, None, None, block, namespace)
    word = word_of(kind.value)
    if word is None or word not in VARIABLE_TYPES:
        shown = word or scope.sources[kind.value.span.file].text[kind.value.span.start : kind.value.span.end]
        words = tuple(VARIABLE_TYPES)
        found.append(
            faults.unknown_word(
                kind.value.span, shown, "`type`", nearest(shown, words), types.describe(types.Word(words))
            )
        )
        return Variable(qualified, None, None, block, namespace)
    given = given_value(qualified, options)
    if given is not None:
        value = _read_given(qualified, given, word, span, options)
        if isinstance(value, Diagnostic):
            found.append(value)
            return Variable(qualified, word, None, block, namespace)
        # A path that is given is relative to the spec, one that is written to its own file.
        value = _move(relocate(value, span), word, "", module.folder)
        return Variable(qualified, word, value, block, namespace)
    default = written.get("default")
    if default is None:
        if not namespace:  # of an imported one it is said where something that takes part needs it
            found.append(faults.variable_without_value(span, qualified, environment_name(qualified)))
        return Variable(qualified, word, None, block, namespace)
    if (circle := _find_variable(default.value)) is not None:
        found.append(faults.variable_in_default(circle.span, name))
        return Variable(qualified, word, None, block, namespace)
    subject = f"`default` of variable `{name}`"
    evaluator = Evaluator(scope, subject, f"variable `{name}`", default.name_span)
    value_ = evaluator.evaluate(default.value, VARIABLE_TYPES[word])
    return Variable(qualified, word, None if value_ is UNSET else default.value, block, namespace)


def _move(value: syntax.Expression, type_: str | None, origin: str, folder: str) -> syntax.Expression:
    """The value of a variable as a file of another folder would write it: paths are relative to the file."""
    match type_, value:
        case "path", syntax.Literal(kind="text", value=str(path)):
            return replace(value, value=relocate_path(path, origin, folder))
        case "weights", syntax.Call(function=syntax.Reference(parts=("load",)), arguments=arguments):
            moved = [
                replace(each, value=_move(each.value, "path", origin, folder)) if each.name in (None, "path") else each
                for each in arguments
            ]
            return replace(value, arguments=tuple(moved))
    return value


def _read_given(name: str, text: str, kind: str, span: Span, options: Options) -> syntax.Expression | Diagnostic:
    """A value as typed on a command line: texts and paths stand for themselves, others read as in a spec."""
    problem = faults.bad_variable_value(span, name, text, types.describe(VARIABLE_TYPES[kind]))
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
    evaluator = Evaluator(_scope(texts, quiet, options), f"variable `{name}`")
    if evaluator.evaluate(expression, VARIABLE_TYPES[kind]) is UNSET:
        outside = next((each for each in quiet if each.code == "RF2073"), None)
        return problem if outside is None else outside
    return expression


def _scope(sources: Sources, found: list[Diagnostic], options: Options) -> Scope:
    """A scope in which nothing is declared: a value that is given from outside refers to nothing."""
    return Scope({}, lambda *_: None, Files(options.project, options.allow_outside, ""), sources, found)


def _find_variable(expression: syntax.Expression) -> syntax.Reference | None:
    """A `var.x` in an expression."""
    match expression:
        case syntax.Reference(parts=("var", _, *_)):
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
