"""What a machine offers, and that nothing runs where it does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from refinelab_dsl import sandbox
from refinelab_dsl.effects import Execute
from refinelab_dsl.sandbox import Missing
from refinelab_dsl.sandbox import embedded as embedded_level
from refinelab_dsl.sandbox import strict as strict_level


def test_without_bubblewrap_strict_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    offer = sandbox.examine("strict")
    assert (offer.is_there, offer.fix) == (False, "apt-get install bubblewrap")
    with pytest.raises(Missing):
        sandbox.run(Execute(f"open({str(tmp_path / 'x')!r}, 'w')", "strict"))
    assert list(tmp_path.iterdir()) == []


def test_where_namespaces_are_forbidden_strict_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """bubblewrap that starts and cannot do its work, as in many containers."""
    for name in ("bwrap", "setpriv"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    offer = sandbox.examine("strict")
    assert not offer.is_there
    assert "namespaces" in offer.reason
    assert offer.fix


def test_without_a_system_python_strict_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(strict_level, "PYTHON", tmp_path / "python3")
    assert sandbox.examine("strict").fix == "apt-get install python3"


def test_where_nothing_temporary_may_be_executed_embedded_does_without_its_launcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def write(folder: Path, program: Path, limits: object) -> Path:
        (folder / "worker").write_text("#!/bin/sh\n")
        return folder / "worker"  # of which nobody may make a process

    monkeypatch.setattr(embedded_level, "_write_launcher", write)
    assert sandbox.run(Execute("answer = 6 * 7", "embedded", "answer")).value == "42"


def test_an_interpreter_that_does_not_start_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "monty"
    monkeypatch.setattr(embedded_level, "find_interpreter", lambda: program)
    for content in ("#!/bin/sh\nexit 1\n", "no program"):
        program.write_text(content)
        program.chmod(0o755)
        offer = sandbox.examine("embedded")
        assert (offer.is_there, offer.fix) == (False, "python -m pip install pydantic-monty")
        assert "cannot be started" in offer.reason


def test_without_the_package_embedded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)
    offer = sandbox.examine("embedded")
    assert (offer.is_there, offer.fix) == (False, "python -m pip install pydantic-monty")
