"""Our docs name what exists: files, commands, options, make targets, modules, codes; and their specs compile."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import click
import pytest

from refinelab_dsl import compiler
from refinelab_dsl.cli.main import COMMANDS, refinec
from tests.architecture.tree import PACKAGE, ROOT, tracked_files

DOCS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "specs/data/README.md", "editors/README.md")
# Made by a run, an installation or a build; or beside the checkout.
MADE = ("out/", ".refine", "refine.evidence.jsonl", ".venv", "specs/out/", "../", "dist/")
SUFFIXES = (".py", ".md", ".refine", ".jsonl", ".toml", ".lark", ".jinja", ".j2", ".json")


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _fences(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", _text(name), flags=re.M | re.S)


def _spans(name: str) -> list[str]:
    """What stands between single backticks, outside of fences."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", _text(name), flags=re.M | re.S))


def _command_lines(name: str) -> list[str]:
    """Shell lines of the docs: in fences after `$ `, and in backticks."""
    lines = [line[2:] for fence in _fences(name, "console") for line in fence.splitlines() if line.startswith("$ ")]
    return lines + [span for span in _spans(name) if span.startswith(("refinec ", "make "))]


@pytest.mark.parametrize("name", DOCS)
def test_paths_exist(name: str) -> None:
    # A link, or a span that looks like a path.
    found = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", _text(name))
    found += [
        span
        for span in _spans(name)
        if re.fullmatch(r"[\w./*\-]+", span) and ("/" in span or span.endswith(SUFFIXES)) and not span.startswith("*.")
    ]
    found = [path for path in found if not path.startswith(MADE) and path != "and/or"]
    wrong = []
    for path in found:
        places = [ROOT, (ROOT / name).parent, PACKAGE]
        exists = any(any(place.glob(path)) if "*" in path else (place / path).exists() for place in places)
        if not exists:
            wrong.append(path)
    assert wrong == []


@pytest.mark.parametrize("name", DOCS)
def test_commands_and_options_exist(name: str) -> None:
    commands = {word: None for section in COMMANDS.values() for word in section}
    wrong = []
    for line in _command_lines(name):
        words = line.partition("#")[0].partition("|")[0].partition(">")[0].split()
        if words[:1] != ["refinec"] or len(words) < 2:
            continue
        if words[1].startswith("-"):
            continue
        if words[1] not in commands:
            wrong.append(line)
            continue
        command = refinec.get_command(click.Context(refinec), words[1])
        assert command is not None
        if isinstance(command, click.Group) and len(words) > 2:
            command = command.commands.get(words[2])
            if command is None:
                wrong.append(line)
                continue
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        known |= {"--help", "-h"}
        options = [word.partition("=")[0] for word in words[2:] if word.startswith("-") and word != "-"]
        wrong += [f"{line}: {option}" for option in options if option not in known]
    assert wrong == []


@pytest.mark.parametrize("name", DOCS)
def test_make_targets_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", _text("Makefile"), flags=re.M))
    named = [line.split()[1] for line in _command_lines(name) if line.split()[:1] == ["make"] and len(line.split()) > 1]
    assert [target for target in named if target not in targets] == []


@pytest.mark.parametrize("name", DOCS)
def test_modules_and_their_names_exist(name: str) -> None:
    wrong = []
    for dotted in re.findall(r"\brefinelab_dsl(?:\.\w+)+", "\n".join(_spans(name))):
        if dotted.endswith((".py", ".typed")):
            continue
        module, _, member = dotted.rpartition(".")
        try:
            import_module(dotted)
        except ModuleNotFoundError:
            if not hasattr(import_module(module), member):
                wrong.append(dotted)
    assert wrong == []


def test_codes_exist() -> None:
    catalogue = "".join(
        path.read_text(encoding="utf-8") for path in sorted((PACKAGE / "diagnostics" / "catalog").rglob("*.py"))
    )
    named = {code for name in DOCS for code in re.findall(r"RF\d{4}", _text(name))}
    assert sorted(code for code in named if code not in catalogue) == []


@pytest.mark.parametrize(
    ("name", "spec"), [(name, spec) for name in DOCS if (ROOT / name).exists() for spec in _fences(name, "refine")]
)
def test_specs_in_the_docs_compile(name: str, spec: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.refine"
    path.write_text(spec, encoding="utf-8")
    analysis = compiler.analyze(path)
    assert [str(entry.message) for entry in analysis.diagnostics.errors] == []


@pytest.mark.parametrize(("name", "code"), [(name, code) for name in DOCS for code in _fences(name, "python")])
def test_python_in_the_docs_is_python(name: str, code: str) -> None:
    ast.parse(code)


def test_every_command_stands_in_the_readme() -> None:
    text = _text("README.md")
    commands = [word for section in COMMANDS.values() for word in section]
    assert [word for word in commands if f"`{word}" not in text and f"`refinec {word}" not in text] == []


def test_every_tracked_spec_is_named_for_what_it_is() -> None:
    """Specs in `specs/` start with a comment that says what they are for."""
    specs = [path for path in tracked_files() if path.suffix == ".refine" and path.parent == ROOT / "specs"]
    assert specs
    assert [path.name for path in specs if not path.read_text(encoding="utf-8").startswith("# ")] == []
