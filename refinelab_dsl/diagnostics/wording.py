"""Parts of which constructors of the catalogue are made."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Edit, Help, Label
from refinelab_dsl.source import Span

LISTED = 8


def error(
    code: str,
    message: str,
    span: Span,
    label: str,
    help_: tuple[Help, ...] = (),
    notes: tuple[str, ...] = (),
    labels: tuple[Label, ...] = (),
) -> Diagnostic:
    """An error with its place: `label` stands under `span`."""
    return Diagnostic(code, "error", message, span=span, label=label, labels=labels, notes=notes, help=help_)


def nearest_names(near: Sequence[str], span: Span | None, prefix: str = "") -> tuple[Help, ...]:
    """A way out for a misspelt word: one candidate is an edit, several are named. span: where the word alone stands,
    None where that is not known."""
    if not near:
        return ()
    if len(near) == 1 and span is not None:
        return (Help(f"nearest: `{near[0]}`", (Edit(span, prefix + near[0]),), "maybe"),)
    return (Help(f"nearest: {listed(near)}"),)


def listed(names: Sequence[str], most: int = LISTED) -> str:
    """Names in a row, `most` of them at most."""
    return cut_short([f"`{name}`" for name in names], most)


def cut_short(words: Sequence[str], most: int) -> str:
    """Words in a row, `most` of them and how many more there are. One more takes no less room than its name."""
    rest = len(words) - most
    return ", ".join(words) if rest <= 1 else f"{', '.join(words[:most])} and {rest} more"


def a(noun: str) -> str:
    """A noun with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def percent(share: Decimal) -> str:
    """A share as a percentage: `105%`."""
    return f"{format((share * 100).normalize(), 'f')}%"


def shorten(text: str, limit: int = 40) -> str:
    """Text of a file, short enough for a message."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
