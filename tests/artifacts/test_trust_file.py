"""`trust.toml`: the user's own word, and nobody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from refinelab_dsl.artifacts.trust_file import Pair, dump_trust, load_trust, place_trust, save_trust
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.prompts import check_endpoint
from tests.prompts.models import make_model

PAIRS = frozenset({Pair("models.example.org", "MY_KEY"), Pair("models.example.org", None), Pair("2001:db8::1", "K")})


@pytest.mark.parametrize("mask", [0o022, 0o000, 0o077])
def test_pairs_come_back_and_the_file_is_the_users_alone(mask: int, tmp_path: Path) -> None:
    path = tmp_path / "refinec" / "trust.toml"
    before = os.umask(mask)
    try:
        save_trust(path, PAIRS)
        save_trust(path, PAIRS)
    finally:
        os.umask(before)
    assert load_trust(path) == PAIRS
    assert path.read_bytes() == dump_trust(PAIRS)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [entry.name for entry in path.parent.iterdir()] == ["trust.toml"]


def test_no_file_is_no_pair(tmp_path: Path) -> None:
    assert load_trust(tmp_path / "trust.toml") == frozenset()
    assert load_trust(Path(os.devnull, "trust.toml")) == frozenset()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"format_version = ", "invalid value"),
        (b"\xff", "not UTF-8"),
        (b"", "format version is None"),
        (b'format_version = "2.0"', "format version is 2.0"),
        (b'format_version = "1.0"\n[[trust]]\nvariable = "K"', "at `trust.0.host`"),
        (b'format_version = "1.0"\n[[trust]]\nhost = "a.example"\nvariable = ["K"]', "at `trust.0.variable`"),
        (b'format_version = "1.0"\n[[trust]]\nhost = "a.example"\nany = true', "at `trust.0.any`"),
        (b"#" * (2**20 + 1), "larger than"),
    ],
)
def test_a_file_that_is_damaged_trusts_nobody(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "trust.toml"
    path.write_bytes(content)
    path.chmod(0o600)
    found = load_trust(path)
    assert isinstance(found, Diagnostic)
    assert found.code == "RF6701"
    assert said in found.message
    assert found.place is not None
    assert found.place.file == str(path)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_does_not_count(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "trust.toml"
    save_trust(path, PAIRS)
    path.chmod(mode)
    found = load_trust(path)
    assert isinstance(found, Diagnostic)
    assert (found.code, found.help[0].message) == ("RF6701", f"chmod 600 {path}")


def test_a_link_to_the_file_stays_one(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles" / "trust.toml"
    save_trust(kept, PAIRS)
    link = tmp_path / "refinec" / "trust.toml"
    link.parent.mkdir()
    link.symlink_to(kept)
    save_trust(link, ())
    assert link.is_symlink()
    assert load_trust(kept) == frozenset()


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}, "/c/refinec/trust.toml"),
        ({"XDG_CONFIG_HOME": "config", "HOME": "/h"}, "/h/.config/refinec/trust.toml"),
        ({"XDG_CONFIG_HOME": ".", "HOME": "/h"}, "/h/.config/refinec/trust.toml"),
        ({"XDG_CONFIG_HOME": "", "HOME": "/h"}, "/h/.config/refinec/trust.toml"),
    ],
)
def test_where_it_stands_a_repository_cannot_say(environ: dict[str, str], place: str) -> None:
    assert place_trust(environ) == Path(place)


def test_files_of_a_project_trust_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (".config/refinec/trust.toml", "refinec/trust.toml", "trust.toml", ".refine/trust.toml"):
        save_trust(tmp_path / name, PAIRS)
    model = make_model(base_url="https://models.example.org/v1", api_key="MY_KEY")
    for environ in ({"HOME": "/h"}, {"XDG_CONFIG_HOME": ".config", "HOME": "."}, {"XDG_CONFIG_HOME": "."}):
        refused = check_endpoint(model, environ)
        assert refused is not None
        assert refused.code == "RF5202"
