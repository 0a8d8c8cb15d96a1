"""What a command imports before it works: help is quick, `check` loads no solver and no client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from refinelab_dsl.cli.main import COMMANDS
from tests.architecture.tree import ROOT

_SCRIPT = """
import json, sys
from refinelab_dsl.cli.main import run
code = run(sys.argv[1:])
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


def _packages_after(
    *arguments: str, cwd: Path = ROOT, environ: Mapping[str, str] | None = None
) -> tuple[int, set[str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    answer = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *arguments], cwd=cwd, env={**kept, **(environ or {})}, capture_output=True,
        text=True, timeout=120, check=True,
    )  # fmt: skip
    code, packages = json.loads(answer.stderr.splitlines()[-1])
    return code, set(packages)


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


def test_check_imports_no_solver_and_no_client() -> None:
    code, packages = _packages_after("check", "specs/quickstart.refine")
    assert code == 0
    assert {"lark", "pydantic"} <= packages
    assert packages & {"pyomo", "highspy", "openai", "aiohttp", "pygls", "rich", "numpy"} == set()


@pytest.mark.parametrize("arguments", [("docs", "--html", "specs/quickstart.refine"), ("compile", "--emit=schema")])
def test_what_only_reads_a_spec_imports_no_solver_and_no_client(arguments: tuple[str, ...]) -> None:
    code, packages = _packages_after(*arguments)
    assert code == 0
    assert packages & {"pyomo", "highspy", "openai", "aiohttp", "pygls", "rich", "numpy"} == set()


def test_plan_imports_no_client() -> None:
    code, packages = _packages_after("plan", "specs/quickstart.refine", "--format", "json")
    assert code == 0
    assert packages & {"openai", "aiohttp", "pygls"} == set()


def test_telemetry_is_imported_by_a_run_that_is_to_be_told_and_by_nothing_else(tmp_path: Path) -> None:
    assert _packages_after("init", cwd=tmp_path)[0] == 0
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_EXPORT_TIMEOUT": "1"}
    for arguments, environ, expected in (
        (("plan", "--format", "json"), told, set()),
        (("apply", "--auto-approve", "-q"), {}, set()),
        (("apply", "--auto-approve", "-q"), told, {"opentelemetry"}),
    ):
        code, packages = _packages_after(*arguments, cwd=tmp_path, environ=environ)
        assert code == 0
        assert packages & {"opentelemetry", "grpc"} == expected, arguments
