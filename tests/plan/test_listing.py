"""Steps while a plan is made: what goes in comes out, in order, and only what is to be paid counts."""

from __future__ import annotations

import tracemalloc

from refinelab_dsl.artifacts.plan import Step
from refinelab_dsl.plan.listing import Listing
from refinelab_dsl.plan.sketch import Group

KEYS = ("0" * 63 + "1", "f" * 64, "ab" * 32)


def build_listing() -> Listing:
    groups = [
        Group("write", "generate", "generate", {}, {"topic": "hills"}, ()),
        Group("copy", "expand", "expand", {"topic": "hills"}, {"topic": "hills"}, ()),
    ]
    return Listing(groups, {"write": ("well_formed",), "copy": ()})


def test_steps_come_out_as_they_went_in() -> None:
    listing = build_listing()
    listing.append(2, "kept", 3, KEYS[0], 40, 10, replies=("b" * 64,))
    listing.append(1, "anchor", 0, KEYS[1], 400, 100)
    listing.append(1, "anchor", 1, KEYS[2], 0, 0)
    assert len(listing) == 3
    about = {"target": {"topic": "hills"}, "template": "write", "checks": ("well_formed",), "items": ("anchor",)}
    copy = {"target": {"topic": "hills"}, "template": "copy", "checks": (), "items": ("kept",)}
    assert list(listing) == [
        Step(id=1, action=2, operator="copy", sample=3, key=KEYS[0], input_tokens=40, output_tokens=10,
             replies=("b" * 64,), **copy),
        Step(id=2, action=1, operator="write", sample=0, key=KEYS[1], input_tokens=400, output_tokens=100, **about),
        Step(id=3, action=1, operator="write", sample=1, key=KEYS[2], input_tokens=0, output_tokens=0, **about),
    ]  # fmt: skip
    unpaid = {action: (list(inputs), list(outputs)) for action, (inputs, outputs) in listing.list_unpaid().items()}
    assert unpaid == {1: ([400, 0], [100, 0])}


def test_a_step_takes_less_than_a_hundred_bytes() -> None:
    listing, steps = build_listing(), 20_000
    tracemalloc.start()
    try:
        for number in range(steps):
            listing.append(1, "anchor", number, KEYS[1], 400, 100)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 100 * steps
