"""`refine.lock` as a file: the same bytes for the same pins, and a way out for every damage."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from refinelab_dsl.artifacts.lock_file import (
    DataPin,
    Lock,
    ModelPin,
    PricePin,
    PromptPin,
    RootPin,
    SpecPins,
    dump_lock,
    load_lock,
    price_key,
    save_lock,
)

LOCK = Lock(
    refinec="0.1.0",
    specs={
        "specs/b.refine": SpecPins(
            data={"quiz": {"data/ä \"q\".jsonl": DataPin(sha256="a" * 64, bytes=12, rows=3)}},
            files={"prompts/ask.jinja": "b" * 64},
            models={"small": ModelPin(provider="openai", id="m-1", base_url="http://localhost:8000/v1")},
            prompts={"author": PromptPin(sha256="c" * 64, source="built-in")},
        ),
        "a.refine": SpecPins(),
    },
    prices={"m-1": PricePin(input=Decimal("0.15"), output=Decimal("0.60"), as_of="2026-11-01", source="a list 1.0")},
    runs={"out/quiz.prov.jsonl": RootPin(root="d" * 64, run=4)},
)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "refine.lock"
    save_lock(path, LOCK)
    assert load_lock(path) == (LOCK, ())
    assert [each.name for each in tmp_path.iterdir()] == ["refine.lock"]


def test_pins_stand_sorted_one_a_line() -> None:
    text = dump_lock(LOCK).decode()
    assert dump_lock(Lock.model_validate(tomllib.loads(text))).decode() == text
    assert text.index("a.refine") < text.index("specs/b.refine")
    (line,) = [line for line in text.splitlines() if line.startswith('"data/ä')]
    assert line == f'"data/ä \\"q\\".jsonl" = {{ sha256 = "{"a" * 64}", bytes = 12, rows = 3 }}'


@pytest.mark.parametrize(
    "name",
    ["", "a.b", 'a "b"', "a\\b", "a\tb\nc\x00\x1b\x7f\x85", "\u2028ä\U0001f600", "[x]", "#", "'''"],
)
def test_any_name_can_be_pinned(name: str) -> None:
    pins = SpecPins(files={name: "e" * 64, "other": "f" * 64})
    lock = Lock(specs={name: pins}, runs={name: RootPin(root="0" * 64, run=1)})
    assert Lock.model_validate(tomllib.loads(dump_lock(lock).decode())) == lock


def test_no_lock_and_an_empty_one(tmp_path: Path) -> None:
    assert load_lock(tmp_path / "refine.lock") == (None, ())
    (tmp_path / "refine.lock").touch()
    assert load_lock(tmp_path / "refine.lock") == (Lock(), ())


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a = 1\n<<<<<<< HEAD\nb = 1\n=======\nb = 2\n>>>>>>> other\n", "RF5403", 2),
        ('format_version = "1.0"\nx = \n', "RF5402", 2),
        ('format_version = "1.0"\nsurprise = 1\n', "RF5402", None),
        ('format_version = "1.0"\n[prices]\nm = { input = "-1", output = "1", as_of = "x", source = "y" }\n',
         "RF5402", None),
        ('format_version = "1.0"\n[runs]\n"a" = { root = "short", run = 1 }\n', "RF5402", None),
        ('format_version = "2.0"\n', "RF5404", None),
        ("a = 1\n", "RF5404", None),
        (b"\xff\xfe", "RF5402", None),
        ("a = " + "[" * 100_000, "RF5402", None),
    ],
)  # fmt: skip
def test_damage_has_a_code_and_a_way_out(text: str | bytes, code: str, line: int | None, tmp_path: Path) -> None:
    path = tmp_path / "refine.lock"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    lock, (found,) = load_lock(path)
    assert lock is None
    assert found.code == code
    assert found.help
    assert found.place is not None
    assert line is None or found.place.line == line


def test_a_pinned_price_is_per_token_and_says_where_it_comes_from() -> None:
    price = LOCK.list_prices()["m-1"]
    assert (price.input, price.output, price.as_of) == (Decimal("0.00000015"), Decimal("0.0000006"), "2026-11-01")
    assert price.locked
    assert LOCK.prices["m-1"].describe() == "$0.15 / 1M in, $0.60 / 1M out (2026-11-01, a list 1.0)"


def test_a_model_is_found_by_its_endpoint() -> None:
    assert price_key(None, "m-1") == "m-1"
    assert price_key("https://api.example.org:8443/v1", "m-1") == "api.example.org/m-1"
