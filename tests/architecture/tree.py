"""The package as its sources show it: modules and what they import, read from the syntax tree, nothing imported."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "refinelab_dsl"


@dataclass(frozen=True, slots=True)
class Import:
    """`module` of the package imports `target`, on `line` of `path`. `lazy`: inside a function."""

    path: str
    line: int
    module: str
    target: str
    lazy: bool
    typing_only: bool


def find_modules() -> dict[str, Path]:
    """Dotted name -> file, for every module of the package."""
    modules = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


@cache
def find_imports() -> tuple[Import, ...]:
    """Every import statement of the package, absolute and relative, at any depth."""
    modules = find_modules()
    return tuple(found for name, path in modules.items() for found in _imports_of(name, path, modules))


def tracked_files() -> tuple[Path, ...]:
    """What git knows; outside of a checkout, every file but those of tools and runs."""
    answer = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if answer.returncode == 0:
        return tuple(ROOT / name for name in answer.stdout.decode().split("\0") if name and (ROOT / name).is_file())
    skipped = {".venv", ".refine", "out", "dist", "__pycache__"}
    return tuple(
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file() and not any(part in skipped or part.endswith("_cache") for part in path.parts)
    )


def area(module: str) -> str:
    """`refinelab_dsl.solve.model` -> `solve`; the package itself -> ``."""
    return module.partition(".")[2].partition(".")[0]


def _imports_of(name: str, path: Path, modules: dict[str, Path]) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    lazy: set[ast.AST] = set()
    typing_only: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lazy.update(ast.walk(node))
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            typing_only.update(inner for statement in node.body for inner in ast.walk(statement))
    relative = str(path.relative_to(ROOT))
    for node in ast.walk(tree):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                base = ".".join([*parents[: len(parents) - node.level + 1], *([base] if base else [])])
            # `from refinelab_dsl import ir` imports the module ir; `from refinelab_dsl.ir import lower` may name a
            # module or what a module holds.
            targets = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base for alias in node.names]
        for target in targets:
            yield Import(relative, getattr(node, "lineno", 0), name, target, node in lazy, node in typing_only)
