"""HumanEval in the sandbox: its reference solutions pass, and mutants of them fail, at both levels.

    python benchmarks/humaneval_exec.py [--data ../shared/data/humaneval/HumanEval.jsonl.gz] [--levels embedded strict]

A mutant is the reference solution with one change: a comparison, an arithmetic or a logical operator turned into its
counterpart, a number made one more, a truth value turned round, a condition negated, or what is returned put into a
list (`MUTATIONS`, `_places`). The changes of a solution stand in the order of the text; its mutant is the first that
does something else, and that is settled without the assertions: the tests run on the reference and then on the mutant
with a `candidate` that writes down what each call gave, and the two records differ. So an equivalent mutant is passed
over, and whether the assertions see the difference is what is measured. Records are made at the level `strict`.

Prints one line for each level, and the tasks whose outcome is another than expected; and how MBPP's reference solutions
end at the level `embedded`, with their own tests.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

from refinelab_dsl.data.code import build_program
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Validator
from refinelab_dsl.effects import Execute, Finding, Level
from refinelab_dsl.sandbox import Limits, Sandbox
from refinelab_dsl.source import Place
from refinelab_dsl.validators import exec as exec_kind

ROOT: Final = Path(__file__).resolve().parents[1]
DATA: Final = ROOT / "../shared/data/humaneval/HumanEval.jsonl.gz"
MBPP: Final = ROOT / "../shared/data/mbpp/mbpp.jsonl.gz"

MUTATIONS: Final[Mapping[type[ast.AST], type[ast.AST]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip

# Runs in the sandbox, before the tests: what each call of the candidate gave, or raised, and then goes on.
_RECORD: Final = """
_record = []
def _recorded(function):
    def call(*arguments, **named):
        try:
            value = function(*arguments, **named)
        except Exception as error:
            _record.append(type(error).__name__)
            raise
        _record.append(repr(value))
        return value
    return call
try:
    check(_recorded({name}))
except Exception:
    pass
import hashlib
answer = hashlib.sha256(repr(_record).encode()).hexdigest()
"""


def load_items(path: Path = DATA) -> list[dict[str, str]]:
    """The fields of HumanEval's items, by the names of the task `code`, and their `id`."""
    return [
        {
            "id": row["task_id"], "prompt": row["prompt"], "tests": row["test"], "entry_point": row["entry_point"],
            "solution": row["canonical_solution"],
        }
        for row in _read_rows(path)
    ]  # fmt: skip


def iterate_mutants(fields: Mapping[str, str]) -> Iterator[str]:
    """Solutions with one change each, as whole programs, in the order of the text."""
    text = fields["prompt"] + fields["solution"]
    body = fields["prompt"].count("\n")
    for number in range(len(_places(ast.parse(text), body))):
        tree = ast.parse(text)
        _places(tree, body)[number]()
        yield ast.unparse(tree) + "\n"


def find_mutant(fields: Mapping[str, str], sandbox: Sandbox) -> str | None:
    """The first mutant that gives something else than the reference in some call of the tests."""
    reference = _record(fields, fields["solution"], sandbox)
    return next((each for each in iterate_mutants(fields) if _record(fields, each, sandbox) != reference), None)


def verify(fields: Mapping[str, Any], level: Level, sandbox: Sandbox) -> Finding:
    """What the validator `exec` finds of an item."""
    shown = {name: value for name, value in fields.items() if name != "id"}
    item = Item(id=str(fields["id"]), key="", hash="", fields=shown, attributes={}, raw={}, place=Place(""))
    validator = Validator(name="tested", kind="exec", options={"sandbox": level})
    program = exec_kind.inquire(validator, item, None)  # type: ignore[arg-type]  # it asks no question of a model
    try:
        effect = next(program)
        while True:
            assert isinstance(effect, Execute)
            effect = program.send(sandbox.run(effect))
    except StopIteration as end:
        finding: Finding = end.value
        return finding


def count_mbpp(path: Path, sandbox: Sandbox) -> Counter[str]:
    """How the 974 reference solutions of MBPP end with their tests, in the embedded interpreter."""
    ended: Counter[str] = Counter()
    for row in _read_rows(path):
        code = "\n".join([row["code"], row["test_setup_code"], *row["test_list"]])
        ended[sandbox.run(Execute(code, "embedded")).status] += 1
    return ended


def _read_rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().split("\n") if line]


def _record(fields: Mapping[str, str], solution: str, sandbox: Sandbox) -> str | None:
    program = build_program({**fields, "solution": solution})
    whole, _, _ = program.rpartition(f"check({fields['entry_point']})")
    return sandbox.run(Execute(whole + _RECORD.format(name=fields["entry_point"]), "strict", "answer")).value


def _places(tree: ast.AST, first_line: int) -> list[Callable[[], None]]:
    """What changes a tree in one place each, behind the line, in the order of the text."""
    found: list[tuple[tuple[int, int, int], Callable[[], None]]] = []

    def add(node: Any, owner: Any, name: str | int, value: Any) -> None:
        if node.lineno > first_line:
            put = owner.__setitem__ if isinstance(name, int) else partial(setattr, owner)
            found.append(((node.lineno, node.col_offset, len(found)), partial(put, name, value)))

    for node in ast.walk(tree):
        match node:
            case ast.Compare(ops=ops):
                for index, operator in enumerate(ops):
                    add(node, ops, index, MUTATIONS[type(operator)]())
            case ast.BinOp(op=operator) | ast.AugAssign(op=operator) | ast.BoolOp(op=operator):
                if type(operator) in MUTATIONS:
                    add(node, node, "op", MUTATIONS[type(operator)]())
            case ast.Constant(value=bool() as value):
                add(node, node, "value", not value)
            case ast.Constant(value=int() as value):
                add(node, node, "value", value + 1)
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                add(node, node, "test", ast.UnaryOp(ast.Not(), test))
            case ast.Return(value=ast.expr() as value):
                add(node, node, "value", ast.List([value], ast.Load()))
    return [change for _, change in sorted(found, key=lambda each: each[0])]


def measure(items: Sequence[Mapping[str, str]], level: Level, sandbox: Sandbox) -> tuple[Counter[str], list[str]]:
    """Verdicts on items, counted, and one line for each item with its verdict and the reason."""
    verdicts: Counter[str] = Counter()
    lines = []
    for fields in items:
        finding = verify(fields, level, sandbox)
        verdicts[finding.verdict] += 1
        lines.append(f"{fields['id']}: {finding.verdict}, {finding.reason}")
    return verdicts, lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--mbpp", type=Path, default=MBPP)
    parser.add_argument("--levels", nargs="+", choices=get_args(Level), default=get_args(Level))
    arguments = parser.parse_args()
    items = load_items(arguments.data)
    with Sandbox(Limits(seconds=5, waiting=20)) as sandbox:
        start = time.perf_counter()
        solutions = [find_mutant(fields, sandbox) for fields in items]
        mutants = [{**fields, "solution": each} for fields, each in zip(items, solutions, strict=True) if each]
        print(f"{len(mutants)} mutants of {len(items)} solutions, found in {time.perf_counter() - start:.0f} s")
        for level in arguments.levels:
            for what, group, wanted in (("solutions", items, "supported"), ("mutants", mutants, "refuted")):
                start = time.perf_counter()
                verdicts, lines = measure(group, level, sandbox)
                told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
                print(f"{level}: {len(group)} {what}: {told} ({time.perf_counter() - start:.1f} s)")
                for line in lines:
                    if f": {wanted}," not in line:
                        print(f"  {line}")
        ended = count_mbpp(arguments.mbpp, sandbox)
        print(f"embedded: MBPP: {', '.join(f'{count} {status}' for status, count in sorted(ended.items()))}")


if __name__ == "__main__":
    main()
