"""What the journal knows after any end of the process that wrote it."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from refinelab_dsl.execute.journal import Intent, Journal, JournalError, create_journal, read_entries, read_spent
from refinelab_dsl.execute.ledger import Amount
from refinelab_dsl.prompts.request import Completion, Usage
from refinelab_dsl.store import Store

CLAIM = Amount(500, Decimal("0.0001230"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.db") as opened:
        yield opened


def intent(step: int, part: int = 0) -> Intent:
    return Intent(step, part, f"key-{step}-{part}", "small", CLAIM)


def begin(path: Path, store: Store) -> Journal:
    """The journal of a new run."""
    create_journal(path)
    return Journal(path, store)


def reply(text: str = "{}") -> Completion:
    return Completion(text, Usage(100, 20, 5), "stop", "small-2026", "req-1")


async def test_intents_and_results_come_back(tmp_path: Path, store: Store) -> None:
    journal = begin(tmp_path / "journal.db", store)
    first = await journal.intend(intent(1))
    second = await journal.intend(intent(2))
    third = await journal.intend(intent(3))
    fourth = await journal.intend(intent(4))
    digest = await journal.answer(first, "key-1-0", reply(), Amount(120, Decimal("0.00002")), 0.25)
    await journal.fail(second, "server", "busy", lost=False)
    await journal.fail(third, "timeout", "no answer", lost=True)
    journal.close()

    entries = list(read_entries(tmp_path / "journal.db"))
    assert [entry.state for entry in entries] == ["answered", "failed", "lost", "open"]
    answered = entries[0]
    assert (answered.reply, answered.usage, answered.seconds) == (digest, Usage(100, 20, 5), 0.25)
    assert answered.settled == Amount(120, Decimal("0.00002"))
    assert entries[2].reserved == CLAIM
    assert entries[3].id == fourth
    assert store.reply(digest) == reply()


async def test_the_reply_is_in_the_store_before_the_journal_knows_of_it(tmp_path: Path, store: Store) -> None:
    journal = begin(tmp_path / "journal.db", store)
    number = await journal.intend(intent(1))
    store.close()  # the store refuses: the journal must not say that the call was answered
    with pytest.raises(Exception, match="store"):
        await journal.answer(number, "key-1-0", reply(), Amount(), 0.1)
    journal.close()
    assert [entry.state for entry in read_entries(tmp_path / "journal.db")] == ["open"]


async def test_what_no_file_can_hold_fails_and_keeps_nobody_waiting(tmp_path: Path, store: Store) -> None:
    journal = begin(tmp_path / "journal.db", store)
    number = await journal.intend(intent(1))
    async with asyncio.timeout(30):
        with pytest.raises(JournalError, match="too large"):
            await journal.answer(number, "key-1-0", reply(), Amount(2**63), 0.1)
        with pytest.raises(JournalError, match="too large"):  # nor is anything recorded after the hole
            await journal.intend(intent(2))
        with pytest.raises(JournalError):
            await journal.flush()
    journal.close()
    assert [entry.state for entry in read_entries(tmp_path / "journal.db")] == ["open"]


async def test_many_writers_at_once_are_grouped_and_none_is_lost(tmp_path: Path, store: Store) -> None:
    journal = begin(tmp_path / "journal.db", store)

    async def call(step: int) -> None:
        number = await journal.intend(intent(step))
        await journal.answer(number, f"key-{step}-0", reply(f"[{step}]"), Amount(1), 0.0)

    await asyncio.gather(*map(call, range(700)))
    journal.close()
    entries = list(read_entries(tmp_path / "journal.db"))
    assert sorted(entry.step for entry in entries) == list(range(700))
    assert {entry.state for entry in entries} == {"answered"}
    assert store.count() == 700


async def test_it_goes_on_where_it_stopped(tmp_path: Path, store: Store) -> None:
    journal = begin(tmp_path / "journal.db", store)
    first = await journal.intend(intent(1))
    journal.close()
    journal = Journal(tmp_path / "journal.db", store)
    journal.mark_lost(first)
    second = await journal.intend(intent(1))
    journal.close()
    assert second == first + 1
    assert [entry.state for entry in read_entries(tmp_path / "journal.db")] == ["lost", "open"]


def test_garbage_is_said_to_be_damaged(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"this is no database, whatever its name" * 100)
    with pytest.raises(JournalError) as caught:
        Journal(path, store)
    assert caught.value.damaged
    assert path.read_bytes().startswith(b"this is no database")


def test_a_journal_of_a_newer_format_is_refused(tmp_path: Path, store: Store) -> None:
    begin(tmp_path / "journal.db", store).close()
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(JournalError, match="format is 9"):
        Journal(tmp_path / "journal.db", store)


def test_only_its_owner_reads_it(tmp_path: Path, store: Store) -> None:
    begin(tmp_path / "journal.db", store).close()
    assert (tmp_path / "journal.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["gone", "empty"])
def test_a_journal_that_is_gone_is_not_begun_anew(tmp_path: Path, store: Store, damage: str) -> None:
    """What it knew of is spent: a new one would let the budget be spent again."""
    path = tmp_path / "journal.db"
    begin(path, store).close()
    path.unlink()
    if damage == "empty":
        path.touch()
    with pytest.raises(JournalError, match=damage) as caught:
        Journal(path, store)
    assert caught.value.damaged


@pytest.mark.parametrize("is_dead", [True, False])
@pytest.mark.parametrize("priced", [True, False])
def test_what_was_spent_is_the_sum_of_its_entries(tmp_path: Path, priced: bool, is_dead: bool) -> None:
    path = tmp_path / "journal.db"
    create_journal(path)
    dice = random.Random(5)
    states = [dice.choice(("answered", "answered", "lost", "open", "failed")) for _ in range(300)]
    with sqlite3.connect(path) as connection:
        for number, state in enumerate(states, start=1):
            tokens, is_hit = dice.randint(1, 9), state == "answered" and dice.random() < 0.3
            usd = format(tokens * Decimal("0.00000075"), "f") if priced else None
            settled = (0, "0") if is_hit else (tokens, usd) if state == "answered" else (None, None)
            connection.execute(
                "INSERT INTO calls (id, step, part, request_key, model, state, reserved_tokens, reserved_usd, "
                "settled_tokens, settled_usd, cached) VALUES (?, ?, 0, 'k', 'm', ?, 400, ?, ?, ?, ?)",
                (number, number, state, "0.0036" if priced else None, *settled, is_hit),
            )
    entries = list(read_entries(path))
    counted = {"lost": "reserved", "answered": "settled", **({"open": "reserved"} if is_dead else {})}
    expected = sum((getattr(each, counted[each.state]) for each in entries if each.state in counted), Amount())
    hits = sum(each.cached for each in entries)
    assert read_spent(path, is_dead=is_dead) == (expected, 300 - hits, hits)
    assert (expected.usd is not None) == priced
    assert hits > 10
