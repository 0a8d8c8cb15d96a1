"""Single faults put into whole specs: is the first complaint in the right place, and does its first help repair them?

    python benchmarks/mutations.py [--seed N] [--count 500] [--seeds K] [--show]

Mutates `specs/*.refine`, `benchmarks/every_block.refine` and, where the design's examples lie beside the checkout,
those. Each mutation is one of: delete, duplicate, transpose (with its neighbour) or misspell a token; drop a line; swap
the unit of a number. The seed is chosen at run time and printed; `--seed` repeats a run, `--seeds K` runs K of them.

What is counted:

- A mutation is a *fault* if `check` says anything. What leaves the tree as it was is drawn again (`same`), and so is
  what makes another program that is right (`legal`: a number changed, an optional line gone). Both are counted, and
  `--show` lists the legal ones, so that a reader can judge whether a complaint was due.
- *on the line*: the first diagnostic starts on the mutated line. For a dropped line that is one of its neighbours.
- *placed*: it does, or it starts in the statement to which the mutated line belongs: the declaration around it.
- *restored*: applying the first help that has edits, of the first diagnostic, gives a text with the original's tree.
- *exceptions*: anything raised. There must be none: the exit code is 1 then.

All misses are printed: what was done, the line as it is, and what was said.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from refinelab_dsl import compiler, syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.edits import apply_edits
from refinelab_dsl.source import Source
from refinelab_dsl.syntax.lex import NEWLINE, Token, lex

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("delete", "duplicate", "transpose", "misspell", "drop a line", "swap a unit")
NUMBERS = ("PERCENT", "MONEY", "COUNT", "DURATION", "NUMBER")
UNITS = ("", "%", "k", "M", "B", "ms", "s", "min", "h", "d", "$")
LETTERS = "abcdefghijklmnopqrstuvwxyz_"


@dataclass(frozen=True)
class Spec:
    """A right spec: its tokens without newlines, and the first and last line of each declaration."""

    source: Source
    tree: syntax.Tree
    tokens: tuple[Token, ...]
    statements: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Mutation:
    """One change. lines: where it was made, in the mutated text; statement: the lines of its declaration there."""

    spec: Spec
    kind: str
    what: str
    text: str
    lines: tuple[int, ...]
    statement: tuple[int, int]


@dataclass(frozen=True)
class Outcome:
    """What was said of a mutation. `found` is empty where it is no fault."""

    mutation: Mutation
    same: bool
    found: tuple[Diagnostic, ...] = ()
    on_line: bool = False
    placed: bool = False
    restored: bool = False
    raised: str = ""


def load_specs() -> list[Spec]:
    """All specs to mutate, each of which must be right."""
    paths = [
        *sorted((ROOT / "specs").glob("*.refine")),
        ROOT / "benchmarks" / "every_block.refine",
        *sorted((ROOT.parent / "shared" / "design" / "examples").glob("*.refine")),
    ]
    specs = []
    for path in paths:
        source = Source(path.name, path.read_text(encoding="utf-8"), path)
        analysis = analyze(source)
        assert analysis.tree is not None, path
        assert not list(analysis.diagnostics), (path, [entry.message for entry in analysis.diagnostics])
        tokens = tuple(token for token in lex(source, source.text).tokens if token.type != NEWLINE)
        statements = tuple(
            (source.position(each.span.start).line, source.position(each.span.end - 1).line)
            for each in analysis.tree.statements
        )
        specs.append(Spec(source, analysis.tree, tokens, statements))
    return specs


def analyze(source: Source) -> compiler.Analysis:
    """What `refinec check --allow-outside` does."""
    return compiler.analyze(source, compiler.Options(allow_outside=True))


def mutate(draw: random.Random, specs: Sequence[Spec]) -> Mutation | None:
    """A mutation, None where what was drawn cannot be mutated so."""
    spec, kind = draw.choice(specs), draw.choice(KINDS)
    if kind == "drop a line":
        return drop_line(draw, spec)
    text = spec.source.text
    index = draw.randrange(len(spec.tokens))
    token = spec.tokens[index]
    match kind:
        case "delete":
            return replaced(spec, kind, f"`{token.text}` deleted", token.start, token.end, "")
        case "duplicate":
            return replaced(spec, kind, f"`{token.text}` doubled", token.end, token.end, f" {token.text}")
        case "transpose":
            if index + 1 == len(spec.tokens) or "\n" in text[token.start : spec.tokens[index + 1].end]:
                return None
            other = spec.tokens[index + 1]
            swapped = other.text + (text[token.end : other.start] or " ") + token.text
            before, after = text[: token.start][-1:], text[other.end :][:1]
            swapped = f"{' ' * _is_glued(before, swapped[0])}{swapped}{' ' * _is_glued(swapped[-1], after)}"
            what = f"`{token.text}` and `{other.text}` swapped"
            return replaced(spec, kind, what, token.start, other.end, swapped)
        case "misspell":
            if token.text.isidentifier():
                wrong = misspell(draw, token.text)
            elif token.type == "STRING" and len(token.text) > 2:
                wrong = f'"{misspell(draw, token.text[1:-1])}"'
            else:
                return None
            return replaced(spec, kind, f"`{token.text}` misspelt", token.start, token.end, wrong)
    numbers = [token for token in spec.tokens if token.type in NUMBERS]
    token = draw.choice(numbers)
    digits = re.sub(r"[^0-9._]", "", token.text)
    unit = "$" if token.text.startswith("$") else token.text.removeprefix(digits)
    other_unit = draw.choice([each for each in UNITS if each != unit])
    wrong = f"${digits}" if other_unit == "$" else digits + other_unit
    return replaced(spec, kind, f"`{token.text}` became `{wrong}`", token.start, token.end, wrong)


def _is_glued(left: str, right: str) -> bool:
    """Whether two characters would become parts of one token, so that more than one fault would be made."""
    return all(each.isalnum() or each in '_"$%' for each in (left, right) if each) and bool(left and right)


def misspell(draw: random.Random, word: str) -> str:
    """One letter left out, put in, replaced, or swapped with the next."""
    at = draw.randrange(len(word))
    match draw.choice(["leave out", "put in", "replace", "swap"]):
        case "leave out" if len(word) > 1:
            return word[:at] + word[at + 1 :]
        case "put in":
            return word[:at] + draw.choice(LETTERS) + word[at:]
        case "swap" if at + 1 < len(word):
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + draw.choice(LETTERS) + word[at + 1 :]


def replaced(spec: Spec, kind: str, what: str, start: int, end: int, by: str) -> Mutation:
    """Characters `[start, end)` of a spec replaced; no mutation here adds or removes a newline."""
    text = spec.source.text
    first = spec.source.position(start).line
    lines = tuple(range(first, spec.source.position(max(start, end - 1)).line + 1))
    return Mutation(spec, kind, what, text[:start] + by + text[end:], lines, statement_of(spec, first))


def drop_line(draw: random.Random, spec: Spec) -> Mutation:
    """A line with tokens on it gone."""
    source = spec.source
    line = source.position(draw.choice(spec.tokens).start).line
    written = source.text.split("\n")
    first, last = statement_of(spec, line)
    what = f"line `{written[line - 1].strip()}` dropped"
    rest = "\n".join([*written[: line - 1], *written[line:]])
    return Mutation(spec, "drop a line", what, rest, (max(1, line - 1), line), (first, max(first, last - 1)))


def statement_of(spec: Spec, line: int) -> tuple[int, int]:
    """The lines of the declaration that a line belongs to."""
    return next(((first, last) for first, last in spec.statements if first <= line <= last), (line, line))


def judge(mutation: Mutation) -> Outcome:
    """What the compiler says of a mutation."""
    original = mutation.spec
    source = Source(original.source.name, mutation.text, original.source.path)
    try:
        analysis = analyze(source)
    except Exception as error:  # the very thing that must not happen
        return Outcome(mutation, False, raised=f"{type(error).__name__}: {error}")
    same = analysis.tree is not None and analysis.tree == original.tree
    found = tuple(analysis.diagnostics)
    if not found:
        return Outcome(mutation, same)
    line = 0 if found[0].span is None else source.position(found[0].span.start).line
    on_line = line in mutation.lines
    placed = on_line or mutation.statement[0] <= line <= mutation.statement[1]
    return Outcome(mutation, same, found, on_line, placed, is_restored(source, found[0], original))


def is_restored(source: Source, diagnostic: Diagnostic, original: Spec) -> bool:
    """Whether the first help with edits gives the original's tree."""
    way_out = next((each for each in diagnostic.help if each.edits), None)
    if way_out is None:
        return False
    text = apply_edits(source.text, way_out.edits)
    tree, found = syntax.parse(Source(source.name, text, source.path))
    return not found.has_errors and tree == original.tree


@dataclass(frozen=True)
class Run:
    """The outcomes of one seed: faults, mutations that changed nothing, and those that made another right spec."""

    seed: int
    faults: tuple[Outcome, ...]
    same: int
    legal: tuple[Outcome, ...]

    def share(self, name: str) -> float:
        return sum(getattr(outcome, name) for outcome in self.faults) / len(self.faults)

    @property
    def raised(self) -> int:
        return sum(bool(outcome.raised) for outcome in self.faults)


def run(seed: int, count: int, specs: Sequence[Spec]) -> Run:
    """`count` faults from a seed."""
    draw = random.Random(seed)
    faults: list[Outcome] = []
    legal: list[Outcome] = []
    same = 0
    while len(faults) < count:
        mutation = mutate(draw, specs)
        if mutation is None:
            continue
        outcome = judge(mutation)
        if outcome.found or outcome.raised:
            faults.append(outcome)
        elif outcome.same:
            same += 1
        else:
            legal.append(outcome)
    return Run(seed, tuple(faults), same, tuple(legal))


def print_table(result: Run) -> None:
    """Shares by kind of mutation."""
    print(f"{'':14} {'faults':>7} {'on the line':>12} {'placed':>8} {'restored':>9} {'exceptions':>11}")
    for kind in (*KINDS, "all"):
        chosen = [each for each in result.faults if kind in ("all", each.mutation.kind)]
        if not chosen:
            continue
        part = Run(result.seed, tuple(chosen), 0, ())
        print(
            f"{kind:14} {len(chosen):>7} {part.share('on_line'):>12.1%} {part.share('placed'):>8.1%} "
            f"{part.share('restored'):>9.1%} {part.raised:>11}"
        )
    kinds = Counter(outcome.mutation.kind for outcome in result.legal)
    spread = ", ".join(f"{kind} {kinds[kind]}" for kind in KINDS if kinds[kind])
    print(f"drawn again: {result.same} that changed nothing, {len(result.legal)} that made a right spec ({spread})")


def print_misses(result: Run) -> None:
    """What was not placed, then what was placed and not restored."""
    for title, misses in (
        ("not placed", [each for each in result.faults if not each.placed]),
        ("placed, not restored", [each for each in result.faults if each.placed and not each.restored]),
    ):
        print(f"\n{title}: {len(misses)}")
        for outcome in misses:
            mutation = outcome.mutation
            source = Source(mutation.spec.source.name, mutation.text)
            line = mutation.lines[-1]
            written = source.line_text(line).strip() if line <= len(source.line_starts) else ""
            print(f"  {source.name}:{line}: {mutation.what}: {written}")
            if outcome.raised:
                print(f"      raised {outcome.raised}")
                continue
            first = outcome.found[0]
            place = "" if first.span is None else f" at line {source.position(first.span.start).line}"
            more = f" (+{len(outcome.found) - 1})" if len(outcome.found) > 1 else ""
            print(f"      {first.code}{place}: {first.message}{more}")
            for way_out in first.help:
                edits = " ".join(f"{edit.text!r}" for edit in way_out.edits)
                print(f"      help: {way_out.message}{f'  [{edits}]' if way_out.edits else ''}")


def print_legal(result: Run) -> None:
    """What changed the meaning without a complaint."""
    print(f"\nright specs: {len(result.legal)}")
    for outcome in result.legal:
        print(f"  {outcome.mutation.spec.source.name}:{outcome.mutation.lines[0]}: {outcome.mutation.what}")


def main() -> int:
    """Prints the tables; 1 if anything was raised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=None, help="default: chosen now")
    parser.add_argument("--count", type=int, default=500, help="faults of a run")
    parser.add_argument("--seeds", type=int, default=1, help="runs, with seeds that follow each other")
    parser.add_argument("--show", action="store_true", help="list the right specs, too")
    arguments = parser.parse_args()
    first = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    specs = load_specs()
    print(f"{len(specs)} specs: {', '.join(spec.source.name for spec in specs)}")
    results = []
    for seed in range(first, first + arguments.seeds):
        result = run(seed, arguments.count, specs)
        results.append(result)
        if arguments.seeds == 1:
            print(f"seed {seed}, {arguments.count} faults\n")
            print_table(result)
            print_misses(result)
            if arguments.show:
                print_legal(result)
        else:
            print(
                f"seed {seed}: on the line {result.share('on_line'):.1%}, placed {result.share('placed'):.1%}, "
                f"restored {result.share('restored'):.1%}, exceptions {result.raised}",
                flush=True,
            )
    if arguments.seeds > 1:
        for name in ("on_line", "placed", "restored"):
            shares = [result.share(name) for result in results]
            print(f"{name.replace('_', ' '):9} least {min(shares):.1%}, mean {mean(shares):.1%}")
    return int(any(result.raised for result in results))


if __name__ == "__main__":
    sys.exit(main())
