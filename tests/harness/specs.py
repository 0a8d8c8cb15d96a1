"""Examples in the chapters of `specs/language/`, and the compiler's front end on them.

A chapter is prose with fenced blocks:

- ` ```refine ` is a whole spec: it is parsed, resolved and checked. `edition = 1` is put before it unless it says so.
- ` ```refine syntax ` is parsed only.
- ` ```refine setup ` is put before each later ` ```refine ` block of its chapter, and must be right by itself.
- ` ```refine file lib/models.refine ` is another file, which stands beside each later ` ```refine ` block of its
  chapter until another of the same name comes. What is expected in it is expected of every block that imports it.
- ` ```refine before ` is what a user wrote, and the ` ```refine after ` that follows is what the formatter makes of it.
- ` ```refine text ` is left alone.

Every example that parses is laid out as the formatter does it, but for those marked ` ```refine … loose `, which are
about another layout.

What is expected stands on the line that it concerns, in a comment: `# error: RF2104`, `# warning: RF2002`, several
codes with commas; `# error below: RF1053` concerns the next line, which has no room for a comment. Anything else that
is reported fails too. `# value: 0.25` holds for the literal of an attribute.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.render import render_text
from refinelab_dsl.source import Source

EDITION = "edition = 1\n"

_FENCE = re.compile(
    r"^```refine(?: (?P<mode>syntax|setup|before|after|text|file (?P<name>\S+)))?(?P<loose> loose)?\n"
    r"(?P<text>.*?)^```$",
    re.M | re.S,
)
_EXPECTED = re.compile(r"# (?P<severity>error|warning|note)(?P<below> below)?: (?P<codes>RF\d{4}(?:, RF\d{4})*)")
_VALUE = re.compile(r"# value: (?P<value>.+)$")


@dataclass(frozen=True)
class Example:
    """A fenced block: the text as the compiler reads it, and the line of its chapter on which the block starts.

    own: the text between the fences. files: name and text of what stands beside it. before: of an `after` block, the
    text that the block before it holds.
    """

    chapter: str
    line: int
    mode: str
    text: str
    own: str
    files: tuple[tuple[str, str], ...] = ()
    loose: bool = False
    before: str | None = None

    def __str__(self) -> str:
        return f"{self.chapter}:{self.line}"

    @property
    def source(self) -> Source:
        return Source(f"{self.chapter}:{self.line}", self.text)


def find_examples(path: Path) -> Iterator[Example]:
    """The examples of a chapter, those that are only text left out."""
    chapter = path.read_text(encoding="utf-8")
    setup = ""
    files: dict[str, str] = {}
    before: str | None = None
    for found in _FENCE.finditer(chapter):
        mode, own = found["mode"] or "", found["text"]
        line = chapter.count("\n", 0, found.start()) + 1
        if mode == "text":
            continue
        if found["name"]:
            files[found["name"]] = _with_edition(own, found["name"])
            continue
        if mode == "setup":
            setup = own
        text = _with_edition(own if mode else setup + own)
        standing = before if mode == "after" else None
        yield Example(path.name, line, mode, text, own, tuple(files.items()), bool(found["loose"]), standing)
        before = own if mode == "before" else None


def _with_edition(text: str, name: str = "x.refine") -> str:
    return text if _says_edition(text) or not name.endswith(".refine") else EDITION + text


def _says_edition(text: str) -> bool:
    return re.search(r"^edition\b", text, re.M) is not None


def format_example(example: Example) -> tuple[str, str | None]:
    """The text of an example, and as the formatter lays it out: None where it does not parse.

    Examples that state no edition are put under one, as statements of their own.
    """
    head = "" if _says_edition(example.own) else f"{EDITION}\n"
    text = example.own if example.before is None else example.before
    formatted, _ = syntax.format_source(Source(str(example), head + text))
    return example.own, None if formatted is None else formatted.removeprefix(head)


def analyse(example: Example) -> Diagnostics:
    """What the compiler's front end has to say about an example."""
    if example.mode in ("syntax", "before", "after"):
        return syntax.parse(example.source)[1]
    from refinelab_dsl import compiler

    if not example.files:
        return compiler.analyze(example.source).diagnostics
    with tempfile.TemporaryDirectory() as folder:
        for name, text in example.files:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        source = Source(example.source.name, example.text, Path(folder, "spec.refine"))
        return compiler.analyze(source).diagnostics


def check_example(example: Example) -> None:
    """Raises AssertionError with the rendered diagnostics where an example does not do what it says."""
    found = analyse(example)
    texts = {example.source.name: example.text, **{name: text for name, text in example.files if name in found.sources}}
    expected = sorted(
        (file, number + bool(expectation["below"]), expectation["severity"], code)
        for file, text in texts.items()
        for number, line in enumerate(text.split("\n"), 1)
        for expectation in _EXPECTED.finditer(line)
        for code in expectation["codes"].split(", ")
    )
    reported = sorted((*_place_of(entry, found), entry.severity, entry.code) for entry in found)
    assert reported == expected, f"{example}: expected {expected}\n\n{render_text(found)}"
    for number, line in enumerate(example.text.split("\n"), 1):
        if value := _VALUE.search(line):
            assert find_value(example, number) == value["value"], f"{example}, line {number}"


def _place_of(entry: Diagnostic, found: Diagnostics) -> tuple[str, int]:
    if entry.span is None:
        return "", 0
    return entry.span.file, found.sources[entry.span.file].position(entry.span.start).line


def find_value(example: Example, line: int) -> str:
    """The value of the literal of the attribute that starts on a line: plain digits, JSON text, `true`, `null`."""
    source = example.source
    tree, _ = syntax.parse(source)
    statements = list(tree.statements)
    for statement in statements:
        if isinstance(statement, syntax.Block):
            statements.extend(statement.body)
        elif isinstance(statement, syntax.Attribute) and source.position(statement.span.start).line == line:
            assert isinstance(statement.value, syntax.Literal)
            value = statement.value.value
            return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
    raise AssertionError(f"no attribute on line {line}")


def format_chapter(path: Path) -> bool:
    """Lays the examples of a chapter out as `test_examples_are_formatted` wants them; whether that changed anything."""
    chapter = path.read_text(encoding="utf-8")
    text = chapter
    for example in find_examples(path):
        if example.mode != "before" and not example.loose:
            own, formatted = format_example(replace(example, before=None))
            text = text if formatted is None else text.replace(f"\n{own}```", f"\n{formatted}```", 1)
    if text != chapter:
        path.write_text(text, encoding="utf-8", newline="\n")
    return text != chapter


if __name__ == "__main__":  # python -m tests.harness.specs specs/language/*.md
    for name in sys.argv[1:]:
        if format_chapter(Path(name)):
            print(name)
