"""Rows of JSON Lines and CSV: what is read, and where and why a row is bad."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.data import formats, streams
from refinelab_dsl.data.formats import UnreadableFile, read_csv, read_jsonl
from refinelab_dsl.diagnostics import Diagnostic


def rows_of_jsonl(data: bytes) -> list[tuple[int, int, Any]]:
    return [(line, row, _short(value)) for line, row, value in read_jsonl(io.BytesIO(data), "f.jsonl")]


def rows_of_csv(
    data: bytes, columns: tuple[str, ...] | None = None, delimiter: str | None = None, wanted: tuple[str, ...] = ()
) -> list[tuple[int, int, Any]]:
    found = read_csv(io.BytesIO(data), "f.csv", columns, delimiter, wanted)
    return [(line, row, _short(value)) for line, row, value in found]


def _short(value: Any) -> Any:
    return value.message.removeprefix("bad row: ") if isinstance(value, Diagnostic) else value


# JSON Lines


def test_lines_are_split_at_newlines_alone() -> None:
    """U+2028, U+0085 and a carriage return stand inside the strings of real files."""
    text = "a\u2028b\u2029c\x85d"
    data = f'{{"x": "{text}"}}\r\n\n  \n{{"x": 2}}'.encode()
    assert rows_of_jsonl(data) == [(1, 1, {"x": text}), (4, 2, {"x": 2})]


def test_numbers_and_escapes_survive() -> None:
    data = b'{"a": 123456789012345678901234567890, "b": -9223372036854775809, "c": 1.5, "d": "\\ud83d\\ude00\\u0000"}'
    assert rows_of_jsonl(data) == [
        (1, 1, {"a": 123456789012345678901234567890, "b": -9223372036854775809, "c": 1.5, "d": "😀\0"})
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"x": NaN}', "NaN is no JSON value"),
        (b'{"x": nan}', "nan is no JSON value"),
        (b'{"x": -Infinity}', "-Infinity is no JSON value"),
        (b'{"x": [1, Infinity]}', "Infinity is no JSON value"),
        (b'{"x": 1e999}', "no JSON: number out of range"),
        (b'{"x": ' + b"9" * 5000 + b"}", "no JSON: integer value out of range"),
        (b'{"x": "\\ud800"}', "a \\u escape is half of a surrogate pair and stands for no character"),
        (b'{"x": "\\udc00 tail"}', "a \\u escape is half of a surrogate pair and stands for no character"),
        (b'{"x": "caf\xe9"}', "not UTF-8: byte 0xE9 at byte 11 of the line"),
        (b'{"x": "\xed\xa0\x80"}', "not UTF-8: byte 0xED at byte 8 of the line"),
        (b'{"x": 1', "the JSON on this line is not complete"),
        (b'{"x": "tab\there"}', "no JSON: invalid character at byte 11 of the line"),
        (b'{"x": 1} {"x": 2}', "no JSON: trailing characters at byte 11 of the line"),
        (b"[" * 100_000, "the JSON is nested too deeply"),
        (b"[1, 2]", "a list, no JSON object"),
        (b'"text"', "text, no JSON object"),
        (b"null", "null, no JSON object"),
        (b"7", "a number, no JSON object"),
        (b"{'x': 1}", "no JSON: object keys must be strings at byte 2 of the line"),
    ],
)
def test_a_bad_line_is_said_and_the_next_one_read(line: bytes, reason: str) -> None:
    found = rows_of_jsonl(b'{"x": 0}\n' + line + b'\n{"x": 3}\n')
    assert found == [(1, 1, {"x": 0}), (2, 2, reason), (3, 3, {"x": 3})]


def test_a_json_text_over_several_lines_is_recognised() -> None:
    for data in (b'[\n  {"x": 1}\n]\n', b'{\n  "x": 1\n}\n', b'[{"x": 1}]\n'):
        first = next(iter(read_jsonl(io.BytesIO(data), "f.jsonl")))[2]
        assert isinstance(first, Diagnostic)
        assert "one object on each line" in first.help[0].message


def test_a_line_without_end_is_no_danger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_LINE", 1000)
    monkeypatch.setattr(formats, "MAX_LINE", 1000)
    data = b'{"x": "' + b"y" * 5000 + b'"}\n{"x": 2}\n'
    found = rows_of_jsonl(data)
    assert found[0][2].startswith("the line is longer than")
    assert found[1:] == [(2, 2, {"x": 2})]


# CSV


def test_quotes_newlines_and_crlf() -> None:
    data = b'a,b\r\n"x ""quoted""","two\r\nlines, one\n\nfield"\r\n\r\n1, 2 \r\n'
    assert rows_of_csv(data) == [
        (2, 1, {"a": 'x "quoted"', "b": "two\r\nlines, one\n\nfield"}),
        (7, 2, {"a": "1", "b": " 2 "}),
    ]


def test_line_separators_of_unicode_do_not_end_a_record() -> None:
    assert rows_of_csv("a,b\nx\u2028y,z\x85\x0b\x0c\x1c\n".encode()) == [
        (2, 1, {"a": "x\u2028y", "b": "z\x85\x0b\x0c\x1c"})
    ]


def test_old_macs_ended_lines_with_a_carriage_return() -> None:
    assert rows_of_csv(b'a,b\r1,2\r"3\r4",5\r') == [(2, 1, {"a": "1", "b": "2"}), (3, 2, {"a": "3\r4", "b": "5"})]


def test_without_a_header_the_columns_are_named() -> None:
    assert rows_of_csv(b"1,2\n3,4\n", ("a", "b")) == [(1, 1, {"a": "1", "b": "2"}), (2, 2, {"a": "3", "b": "4"})]


@pytest.mark.parametrize(
    ("data", "columns", "wanted", "expected"),
    [
        (b"a;b;c\n1;2,5;3\n", None, (), {"a": "1", "b": "2,5", "c": "3"}),
        (b"a\tb\n1\t2\n", None, (), {"a": "1", "b": "2"}),
        (b"q,x;a\n1,2;3\n", None, ("a",), {"q,x": "1,2", "a": "3"}),  # the wanted column decides
        (b"q,x;a\n1,2;3\n", None, ("q",), {"q": "1", "x;a": "2;3"}),
        (b"a;b,c\n1;2,3\n", None, (), {"a;b": "1;2", "c": "3"}),  # a tie: the comma comes first
        (b"one, two;three\n", ("a", "b"), (), {"a": "one", "b": " two;three"}),
        (b"one, two, four;three\n", ("a", "b"), (), {"a": "one, two, four", "b": "three"}),
        (b'"a;b";c\n"1;2";3\n', None, (), {"a;b": "1;2", "c": "3"}),
        (b"only\n1\n", None, (), {"only": "1"}),
    ],
)
def test_the_delimiter_is_found(
    data: bytes, columns: tuple[str, ...] | None, wanted: tuple[str, ...], expected: dict[str, str]
) -> None:
    assert rows_of_csv(data, columns, None, wanted)[0][2] == expected


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"1,2,3", "3 fields where the header has 2"),
        (b"1", "1 field where the header has 2"),
        (b'"1" x,2', "a quoted field is followed by more text"),
        (b"caf\xe9,2", "not UTF-8: byte 0xE9 at byte 4 of the line"),
    ],
)
def test_a_bad_record_is_said_and_the_next_one_read(record: bytes, reason: str) -> None:
    found = rows_of_csv(b"a,b\n0,0\n" + record + b"\n3,3\n")
    assert found == [(2, 1, {"a": "0", "b": "0"}), (3, 2, reason), (4, 3, {"a": "3", "b": "3"})]


def test_the_bad_byte_of_a_long_record_has_its_own_line() -> None:
    [(line, row, value)] = list(read_csv(io.BytesIO(b'a,b\n"1\n\xff\n",2\n'), "f.csv", None, None, ()))
    assert (line, row) == (2, 1)
    assert isinstance(value, Diagnostic)
    assert value.place is not None
    assert value.place.line == 3


def test_a_quote_that_never_closes_is_shown_where_it_opens() -> None:
    assert rows_of_csv(b'a,b\n1,2\n"3,4\n5,6\n7,8\n') == [
        (2, 1, {"a": "1", "b": "2"}),
        (3, 2, "a quote opens here that is never closed"),
    ]


def test_no_field_swallows_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_FIELD", 100)
    found = rows_of_csv(b'a,b\n"' + b"x\n" * 200 + b'",1\n')
    assert found[0][:2] == (2, 1)
    assert "a quote may never be closed" in found[0][2]


def test_an_empty_file_has_no_rows() -> None:
    assert rows_of_csv(b"") == rows_of_csv(b"\n\r\n") == rows_of_csv(b"a,b\n") == rows_of_csv(b"", ("a",)) == []
    assert rows_of_jsonl(b"") == rows_of_jsonl(b"\n \n\t\n") == []


@pytest.mark.parametrize(
    ("data", "columns", "wanted", "code", "message"),
    [
        (b"a,b,a\n1,2,3\n", None, (), "RF3023", "two columns named `a`"),
        (b"question,anser\n1,2\n", None, ("answer",), "RF3022", "has no column `answer`"),
        (b"1,2\n", ("question", "x"), ("answer",), "RF3022", "has no column `answer`"),
        (b"caf\xe9,b\n1,2\n", None, (), "RF3009", "not UTF-8"),
        (b'"a,b\n1,2\n', None, (), "RF3020", "the header: a quote opens here"),
    ],
)
def test_a_header_that_cannot_be_used(
    data: bytes, columns: tuple[str, ...] | None, wanted: tuple[str, ...], code: str, message: str
) -> None:
    with pytest.raises(UnreadableFile) as caught:
        rows_of_csv(data, columns, None, wanted)
    assert caught.value.diagnostic.code == code
    assert message in caught.value.diagnostic.message


def test_columns_without_a_name_are_called_by_their_position() -> None:
    assert rows_of_csv(b",b,,\n1,2,3,4\n") == [(2, 1, {"column_1": "1", "b": "2", "column_3": "3", "column_4": "4"})]


def test_the_nearest_column_is_named() -> None:
    with pytest.raises(UnreadableFile) as caught:
        rows_of_csv(b"question,anser\n1,2\n", None, None, ("answer",))
    assert next(help.message for help in caught.value.diagnostic.help) == "nearest: `anser`"


# Files


def test_compression_and_byte_order_mark_are_taken_off(tmp_path: Path) -> None:
    for number, data in enumerate(
        [b"\xef\xbb\xbfabc", gzip.compress(b"\xef\xbb\xbfabc"), gzip.compress(b"a") + gzip.compress(b"bc")]
    ):
        path = tmp_path / f"{number}"
        path.write_bytes(data)
        with streams.open_stream(path) as stream:
            assert stream.read() == b"abc"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("abc".encode("utf-16"), "UTF-16"),
        (b"PAR1....", "parquet"),
        (b"PK\x03\x04..", "a zip archive"),
        (gzip.compress(b"PAR1", mtime=0), "parquet"),
        (b"%PDF-1.7", "a PDF"),
    ],
)
def test_other_kinds_of_files_are_recognised(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "data"
    path.write_bytes(data)
    with pytest.raises(streams.NotText, match=kind):
        streams.open_stream(path)


def test_a_bomb_is_stopped_by_its_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RATIO_FREE", 1 << 20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"\0" * (32 << 20)))
    with streams.open_stream(path) as stream, pytest.raises(streams.TooLarge, match="250 times its size"):
        stream.read()


def test_a_bomb_is_stopped_by_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_DECOMPRESSED", 1 << 20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"\0" * (8 << 20)))
    with streams.open_stream(path) as stream, pytest.raises(streams.TooLarge):
        stream.read()


@pytest.mark.parametrize(
    "damage",
    [b"\x1f\x8b", gzip.compress(b"abc" * 1000, mtime=0)[:-9], gzip.compress(b"abc", mtime=0) + b"junk"],
)
def test_a_damaged_archive_says_so(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "damaged.gz"
    path.write_bytes(damage)
    with pytest.raises((*streams.DECOMPRESSION_ERRORS, OSError)), streams.open_stream(path) as stream:
        stream.read()


# Properties

_HOSTILE = st.lists(
    st.sampled_from(
        [
            b'"',
            b",",
            b";",
            b"\t",
            b"\n",
            b"\r",
            b"\r\n",
            b"a",
            b"{",
            b"}",
            b"[",
            b":",
            b"\\u",
            b"d800",
            b"\0",
            b"\xff",
            b"\xe2\x80\xa8",
            b" ",
            b"1",
            b"null",
            b"NaN",
            b"\xef\xbb\xbf",
            b"{}\n",
            b'{"a": 1}\n',
        ]
    ),
    max_size=40,
).map(b"".join) | st.binary(max_size=200)


@given(_HOSTILE)
def test_any_bytes_are_jsonl_rows_or_reasons(data: bytes) -> None:
    lines = data.count(b"\n") + 1
    for position, (line, row, value) in enumerate(read_jsonl(io.BytesIO(data), "f.jsonl"), 1):
        assert row == position <= line <= lines
        assert isinstance(value, dict | Diagnostic)


@given(_HOSTILE, st.sampled_from([None, ("a",), ("a", "b")]), st.sampled_from([None, ",", "\t"]))
def test_any_bytes_are_csv_rows_or_reasons(data: bytes, columns: tuple[str, ...] | None, delimiter: str | None) -> None:
    try:
        found = list(read_csv(io.BytesIO(data), "f.csv", columns, delimiter, ()))
    except UnreadableFile:
        return
    before = 0
    for position, (line, row, value) in enumerate(found, 1):
        assert row == position
        assert before < line
        before = line
        assert isinstance(value, dict | Diagnostic)


_CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.lists(_CELLS, min_size=2, max_size=2).filter(any), max_size=8), st.sampled_from([",", ";", "\t"]))
def test_what_the_csv_module_writes_is_read_back(records: list[list[str]], delimiter: str) -> None:
    import csv

    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([["a", "b"], *records])
    found = rows_of_csv(text.getvalue().encode(), None, None, ("a", "b"))
    assert [list(value.values()) for _, _, value in found] == records


@given(
    st.lists(st.dictionaries(_CELLS, st.none() | st.booleans() | st.integers() | _CELLS | st.lists(_CELLS), max_size=3))
)
def test_what_json_writes_is_read_back(records: list[dict[str, Any]]) -> None:
    import json

    data = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    assert [value for _, _, value in rows_of_jsonl(data)] == records
