"""Wordings of ways out that were tried: a file with these edits has no such error any more."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Edit, Help
from refinelab_dsl.diagnostics.wording import shorten
from refinelab_dsl.source import Span


def write_once(span: Span, text: str, *, sure: bool) -> Help:
    """The second of two equal words or marks is deleted."""
    return Help(f"write `{shorten(text)}` once", (Edit(span, ""),), "machine" if sure else "maybe")


def swap(span: Span, first: str, between: str, second: str) -> Help:
    """Two neighbours change places."""
    message = f"write `{shorten(second)}` before `{shorten(first)}`"
    return Help(message, (Edit(span, f"{second}{between}{first}"),), "maybe")


def insert(span: Span, text: str) -> Help:
    """A word or a mark that is missing."""
    return Help(f"write `{shorten(text.strip())}` here", (Edit(span, text),), "maybe")


def close(span: Span, text: str) -> Help:
    """A closing bracket where it is missing."""
    return Help(f"close it with `{text.strip()}`", (Edit(span, text),), "maybe")


def delete(span: Span, text: str) -> Help:
    """A word or a mark too many."""
    return Help(f"delete `{shorten(text)}`", (Edit(span, ""),), "maybe")


def replace(span: Span, text: str) -> Help:
    """The word that was meant."""
    return Help(f"nearest: `{shorten(text)}`", (Edit(span, text),), "maybe")


def write(span: Span, text: str) -> Help:
    """A value written otherwise."""
    return Help(f"write `{shorten(text)}`", (Edit(span, text),), "maybe")


def only_one(span: Span, text: str, shown: str) -> Help:
    """What is missing, where one thing alone fits."""
    return Help(f"write `{shorten(shown)}`: nothing else fits", (Edit(span, text),), "maybe")


def start_block(span: Span, header: str, indent: str = "") -> Help:
    """The first line of a declaration is missing."""
    return Help(f"start it with `{header} {{`", (Edit(span, f"{indent}{header} {{\n"),), "maybe")


def everywhere(help_: Help, edits: Sequence[Edit]) -> Help:
    """A way out of one fault, where the statement has the same fault again."""
    more = len(edits) - len(help_.edits)
    places = "one more place" if more == 1 else f"{more} more places"
    return Help(f"{help_.message}, here and in {places}", tuple(edits), help_.applicability)
