"""Opens a data file as a bounded stream of bytes and cuts it into lines on "\\n" only.

Python's text mode would also split on "\\r", U+0085 and U+2028, which stand inside the strings of real JSONL files.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_DECOMPRESSED = 16 << 30  # bytes
MAX_RATIO = 250  # decompressed to compressed; text of questions reaches 3 to 30
RATIO_FREE = 64 << 20  # bytes that are decompressed before the ratio counts
MAX_LINE = 64 << 20  # bytes of one line

_BUFFER = 1 << 20
_GZIP = b"\x1f\x8b"
_MAGIC = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (b"PAR1", "parquet"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"BZh", "bzip2-compressed"),
    (b"\xfd7zXZ\0", "xz-compressed"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"%PDF-", "a PDF"),
)

DECOMPRESSION_ERRORS = (gzip.BadGzipFile, EOFError, zlib.error)


class TooLarge(Exception):
    """A compressed file exceeded a bound; the argument says which."""


class NotText(Exception):
    """The file is no UTF-8 text; the argument says what it looks like."""


def open_stream(path: Path) -> BinaryIO:
    """The file's bytes after decompression and without a byte-order mark.

    Raises:
        OSError: it cannot be opened. NotText: its first bytes are those of another kind of file.
        While reading: TooLarge, OSError, and DECOMPRESSION_ERRORS.
    """
    raw = path.open("rb", buffering=0)
    try:
        buffered: io.BufferedReader[Any] = io.BufferedReader(raw, _BUFFER)
        head = buffered.peek(16)
        if head.startswith(_GZIP):
            buffered = io.BufferedReader(_Inflating(buffered), _BUFFER)
            head = buffered.peek(16)
        for magic, kind in _MAGIC:
            if head.startswith(magic):
                raise NotText(kind)
        if head.startswith(codecs.BOM_UTF8):
            buffered.read(len(codecs.BOM_UTF8))
    except BaseException:
        raw.close()
        raise
    return buffered


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines with their "\\n". A line longer than MAX_LINE comes as its first MAX_LINE + 1 bytes, the rest is passed
    over: `len(line) > MAX_LINE` tells."""
    readline = stream.readline
    while line := readline(MAX_LINE + 1):
        yield line
        if len(line) > MAX_LINE:
            while len(line) > MAX_LINE and not line.endswith(b"\n"):
                line = readline(MAX_LINE + 1)


class _Inflating(io.RawIOBase):
    """Decompresses gzip within MAX_RATIO and MAX_DECOMPRESSED."""

    def __init__(self, compressed: io.BufferedReader[Any]) -> None:
        self._compressed = compressed
        self._plain = gzip.GzipFile(fileobj=compressed)
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = self._plain.readinto(buffer)
        self._count += count
        if self._count > MAX_DECOMPRESSED:
            raise TooLarge(f"{MAX_DECOMPRESSED >> 30} GiB")
        if self._count > RATIO_FREE and self._count > MAX_RATIO * max(self._compressed.tell(), 1):
            raise TooLarge(f"{MAX_RATIO} times its size")
        return count

    def close(self) -> None:
        try:
            self._plain.close()
            self._compressed.close()
        finally:
            super().close()
