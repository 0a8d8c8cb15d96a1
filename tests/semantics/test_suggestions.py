"""What a complaint suggests: the text after its edits."""

from __future__ import annotations

import pytest

from tests.harness.front import HEAD, compile_text


def _mended(text: str) -> list[str]:
    """The line that each edit of the first complaint makes, in order."""
    front = compile_text(HEAD + text)
    entry = next(each for each in front.diagnostics if each.is_error)
    source = front.diagnostics.sources["spec.refine"]
    lines = []
    for help_ in entry.help:
        for edit in help_.edits:
            mended = source.text[: edit.span.start] + edit.text + source.text[edit.span.end :]
            lines.append(mended.split("\n")[source.position(edit.span.start).line - 1])
    return lines


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("budget mine { tokens = 400k }", ["budget { tokens = 400k }"]),
        ("budget = { tokens = 400k }", ["budget { tokens = 400k }"]),
        ('model "gpt-4o mini" { provider = simulated }', ["model gpt_4o_mini { provider = simulated }"]),
        ('model "größe" { provider = simulated }', ["model gr_e { provider = simulated }"]),
        ('model "4" { provider = simulated }', []),
        (
            "operator o { kind = expand, model = small\nprior { success = 40% }\n}",
            ["prior = { success = 40% }"],
        ),
        ("operator o {\nmodel small { }\n}", []),
        (
            'dimension d { from = subject\ntarget = load("t.csv", keys = "a", value = "b")\n}',
            ['target = load("t.csv", key = "a", value = "b")'],
        ),
        (
            "measure m { kind = classify, model = small, labels = [aa, bb] }\n"
            "dimension d { from = m\nlabels = [aa, bbb]\n}",
            ["labels = [aa, bb]"],
        ),
        ("operator o { kind = remove\nwhere = z(length) > 2\n}", ["where = z(words) > 2"]),
        ('expect "x" {\nassert = jsd(subject) < 0.1\n}', ["assert = jsd(topic) < 0.1"]),
        ('expect "x" {\nassert = size > 3\n}', ["assert = size() > 3"]),
        ('expect "x" {\nassert = share > 3%\n}', []),
    ],
)
def test_what_is_suggested(text: str, mended: list[str]) -> None:
    assert _mended(text + "\n") == mended
