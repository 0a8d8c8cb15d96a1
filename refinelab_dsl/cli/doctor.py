"""`refinec doctor`: what this machine has, what it lacks, and the line that installs it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module, metadata
from pathlib import Path
from typing import Literal

import click

from refinelab_dsl import __version__, resources, sandbox
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.layout import align_table
from refinelab_dsl.project import find_project

# Distribution -> the module whose import shows that it works.
MODULES = {
    "click": "click",
    "duckdb": "duckdb",
    "highspy": "highspy",
    "jinja2": "jinja2",
    "lark": "lark",
    "msgspec": "msgspec",
    "numpy": "numpy",
    "openai": "openai",
    "pydantic": "pydantic",
    "pydantic-monty": "pydantic_monty",
    "pyomo": "pyomo.environ",
    "rich": "rich",
}
OPTIONAL = {
    "bpe-openai": ("bpe_openai", "tokens", "exact token counts of OpenAI's models; without it they are estimated"),
    "bm25s": ("bm25s", "search", "passages of a corpus: `rag`, `generate { context = … }`"),
    "libzim": ("libzim", "zim", "offline copies of wikis: `zim(\"wiki.zim\")`"),
    "matplotlib": ("matplotlib", "plot", "pictures, for `refinec compare --plot`"),
    "sentence-transformers": ("sentence_transformers", "embed", "embeddings by a model of this machine"),
    "opentelemetry-exporter-otlp-proto-http": (
        "opentelemetry.exporter.otlp.proto.http", "otel", "runs as spans and metrics of OpenTelemetry"
    ),
    "genai-prices": ("genai_prices", "prices", "list prices of models, for `refinec lock --update-prices`"),
}
SANDBOX_USES = {
    "embedded": "a subset of Python without files or network, for `pot` and `exec`",
    "strict": "the machine's Python in a process that has nothing, for `pot` and `exec`",
}
RESOURCES = ("grammar/refine.lark", "templates/plan.txt.j2", "templates/plan.md.j2", "templates/prompts")
GLPSOL_FIX = "apt-get install glpk-utils   (conda install -c conda-forge glpk; brew install glpk)"
REINSTALL = f"{Path(sys.executable).name} -m pip install --force-reinstall refinec"


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok`; `absent`: not here and not needed; `missing` and `broken`: needed."""

    name: str
    status: Literal["ok", "absent", "missing", "broken"]
    version: str = ""
    detail: str = ""
    fix: str = ""


@click.command("doctor")
@shared_options("text", "json")
def doctor_command(settings: Settings) -> int:
    """What is installed, what is missing, and the line that installs it.

    Keys are looked for, never shown. Exit code 11 if something that refinec needs is missing.
    """
    findings = list(examine(os.environ, Path.cwd()))
    document = [asdict(finding) for finding in findings]
    if settings.is_json:
        terminal.write_json(document)
    else:
        terminal.write(render_findings(findings))
    terminal.save_json(settings, document)
    failed = [finding for finding in findings if finding.status in ("missing", "broken")]
    return ExitCode.CHECK_FAILED if failed else ExitCode.DONE


def examine(environ: Mapping[str, str], folder: Path) -> Iterator[Finding]:
    """Everything that refinec needs or can use, the most basic first."""
    yield check_python()
    yield Finding("refinec", "ok", __version__)
    for distribution, module in MODULES.items():
        yield check_package(distribution, module)
    for distribution, (module, extra, use) in OPTIONAL.items():
        yield check_optional(distribution, module, extra, use)
    library = check_swiglpk()
    yield check_glpsol(library.status == "ok")
    yield library
    yield check_highs()
    yield from check_sandbox()
    yield check_resources()
    yield check_state(folder)
    for name in ("OPENAI_API_KEY", *sorted(find_keys(folder) - {"OPENAI_API_KEY"})):
        yield check_key(name, environ)


def check_python() -> Finding:
    """The interpreter; an older one than 3.11 cannot have installed refinec."""
    implementation = f"{platform.python_implementation()} on {platform.system()}"
    return Finding("python", "ok", platform.python_version(), implementation)


def check_package(distribution: str, module: str) -> Finding:
    """Whether a package that refinec depends on is there and can be imported."""
    try:
        version = metadata.version(distribution)
        import_module(module)
    except metadata.PackageNotFoundError:
        return Finding(distribution, "missing", fix=REINSTALL)
    except Exception as error:  # a broken wheel may raise anything
        return Finding(distribution, "broken", detail=f"{type(error).__name__}: {error}", fix=REINSTALL)
    return Finding(distribution, "ok", version)


def check_optional(distribution: str, module: str, extra: str, use: str) -> Finding:
    finding = check_package(distribution, module)
    if finding.status == "ok":
        return Finding(distribution, "ok", finding.version, use)
    return Finding(distribution, "absent", detail=use, fix=f"python -m pip install 'refinec[{extra}]'")


def check_glpsol(has_library: bool) -> Finding:
    """GLPK's program. `solver = glpk` does without it where the library is here, `auto` without both."""
    program = shutil.which("glpsol")
    if program is None:
        if has_library:
            return Finding("glpsol", "absent", detail="`solver = glpk` takes swiglpk")
        need = "`solver = glpk` needs it or swiglpk; `auto` takes highs"
        return Finding("glpsol", "absent", detail=need, fix=GLPSOL_FIX)
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("glpsol", "broken", detail=f"{program}: {type(error).__name__}", fix=GLPSOL_FIX)
    match = re.search(r"(\d+\.\d+)", answer.stdout)
    return Finding("glpsol", "ok", match[1] if match else "", program)


def check_swiglpk() -> Finding:
    """GLPK's library, which serves where its program is not here."""
    finding = check_optional("swiglpk", "swiglpk", "glpk", "GLPK as a package, where there is no glpsol")
    if finding.status != "ok":
        return finding
    version = import_module("swiglpk").glp_version()
    return replace(finding, detail=f"GLPK {version}; {'glpsol comes first' if shutil.which('glpsol') else 'in use'}")


# In a process of its own: HiGHS writes a banner to standard output, where doctor's own data go, and native code that is
# broken may end the process that calls it.
_HIGHS_TRIAL = """
import sys, highspy
solver = highspy.Highs()
solver.setOptionValue("output_flag", False)
solver.maximize(solver.addVariable(0, 3))
print(solver.version(), solver.getSolution().col_value[0], file=sys.stderr)
"""


def check_highs() -> Finding:
    """HiGHS, asked to solve something: maximise x for x <= 3."""
    answer = subprocess.run(
        [sys.executable, "-c", _HIGHS_TRIAL], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    last = (answer.stderr.strip().splitlines() or [f"ended with code {answer.returncode}"])[-1]
    version, _, value = last.partition(" ")
    if answer.returncode:
        return Finding("highs", "broken", detail=last, fix=REINSTALL)
    if abs(float(value) - 3) > 1e-6:
        return Finding("highs", "broken", version, f"maximised x <= 3 to {value}", REINSTALL)
    return Finding("highs", "ok", version, "solves")


def check_sandbox() -> Iterator[Finding]:
    """The levels at which programs that a model wrote can be run, each tried with a program."""
    for level in sandbox.LEVELS:
        offer = sandbox.examine(level)
        if offer.is_there:
            yield Finding(f"sandbox {level}", "ok", detail=SANDBOX_USES[level])
        else:
            yield Finding(f"sandbox {level}", "absent", detail=offer.reason, fix=offer.fix)


def check_resources() -> Finding:
    """The grammar and the templates."""
    for name in RESOURCES:
        try:
            resources.locate(name)
        except FileNotFoundError:
            return Finding("resources", "missing", detail=name, fix=REINSTALL)
    return Finding("resources", "ok", detail="grammar and templates")


def check_state(folder: Path) -> Finding:
    """Whether runs and replies can be kept here."""
    project = find_project(folder)
    place = project.state if project.state.exists() else project.root
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding("state", "broken", detail=f"{project.state} cannot be written", fix=f"chmod u+w {place}")
    free = shutil.disk_usage(place).free
    return Finding("state", "ok", detail=f"{project.state}, {free / 1e9:.1f} GB free")


def check_key(name: str, environ: Mapping[str, str]) -> Finding:
    """Whether a key is set. Its value is never read into a message."""
    if environ.get(name):
        return Finding(name, "ok", detail="set")
    return Finding(name, "absent", detail="not set; the simulated model needs none", fix=f"export {name}=…")


def find_keys(folder: Path) -> set[str]:
    """The environment variables that the specs in a folder name as secrets."""
    names: set[str] = set()
    for path in sorted(folder.glob("*.refine")):
        try:
            names.update(re.findall(r'env\("([A-Za-z_][A-Za-z0-9_]*)"\)', path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError):
            continue  # `refinec check` says what is wrong with it
    return names


def render_findings(findings: list[Finding]) -> str:
    """A table, then the lines that install what is not there."""
    table = [("", "status", "version", "")]
    table += [(finding.name, finding.status, finding.version, finding.detail) for finding in findings]
    text = "\n".join(align_table(table, "<<<<", room=terminal.width_of(sys.stdout), flexible=3)) + "\n"
    fixes = [finding for finding in findings if finding.fix]
    if fixes:
        text += "\nTo add what is not here:\n"
        text += "".join(f"  {finding.name.ljust(16)} {finding.fix}\n" for finding in fixes)
    return text
