"""`check` of any text: the work grows with its length, whatever is wrong with it. Counted in tokens that the parser is
fed, not in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from refinelab_dsl import compiler
from refinelab_dsl.repair.propose import WORK
from refinelab_dsl.source import Source
from refinelab_dsl.syntax.lex import lex
from refinelab_dsl.syntax.parse import Reader

LINES = [
    "measure m { kind = length }", "measure m {", "kind = = length", "}", "{", "[", ")", '"""', '"', "x = 1", "x: 1",
    "a = [b c]", "  a = b", "target = { a = 50%", "<<<<<<< ours", "=======", ">>>>>>> theirs", "operator o { kind = }",
    "// no", "a = b and", "= b", "model = small", "edition = 1", "dimension d { from = m }", "'", "x = 1;", "f((((((",
]  # fmt: skip


@contextmanager
def fed() -> Iterator[list[int]]:
    """How many tokens each run of the parser was given."""
    counts: list[int] = []
    feed = Reader.feed

    def counting(self: Reader, tokens: Any, end: int, *, complete: bool) -> Any:
        counts.append(len(tokens))
        return feed(self, tokens, end, complete=complete)

    with mock.patch.object(Reader, "feed", counting):
        yield counts


@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=4), st.integers(1, 60))
@example(["measure m {", "kind = = length"], 200)
@example(["x: 1"], 400)
@example(["operator o { kind = }"], 200)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_parser_reads_no_token_more_than_so_often(lines: list[str], times: int) -> None:
    text = "edition = 1\n" + "\n".join(lines * times) + "\n"
    source = Source("any.refine", text)
    tokens = len(lex(source).tokens)
    with fed() as counts:
        compiler.analyze(source)
    # Once as a whole and once in parts; then what is tried, which has its allowance whatever the text.
    assert sum(counts) <= 2 * tokens + WORK + tokens
