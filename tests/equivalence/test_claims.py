"""Arithmetic in the lines of a derivation: what is checked, what is wrong, and what is left alone."""

from __future__ import annotations

import pytest

from refinelab_dsl.equivalence import check_claims, find_wrong_line


def verdicts(text: str) -> list[str]:
    return [claim.verdict for claim in check_claims(text)]


@pytest.mark.parametrize(
    "line",
    [
        "Natalia sold 48/2 = <<48/2=24>>24 clips in May.",
        "A = (-9 - 5 - 0) = (-9 - 5) = -14.",
        "1. 3 + 4 = 7",
        "- 3 + 4 = 7",
        "She makes 9 * 2 = $<<9*2=18>>18 every day",
        "10/3 = 3.33",
        "12/48*100 = 25%",
        "12/48 = 25%",
        "3 x 4 = 12",
        "3 \u00d7 4 = 12",
        "80,000*1.5=120000",
        "80,000*1.5=120,000",
        "It costs $5.00 * 2 = $10.00/week",
        "so .20*50 = <<.20*50=10>>10 people",
        "(A + B) - C = (12 + -70) - (-70) = -58 - (-70) = 12. So the answer is 12",
        "2^3 = 8",
        "3 * 4 = 12 = 6 * 2",
        "1 1/2 * 4 = 6",
    ],
)
def test_right_arithmetic_is_checked_and_passes(line: str) -> None:
    assert verdicts(line)
    assert set(verdicts(line)) == {"right"}


@pytest.mark.parametrize(
    "line",
    ["3 + 4 = 8", "<<3+4=8>>8", "10/3 = 3", "So 20*5 = 90.", "$32 - $20 = $300", "A = (3 - 4) = 1", "2*3 = 6 = 7",
     "3 + 4 = 7 and 2 + 2 = 5", "0.1 + 0.2 = 0.4", "100/7 = 14.29, 2 * 7 = 15"],
)  # fmt: skip
def test_wrong_arithmetic_is_found(line: str) -> None:
    assert "wrong" in verdicts(line)


@pytest.mark.parametrize(
    "line",
    [
        "A + 3 = 5",
        "half of 48 / 2 = 12",
        "twice 3 + 4 = 14",
        "5 / 2 = 2 R 1",
        "5 / 2 = 2 remainder 1",
        "x = 5",
        "4x-8 = 3",
        "20% of 50 = 10",
        "100 + 10% = 110",
        "2 + 3 = 5x",
        "3 + 4 = 1 dozen",
        "1/2 / 1/2 = 1",
        "10/3 is about 3, so 10/3 = 3",
        "3 boxes * 4 pens = 12",
        "from 3 to 4 = 1",
        "3:30 + 1 = 4:30",
        "if 3 == 4 then",
        "1 <= 2",
        "10 / 0 = 5",
    ],
)
def test_what_may_mean_something_else_is_not_found_wrong(line: str) -> None:
    assert "wrong" not in verdicts(line)


def test_the_first_wrong_line_counts() -> None:
    assert find_wrong_line("2 + 2 = 4\n3 + 3 = 7\n4 + 4 = 9") == 2
    assert find_wrong_line("2 + 2 = 4\nthat is all") is None
    assert find_wrong_line("") is None


def test_work_is_bounded() -> None:
    assert check_claims("1 = " * 100_000) == ()
    assert check_claims("\n" * 100_000 + "1 + 1 = 3") == ()
    assert "wrong" not in verdicts("9^9^9^9 = 3")
