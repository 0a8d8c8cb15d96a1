"""Explanations of codes: prose, a wrong and a right example. One file for each code, `RF2104.md` beside this one.

Such a file starts with a few sentences, if there is more to say than the catalogue says already. Then stands a line
`Wrong:` and one or more fenced blocks, then a line `Right:` and one or more fenced blocks:

- ` ```refine ` is the spec, most often a part of one. ` ```refine NAME `, ` ```jsonl NAME `, ` ```csv NAME `,
  ` ```jinja NAME `, ` ```text NAME ` are further files of that path.
- ` ```console ` holds commands after `$ `, run in the folder of those files, and what of their output is to be seen.
  Without it the command is `refinec check` on the spec.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

LANGUAGES = ("refine", "jsonl", "csv", "jinja", "text", "console")

_FENCE = re.compile(r"```(?P<language>\S*)(?: (?P<name>\S+))?\s*")
_HEADS = ("Wrong:", "Right:")


class ExplanationError(ValueError):
    """A file of explanations is ill-formed: `code.md:line: reason`."""

    def __init__(self, code: str, line: int, reason: str) -> None:
        super().__init__(f"{code}.md:{line}: {reason}")


@dataclass(frozen=True, slots=True)
class Example:
    """One fenced block. name: the path of the file that it is; empty for the spec and for commands."""

    language: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why something is a mistake, and both examples. prose: paragraphs without line breaks; often none."""

    code: str
    prose: tuple[str, ...]
    wrong: tuple[Example, ...]
    right: tuple[Example, ...]


def explained_codes() -> tuple[str, ...]:
    """The codes that have a file, in order."""
    names = (entry.name for entry in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".md") for name in names if re.fullmatch(r"RF\d{4}\.md", name)))


def load_explanation(code: str) -> Explanation | None:
    """The explanation of a code such as `RF2104`; None where there is none. Reads that one file.

    Raises:
        ExplanationError: the file is ill-formed.
    """
    try:
        text = resources.files(__name__).joinpath(f"{code}.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return parse_explanation(code, text)


def parse_explanation(code: str, text: str) -> Explanation:
    """The explanation that a file's text holds.

    Raises:
        ExplanationError: no example, a fence without an end or of another language, text where none belongs.
    """
    prose: list[str] = []
    found: dict[str, list[Example]] = {}
    examples: list[Example] | None = None
    lines = enumerate(text.split("\n"), 1)  # not splitlines: examples may hold other ends of lines
    last = 0
    for number, line in lines:
        last = number
        if line in _HEADS:
            expected = _HEADS[len(found)] if len(found) < len(_HEADS) else "nothing more"
            if line != expected:
                raise ExplanationError(code, number, f"expected {expected}, found {line}")
            if examples == []:
                raise ExplanationError(code, number, "an example is missing before this")
            examples = found.setdefault(line, [])
        elif line.startswith("```"):
            if examples is None:
                raise ExplanationError(code, number, "an example before `Wrong:`")
            examples.append(_read_example(code, number, line, lines))
        elif examples is None:
            prose.append(line)
        elif line.strip():
            raise ExplanationError(code, number, "text after `Wrong:` stands in fences only")
    if len(found) < len(_HEADS) or not examples:
        raise ExplanationError(code, last, "an example is missing at the end")
    paragraphs = (" ".join(part.split()) for part in "\n".join(prose).split("\n\n"))
    return Explanation(
        code, tuple(part for part in paragraphs if part), *(tuple(found[head]) for head in _HEADS)
    )


def _read_example(code: str, start: int, fence: str, lines: Iterator[tuple[int, str]]) -> Example:
    """The block that a fence opens, up to the one that closes it."""
    match = _FENCE.fullmatch(fence)
    if match is None or match["language"] not in LANGUAGES:
        raise ExplanationError(code, start, f"a fence is one of {', '.join(LANGUAGES)}, then at most a path")
    language, name = match["language"], match["name"] or ""
    if language not in ("refine", "console") and not name:
        raise ExplanationError(code, start, f"{language} is a file and needs a path")
    if language == "console" and name:
        raise ExplanationError(code, start, "commands have no path")
    inside: list[str] = []
    for _, line in lines:
        if line == "```":
            return Example(language, name, "".join(f"{each}\n" for each in inside))
        inside.append(line)
    raise ExplanationError(code, start, "this fence has no end")
