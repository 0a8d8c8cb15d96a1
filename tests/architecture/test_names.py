"""Public names (they are promises), and the catalogue of everything that can go wrong."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import refinelab_dsl
from tests.architecture.tree import PACKAGE, ROOT, find_modules

FAMILIES = {
    "syntax": "RF1", "names": "RF2", "data": "RF3", "embeddings": "RF308", "solving": "RF4", "plan": "RF5",
    "evidence": "RF51", "lock": "RF54", "run": "RF6", "records": "RF63", "audit": "RF64", "evaluation": "RF65",
    "retrieval": "RF66", "housekeeping": "RF67", "decisions": "RF68", "telemetry": "RF606", "feedback": "RF31",
    "loop": "RF69", "internal": "RF9",
}  # fmt: skip
CATALOG = PACKAGE / "diagnostics" / "catalog"


def test_public_names() -> None:
    assert sorted(refinelab_dsl.__all__) == sorted(
        ["load", "Spec", "Plan", "Run", "Diagnostic", "Diagnostics", "__version__"]
    )
    for name in refinelab_dsl.__all__:
        assert getattr(refinelab_dsl, name) is not None


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        refinelab_dsl.nothing_of_that_name  # noqa: B018


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_the_command_is_the_one_that_pyproject_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"refinec": "refinelab_dsl.cli.main:main"}
    assert project["license"] == "Apache-2.0"


def _constructors() -> list[tuple[Path, ast.FunctionDef]]:
    """Public functions of the catalogue that return a diagnostic."""
    found = []
    for path in sorted(CATALOG.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.returns is not None and not node.name.startswith("_"):
                if ast.unparse(node.returns) != "Diagnostic":
                    continue
                found.append((path, node))
    return found


def _family(path: Path) -> str:
    """`catalog/plan.py` and `catalog/names/weights.py` belong to `plan` and to `names`."""
    return path.relative_to(CATALOG).with_suffix("").parts[0]


def test_every_family_has_its_place() -> None:
    assert {_family(path) for path in CATALOG.rglob("*.py")} - {"__init__"} == set(FAMILIES)


def test_every_constructor_documents_a_code_of_its_family() -> None:
    wrong = []
    for path, node in _constructors():
        doc = ast.get_docstring(node) or ""
        match = re.match(r"(RF\d{4}): \S", doc)
        if match is None or not match[1].startswith(FAMILIES[_family(path)]):
            wrong.append(f"{_family(path)}.{node.name}: {doc[:40]!r}")
        elif match[1] not in ast.unparse(node).replace(doc, ""):
            wrong.append(f"{_family(path)}.{node.name}: makes another code than {match[1]}")
    assert wrong == []


def test_codes_are_unique() -> None:
    codes = Counter((ast.get_docstring(node) or "")[:6] for _, node in _constructors())
    assert [code for code, count in codes.items() if count > 1] == []


def test_messages_are_lower_case_without_a_final_period() -> None:
    wrong = []
    for path, function in _constructors():
        for node in ast.walk(function):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "Diagnostic" and len(node.args) > 2):
                continue
            text = ast.unparse(node.args[2])
            if not re.match(r"f?['\"]", text):
                continue  # a name: its text is made elsewhere
            body = text.lstrip("f").strip("'\"")
            if body[:1].isupper() and not re.match(r"[A-Z]{2,}|[A-Z]\w*[`(]", body):
                wrong.append(f"{_family(path)}.{function.name}: {body[:50]}")
            if body.endswith(".") and not body.endswith("..."):
                wrong.append(f"{_family(path)}.{function.name}: …{body[-50:]}")
    assert wrong == []


def test_modules_have_a_docstring_and_no_empty_name() -> None:
    """`utils`, `helpers`, `common`, `base`, `manager` say nothing about what a module is for."""
    said_nothing = {"utils", "helpers", "common", "base", "manager", "misc"}
    modules = find_modules()
    assert [name for name in modules if name.rpartition(".")[2] in said_nothing] == []
    bare = [
        name
        for name, path in modules.items()
        if path.read_text(encoding="utf-8").strip() and ast.get_docstring(ast.parse(path.read_text("utf-8"))) is None
    ]
    assert bare == []
