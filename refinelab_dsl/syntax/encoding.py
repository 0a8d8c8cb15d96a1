"""Bytes to text, and what no spec may hold: other encodings, NUL, the size of a data file."""

from __future__ import annotations

import codecs
from pathlib import Path

from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.catalog import plan as spec_faults
from refinelab_dsl.diagnostics.catalog import syntax as faults
from refinelab_dsl.source import Source, Sources, Span

# A spec of 1 MiB has some 30 000 lines; what is larger is a data file.
MAX_BYTES = 2**20

# The longer mark first: UTF-32's starts with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def decode(name: str, data: bytes, path: Path | None = None) -> tuple[Source, Diagnostics]:
    """The text of a file's bytes (UTF-8; a byte-order mark is dropped) and what is wrong with it as text.

    With an error the text is good for nothing but display.
    """
    source, found = _decode(name, data, path)
    return source, Diagnostics(found, Sources([source]))


def load(path: Path) -> tuple[bytes, Source, Diagnostics]:
    """A spec's file: its bytes, its text, and what is wrong with them; the source is named as the path was given."""
    name = str(path)
    try:
        with path.open("rb") as stream:  # one byte more than a spec may have: `/dev/zero` has no end
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        problem = spec_faults.spec_unreadable(name, error.strerror or type(error).__name__)
        return b"", Source(name, "", path), Diagnostics((problem,))
    return data, *decode(name, data, path)


def check_text(source: Source) -> tuple[Diagnostic, ...]:
    """What makes a text none to be parsed."""
    if len(source.text) > MAX_BYTES:
        return (faults.file_too_large(Span(source.name, 0, 0), MAX_BYTES),)
    nul = source.text.find("\0")
    if nul >= 0:
        return (faults.nul_character(Span(source.name, nul, nul + 1), nul),)
    alone = source.text.find("\r")
    if alone >= 0 and "\n" not in source.text[:-1] and not source.text.startswith("\r\n", alone):
        # Lines of old Macintosh files: all of it would read as one line.
        return (faults.control_character(Span(source.name, alone, alone + 1), "\r"),)
    return ()


def _decode(name: str, data: bytes, path: Path | None) -> tuple[Source, tuple[Diagnostic, ...]]:
    if len(data) > MAX_BYTES:
        return Source(name, "", path), (faults.file_too_large(Span(name, 0, 0), MAX_BYTES),)
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return Source(name, "", path), (faults.utf16(Span(name, 0, 0), encoding),)
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        source = Source(name, data.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        source = Source(name, data.decode("utf-8", "replace"), path)
        span = Span(name, len(before), len(before) + 1)
        return source, (faults.not_utf8(span, error.start, data[error.start]),)
    return source, check_text(source)
