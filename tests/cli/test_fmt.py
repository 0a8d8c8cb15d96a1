"""`refinec fmt`: what it writes, what it leaves alone, and how it says so."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from refinelab_dsl import syntax
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.source import Source
from tests.architecture.tree import ROOT, tracked_files
from tests.cli.command import refinec

LOOSE = b"edition=1\nmeasure  size{kind=length,\n}\n"
NEAT = b"edition = 1\n\nmeasure size { kind = length\n}\n"
BROKEN = b"edition=1\nmeasure size { kind length }\n"


def test_files_are_formatted_in_place(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("a.refine", "below/b.refine"):
        (tmp_path / name).write_bytes(LOOSE)
    (tmp_path / "c.refine").write_bytes(NEAT)
    before = (tmp_path / "c.refine").stat()
    answer = refinec("fmt", cwd=tmp_path, fresh=True)
    assert (answer.code, answer.out) == (0, "a.refine\nbelow/b.refine\n")
    assert answer.err == "3 specs: 2 formatted, 1 unchanged\n"
    assert all((tmp_path / name).read_bytes() == NEAT for name in ("a.refine", "below/b.refine", "c.refine"))
    after = (tmp_path / "c.refine").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.refine", "below", "c.refine"]
    assert refinec("fmt", cwd=tmp_path).out == ""


def test_check_and_diff_write_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_bytes(LOOSE)
    (tmp_path / "b.refine").write_bytes(NEAT)
    check = refinec("fmt", "--check", cwd=tmp_path)
    assert (check.code, check.out) == (ExitCode.UNFORMATTED, "a.refine\n")
    assert refinec("fmt", "--check", "b.refine", cwd=tmp_path).code == ExitCode.DONE
    diff = refinec("fmt", "--diff", cwd=tmp_path)
    assert diff.code == ExitCode.DONE
    assert "\x1b" not in diff.out
    assert refinec("fmt", "--check", "--diff", cwd=tmp_path).code == ExitCode.UNFORMATTED
    assert (tmp_path / "a.refine").read_bytes() == LOOSE
    patched = subprocess.run(["git", "apply", "-p0", "-"], cwd=tmp_path, input=diff.out.encode(), check=False)
    assert patched.returncode == 0
    assert (tmp_path / "a.refine").read_bytes() == NEAT


def test_a_diff_for_a_person_is_coloured_and_steers_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_bytes("edition=1 # \x1b[31m \u202e\n".encode())
    colored = refinec("fmt", "--diff", "--color", "always", cwd=tmp_path).out
    assert "\x1b[32m+edition = 1  # \\u{1b}[31m \\u{202e}\x1b[0m\n" in colored


def test_a_file_with_errors_is_left_as_it_is_and_the_others_are_done(tmp_path: Path) -> None:
    broken = (BROKEN, b"edition = 2\n", b"x=1\n", b"\xff\xfe", b"edition=1\n<<<<<<< a\nx=1\n=======\nx=2\n>>>>>>> b\n")
    for number, data in enumerate(broken):
        (tmp_path / f"{number}.refine").write_bytes(data)
    (tmp_path / "last.refine").write_bytes(LOOSE)
    check = refinec("fmt", "--check", cwd=tmp_path)
    assert (check.code, check.out) == (ExitCode.SPEC, "last.refine\n")
    answer = refinec("fmt", cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert re.findall(r"^error\[(RF\d{4})\]", answer.err, re.M) == ["RF1006", "RF1032", "RF1030", "RF1072", "RF1024"]
    assert [(tmp_path / f"{number}.refine").read_bytes() for number in range(5)] == list(broken)
    assert (tmp_path / "last.refine").read_bytes() == NEAT


def test_names_that_nothing_declares_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_bytes(b"edition=1\ndimension a{from=nothing}\n")
    assert refinec("fmt", cwd=tmp_path).code == ExitCode.DONE
    assert (tmp_path / "a.refine").read_bytes() == b"edition = 1\ndimension a { from = nothing }\n"


def test_the_bytes_of_a_file(tmp_path: Path) -> None:
    cases = (
        (b"\xef\xbb\xbfedition = 1\n", b"edition = 1\n"),
        (b"edition = 1\r\nseed = 7\r\n", b"edition = 1\nseed = 7\n"),
        (b"edition = 1", b"edition = 1\n"),
        ("edition = 1 # größe".encode(), "edition = 1  # größe\n".encode()),
        (b'edition = 1\nx = """\r\n  a\r\n  """\r\n', b'edition = 1\n\nx = """\n  a\n  """\n'),
    )
    for number, (data, _) in enumerate(cases):
        (tmp_path / f"{number}.refine").write_bytes(data)
    assert refinec("fmt", "--check", cwd=tmp_path).out.split() == [f"{number}.refine" for number in range(len(cases))]
    assert refinec("fmt", cwd=tmp_path).code == ExitCode.DONE
    for number, (_, formatted) in enumerate(cases):
        assert (tmp_path / f"{number}.refine").read_bytes() == formatted
    assert refinec("fmt", "--check", cwd=tmp_path).code == ExitCode.DONE


def test_standard_input_goes_to_standard_output(tmp_path: Path) -> None:
    loose = LOOSE + "# größe\n".encode()
    piped = refinec("fmt", "-", cwd=tmp_path, stdin=loose, environ={"PYTHONIOENCODING": "ascii"})
    assert (piped.code, piped.out.encode(), piped.err) == (0, NEAT + "# größe\n".encode(), "")
    neat = refinec("fmt", "-", cwd=tmp_path, stdin=NEAT)
    assert (neat.code, neat.out.encode()) == (0, NEAT)
    broken = refinec("fmt", "-", cwd=tmp_path, stdin=BROKEN)
    assert (broken.code, broken.out) == (ExitCode.SPEC, "")
    assert "error[RF1006]" in broken.err
    check = refinec("fmt", "--check", "-", cwd=tmp_path, stdin=LOOSE)
    assert (check.code, check.out) == (ExitCode.UNFORMATTED, "-\n")
    assert refinec("fmt", "-", "a.refine", cwd=tmp_path).code == ExitCode.USAGE


def test_json(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_bytes(LOOSE)
    (tmp_path / "b.refine").write_bytes(NEAT)
    (tmp_path / "c.refine").write_bytes(BROKEN)
    answer = refinec("fmt", "--check", "--format", "json", "--json-file", "out.json", cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert answer.json["files"] == [
        {"path": "a.refine", "changed": True, "failed": False},
        {"path": "b.refine", "changed": False, "failed": False},
        {"path": "c.refine", "changed": False, "failed": True},
    ]
    assert [entry["code"] for entry in answer.json["diagnostics"]] == ["RF1006"]
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == answer.json
    diff = refinec("fmt", "--diff", "--format", "json", "a.refine", cwd=tmp_path).json["files"][0]["diff"]
    assert "+edition = 1\n" in diff
    piped = refinec("fmt", "-", "--format", "json", cwd=tmp_path, stdin=LOOSE).json["files"]
    assert piped == [{"path": "-", "changed": True, "failed": False, "text": NEAT.decode()}]


def test_modes_and_links_stay(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "spec.txt"
    target.write_bytes(LOOSE)
    target.chmod(0o640)
    (tmp_path / "a.refine").symlink_to(Path("real") / "spec.txt")
    assert refinec("fmt", cwd=tmp_path).code == ExitCode.DONE
    assert os.readlink(tmp_path / "a.refine") == "real/spec.txt"
    assert target.read_bytes() == NEAT
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in target.parent.iterdir()) == ["spec.txt"]


def test_a_file_that_cannot_be_written_is_a_diagnostic(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_bytes(LOOSE)
    (tmp_path / "a.refine").chmod(0o444)
    (tmp_path / "b.refine").write_bytes(LOOSE)
    answer = refinec("fmt", cwd=tmp_path)
    assert answer.code == ExitCode.SPEC
    assert answer.out == "b.refine\n"
    assert "error[RF5042]" in answer.err
    assert "read-only" in answer.err
    assert (tmp_path / "a.refine").read_bytes() == LOOSE
    assert (tmp_path / "b.refine").read_bytes() == NEAT
    folder = tmp_path / "c.refine"
    folder.mkdir()
    assert refinec("fmt", "c.refine", cwd=tmp_path).code == ExitCode.USAGE


def test_our_own_specs_are_formatted() -> None:
    specs = [path for path in tracked_files() if path.suffix == ".refine" and "tests" not in path.parts]
    assert len(specs) >= 3
    answer = refinec("fmt", "--check", *specs, cwd=ROOT)
    assert (answer.code, answer.out) == (0, ""), f"run: refinec fmt\n{answer.err}"


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_specs_in_the_docs_are_formatted(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for language, spec in re.findall(r"^```(refine|refine-part)\n(.*?)^```$", text, flags=re.M | re.S):
        head = "" if language == "refine" else "edition = 1\n\n"
        formatted, _ = syntax.format_source(Source(name, head + spec))
        assert formatted == head + spec
