"""Diagnostics as values: what is wrong, where, and the way out.

A stage returns `(result, diagnostics)`; an exception is a bug of ours (style: HCL's partial results,
stanc3's catalogue). A stage never words a complaint itself: it calls a constructor of
`refinelab_dsl.diagnostics.catalog`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, overload

from refinelab_dsl.source import Place, Sources, Span

Severity = Literal["error", "warning", "note"]
Applicability = Literal["machine", "maybe", "none"]


@dataclass(frozen=True, slots=True)
class Label:
    """A short text under a span: `nothing here takes the remainder`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of `span` by `text`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Help:
    """A way out, as a statement. `machine`: the edits surely repair it; `maybe`: a person should look."""

    message: str
    edits: tuple[Edit, ...] = ()
    applicability: Applicability = "none"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One complaint. `span` is the smallest wrong thing in a spec or template; `place` stands in a data file.

    `message` is lower case, without a final period, and stands alone.
    """

    code: str
    severity: Severity
    message: str
    span: Span | None = None
    place: Place | None = None
    label: str = ""
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: tuple[Help, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.severity == "error"


@dataclass(frozen=True)
class Diagnostics(Sequence[Diagnostic]):
    """An ordered, immutable collection of diagnostics with the texts their spans point into."""

    entries: tuple[Diagnostic, ...] = ()
    sources: Sources = field(default_factory=Sources, compare=False, repr=False)

    @overload
    def __getitem__(self, index: int) -> Diagnostic: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Diagnostic, ...]: ...
    def __getitem__(self, index: int | slice) -> Diagnostic | tuple[Diagnostic, ...]:
        return self.entries[index]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.entries)

    @property
    def has_errors(self) -> bool:
        return any(entry.is_error for entry in self.entries)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(entry for entry in self.entries if entry.is_error)

    def with_(self, more: Iterable[Diagnostic], sources: Sources | None = None) -> Diagnostics:
        """These and `more`, in this order; `sources` adds texts."""
        added = more.sources if isinstance(more, Diagnostics) else Sources()
        texts = self.sources.including(*added.values())
        if sources is not None:
            texts = texts.including(*sources.values())
        return Diagnostics((*self.entries, *more), texts)


class RefineError(Exception):
    """Raised by the Python API, never inside a stage: carries the diagnostics and the exit code of the CLI."""

    def __init__(self, diagnostics: Diagnostics, exit_code: int = 1) -> None:
        first = next(iter(diagnostics.errors), None)
        super().__init__(f"{first.code}: {first.message}" if first else "refinec failed")
        self.diagnostics = diagnostics
        self.exit_code = exit_code
