"""The frame around the commands: help, usage, exit codes, streams, and what happens when refinec itself is wrong."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from refinelab_dsl import __version__
from refinelab_dsl.cli import crash
from refinelab_dsl.cli.main import COMMANDS, LazyGroup
from refinelab_dsl.cli.main import refinec as group
from refinelab_dsl.exit_codes import ExitCode, settle
from tests.cli.command import clean_environment, refinec


def test_help_lists_every_command(tmp_path: Path) -> None:
    answer = refinec("--help", cwd=tmp_path)
    assert answer.code == 0
    assert answer.err == ""
    for section in COMMANDS.values():
        for name in section:
            assert f"\n  {name} " in answer.out


@pytest.mark.parametrize("name", [name for section in COMMANDS.values() for name in section])
def test_every_command_loads_and_has_the_global_options(name: str) -> None:
    import click

    assert isinstance(group, LazyGroup)
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert command.name == name
    assert command.help
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--color", "--quiet", "--verbose", "--chdir", "--no-input"} <= options


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Usage"),
        (("chek",), "no command 'chek' (nearest: check)"),
        (("zzzzzz",), "no command 'zzzzzz'"),
        (("version", "--bogus"), "--bogus"),
        (("version", "extra"), "extra"),
        (("version", "--format", "xml"), "xml"),
        (("version", "--chdir", "nowhere"), "cannot work in nowhere"),
        (("check", "--var", "no-equals"), "--var takes NAME=VALUE"),
        (("check", "missing.refine"), "no such file: missing.refine"),
        (("check",), "no *.refine file"),
        (("check", "a\0b"), "null"),
    ],
)
def test_wrong_use_is_2(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    if any("\0" in argument for argument in arguments):
        pytest.importorskip("click")
        from refinelab_dsl.cli.main import run  # a process cannot be given such an argument; Python can

        assert run(list(arguments)) == ExitCode.USAGE
        return
    answer = refinec(*arguments, cwd=tmp_path)
    assert answer.code == ExitCode.USAGE
    assert answer.out == ""
    assert said in answer.err


def test_global_options_stand_before_or_after_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a.refine").write_text("edition = 1\n", encoding="utf-8")
    before = refinec("--chdir", "project", "check", cwd=tmp_path)
    after = refinec("check", "--chdir", "project", cwd=tmp_path)
    assert before == after
    assert "checked 1 spec" in after.err


def test_quiet_leaves_errors_alone(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_text("edition = 1\nnonsense {\n", encoding="utf-8")
    loud, quiet = refinec("check", cwd=tmp_path), refinec("-q", "check", cwd=tmp_path)
    assert loud.code == quiet.code == ExitCode.SPEC
    assert "error[RF" in quiet.out
    assert quiet.err == ""
    assert loud.err != ""


@pytest.mark.parametrize(
    ("arguments", "environ", "colored"),
    [
        ((), {}, False),
        (("--color", "always"), {}, True),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_color(arguments: tuple[str, ...], environ: dict[str, str], colored: bool, tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_text("edition = 1\nnonsense {\n", encoding="utf-8")
    answer = refinec("check", *arguments, cwd=tmp_path, environ=environ)
    assert ("\x1b[" in answer.out) is colored


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    for number in range(40):  # more is said of them than a pipe holds
        (tmp_path / f"{number:03}.refine").write_text("edition = 1\nnonsense {\n" * 40, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "refinelab_dsl.cli.main", "check"],
        cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=300) == ExitCode.SPEC  # what was found still counts
    assert "Broken" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [("--help",), ("version",), ("doctor", "--format", "json")])
def test_closed_standard_output(arguments: tuple[str, ...], tmp_path: Path) -> None:
    command = f'exec "{sys.executable}" -m refinelab_dsl.cli.main {" ".join(arguments)} >&-'
    answer = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=clean_environment(), capture_output=True, check=False
    )
    assert answer.returncode == 0
    assert b"Traceback" not in answer.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_and_is_no_bug(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        answer = subprocess.run(
            [sys.executable, "-m", "refinelab_dsl.cli.main", "version"],
            cwd=tmp_path, env=clean_environment(), stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert answer.returncode == ExitCode.UNAVAILABLE
    assert b"RF9002" in answer.stderr
    assert b"No space left" in answer.stderr


def test_text_that_a_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_text('edition = 1\n"ü" {\n', encoding="utf-8")
    answer = refinec("check", cwd=tmp_path, environ={"PYTHONIOENCODING": "ascii"})
    assert answer.code == ExitCode.SPEC
    assert answer.out.isascii()


@pytest.mark.parametrize("command", ["runs", "doctor", "check", "plan", "init", "apply"])
def test_a_folder_that_is_gone(command: str, tmp_path: Path) -> None:
    script = f'cd "{tmp_path}" && mkdir gone && cd gone && rmdir ../gone && exec "{sys.executable}"'
    answer = subprocess.run(
        ["sh", "-c", f"{script} -m refinelab_dsl.cli.main {command}"],
        env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode in (ExitCode.USAGE, ExitCode.UNAVAILABLE), answer.stderr
    assert "RF9001" not in answer.stderr


def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.refine")
    (tmp_path / name).write_text("edition = 1\n", encoding="utf-8")
    for arguments in (("check",), ("check", name), ("plan",), ("plan", name), ("apply", name)):
        answer = refinec(*arguments, cwd=tmp_path)
        assert answer.code == ExitCode.USAGE
        assert "is not UTF-8" in answer.err


_CRASH = """
import sys
from refinelab_dsl.cli import main, version
def broken(*_, **__):
    raise ValueError(f"key is {sys.argv[1]}, token sk-abcdefghijklmnop, and https://me:hunter2@host/x")
version.version_command.callback = broken
main.main(["version", "--json-file", "private-name"])
"""


def test_a_bug_gives_a_report_without_secrets(tmp_path: Path) -> None:
    environ = clean_environment({"TMPDIR": str(tmp_path), "MY_ODD_CREDENTIAL": "very-secret-value"})
    answer = subprocess.run(
        [sys.executable, "-c", _CRASH, "very-secret-value"], cwd=tmp_path, env=environ, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert answer.returncode == ExitCode.INTERNAL
    assert "RF9001" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "very-secret-value" not in answer.stderr
    (report,) = tmp_path.glob("refinec-error-*.txt")
    assert str(report) in answer.stderr
    text = report.read_text(encoding="utf-8")
    assert __version__ in text
    assert "ValueError" in text
    assert "broken" in text  # the function that failed
    for secret in ("very-secret-value", "abcdefghijklmnop", "hunter2", "private-name"):
        assert secret not in text
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_a_bug_where_no_report_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert crash.write_report(ValueError("x"), ["version"], {}) is None
    assert crash.report_crash(ValueError("x"), ["version"]) == ExitCode.INTERNAL


def test_other_ends_of_a_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert crash.report_crash(MemoryError(), []) == ExitCode.INTERNAL
    assert "RF9004" in capsys.readouterr().err
    assert crash.report_crash(PermissionError(13, "Permission denied", "a/b"), []) == ExitCode.UNAVAILABLE
    err = capsys.readouterr().err
    assert "RF9002" in err
    assert "a/b" in err
    assert crash.report_crash(ModuleNotFoundError("x", name="lark.parsers"), []) == ExitCode.INTERNAL
    err = capsys.readouterr().err
    assert "RF9003" in err
    assert "`lark`" in err


def test_settling_several_exit_codes() -> None:
    assert settle([]) == ExitCode.DONE
    assert settle([0, 0]) == ExitCode.DONE
    assert settle([11, 9, 5, 8, 6, 7, 130]) == ExitCode.INTERRUPTED
    assert settle([11, 9, 5, 8, 6, 7]) == ExitCode.LOCKED
    assert settle([11, 9, 5, 8, 6]) == ExitCode.STALE
    assert settle([11, 9, 5, 8]) == ExitCode.UNAVAILABLE
    assert settle([11, 9, 5]) == ExitCode.BUDGET
    assert settle([11, 9]) == ExitCode.INCOMPLETE
    assert settle([11, 0]) == ExitCode.CHECK_FAILED
    assert settle([1, 0]) == ExitCode.SPEC


def test_temporary_files_of_json_file_do_not_stay(tmp_path: Path) -> None:
    answer = refinec("version", "--json-file", "v.json", cwd=tmp_path)
    assert answer.code == 0
    assert sorted(os.listdir(tmp_path)) == ["v.json"]
    refused = refinec("version", "--json-file", "nowhere/v.json", cwd=tmp_path)
    assert refused.code == ExitCode.UNAVAILABLE
    assert "RF9002" in refused.err
