"""Rendering of a prompt's Jinja template.

`{{ item.question }}` in a user message comes out delimited (`prompts.blocks`); `{{ item | block("item") }}` makes a
block of its own. System messages see no data at all. Undefined names are faults, there is no loader, and work and
memory are bounded (`prompts.sandbox`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias

from jinja2 import Template, TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError

from refinelab_dsl.prompts.sandbox import (
    DATA_NAMES,
    MAX_VALUE,
    Budget,
    LimitError,
    PromptEnvironment,
    current_budget,
    find_refused,
)

Role: TypeAlias = Literal["user", "system"]

_UNCLOSED: Final = re.compile(r"^Unexpected end of template.* needs to be closed is '(\w+)'", re.S)
_ABSENT: Final = re.compile(r"'dict object' has no attribute '([^']+)'")


class TemplateFault(Exception):
    """A template that cannot be parsed, or rendered with this context. `line` counts from 1 in the template."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


def parse_template(text: str, role: Role = "user") -> nodes.Template:
    """The template's tree.

    Raises:
        TemplateFault: it is no template, or it uses what prompts do not have (`include`, data in a system message).
    """
    if len(text) > MAX_VALUE:
        raise TemplateFault(1, "the template is too long")
    try:
        tree = PromptEnvironment(role).parse(text)
        refused = find_refused(tree, role)
    except TemplateSyntaxError as error:
        raise TemplateFault(error.lineno, _reword(error.message or "")) from None
    except RecursionError:
        raise TemplateFault(1, "the template is nested too deeply") from None
    if refused is not None:
        raise TemplateFault(*refused)
    return tree


def render(text: str, context: Mapping[str, Any], role: Role = "user") -> str:
    """The message that a template gives with these names.

    Raises:
        TemplateFault: as `parse_template`, and an undefined name, a failing operation, or a bound that is passed.
    """
    compiled = _compile(text, role)
    names = {
        name: context[name] for name in compiled.names
        if name in context and (role == "user" or name not in DATA_NAMES)
    }
    if role == "user":
        return _run(compiled.template, names)
    return _render_system(text, _Names(repr(names), names))


@dataclass(frozen=True, slots=True)
class _Compiled:
    """names: all that stand in the template, so that it depends on no others."""

    template: Template
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Names:
    """What a template sees; the same where it reads the same."""

    shown: str
    values: Mapping[str, Any] = field(compare=False)


@lru_cache(maxsize=256)  # they see no data, so those of an operator are the same for all steps
def _render_system(text: str, names: _Names) -> str:
    return _run(_compile(text, "system").template, names.values)


def _run(template: Template, names: Mapping[str, Any]) -> str:
    token = current_budget.set(Budget())
    parts: list[str] = []
    total = 0
    try:
        context = template.new_context({**template.environment.globals, **names}, shared=True)  # copies nothing more
        for part in template.root_render_func(context):
            parts.append(part)
            total += len(part)
            if total > MAX_VALUE:
                raise LimitError("the message is too long")
    except (LimitError, TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        line = _line_of(error.__traceback__, template)
        message = _message(error)
    except (RecursionError, MemoryError) as error:
        line = _line_of(error.__traceback__, template)
        message = "the template is nested too deeply"
    else:
        return "".join(parts)
    finally:
        current_budget.reset(token)
    raise TemplateFault(line, message)


@lru_cache(maxsize=256)
def _compile(text: str, role: Role) -> _Compiled:
    tree = parse_template(text, role)
    names = tuple(sorted({name.name for name in tree.find_all(nodes.Name)}))
    try:
        return _Compiled(PromptEnvironment(role).from_string(tree), names)
    except TemplateSyntaxError as error:
        raise TemplateFault(error.lineno, _reword(error.message or "")) from None
    except (RecursionError, SyntaxError, MemoryError):
        raise TemplateFault(1, "the template is nested too deeply") from None


def _line_of(traceback: TracebackType | None, template: Template) -> int:
    """The template's line of the innermost frame that belongs to it."""
    line = 1
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == (template.filename or "<template>"):
            line = template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return line


def _message(error: Exception) -> str:
    match error:
        case SecurityError():
            return "this is not available in prompts: " + _lower(error.message or "")
        case UndefinedError():
            if (absent := _ABSENT.fullmatch(error.message or "")) is not None:
                return f"it has no `{absent[1]}`"
            return _lower((error.message or "").replace("'dict object'", "this value"))
        case LimitError():
            return str(error)
        case _:
            return _lower(f"{str(error) or type(error).__name__}")


def _reword(message: str) -> str:
    """What Jinja's parser says, in one sentence."""
    if (unclosed := _UNCLOSED.search(message)) is not None:
        return f"`{{% {unclosed[1]} %}}` is never closed by `{{% end{unclosed[1]} %}}`"
    return _lower(message.partition(". ")[0] or "not a template")


def _lower(message: str) -> str:
    message = message.rstrip(".")
    return message[:1].lower() + message[1:] if not message[:2].isupper() else message
