"""Faults as values: how they are written, whom they hit."""

from __future__ import annotations

from typing import get_args

import pytest

from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.serving.calls import complete_chat, embed_texts
from refinelab_dsl.serving.faults import (
    Fault,
    FaultKind,
    choose_fault,
    is_possible,
    parse_chance,
    spoil_bytes,
    spoil_reply,
)

CHAT = complete_chat({"model": "m", "messages": [{"role": "user", "content": "hello"}]}, Simulation())
VECTORS = embed_texts({"model": "m", "input": ["one", "two"]}, Simulation())


@pytest.mark.parametrize(
    ("text", "fault", "share"),
    [
        ("429=0.1", Fault("status", status=429, code="rate_limit_exceeded"), 0.1),
        ("429:2=0.1", Fault("status", status=429, code="rate_limit_exceeded", retry_after="2"), 0.1),
        ("503=1", Fault("status", status=503), 1.0),
        ("slow:0.5=0.25", Fault("slow", seconds=0.5), 0.25),
        ("large_usage:20=.5", Fault("large_usage", factor=20), 0.5),
        ("wrong_model:gpt-3=0", Fault("wrong_model", model="gpt-3"), 0.0),
        ("not_utf8=0.1", Fault("not_utf8"), 0.1),
    ],
)
def test_how_a_fault_is_written(text: str, fault: Fault, share: float) -> None:
    assert parse_chance(text) == (fault, share)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drop", "has no share"),
        ("drop=1.5", "a number from 0 to 1"),
        ("drop=nan", "a number from 0 to 1"),
        ("drop=-0.1", "a number from 0 to 1"),
        ("200=0.1", "no status of a failure"),
        ("429:soon=0.1", "asks the client to wait"),
        ("dropp=0.1", "no fault is called 'dropp'"),
        ("status=0.1", "no fault is called 'status'"),
        ("slow:long=0.1", "is no number"),
        ("drop:3=0.1", "takes nothing after a colon"),
    ],
)
def test_what_is_no_fault(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_chance(text)


def test_chances_hold_and_follow_from_seed_body_and_try() -> None:
    chances = ((Fault("drop"), 0.2), (Fault("cut"), 0.1))
    drawn = [choose_fault(chances, 1, f"body {number}", 0) for number in range(4_000)]
    assert sum(fault == Fault("drop") for fault in drawn) == pytest.approx(800, abs=150)
    assert sum(fault == Fault("cut") for fault in drawn) == pytest.approx(400, abs=110)
    assert drawn == [choose_fault(chances, 1, f"body {number}", 0) for number in range(4_000)]
    assert drawn != [choose_fault(chances, 2, f"body {number}", 0) for number in range(4_000)]
    assert len({choose_fault(chances, 1, "body", tries) for tries in range(100)}) == 3


@pytest.mark.parametrize("kind", get_args(FaultKind))
def test_each_kind_changes_a_reply_or_its_way(kind: FaultKind) -> None:
    fault = Fault(kind)
    spoilt = [spoil_reply(fault, reply) != reply for reply in (CHAT, VECTORS) if is_possible(fault, reply)]
    assert spoilt
    is_changed = any(spoilt) or spoil_bytes(fault, b"{}" * 9) != b"{}" * 9
    assert is_changed is (kind not in ("status", "slow", "hang", "reset", "drop", "duplicate"))


@pytest.mark.parametrize("kind", get_args(FaultKind))
def test_a_kind_that_a_reply_cannot_have_leaves_it_as_it_is(kind: FaultKind) -> None:
    for reply in (CHAT, VECTORS):
        if not is_possible(Fault(kind), reply):
            assert spoil_reply(Fault(kind), reply) == reply
