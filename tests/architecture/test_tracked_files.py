"""What is in git: nothing of one machine, no registry's address, line ends alike, no file that grew into everything."""

from __future__ import annotations

import re

from tests.architecture.tree import ROOT, tracked_files

# Written apart, so that this file does not hold what it looks for.
MACHINE = re.compile("|".join([
    "/" + r"work/(?:main|shared)\b", "/" + r"root/\w", "/" + r"home/\w+/", "/" + "tmp/env", "/" + r"Users/\w+/",
]))  # fmt: skip
REGISTRY = re.compile("|".join([
    "pypi" + r"\.org", "python" + r"hosted\.org", "registry" + r"\.npmjs", "deb" + r"\.debian\.org",
]))  # fmt: skip
BINARY = {".gz", ".png", ".db", ".whl"}


def _texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked_files():
        if path.suffix not in BINARY:
            found.append((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8", errors="replace")))
    return found


def test_no_path_of_one_machine() -> None:
    assert [f"{name}: {match[0]}" for name, text in _texts() if (match := MACHINE.search(text))] == []


def test_no_address_of_a_registry() -> None:
    assert [f"{name}: {match[0]}" for name, text in _texts() if (match := REGISTRY.search(text))] == []


def test_no_module_has_grown_into_a_place_for_everything() -> None:
    large = [
        (name, text.count("\n"))
        for name, text in _texts()
        if name.startswith("refinelab_dsl/") and name.endswith(".py") and text.count("\n") > 600
    ]
    assert large == []


def test_texts_end_with_one_newline() -> None:
    kinds = (".py", ".md", ".refine", ".toml", ".jinja", ".j2", ".lark")
    wrong = [name for name, text in _texts() if name.endswith(kinds) and text and not text.endswith("\n")]
    assert wrong == []
