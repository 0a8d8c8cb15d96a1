"""Commands that change specs (`fmt`, `fix`): what they read, how they show a change, and how they write it."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from refinelab_dsl import syntax
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.diagnostics.catalog import plan as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.source import Source

_RESET = "\x1b[0m"
_STYLES = {"+++": "\x1b[1m", "---": "\x1b[1m", "@": "\x1b[36m", "+": "\x1b[32m", "-": "\x1b[31m"}


@dataclass(frozen=True)
class Original:
    """A spec as it was found. `source.path` is None for standard input; with an error in `found` it is no text."""

    data: bytes
    source: Source
    found: Diagnostics

    @property
    def text(self) -> str:
        """Its text, a byte-order mark and carriage returns included."""
        return self.data.decode("utf-8", "replace")

    def is_changed_by(self, text: str) -> bool:
        """Whether a file of this text would have other bytes."""
        return self.data != text.encode("utf-8")


def read_originals(paths: Sequence[str]) -> Iterator[Original]:
    """The specs that the arguments name, each read when its turn comes; `-` is standard input and stands alone.

    Raises:
        click.UsageError: a path does not exist, or there is no spec at all.
    """
    if "-" in paths:
        if len(paths) > 1:
            raise click.UsageError("`-` (standard input) cannot stand beside other paths")
        data = inputs.read_stdin()
        yield Original(data, *syntax.decode("-", data))
        return
    for path in inputs.find_specs(paths):
        yield Original(*syntax.load(path))


def save(original: Original, text: str) -> Diagnostic | None:
    """Writes a spec anew, whole or not at all; what the operating system has against it.

    A link stays and its target is written; the file keeps its mode. A file that nobody may write is left alone: that
    its folder would allow to replace it makes no difference.
    """
    path = original.source.path
    assert path is not None
    try:
        if not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK):
            return faults.spec_unwritable(str(path), "the file is read-only")
        terminal.save_text(path, text)
    except OSError as error:
        return faults.spec_unwritable(str(path), error.strerror or type(error).__name__)
    except terminal.OutputRefused as refused:
        return faults.spec_unwritable(str(path), refused.reason)
    return None


def write_diff(settings: Settings, diff: str) -> None:
    """A diff to standard output: escaped and coloured for a person, byte by byte for a program such as `patch`."""
    color = terminal.wants_color(settings, sys.stdout)
    if color or terminal.is_terminal(sys.stdout):
        terminal.write(paint_diff(diff, color=color))
    else:
        terminal.write_exact(diff)


def render_diff(name: str, before: str, after: str) -> str:
    """The unified diff of two texts; empty where they are the same."""
    lines = difflib.unified_diff(_lines(before), _lines(after), name, name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def paint_diff(diff: str, *, color: bool) -> str:
    """A diff as a terminal may show it: nothing in it can steer the terminal."""
    shown = []
    for line in _lines(diff):
        text = "\t".join(map(escape, line.removesuffix("\n").split("\t")))
        style = next((code for mark, code in _STYLES.items() if line.startswith(mark)), "")
        shown.append(f"{style}{text}{_RESET}\n" if color and style else f"{text}\n")
    return "".join(shown)


def _lines(text: str) -> list[str]:
    """Lines with their ends; only a line feed ends a line, as for every tool that reads diffs."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)
