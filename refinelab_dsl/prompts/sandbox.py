"""The Jinja environment of prompts: sandboxed, strict, without loader, bounded in memory and work.

A template may come from a stranger's spec. Jinja's own sandbox hides Python's internals but not its appetite:
`'a' * 10**9`, `{% set s = s ~ s %}` forty times, nested loops over `range`, `center(10**9)`. So every operation that
can make a large value or take long draws on a budget, and only filters and methods whose result is bounded by their
input are there.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, Final

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.filters import FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from refinelab_dsl import builtins
from refinelab_dsl.prompts.blocks import render_block, render_inline

MAX_VALUE: Final = 1_000_000
"""Characters and elements of one value."""

MAX_WORK: Final = 20_000_000
"""Characters, elements and calls of one rendering; well under a second's worth."""

MAX_DIGITS_BITS: Final = 4_096
MAX_RANGE: Final = 10_000
_OPERATION_COST: Final = 20
_LOOP_COST: Final = 200
_CALL_COST: Final = 400  # macros can call themselves

DATA_NAMES: Final = frozenset(name.name for name in builtins.PROMPT_NAMES if name.data)
TRUSTED_NAMES: Final = frozenset(name.name for name in builtins.PROMPT_NAMES) - DATA_NAMES

_KEPT_FILTERS: Final = (
    "abs", "batch", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby", "int", "items",
    "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select",
    "selectattr", "slice", "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper", "wordcount",
)  # fmt: skip
_TEXT_METHODS: Final = frozenset(
    (
        "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdigit", "islower",
        "isnumeric", "isspace", "isupper", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "rfind",
        "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title",
        "upper",
    )
)  # fmt: skip
_MAPPING_METHODS: Final = frozenset(("get", "items", "keys", "values"))
_SEQUENCE_METHODS: Final = frozenset(("count", "index"))
_REFUSED_TAGS: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.ScopedEvalContextModifier: "autoescape",
}


class LimitError(Exception):
    """A template wants more than its bounds."""


class Budget:
    """What one rendering may still spend."""

    def __init__(self) -> None:
        self.left = MAX_WORK

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise LimitError("the template does too much work: loops or texts too large")


current_budget: Final[ContextVar[Budget]] = ContextVar("current_budget")
"""The budget of the rendering that is under way. Unset while a template compiles, so nothing is computed then."""


class Rendered(str):
    """A delimited block, finished: it goes into a message as it is."""


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """See the module. `role` is `user` or `system`: only the former may hold data, and delimits it."""

    intercepted_binops = frozenset(("*", "**", "+", "%"))

    def __init__(self, role: str) -> None:
        super().__init__(undefined=StrictUndefined, optimized=False, keep_trailing_newline=False, cache_size=0)
        self.role = role
        self.finalize = _finalize
        self.filters = {name: _bounded_filter(name, FILTERS[name]) for name in _KEPT_FILTERS}
        self.filters |= {
            "block": _block, "data": _data, "indent": _indent, "join": _join, "replace": _replace, "tojson": _tojson
        }  # fmt: skip
        self.globals = {"range": _range, "namespace": Namespace, "dict": dict}

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        bounded = _Bounds(self.role, _stored_names(source)).visit(source)
        return super()._generate(bounded, *args, **kwargs)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if not super().is_safe_attribute(obj, attr, value):
            return False
        match obj:
            case str():
                return attr in _TEXT_METHODS
            case Mapping():
                return attr in _MAPPING_METHODS
            case list() | tuple():
                return attr in _SEQUENCE_METHODS
            case _:
                return isinstance(obj, (LoopContext, Namespace))

    def wrap_str_format(self, value: Any) -> None:
        """`"{:999999999}".format(1)` is not there: Jinja would let it pass before it asks `is_safe_attribute`."""
        return

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:  # a field named `items` is the field
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        owner = getattr(__obj, "__self__", None)
        _spend(_CALL_COST + sum(map(size, (owner, *args, *kwargs.values()))))
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _spend(_OPERATION_COST)
        if operator in ("*", "**", "%") and not (_is_number(left) and _is_number(right)):
            raise LimitError(f"`{operator}` works on numbers alone in a prompt")
        if operator == "**" and _bits(left) * min(abs(float(right)), MAX_DIGITS_BITS) > MAX_DIGITS_BITS:
            raise LimitError("`**` gives too large a number")
        if operator == "*" and _bits(left) + _bits(right) > MAX_DIGITS_BITS:
            raise LimitError("`*` gives too large a number")
        if operator == "+":
            _spend_value(size(left) + size(right))
        return super().call_binop(context, operator, left, right)

    def bounded_concat(self, *values: Any) -> str:
        """`a ~ b`."""
        _spend_value(sum(map(size, values)))
        return "".join(str(value) for value in values)

    def bounded_value(self, value: Any) -> Any:
        """A list, tuple or map as written in a template, counted as a tree: shared parts count each time."""
        _spend_value(size(value))
        return value

    def bounded_loop(self, values: Iterable[Any]) -> Iterator[Any]:
        """What a `for` runs over."""
        if isinstance(values, Undefined):
            str(values)  # strict: raises
        for value in values:
            _spend(_LOOP_COST)
            yield value


class _Bounds(NodeTransformer):
    """Puts the environment's bounds into a template's tree, and delimiters around data in user messages."""

    def __init__(self, role: str, stored: frozenset[str]) -> None:
        self.role = role
        self.trusted = TRUSTED_NAMES - stored

    def visit_Output(self, node: nodes.Output) -> nodes.Output:
        outputs: list[Any] = []
        for child in node.nodes:
            is_plain = isinstance(child, (nodes.TemplateData, nodes.Const))
            names = {name.name for name in child.find_all(nodes.Name)} | _own_name(child)
            bounded = self.visit(child)
            if self.role == "user" and not is_plain and not names <= self.trusted:
                bounded = nodes.Filter(bounded, "data", [], [], None, None, lineno=child.lineno)
            outputs.append(bounded)
        node.nodes = outputs
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:
        return _environment_call("bounded_concat", [self.visit(child) for child in node.nodes], node.lineno)

    def visit_List(self, node: nodes.List) -> nodes.Call:
        self.generic_visit(node)
        return _environment_call("bounded_value", [node], node.lineno)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Call:
        self.generic_visit(node)
        return _environment_call("bounded_value", [node], node.lineno)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:
        self.generic_visit(node)
        return _environment_call("bounded_value", [node], node.lineno) if node.ctx == "load" else node

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.iter = _environment_call("bounded_loop", [node.iter], node.lineno)
        return node


def find_refused(tree: nodes.Template, role: str) -> tuple[int, str] | None:
    """The first thing in a template that prompts do not have: (line, message)."""
    found: list[tuple[int, str]] = []
    for kind, tag in _REFUSED_TAGS.items():
        found += [(node.lineno, f"`{tag}` is not available in prompts") for node in tree.find_all(kind)]
    recursive = [loop for loop in tree.find_all(nodes.For) if loop.recursive]
    found += [(loop.lineno, "`recursive` is not available in prompts") for loop in recursive]
    if role == "system":
        stored = _stored_names(tree)
        found += [
            (name.lineno, f"`{name.name}` is dataset text, which never goes into a system message: use it in `user`")
            for name in tree.find_all(nodes.Name)
            if name.ctx == "load" and name.name in DATA_NAMES and name.name not in stored
        ]
    return min(found, default=None)


def size(value: Any) -> int:
    """Characters and elements of a value, as a tree.

    Raises:
        LimitError: more than `MAX_VALUE`.
    """
    total = 0
    stack = [value]
    for part in stack:  # which grows
        match part:
            case str():
                total += len(part)
            case dict():
                total += 1 + len(part)
                stack += part
                stack += part.values()
            case int():
                total += 1 + part.bit_length() // 3
            case list() | tuple():
                total += 1 + len(part)
                stack += part
            case Mapping():  # to ask this takes long
                total += 1 + len(part)
                stack += part.keys()
                stack += part.values()
            case _:
                total += 1
        if total > MAX_VALUE:
            raise LimitError("the template makes too large a value")
    return total


def _stored_names(tree: nodes.Template) -> frozenset[str]:
    stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    return frozenset(stored | {macro.name for macro in tree.find_all(nodes.Macro)})


def _own_name(node: nodes.Expr) -> set[str]:
    return {node.name} if isinstance(node, nodes.Name) else set()


def _environment_call(name: str, arguments: list[Any], line: int) -> nodes.Call:
    return nodes.Call(nodes.EnvironmentAttribute(name, lineno=line), arguments, [], None, None, lineno=line)


def _spend(amount: int) -> None:
    current_budget.get().spend(amount)


def _spend_value(amount: int) -> None:
    if amount > MAX_VALUE:
        raise LimitError("the template makes too large a value")
    _spend(_OPERATION_COST + amount)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal))


def _bits(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else 1


def _range(*arguments: int) -> range:
    values = range(*arguments)
    if len(values) > MAX_RANGE:
        raise LimitError(f"`range` gives at most {MAX_RANGE} numbers")
    return values


def _bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def bounded(*arguments: Any, **named: Any) -> Any:
        given = [value for value in arguments if not isinstance(value, (Context, EvalContext, PromptEnvironment))]
        if any(isinstance(value, int) and abs(value) > MAX_RANGE for value in (*given[1:], *named.values())):
            raise LimitError(f"an argument of `{name}` is too large")
        _spend(_OPERATION_COST + sum(map(size, (*given, *named.values()))))
        result = function(*arguments, **named)
        _spend_value(size(result))
        return result

    return bounded


def _strict(value: Any) -> Any:
    if isinstance(value, Undefined):
        str(value)  # raises with the name
    return value


def _replace(text: Any, old: str, new: str) -> str:
    subject = str(_strict(text))
    _spend_value(len(subject) + (subject.count(old) if old else len(subject) + 1) * len(new))
    return subject.replace(old, new)


def _join(values: Iterable[Any], separator: str = "") -> str:
    parts: list[str] = []
    total = 0
    for value in _strict(values):
        _spend_value(size(value))
        parts.append(str(_strict(value)))
        total += len(parts[-1]) + len(separator)
        if total > MAX_VALUE:
            raise LimitError("the template makes too large a value")
    return separator.join(parts)


def _indent(text: Any, width: int = 4, first: bool = False) -> str:
    subject = str(_strict(text))
    _spend_value(len(subject) + (subject.count("\n") + 1) * abs(width))
    padding = " " * width
    return (padding if first else "") + subject.replace("\n", "\n" + padding)


def _tojson(value: Any) -> str:
    _spend_value(size(_strict(value)))
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)


def _block(value: Any, name: str) -> Rendered:
    """`{{ item | block("item") }}`: a delimited block."""
    _spend_value(size(_strict(value)))
    return Rendered(render_block(name, value))


def _data(value: Any) -> Any:
    """What an output that may hold data becomes in a user message; numbers and finished blocks stay."""
    match _strict(value):
        case Rendered() | bool() | int() | float() | Decimal():
            return value
        case str():
            return Rendered(render_inline(value))
        case list() | tuple() | Mapping():
            return Rendered(render_inline(_tojson(value)))
        case _:
            return value


def _finalize(value: Any) -> Any:
    """What may stand in a message: texts and numbers. A forgotten `join` or a null would be garbage to the model."""
    if value is None:
        raise LimitError("this value is null; use `default` or `if`")
    if isinstance(value, (str, int, float, Decimal, Undefined)):
        return value
    raise LimitError("this is no text: use `join`, `tojson` or `block`")
