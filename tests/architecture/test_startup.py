"""What a command imports before it works: help is quick, `check` loads no solver and no client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from refinelab_dsl.cli.main import COMMANDS
from tests.architecture.tree import ROOT

# Several calls in one process: what a later one must not import, the ones before it have not imported either.
_SCRIPT = """
import json, os, sys
from refinelab_dsl.cli.main import run
for arguments, environ in json.loads(sys.argv[1]):
    os.environ.update(environ)
    code = run(arguments)
    sys.stderr.write("\\n" + json.dumps([int(code), sorted({name.partition(".")[0] for name in sys.modules})]))
"""

# One process for all commands: none may import what no command may, so what stands there says who was the first.
_HELP_SCRIPT = """
import json, sys
from refinelab_dsl.cli.main import run
for command in sys.argv[1:]:
    code = run([command, "--help"])
    sys.stderr.write("\\n" + json.dumps([command, int(code), sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def _packages_after(*arguments: str) -> tuple[int, set[str]]:
    ((code, packages),) = _packages_after_each((arguments, {}))
    return code, packages


def _packages_after_each(
    *calls: tuple[Sequence[str], Mapping[str, str]], cwd: Path = ROOT
) -> list[tuple[int, set[str]]]:
    """Calls with what is added to the environment -> exit codes, and what was imported by then."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    answer = subprocess.run(
        [sys.executable, "-c", _SCRIPT, json.dumps(calls)], cwd=cwd, env=kept, capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    told = [json.loads(line) for line in answer.stderr.splitlines() if line.startswith("[")]
    assert len(told) == len(calls), answer.stderr
    return [(code, set(packages)) for code, packages in told]


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("--version",)])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code, packages = _packages_after(*arguments)
    assert code == 0
    assert "click" in packages  # the probe sees what is imported
    assert packages & {"lark", "pyomo", "highspy", "openai", "pydantic", "numpy", "rich", "jinja2", "msgspec"} == set()


def test_help_of_no_command_imports_a_solver_or_a_client() -> None:
    commands = [name for section in COMMANDS.values() for name in section]
    answer = subprocess.run(
        [sys.executable, "-c", _HELP_SCRIPT, *commands], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=True,
    )  # fmt: skip
    told = [json.loads(line) for line in answer.stderr.splitlines() if line]
    assert [command for command, _, _ in told] == commands
    for command, code, packages in told:
        assert code == 0, command
        assert set(packages) & {"pyomo", "highspy", "openai", "aiohttp", "pygls", "rich"} == set(), command


def test_what_only_reads_a_spec_imports_no_solver_and_no_client() -> None:
    calls: list[tuple[Sequence[str], Mapping[str, str]]] = [
        (("check", "specs/quickstart.refine"), {}),
        (("docs", "--html", "specs/quickstart.refine"), {}),
        (("compile", "--emit=schema"), {}),
    ]
    for (arguments, _), (code, packages) in zip(calls, _packages_after_each(*calls), strict=True):
        assert code == 0, arguments
        assert {"lark", "pydantic"} <= packages
        assert packages & {"pyomo", "highspy", "openai", "aiohttp", "pygls", "rich", "numpy"} == set(), arguments


def test_plan_imports_no_client() -> None:
    code, packages = _packages_after("plan", "specs/quickstart.refine", "--format", "json")
    assert code == 0
    assert packages & {"openai", "aiohttp", "pygls"} == set()


def test_telemetry_is_imported_by_a_run_that_is_to_be_told_and_by_nothing_else(tmp_path: Path) -> None:
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_EXPORT_TIMEOUT": "1"}
    untold = dict.fromkeys(told, "")  # as if they were not set
    apply = ("apply", "--auto-approve", "-q")
    calls: list[tuple[Sequence[str], Mapping[str, str]]] = [
        (("init",), {}), (("plan", "--format", "json"), told), (apply, untold), (apply, told),
    ]  # fmt: skip
    after = _packages_after_each(*calls, cwd=tmp_path)
    assert [code for code, _ in after] == [0] * 4
    assert [packages & {"opentelemetry", "grpc"} for _, packages in after] == [set()] * 3 + [{"opentelemetry"}]
