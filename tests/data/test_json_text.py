"""JSON texts as rows: each form, its lines, and where it breaks."""

from __future__ import annotations

import io
import json
import tracemalloc
from itertools import islice
from typing import Any

import pytest

from refinelab_dsl.data import json_text
from refinelab_dsl.data.formats import UnreadableFile
from refinelab_dsl.data.json_text import read_json
from refinelab_dsl.diagnostics import Diagnostic


def rows(text: str | bytes) -> list[Any]:
    data = text.encode() if isinstance(text, str) else text
    return list(read_json(io.BytesIO(data), "q.json"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('[{"a": 1}, {"a": "]"}]', [{"a": 1}, {"a": "]"}]),
        ('{"version": "1.1", "data": [{"a": 1}], "more": [1, {}]}', [{"a": 1}]),
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('{\n "a": {\n  "b": [] }\n}\n{ "a": 2 }', [{"a": {"b": []}}, {"a": 2}]),
        ('{"id": 1, "data": ["x", "y"]}', [{"id": 1, "data": ["x", "y"]}]),
        ('{"data": []}', []),
        ("[]", []),
        ("", []),
        (" \n", []),
        ('[{"n": 123456789012345678901234567890, "f": 0.1, "u": "\\u00e9\u2028"}]',
         [{"n": 123456789012345678901234567890, "f": 0.1, "u": "é\u2028"}]),
    ],
)  # fmt: skip
def test_forms(text: str, values: list[Any]) -> None:
    assert [row[2] for row in rows(text)] == values


def test_places_are_lines_and_numbers() -> None:
    found = rows('{"data": [\n  {"a": 1},\n\n  {"a":\n 2}, 3,\n  {"b": NaN}\n]}')
    assert [(line, number) for line, number, _ in found] == [(2, 1), (4, 2), (5, 3), (6, 4)]
    assert [isinstance(value, Diagnostic) for _, _, value in found] == [False, False, True, True]
    assert found[2][2].code == "RF3020"
    assert "a number, no JSON object" in found[2][2].message
    assert "NaN is no JSON value" in found[3][2].message


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('[{"a": 1}\n {"a": 2}]', 2, "`,` or `]` is missing"),
        ('[{"a": 1},\n {"a" 2}]', 2, "expecting ':' delimiter"),
        ('[{"a": 1},\n {"a": "x', 2, "the text ends here"),
        ('[{"a": 1}', 1, "`,` or `]` is missing"),
        ('[{"a": 1}]\n[', 2, "more text follows the end"),
        ("question,answer\n", 1, "the text is no list and no object"),
        ('{"data": [{"a": 1}] "b": 2}', 1, "`,` or `}` is missing"),
        ('{"a": 1},\n{"a": 2}', 1, "more text follows the end"),
        ("[" * 100_000, 1, "nested too deeply"),
    ],
)
def test_what_breaks_off_is_said_with_its_place(text: str, line: int, reason: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        rows(text)
    found = caught.value.diagnostic
    assert (found.code, found.place and found.place.line) == ("RF3025", line)
    assert reason in found.message


def test_rows_before_the_break_come() -> None:
    reading = read_json(io.BytesIO(b'[{"a": 1}, {"a": 2}, oops'), "q.json")
    assert [next(reading)[2], next(reading)[2]] == [{"a": 1}, {"a": 2}]
    with pytest.raises(UnreadableFile):
        next(reading)


def test_other_encodings_are_refused() -> None:
    with pytest.raises(UnreadableFile) as caught:
        rows('[{"a": "é"}]'.encode("latin-1"))
    assert caught.value.diagnostic.code == "RF3009"


@pytest.mark.parametrize("piece", [1, 2, 7, 64])
def test_pieces_of_any_size_give_the_same(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [{"q": 'é"\\ \n' * size, "n": size, "l": [[], {"x": None}]} for size in range(12)]
    monkeypatch.setattr(json_text, "_PIECE", piece)
    whole, keyed = json.dumps(values, indent=1), json.dumps({"k": [1], "data": values})
    for text in (whole, keyed, "\n".join(map(json.dumps, values))):
        assert [row[2] for row in rows(text)] == values


def test_memory_is_that_of_a_row() -> None:
    class Endless(io.RawIOBase):
        """A list of a hundred megabytes, made as it is read."""

        left = 100 << 10

        def read(self, size: int = -1) -> bytes:
            if self.left == 100 << 10:
                self.left -= 1
                return b'[{"a": 0}'
            self.left -= 256
            return (b',{"a": "' + b"x" * 1000 + b'"}') * 256 if self.left > 0 else b""

    tracemalloc.start()
    reading = read_json(Endless(), "q.json")  # type: ignore[arg-type]
    assert sum(1 for _ in islice(reading, 20_000)) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20
