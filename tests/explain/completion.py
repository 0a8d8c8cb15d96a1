"""What an example leaves out: a fragment of a spec becomes a whole one.

Added are the edition; a dataset and an output, unless the fragment has its own; whatever else of the set-up the
fragment names and does not declare; a budget, where an operator asks a model; and a use for what it declares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.source import Source

SETUP: Final = {
    ("measure", "subject"): "measure subject { kind = column, column = area }",
    ("measure", "words"): "measure words { kind = length }",
    ("measure", "rating"): "measure rating { kind = elo, model = small }",
    ("dimension", "topic"): "dimension topic { from = subject, labels = [algebra, geometry, other] }",
    ("dimension", "length"): "dimension length { from = words, bands = { short = below(20), long = above(20) } }",
    ("dimension", "difficulty"): "dimension difficulty { from = rating, bands = "
    "{ easy = below(1350), medium = between(1350, 1650), hard = above(1650) } }",
    ("model", "small"): "model small { provider = simulated }",
    ("model", "large"): "model large { provider = simulated }",
    ("operator", "paraphrase"): "operator paraphrase { kind = expand, model = small }",
    ("operator", "author"): "operator author { kind = generate, model = small }",
    ("validator", "well_formed"): "validator well_formed { kind = format }",
    ("validator", "verified"): "validator verified { kind = pot, model = small }",
    ("prompt", "reword"): 'prompt reword { user = "{{ item.question }}" }',
}
"""What a fragment may name without declaring it."""

DATASET: Final = 'dataset items { task = qa, source = "data/items.jsonl", fields = { area = column("area") } }'
OUTPUT: Final = 'output refined { path = "out/items.jsonl" }'
BUDGET: Final = "budget { tokens = 400k }"

_ABSENT: Final = {"RF2008": "dataset", "RF2088": "dataset", "RF2235": "output", "RF2223": "budget"}
"""Codes of which the absence of a block is the point."""

_AFTER: Final = ("RF1030", "RF1031", "RF1032")
"""Codes about the first statement: the set-up stands behind the fragment, and no edition is added."""

_USES: Final = {
    "model": "operator uses_{name} {{ kind = expand, model = {name} }}",
    "prompt": "operator uses_{name} {{ kind = expand, model = small, prompt = {name} }}",
    "validator": "operator uses_{name} {{ kind = expand, model = small, checks = [{name}] }}",
    "judge": "operator uses_{name} {{ kind = expand, model = small, checks = [{name}] }}",
    "measure": "operator uses_{name} {{ kind = remove, where = {name} == {name} }}",
    "embedding": "validator close_{name} {{ kind = drift, embedding = {name} }}",
}


def complete(fragment: str, code: str) -> str:
    """A whole spec with the fragment in it. code: what the example is about."""
    tree, _ = syntax.parse(Source("fragment", fragment), edition=False)
    declared = {(each.kind, each.label or "") for each in tree.statements if isinstance(each, syntax.Block)}
    declared |= {(kind, name or "") for kind, name in tree.broken}
    kinds = {kind for kind, _ in declared} | {_ABSENT.get(code, "")}
    added = []
    if "dataset" not in kinds or (not any(_is_main(each) for each in tree.statements) and code not in _ABSENT):
        added.append(DATASET)
    if "output" not in kinds:
        added.append(OUTPUT)
    added += _named(fragment, declared)
    if "budget" not in kinds and re.search(r"^operator\b", "\n".join([fragment, *added]), re.M):
        added.append(BUDGET)
    setup = "".join(f"{line}\n" for line in added)
    if code in _AFTER:
        return f"{fragment}{setup}"
    edition = "" if re.search(r"^edition\b", fragment, re.M) else "edition = 1\n"
    return f"{edition}{setup}{fragment}"


def add_uses(text: str, code: str, found: Diagnostics) -> str:
    """The same spec with a use for every declaration that `found` says has none."""
    if code == "RF2035":
        return text
    unused = [re.findall(r"\w+", entry.message)[:2] for entry in found if entry.code == "RF2035"]
    uses = [_USES[kind].format(name=name) for kind, name in unused if kind in _USES]
    if not uses:
        return text
    declared = set(re.findall(r"^(\w+) (\w+) \{", text, re.M))
    more = [*uses, *_named("\n".join(uses), declared)]
    if "budget" not in {kind for kind, _ in declared} and not re.search(r"^budget\b", text, re.M) and code != "RF2223":
        more.append(BUDGET)
    return text + "".join(f"{line}\n" for line in more)


def _named(text: str, declared: set[tuple[str, str]]) -> Iterator[str]:
    """Statements of the set-up that a text names, and those that these name."""
    known, waiting = set(declared), [text]
    while waiting:
        for key in _names(waiting.pop()):
            if key not in known:
                known.add(key)
                waiting.append(SETUP[key])
                yield SETUP[key]


def _names(text: str) -> Iterable[tuple[str, str]]:
    words = set(re.findall(r"\w+", re.sub(r'"[^"\n]*"|#.*', "", text)))
    return [key for key in SETUP if key[1] in words]


def _is_main(statement: syntax.Statement) -> bool:
    if not isinstance(statement, syntax.Block) or statement.kind != "dataset":
        return False
    roles = [each.value for each in statement.body if isinstance(each, syntax.Attribute) and each.name == "role"]
    return not any(isinstance(role, syntax.Reference) and role.parts != ("main",) for role in roles)
