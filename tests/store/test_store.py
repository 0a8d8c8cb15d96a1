"""The reply store: what is put is there, once, for all, also after a kill; a broken file is an error of its own."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.prompts import Completion, Usage
from refinelab_dsl.store import UNKNOWN, Bought, Origin, Store, StoredReply, StoreError, reply_hash

ROOT = Path(__file__).resolve().parents[2]


def reply(text: str = "hello", **changes: object) -> Completion:
    return Completion(**{"text": text, "usage": Usage(3, 4, 1), "finish_reason": "stop", "model": "m",
                         "request_id": "r", "simulated": True, **changes})  # type: ignore[arg-type]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".refine" / "store.db"


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def test_what_a_call_leads_to(path: Path) -> None:
    with Store(path) as store:
        old = store.put(key(1), reply("old"))
        assert store.leads_to(key(1), old)
        assert not store.leads_to(key(2), old)
        new = store.put(key(1), reply("new"))
        assert store.leads_to(key(1), new)
        assert not store.leads_to(key(1), old), "a later reply stands in its place"
        assert store.answered() == {new}
        store.remove([new])
        assert not store.leads_to(key(1), new), "a removal is no damage"


def test_a_reply_is_found_by_its_call_and_by_its_hash(path: Path) -> None:
    with Store(path) as store:
        digest = store.put("call", reply())
        assert digest == reply_hash(reply())
        assert store.get("call") == StoredReply(digest, reply())
        assert store.reply(digest) == reply()
        assert store.get("other") is None
        assert store.reply("0" * 64) is None


def test_it_is_there_after_closing_and_for_who_has_it_open_too(path: Path) -> None:
    with Store(path) as one, Store(path) as other:
        one.put("call", reply())
        assert other.get("call") is not None
    with Store(path) as store:
        assert store.get("call") is not None


def test_equal_replies_are_stored_once_and_a_later_reply_to_a_call_takes_its_place(path: Path) -> None:
    with Store(path) as store:
        first = store.put("a", reply())
        assert store.put("b", reply()) == first
        assert store.count() == 1
        second = store.put("a", reply("again"))
        assert second != first
        found = store.get("a")
        assert found is not None
        assert found.reply_hash == second
        assert store.reply(first) == reply()  # runs that refer to it still replay


def test_many_at_once_are_all_there_or_none(path: Path) -> None:
    pairs = [(f"call {number}", reply(str(number))) for number in range(500)]
    with Store(path) as store:
        digests = store.put_many(pairs)
        assert digests == tuple(reply_hash(completion) for _, completion in pairs)
        assert store.count() == 500
        with pytest.raises(StoreError):
            store.put_many([("fresh", reply("fresh")), (None, reply("bad"))])  # type: ignore[list-item]
        assert store.get("fresh") is None
        assert store.put_many([]) == ()


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("store") / "used.db") as store:
        yield store


@given(st.text(st.characters(codec="utf-8")), st.none() | st.integers(0, 9))
def test_any_reply_comes_back_as_it_was(used: Store, text: str, tokens: int | None) -> None:
    usage = None if tokens is None else Usage(tokens, tokens)
    completion = reply(text, usage=usage, request_id=None, simulated=False)
    assert used.reply(used.put("call", completion)) == completion


def test_hashes_do_not_depend_on_the_machine() -> None:
    assert reply_hash(reply()) == "e779e1807b70fc7536381e42a5341f820b3df07590ce28548aee39cff659107a"


def test_the_file_is_private_from_the_start(path: Path) -> None:
    previous = os.umask(0)
    try:
        with Store(path) as store:
            store.put("call", reply())
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(previous)
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


def test_a_file_that_others_may_read_is_made_private(path: Path) -> None:
    Store(path).close()
    path.chmod(0o644)
    Store(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_threads_share_one_store(path: Path) -> None:
    errors: list[BaseException] = []

    def work(store: Store, name: int) -> None:
        try:
            for number in range(50):
                store.put(f"{name} {number}", reply(f"{name} {number}"))
                found = store.get(f"{name} {number}")
                assert found is not None
                assert found.completion.text == f"{name} {number}"
        except BaseException as error:
            errors.append(error)

    with Store(path) as store:
        threads = [threading.Thread(target=work, args=(store, name)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert store.count() == 400


WRITER = """
import sys
from pathlib import Path
from refinelab_dsl.prompts import Completion
from refinelab_dsl.store import Store
name, path = sys.argv[1:3]
store = Store(Path(path))
for number in range(int(sys.argv[3])):
    key = f"{name} {number}"
    store.put(key, Completion(key * 50, None, "stop", "m"))
    print(number, flush=True)
"""


def test_who_asks_does_not_wait_for_who_writes(path: Path) -> None:
    with Store(path) as store:
        digest = store.put(key(1), reply("there"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writing = threading.Thread(target=store.put, args=(key(2), reply("late")))
        writing.start()
        try:
            assert store.get(key(1)) == StoredReply(digest, reply("there"))
            assert store.get(key(2)) is None
            assert store.reply(digest) is not None
            assert store.holds(key(1))
            assert writing.is_alive(), "it is still kept from writing"
        finally:
            other.execute("ROLLBACK")
            writing.join()
            other.close()
        assert store.holds(key(2))


def start_writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, name, str(path), str(count)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_processes_share_one_file_from_its_making_on(path: Path) -> None:
    writers = [start_writer(path, f"writer {name}", 40) for name in range(3)]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    with Store(path) as store:
        assert store.count() == 120


def test_nothing_that_was_put_is_lost_to_a_kill(path: Path) -> None:
    """What `put` returned from is there, whole; what it did not return from is there or not, never half."""
    chance = random.Random(7)
    for attempt in range(12):
        name = f"life {attempt}"
        writer = start_writer(path, name, 100_000)
        assert writer.stdout is not None
        told = -1
        for _ in range(chance.randrange(1, 60)):
            told = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().splitlines()
        writer.wait(30)
        writer.stdout.close()
        told = max([told, *map(int, (line for line in rest if line.isdigit()))])
        with Store(path) as store:
            for number in range(told + 1):
                found = store.get(f"{name} {number}")
                assert found is not None, (attempt, number)
                assert found.completion.text == f"{name} {number}" * 50
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


OLD = """
CREATE TABLE replies (hash TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE requests (key TEXT PRIMARY KEY, reply TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


def make_old(path: Path, *replies: Completion) -> dict[str, bytes]:
    """A store as version 1 made it. Hash -> bytes of the reply."""
    path.parent.mkdir(mode=0o700)
    bodies = {reply_hash(each): msgspec.json.encode(each, order="deterministic") for each in replies}
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD)
        connection.executemany("INSERT INTO replies VALUES (?, ?)", bodies.items())
        connection.executemany("INSERT INTO requests VALUES (?, ?)", [(f"call {each}", each) for each in bodies])
    connection.close()
    return bodies


def test_a_store_of_the_older_version_is_brought_up_to_date_in_place(path: Path) -> None:
    bodies = make_old(path, reply("old"), reply("older", simulated=False))
    began = int(time.time())
    with Store(path) as store:
        new = store.put("new", reply("new"))
        assert store.get(f"call {reply_hash(reply('old'))}") == StoredReply(reply_hash(reply("old")), reply("old"))
        kept = {each.hash: each for each in store.kept()}
    with Store(path) as again:
        assert {each.hash: each for each in again.kept()} == kept
    assert set(kept) == {*bodies, new}
    assert [kept[digest].is_dated for digest in (*bodies, new)] == [False, False, True]
    assert all(began <= each.stored_at <= time.time() for each in kept.values())
    assert {kept[digest].origin for digest in bodies} == {Origin("simulated", "m"), Origin(UNKNOWN, "m")}
    with sqlite3.connect(path) as connection:
        assert dict(connection.execute("SELECT hash, body FROM replies WHERE hash <> ?", (new,))) == bodies
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    bodies = make_old(path, reply("old"))
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE facts (in_the_way TEXT)")  # so its last statement fails
    connection.close()
    with pytest.raises(StoreError, match="facts"):
        Store(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert dict(connection.execute("SELECT * FROM replies")) == bodies
    connection.close()


def test_what_is_kept_says_who_was_asked_and_when(path: Path) -> None:
    origin = Origin("openai", "gpt", "author")
    with Store(path) as store:
        one, _ = store.put_many([Bought("a", reply("one"), origin), Bought("b", reply("one"), origin)])
        orphan = store.put("c", reply("first"))
        later = store.put("c", reply("second"))
        kept = {each.hash: each for each in store.kept()}
    assert set(kept) == {one, orphan, later}
    assert (kept[one].keys, kept[one].origin) == (("a", "b"), origin)
    assert (kept[orphan].keys, kept[orphan].origin) == ((), Origin("simulated", "m"))
    assert all(each.is_dated and abs(each.stored_at - time.time()) < 600 for each in kept.values())
    assert kept[one].size == len(msgspec.json.encode(reply("one")))


def test_what_is_removed_leaves_no_trace_and_nothing_else_goes(path: Path) -> None:
    with Store(path) as store:
        gone = store.put("private", reply("a private name " * 50))
        pairs = [(f"call {number}", reply(f"{number} " * 300)) for number in range(200)]
        store.put_many(pairs)
    before = path.stat().st_size
    with Store(path) as store:
        store.remove([gone, "no such reply"])
        assert store.get("private") is None
        assert store.reply(gone) is None
        store.remove(reply_hash(each) for _, each in pairs[50:])
        store.compact()
        assert all(store.get(key) is not None for key, _ in pairs[:50])
        assert store.count() == 50
        assert path.stat().st_size < before / 2
        text = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"a private name" not in text
    assert b"7 7 7 7" in text


class TestBrokenFiles:
    @pytest.mark.parametrize("content", [b"no database" * 500, b"SQLite format 3\x00" + b"\xff" * 5_000])
    def test_no_database(self, path: Path, content: bytes) -> None:
        path.parent.mkdir()
        path.write_bytes(content)
        with pytest.raises(StoreError, match=r"store\.db"):
            Store(path)
        assert path.read_bytes() == content

    def test_a_flipped_byte_of_a_reply_is_noticed(self, path: Path) -> None:
        with Store(path) as store:
            digest = store.put("call", reply("a" * 50))
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE replies SET body = replace(CAST(body AS TEXT), 'aaa', 'aba')")
        with Store(path) as store:
            with pytest.raises(StoreError, match="corrupt"):
                store.reply(digest)
            with pytest.raises(StoreError, match="corrupt"):
                store.get("call")

    @pytest.mark.parametrize("damage", range(20))
    def test_a_reply_that_damage_hides_was_not_removed(self, path: Path, damage: int) -> None:
        chance = random.Random(damage)
        with Store(path) as store:
            replies = store.put_many([(key(number), reply(f"{number} " * 30)) for number in range(60)])
        content = bytearray(path.read_bytes())
        for at in range(4_096 + chance.randrange(97), len(content), 97):  # all pages but that of the schema
            content[at] ^= 0x55
        path.write_bytes(content)
        with pytest.raises(StoreError, match=r"corrupt|malformed|could not decode"), Store(path) as store:
            assert not all(store.leads_to(key(number), digest) for number, digest in enumerate(replies))

    @pytest.mark.parametrize("column", ["key = 'z' || key", "reply = '0' || substr(reply, 2)"])
    def test_rows_that_no_store_has(self, path: Path, column: str) -> None:
        with Store(path) as store:
            digest = store.put(key(1), reply())
        with sqlite3.connect(path) as connection:
            connection.execute(f"UPDATE requests SET {column}")
            connection.execute("UPDATE replies SET hash = '1' || hash")
        with Store(path) as store, pytest.raises(StoreError, match="corrupt"):
            store.leads_to(key(1), digest)

    def test_every_damaged_page_is_an_error_or_the_truth(self, path: Path) -> None:
        with Store(path) as store:
            pairs = [(f"call {number}", reply(f"{number} " * 200)) for number in range(60)]
            store.put_many(pairs)
        whole = path.read_bytes()
        chance = random.Random(3)
        errors = 0
        for _ in range(150):
            damaged = bytearray(whole)
            start = chance.randrange(len(damaged))
            damaged[start : start + 16] = chance.randbytes(16)
            path.write_bytes(damaged)
            for side in ("-wal", "-shm"):
                Path(str(path) + side).unlink(missing_ok=True)
            try:
                with Store(path) as store:
                    for key, completion in pairs:
                        found = store.get(key)
                        assert found is None or found.completion == completion
            except StoreError:
                errors += 1
        assert errors > 50

    def test_another_database(self, path: Path) -> None:
        path.parent.mkdir()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE cats (name TEXT)")
        connection.close()
        with pytest.raises(StoreError, match="no store of refinec"):
            Store(path)

    def test_a_newer_version(self, path: Path) -> None:
        Store(path).close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(StoreError, match="newer version"):
            Store(path)

    def test_a_link_is_not_followed(self, path: Path, tmp_path: Path) -> None:
        path.parent.mkdir()
        path.symlink_to(tmp_path / "elsewhere.db")
        with pytest.raises(StoreError, match="no regular file"):
            Store(path)
        assert not (tmp_path / "elsewhere.db").exists()

    def test_a_folder(self, path: Path) -> None:
        path.mkdir(parents=True)
        with pytest.raises(StoreError):
            Store(path)

    def test_a_folder_that_is_a_file(self, path: Path) -> None:
        path.parent.write_text("")
        with pytest.raises(StoreError, match=r"cannot open the store store\.db"):
            Store(path)

    def test_a_store_that_is_closed(self, path: Path) -> None:
        store = Store(path)
        store.close()
        with pytest.raises(StoreError):
            store.get("call")
        store.close()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root writes where it likes")
    def test_a_folder_without_permission(self, path: Path) -> None:
        path.parent.mkdir(mode=0o500)
        with pytest.raises(StoreError, match="permission"):
            Store(path)
