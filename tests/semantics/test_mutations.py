"""Any spec near a right one gives diagnostics, never an exception; and whatever has no error becomes a program."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from refinelab_dsl import builtins, ir
from refinelab_dsl.diagnostics.render import render_json, render_text
from tests.harness.front import compile_text
from tests.ir.test_golden import SPECS

ROOT = Path(__file__).resolve().parents[2]
TEXTS = (
    *(text.lstrip() for text in SPECS.values()),
    *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "specs").glob("*.refine"))),
    Path(__file__).with_name("whole").joinpath("looping.refine").read_text(encoding="utf-8"),
    '''edition = 1
dataset d { task = mcq, source = "d.csv", fields = { area = stem() } }
dataset s { task = mcq, source = "s.csv", role = signals, join = { item = id } }
variable w { type = weights, default = { a = 50%, b = rest } }
variable t { type = tokens, default = 4k }
measure area { kind = classify, model = m, labels = [a, b] }
measure found { kind = classify, model = m, labels = discover(8) }
measure rating { kind = elo, model = m, seeds = bootstrap(40), embedding = e }
measure truth { kind = verdict, validator = grounded }
measure irt { kind = responses, matrix = s, irt = rasch }
dimension topic { from = area, target = mix(w = 100%) }
dimension level { from = rating, bands = { easy = below(-1.5), hard = above(0) }, unknown = keep, target = like(s) }
constraints { joint = independent(topic, level), size = between(5, 9), protect = truth == supported }
model m { provider = cached, id = "m" }
embedding e { provider = hashed }
judge j { models = [m], criteria = [accuracy], accept = true }
operator harden { kind = rewrite_distractors, model = m, moves = { level = +1 }, mistakes = ["sign"], checks = [j] }
operator fix { kind = correct, model = m, validator = grounded, where = truth in [refuted, unknown] }
validator grounded { kind = rag, model = m, corpus = wikipedia("en"), on_reject = correct }
validator program { kind = pot, model = m, accept = verdict == supported and confidence > 90% }
pilot { items = 3, stratify_by = [topic], budget = var.t }
budget { tokens = var.t, per = project }
solve { strategy = additive, replan = 0.2, on_infeasible = relax(topic) }
output o { path = "o.jsonl", layout = task, card = "README.md" }
test "t" { with = { t = 3k }, assert = accepted(harden) > 2 }
''',
)  # fmt: skip

_TOKEN = re.compile(
    r'"""\s*\n.*?"""|"(?:[^"\\\n]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*|[$]?[0-9][0-9_.]*[A-Za-z%]*|[=!<>]=|#[^\n]*|\s+|.', re.S
)
_NAMES = sorted(
    {
        *builtins.BLOCKS,
        *(attribute.name for kind in builtins.BLOCKS.values() for attribute in kind.attributes),
        *builtins.OPERATOR_KINDS,
        *builtins.MEASURE_KINDS,
        *builtins.VALIDATOR_KINDS,
        *(row.name for row in builtins.FUNCTIONS),
        "rest", "full_cost", "words", "topic", "length", "easy", "similarity", "question", "var", "any", "nothing",
    }
)  # fmt: skip
_OTHERS = [
    "0", "-1", "1_000", "999999999999999", "0.5", "5%", "101%", "$3", "400k", "10s", "true", "null",
    '""', '"x"', '"../x"', '"{{ item }}"', "{", "}", "[", "]", "(", ")", ",", "=", "==", "<", "+", "-", "*", "/", ".",
    "\n", "and", "not", "in", "{ a = 1 }", "[a, b]", "f(1)", "a-b", "a.b", 'env("X")', 'file("x")', "uniform()",
]  # fmt: skip
_WORDS = st.sampled_from([*_NAMES, *_OTHERS])


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A spec with a few tokens replaced, mostly by others of their sort, or left out, doubled, swapped, inserted."""
    pieces = _TOKEN.findall(draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(1, 4))):
        places = [index for index, piece in enumerate(pieces) if piece.strip()]
        at = draw(st.sampled_from(places))
        match draw(
            st.sampled_from(["alike", "alike", "alike", "alike", "replace", "drop", "double", "swap", "insert"])
        ):
            case "alike":
                pieces[at] = draw(st.sampled_from(_alike(pieces[at], pieces)))
            case "replace":
                pieces[at] = draw(_WORDS)
            case "drop":
                pieces[at] = ""
            case "double":
                pieces.insert(at, pieces[at] + " ")
            case "insert":
                pieces.insert(at, draw(_WORDS) + " ")
            case _:
                other = draw(st.sampled_from(places))
                pieces[at], pieces[other] = pieces[other], pieces[at]
    return "".join(pieces)


def _alike(piece: str, pieces: list[str]) -> list[str]:
    """What may stand where a piece stands without breaking the grammar."""
    if piece.isidentifier():
        return [*_NAMES, *sorted({each for each in pieces if each.isidentifier()})]
    if piece[0].isdigit() or piece[0] == "$":
        return [
            "0",
            "1",
            "1_000",
            "999999999999999",
            "0.5",
            "0%",
            "5%",
            "101%",
            "$3",
            "400k",
            "10s",
            '"x"',
            "true",
            "null",
        ]
    if piece[0] == '"':
        return ['""', '"x"', '"../x"', '"a b"', '"{{ item.question }}"', '"{{ nothing }}"', '"{% if %}"', "7", "words"]
    if piece in "+-*/":
        return ["+", "-", "*", "/", "==", "<"]
    return [piece]


def check(text: str) -> None:
    """Compiles a text; all that is said of it can be shown, and has a place in it."""
    front = compile_text(text, allow_outside=True)
    for entry in front.diagnostics:
        assert re.fullmatch(r"RF[125]\d{3}", entry.code), entry
        for span in (entry.span, *(label.span for label in entry.labels)):
            assert span is None or 0 <= span.start <= span.end <= len(front.diagnostics.sources[span.file].text), entry
        if entry.is_error:
            assert entry.span is not None or entry.place is not None, entry
    render_text(front.diagnostics)
    render_json(front.diagnostics)
    if front.program is not None:
        ir.dump(front.program)
        ir.spec_hash(front.program)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
@example("edition = 1\n")
@example("edition = 1\noperator a { kind = expand, kind = remove, moves = 3 }\n")
@example('edition = 1\ndataset d { task = code, source = "x", fields = { tests = 1 } }\noperator a { kind = remove }\n')
def test_no_exception(text: str) -> None:
    check(text)


def test_the_originals_are_right() -> None:
    for text in TEXTS:
        assert compile_text(text, allow_outside=True).codes == []


def test_machine_applicable_edits_never_raise_new_syntax_errors() -> None:
    """Every edit that is called sure is applied, and the text still parses."""
    for text in TEXTS:
        for pattern, replacement in (
            (r"= rest", "= 90%"),
            (r"\[short, medium\]", "[short, pre-medium]"),
            (r"model = (\w+)", r'model = "\1"'),
        ):
            broken = re.sub(pattern, replacement, text, count=1)
            front = compile_text(broken, allow_outside=True)
            for entry in front.diagnostics:
                for help_ in entry.help:
                    if help_.applicability != "machine":
                        continue
                    repaired = broken
                    for edit in sorted(help_.edits, key=lambda edit: -edit.span.start):
                        repaired = repaired[: edit.span.start] + edit.text + repaired[edit.span.end :]
                    assert entry.code not in compile_text(repaired, allow_outside=True).codes
