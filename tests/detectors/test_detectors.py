"""What detectors find and leave alone; the labelled set in full is `tests/benchmarks/test_scrub.py`."""

from __future__ import annotations

import pytest

from refinelab_dsl.detectors import PRIVATE, TOXICITY, Watch, compare, detect, find_bad_pattern, find_work, rebuild
from refinelab_dsl.detectors.detection import MASK, Detection
from refinelab_dsl.detectors.numbers import TEST_CARDS, is_iban, is_luhn

ALL = Watch((*PRIVATE, TOXICITY))


def found(text: str, watch: Watch = ALL) -> list[tuple[str, str]]:
    return [(each.category, text[each.start : each.end]) for each in detect(text, watch)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to anna.keller@posteo-mail.de.", [("email", "anna.keller@posteo-mail.de")]),
        ("Write to anna@example.org.", []),
        ("Call +49 30 23125 112 now", [("phone", "+49 30 23125 112")]),
        ("Call +49 00 00000 017 now", []),
        ("card 4770 9145 3416 5388", [("card", "4770 9145 3416 5388")]),
        ("card 4770 9145 3416 5389", []),
        ("IBAN DE15 3047 3776 1730 0471 45", [("iban", "DE15 3047 3776 1730 0471 45")]),
        ("IBAN DE16 3047 3776 1730 0471 45", []),
        ("SSN 536-22-8714", [("national_id", "536-22-8714")]),
        ("SSN 000-22-8714", []),
        ("version 84.173.22.9", []),
        ("host 84.173.22.9", [("ip", "84.173.22.9")]),
        ("host 192.0.2.9", []),
        ('password = "n0rthern-L1ghts?"', [("key", "n0rthern-L1ghts?")]),
        ("password = load_password(path)", []),
        ("Dear Mr. Adeyemi, hello", [("name", "Adeyemi")]),
        ("Newton's second law, by Isaac Newton", []),
        ("you pathetic loser", [(TOXICITY, "pathetic loser")]),
        ("The Idiot is a novel.", []),
    ],
)
def test_what_is_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_a_part_is_one_thing_alone() -> None:
    """A card's number is no number of a telephone too, and a user before a host is no address."""
    assert found("call me, my card is 4770 9145 3416 5388") == [("card", "4770 9145 3416 5388")]
    assert found("postgres://app:Vq7mZr2LxW9p@db.internal/x") == [("key", "Vq7mZr2LxW9p")]


def test_confidence_says_what_counts() -> None:
    text = "the host runs 1.2.3.4 since May"
    assert found(text, Watch(("ip",), sure=0.2)) == [("ip", "1.2.3.4")]
    assert found("number 1.2.3.4", Watch(("ip",), sure=0.5)) == []


def test_patterns_of_ones_own_come_first() -> None:
    watch = Watch(PRIVATE, {"staff": r"ST-\d{5}"})
    assert found("badge ST-40417 of Petra Vogelsang", watch) == [("staff", "ST-40417"), ("name", "Petra Vogelsang")]


@pytest.mark.parametrize("pattern", ["(", "a*", "(a+)+", "(?:[a-z]*x)*y", "([0-9]{1,}b)+"])
def test_patterns_that_cannot_be_used(pattern: str) -> None:
    assert find_bad_pattern(pattern) is not None


@pytest.mark.parametrize("pattern", ["a+", r"ST-\d{5}", "(ab)+c", r"\b(?:x|y){2}\d+"])
def test_patterns_that_can_be_used(pattern: str) -> None:
    assert find_bad_pattern(pattern) is None


def test_pseudonyms_are_of_the_same_kind_and_nobodys() -> None:
    text = (
        "Anna Keller (anna@keller-holz.de, +49 30 23125 112) paid with 4770 9145 3416 5388 from "
        "DE15 3047 3776 1730 0471 45, SSN 536-22-8714, host 84.173.22.9. "
        "Dear Mrs. Keller, write to anna@keller-holz.de."
    )
    work = find_work({"question": text, "answer": "Anna Keller"}, ALL, "seed")
    masked = work.mask(("question",))
    assert detect(masked, ALL) == ()
    assert all(part not in masked for part in work.parts)
    other = work.pseudonyms
    assert other["anna@keller-holz.de"].endswith("@example.org")
    assert masked.count(other["anna@keller-holz.de"]) == 2
    assert other["4770 9145 3416 5388"].replace(" ", "") in TEST_CARDS
    assert is_luhn(other["4770 9145 3416 5388"].replace(" ", ""))
    assert is_iban(other["DE15 3047 3776 1730 0471 45"].replace(" ", ""))
    assert other["Anna Keller"].endswith(" " + other["Keller"])  # a surname alone is that of the whole name
    assert rebuild({"question": text, "answer": "Anna Keller"}, work, {})["answer"] == other["Anna Keller"]


def test_the_same_item_has_the_same_pseudonyms_and_another_item_has_others() -> None:
    fields = {"question": "Ask James Whitaker or james.whitaker@harbour-mail.org", "answer": "no"}
    assert find_work(fields, ALL, "a").pseudonyms == find_work(fields, ALL, "a").pseudonyms
    assert find_work(fields, ALL, "a").pseudonyms != find_work(fields, ALL, "b").pseudonyms


def test_a_pattern_that_holds_of_its_own_layout_gets_a_name() -> None:
    work = find_work({"question": "badge ST-40417"}, Watch((), {"staff": r"ST-\d{5}"}), "seed")
    assert detect(work.mask(("question",)), Watch((), {"staff": r"ST-\d{5}"})) == ()


def test_the_salt_alone_ties_pseudonyms_to_their_hash() -> None:
    work = find_work({"question": "Ask James Whitaker"}, ALL, "a")
    assert work.digest("one") == work.digest("one")
    assert work.digest("one") != work.digest("another")


@pytest.mark.parametrize(
    ("after", "changed", "confined"),
    [
        ("Please ask Robin Almsworth about the boat tomorrow morning.", 1, True),
        ("Please ask a Robin Almsworth about the boat tomorrow morning.", 2, True),
        ("Please ask Robin Almsworth about the boat tomorrow evening.", 2, False),
        ("Please ask Robin Almsworth who knows more than all the others do about the boat tomorrow morning.", 9, False),
    ],
)
def test_changes_are_counted_and_placed(after: str, changed: int, confined: bool) -> None:
    before = "Please ask James Whitaker about the boat tomorrow morning."
    at = before.index("James")
    detection = Detection(at, at + len("James Whitaker"), "name", 0.9)
    change = compare(before, [detection], after, ["Robin Almsworth", MASK])
    assert (change.changed, change.is_confined) == (changed, confined)
    assert change.total == 9
