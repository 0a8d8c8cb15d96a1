"""A JSON text as a stream of rows: a list of objects, an object whose `data` is such a list, or objects one after
another. It is read in pieces, so a list costs no more memory than its longest element."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

import msgspec

from refinelab_dsl.data.formats import Row, UnreadableFile, explain_json, name_kind
from refinelab_dsl.data.streams import MAX_LINE
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.source import Place

_PIECE = 1 << 18  # characters
_NEAR_END = 16  # characters: what is wrong this near to the end of what was read may only be cut off
_ROWS = "data"  # the key of an object that holds the rows, as most tools write it
_WHITE = " \t\r\n"

# Only where a value ends is taken from this scanner: what it holds is decoded strictly, row by row.
_scan = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


def read_json(stream: BinaryIO, name: str) -> Iterator[Row]:
    """The rows of a JSON text. An element that is no object, or not strict JSON, is a bad row.

    Raises:
        UnreadableFile: the text is no JSON from some place on; the rows before it have come.
    """
    text = _Text(stream, name)
    decode = msgspec.json.Decoder().decode
    number = 0
    for line, source in _find_rows(text):
        number += 1
        try:
            value = decode(source)
        except (msgspec.MsgspecError, RecursionError) as error:
            reason, help = explain_json(source, error, 0)
            yield line, number, faults.bad_row(Place(name, line, number), reason.replace(" of the line", ""), help)
            continue
        if isinstance(value, dict):
            yield line, number, value
        else:
            yield line, number, faults.bad_row(Place(name, line, number), f"{name_kind(value)}, no JSON object")


def _find_rows(text: _Text) -> Iterator[tuple[int, bytes]]:
    """The line and the bytes of each row."""
    match text.peek():
        case "":
            return
        case "[":
            yield from _elements(text)
        case "{" if _enter_rows(text):
            yield from _elements(text)
            while text.take(",", "}") == ",":
                text.skip_member()
        case "{":
            while text.peek() == "{":
                yield text.value()
        case _:
            text.fail("the text is no list and no object")
    if text.peek():
        text.fail("more text follows the end")


def _elements(text: _Text) -> Iterator[tuple[int, bytes]]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield text.value()
        if text.take(",", "]") == "]":
            return


def _enter_rows(text: _Text) -> bool:
    """Goes to the list of rows in the object that starts here; False, and back at its start, where it has none."""
    text.mark()
    text.take("{")
    while text.peek() == '"':
        if text.key() == _ROWS and text.peek() == "[" and text.peek(after="[") in ("{", "]"):
            text.forget()
            return True
        text.value()
        if text.take(",", "}") == "}":
            break
    text.go_back()
    return False


class _Text:
    """A place in a text that is read as it is needed. What lies before it is forgotten unless a mark is set."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._buffer = ""
        self._at = 0
        self._line = 1
        self._mark: tuple[int, int] | None = None
        self._is_over = False

    def mark(self) -> None:
        """Remembers this place."""
        self._mark = (self._at, self._line)

    def go_back(self) -> None:
        """To the place that was remembered."""
        assert self._mark is not None
        (self._at, self._line), self._mark = self._mark, None

    def forget(self) -> None:
        """No way back is needed."""
        self._mark = None

    def peek(self, after: str = "") -> str:
        """The next character that is not white space, empty at the end; the one behind `after`, which is next."""
        self._advance(self._skip(self._at))
        at = self._skip(self._at + len(after)) if after else self._at
        return self._buffer[at : at + 1]

    def take(self, *signs: str) -> str:
        """Steps over the next sign, which is one of these."""
        sign = self.peek()
        if sign not in signs or not sign:
            self.fail(f"{' or '.join(f'`{each}`' for each in signs)} is missing")
        self._advance(self._at + 1)
        return sign

    def key(self) -> str:
        """Steps over a key and its colon."""
        if self.peek() != '"':
            self.fail("a key is missing")
        _, source = self.value()
        self.take(":")
        return str(json.loads(source))

    def skip_member(self) -> None:
        """Steps over a key and its value."""
        self.key()
        self.value()

    def value(self) -> tuple[int, bytes]:
        """Steps over a value; its line and its bytes."""
        self.peek()
        line = self._line
        while True:
            try:
                _, end = _scan(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if len(self._buffer) - self._at > MAX_LINE:
                    self.fail(f"a value is longer than {MAX_LINE >> 20} MiB")
                ends = error.msg.startswith("Unterminated") or error.pos >= len(self._buffer)
                if (not ends and error.pos < len(self._buffer) - _NEAR_END) or not self._grow():
                    self._advance(error.pos)
                    self.fail("the text ends here" if ends else f"{error.msg[:1].lower()}{error.msg[1:]}")
                continue
            except RecursionError:
                self.fail("the JSON is nested too deeply")
            if end < len(self._buffer) or not self._grow():
                break
        source = self._buffer[self._at : end].encode()
        self._advance(end)
        return line, source

    def fail(self, reason: str) -> NoReturn:
        """No more rows can be told apart.

        Raises:
            UnreadableFile
        """
        raise UnreadableFile(faults.bad_json(self._name, reason, Place(self._name, self._line)))

    def _skip(self, at: int) -> int:
        while True:
            while at < len(self._buffer) and self._buffer[at] in _WHITE:
                at += 1
            if at < len(self._buffer) or not self._grow():
                return at

    def _advance(self, at: int) -> None:
        self._line += self._buffer.count("\n", self._at, at)
        self._at = at
        if self._mark is None and at > _PIECE:
            self._buffer, self._at = self._buffer[at:], 0

    def _grow(self) -> bool:
        if self._is_over:
            return False
        data = self._stream.read(max(_PIECE, len(self._buffer) - self._at))
        self._is_over = not data
        try:
            self._buffer += self._decode(data, final=not data)
        except UnicodeDecodeError as error:
            reason = f"in another encoding (byte 0x{error.object[error.start]:02X})"
            raise UnreadableFile(faults.not_utf8(self._name, reason)) from None
        return True
