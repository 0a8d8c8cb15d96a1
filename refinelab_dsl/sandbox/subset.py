"""What the embedded interpreter lacks of Python, told from what is wrong with a program.

The interpreter reports a missing construct with the exceptions that Python has for mistakes. A program that needs more
than the subset has not failed, so these are told apart here. Where the subset is silent (a program that catches the
exception itself), the names of missing built-in functions are looked for before it runs. Where it is known to differ
(the order of a set), a failed assertion proves nothing.
"""

from __future__ import annotations

import builtins
import collections
import datetime
import decimal
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

_SYNTAX: Final = re.compile(r"The monty syntax parser does not yet support (?:the )?(.+)", re.DOTALL)
_OPTION: Final = re.compile(r"(\w+)\(\) does not yet support .+", re.DOTALL)
_NO_MODULE: Final = re.compile(r"No module named '([\w.]+)'")
_NO_NAME: Final = re.compile(r"cannot import name '\w+' from '([\w.]+)'")
_NO_MEMBER: Final = re.compile(r"module '([\w.]+)' has no attribute '\w+'")
_NO_ATTRIBUTE: Final = re.compile(r"(?:type object )?'([\w.]+)'(?: object)? has no attribute '(\w+)'")
_NO_VARIABLE: Final = re.compile(r"name '(\w+)' is not defined")
_CLASSES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {module.__name__: vars(module) for module in (collections, datetime, decimal, re)}
)
# Methods of classes that the interpreter does not call: operators and conversions then do something else, or fail.
_NOT_CALLED: Final = frozenset(
    f"__{name}__"
    for name in (
        "lt", "le", "gt", "ge", "ne", "bool", "len", "new", "getattr", "getattribute", "setattr", "delattr", "reversed",
        "del", "iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ior", "ixor", "set_name",
        "init_subclass", "class_getitem", "get", "set", "delete", "format", "dir", "sizeof",
    )
)  # fmt: skip
_ORDERLESS: Final = tuple([name, "("] for name in ("sorted", "len", "min", "max", "any", "all"))
_BINDERS: Final = frozenset({"def", "class", "as", "import", "for", "global", "nonlocal", ".", ","})

BUILTINS: Final = tuple(sorted(name for name in dir(builtins) if name.isidentifier()))
"""The names that Python has without an import."""


def find_missing(kind: str, message: str) -> str | None:
    """What the sandbox lacks, in words of ours, where an exception (its class and its text) says so."""
    match kind:
        case "NotImplementedError":
            found = _SYNTAX.fullmatch(message)
            if found:
                return found[1].replace("'", "`")
            found = _OPTION.fullmatch(message)
            return f"an option of `{found[1]}`" if found else None
        case "ModuleNotFoundError":
            found = _NO_MODULE.match(message)
            return found and describe_module(found[1])
        case "ImportError":
            found = _NO_NAME.match(message)
            return f"a part of `{found[1]}`" if found and _is_standard(found[1]) else None
        case "AttributeError":
            found = _NO_MEMBER.match(message)
            if found:
                return f"a part of `{found[1]}`" if _is_standard(found[1]) else None
            found = _NO_ATTRIBUTE.match(message)
            return f"`{found[1]}.{found[2]}`" if found and _is_member(found[1], found[2]) else None
        case "NameError":
            found = _NO_VARIABLE.match(message)
            return f"`{found[1]}`" if found and (found[1] in BUILTINS or found[1] == "__import__") else None
        case "RuntimeError" if message.startswith("Internal error in monty"):
            return "a construct of the language"
        case "RuntimeError" if message.endswith("is not supported in this environment"):
            return "a part of `os`"
        case "ValueError" if message.startswith("pow() 2nd argument cannot be negative"):
            return "`pow` with a negative exponent and a modulus"
        case "TypeError" if message == "cannot create 'object' instances":
            return "`object`"
        case "TypeError" if message.endswith("object is not an iterator"):
            return "iterators of generator expressions"  # they are lists here
    return None


def describe_module(name: str) -> str:
    """A module that is not there; only names of the standard library are said."""
    return f"the module `{name}`" if _is_standard(name) else "a module that is not part of Python"


def find_lacking(code: str, absent: Iterable[str]) -> str | None:
    """What a program needs and the interpreter lacks without a word, as far as its text shows: a method of its classes
    that would not be called, or a built-in function that it calls and might do without where the call fails.

    absent: the names of those functions; one that the program binds anywhere is its own. Text that cannot be split into
    tokens lacks nothing: the interpreter says what is wrong with it.
    """
    lacking = frozenset(absent)
    called: dict[str, None] = {}
    bound: set[str] = set()
    words = _split(code)
    ignored = next((word for before, word in pairwise(words) if before == "def" and word in _NOT_CALLED), None)
    if ignored is not None:
        return f"the method `{ignored}` of classes"
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word not in lacking:
            continue
        if after == "(" and before not in ("def", "class", "."):
            called[word] = None
        elif after in ("=", ":=", ",", ")", ":", "in") or before in _BINDERS:
            bound.add(word)
    return next((f"`{name}`" for name in called if name not in bound), None)


def find_endless(code: str) -> str | None:
    """Iterators without an end, which a generator expression would not use up and a list does: a program that has one
    may take too long only here."""
    found = re.search(r"\b(?:count|cycle|repeat)\s*\(", code)
    return "endless iterators" if found and "itertools" in code and re.search(r"\bfor\b", code) else None


def find_difference(code: str, kind: str, message: str) -> str | None:
    """What a program that failed uses, and the interpreter is known to do otherwise than Python."""
    if kind == "AssertionError" and _has_set(_split(code)):
        return "the order of a set"
    if kind == "AssertionError" and re.search(r"\bre\.sub\b", code) and re.search(r"\\\d", code):
        return "references to groups in `re.sub`"
    if kind == "TypeError" and message.endswith("object is not iterable") and "__getitem__" in code:
        return "the method `__getitem__` of classes in loops"
    if kind == "TypeError" and message.startswith("can only concatenate list") and "+=" in code:
        return "`+=` of a list and another sequence"
    return None


def _has_set(words: list[str]) -> bool:
    """Whether a set is made whose order could be seen: by name, or by braces that hold something and no colon of their
    own. What is sorted or counted at once shows no order."""
    for index, (word, after) in enumerate(pairwise(words)):
        if word in ("set", "frozenset") and after == "(":
            around = index
            while around >= 2 and words[around - 1] == "(" and words[around - 2] in ("list", "tuple"):
                around -= 2
            if words[max(0, around - 2) : around] not in _ORDERLESS:
                return True
    opened: list[list[str]] = []
    for before, word in pairwise(["", *words]):
        if word in ("(", "[", "{"):
            opened.append([word])
        elif word in (")", "]", "}"):
            bracket = opened.pop() if opened else [""]
            if bracket == ["{"] and before != "{":
                return True
        elif word in (":", "**") and opened:
            opened[-1].append(word)
    return False


def _split(code: str) -> list[str]:
    """Names and signs of a program, without texts and comments; none where it cannot be split: the interpreter says
    what is wrong with it."""
    words: list[str] = []
    inside = 0  # of a formatted text, which newer Pythons split too
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            name = tokenize.tok_name[token.type]
            inside += (name == "FSTRING_START") - (name == "FSTRING_END")
            if not inside and token.type in (tokenize.NAME, tokenize.OP):
                words.append(token.string)
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return words


def _is_member(name: str, attribute: str) -> bool:
    """Whether Python's own class of this name has an attribute."""
    module, _, owner = name.rpartition(".")
    home = vars(builtins) if not module else _CLASSES.get(module, {})
    found = home.get(owner) or _CLASSES["collections"].get(owner)
    return isinstance(found, type) and hasattr(found, attribute)


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names
