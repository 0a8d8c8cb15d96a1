"""Audits: what is drawn, what reviewers see of it, and what comes of their verdicts."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.artifacts.audit import AuditKey, load_key
from refinelab_dsl.audit.draw import Candidate, allocate, draw_sample
from refinelab_dsl.audit.merge import Merged, merge_sheets, settle_verdict
from refinelab_dsl.audit.render import dump_merged, dump_verdicts, render_merged
from refinelab_dsl.audit.sheets import build_files, build_key, show_fields
from refinelab_dsl.audit.words import WORDS, read_word
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.metrics import wilson_interval


def candidates(counts: Mapping[str, int]) -> list[Candidate]:
    return [
        Candidate(
            key=f"{label}{number}", id=f"{label}-{number}", row=number, labels={"topic": label},
            shown={"question": f"={label} {number}?", "answer": "yes"},
            origin="added" if number % 2 else "original", operator="author" if number % 2 else None,
        )
        for label, count in counts.items()
        for number in range(count)
    ]  # fmt: skip


def prepare(folder: Path, counts: Mapping[str, int], size: int, reviewers: int = 3, format: Any = "csv") -> AuditKey:
    drawn = draw_sample(candidates(counts), ["topic"], size, 0)
    assert not isinstance(drawn, Diagnostic)
    key = build_key(drawn, "run 1", 0, reviewers, format)
    for name, content in build_files(drawn, key, format).items():
        (folder / name).write_bytes(content)
    return key


def fill(folder: Path, name: str, verdicts: Mapping[str, str], **options: Any) -> None:
    """Writes verdicts into a sheet as a spreadsheet would: without the mark, perhaps with other delimiters."""
    rows = list(csv.DictReader(io.StringIO((folder / name).read_text("utf-8-sig"))))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), **options)
    writer.writeheader()
    writer.writerows({**row, "verdict": verdicts.get(row["item"], "correct")} for row in rows)
    (folder / name).write_text(text.getvalue())


def merge(folder: Path, confidence: float = 0.95) -> tuple[Merged | None, list[str]]:
    key = load_key(folder)
    assert isinstance(key, AuditKey)
    merged, found = merge_sheets(key, folder, confidence)
    return merged, [problem.code for problem in found]


class TestDrawing:
    @given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(0, 200))
    def test_shares_are_kept_and_nobody_is_left_out(self, items: list[int], more: int) -> None:
        size = len(items) + more
        counts = allocate(items, size)
        total = sum(items)
        assert sum(counts) == min(size, total)
        assert all(1 <= count <= there for count, there in zip(counts, items, strict=True))
        if size * min(items) >= total:  # none is lifted to one
            assert all(abs(count - size * there / total) < 1 or size >= total
                       for count, there in zip(counts, items, strict=True))  # fmt: skip

    def test_the_sample_is_one_of_seed_and_set(self) -> None:
        pool = candidates({"a": 40, "b": 10, "c": 1})

        def chosen(order: Sequence[Candidate], seed: int) -> list[set[str]]:
            drawn = draw_sample(order, ["topic"], 20, seed)
            assert not isinstance(drawn, Diagnostic)
            return [{each.key for each in stratum.chosen} for stratum in drawn]

        assert chosen(pool, 1) == chosen(pool[::-1], 1) != chosen(pool, 2)
        assert [len(keys) for keys in chosen(pool, 1)] == [15, 4, 1]

    def test_more_strata_than_items(self) -> None:
        found = draw_sample(candidates({"a": 3, "b": 3, "c": 3}), ["topic"], 2, 0)
        assert isinstance(found, Diagnostic)
        assert found.code == "RF6400"

    def test_every_item_is_drawn_alike(self) -> None:
        pool = candidates({"a": 40})
        tally: Counter[str] = Counter()
        for seed in range(400):
            drawn = draw_sample(pool, ["topic"], 10, seed)
            assert not isinstance(drawn, Diagnostic)
            tally.update(each.key for each in drawn[0].chosen)
        assert len(tally) == 40
        assert max(abs(count - 100) for count in tally.values()) < 45  # five standard deviations


class TestSheets:
    def test_sheets_are_blind_and_shuffled(self, tmp_path: Path) -> None:
        key = prepare(tmp_path, {"a": 30, "b": 10}, 20)
        orders = []
        for name in key.sheets:
            content = (tmp_path / name).read_text("utf-8-sig")
            rows = list(csv.DictReader(io.StringIO(content)))
            assert list(rows[0]) == ["item", "question", "answer", "verdict", "note"]
            assert not any(word in content for word in ("added", "original", "author", "a-1"))
            assert all(row["question"].startswith("'=") for row in rows)
            orders.append([row["item"] for row in rows])
        assert sorted(orders[0]) == sorted(orders[1]) == sorted(entry.code for entry in key.items)
        assert len({tuple(order) for order in orders}) == 3
        assert load_key(tmp_path) == key

    def test_items_are_shown_as_they_are_read(self) -> None:
        fields = {"context": "C", "question": "Q", "choices": ["x", "y"], "answer": "y"}
        assert show_fields("mcq", fields) == {**fields, "choices": "A. x\nB. y", "answer": "B. y"}
        assert show_fields("chat", {"messages": [{"role": "user", "content": "Hi"}]}) == {"messages": "user: Hi"}

    def test_words_forgive_their_spelling(self) -> None:
        assert read_word(" Wrong_Key ") == read_word("WRONG-KEY") == "wrong key"
        assert read_word("wrong") is None
        assert all(read_word(word) == word for word in WORDS)


@pytest.mark.parametrize(
    ("votes", "verdict"),
    [
        (["correct", "correct", "broken"], "correct"),
        (["broken", "broken", "correct"], "broken"),
        (["broken", "wrong key", "correct"], "mixed"),
        (["broken", "wrong key", "wrong key"], "wrong key"),
        (["correct", "broken"], "undecided"),
        (["correct", "broken", "unsure"], "undecided"),
        (["unsure", None, "broken"], "broken"),
        ([None, "unsure"], "undecided"),
        (["ambiguous", "broken", "wrong key", "correct"], "mixed"),
    ],
)
def test_majorities(votes: list[str | None], verdict: str) -> None:
    assert settle_verdict(votes) == verdict


class TestMerging:
    def test_rates_agreement_and_parts(self, tmp_path: Path) -> None:
        key = prepare(tmp_path, {"a": 30, "b": 10}, 20)
        wrong = [entry.code for entry in key.items if entry.origin == "added"][:4]
        fill(tmp_path, key.sheets[0], dict.fromkeys(wrong, "wrong key"))
        fill(tmp_path, key.sheets[1], dict.fromkeys(wrong, "Wrong_Key"), delimiter=";")
        fill(tmp_path, key.sheets[2], {})
        merged, found = merge(tmp_path)
        assert merged is not None
        assert found == []
        assert (merged.rate.flawed, merged.rate.decided) == (4, 20)
        assert (merged.rate.low, merged.rate.high) == wilson_interval(4, 20)
        assert merged.weighted == pytest.approx(0.2)  # strata are drawn in proportion
        # Units that disagree: 4 of 20, 2 to 1. By hand: 1 - (n - 1) * (4 * 2) / (60^2 - 52^2 - 8^2).
        assert merged.alpha == merged.alpha_flaw == pytest.approx(1 - 59 * 8 / (3600 - 2704 - 64))
        assert sum(rate.flawed for rate in merged.parts["topic"].values()) == 4
        assert merged.parts["origin"]["original"].flawed == 0
        assert merged.parts["origin"]["added"].flawed == merged.parts["operator"]["author"].flawed == 4
        document = dump_merged(merged)
        assert json.loads(json.dumps(document)) == document
        assert "errors     20.0%  (8.1% to 41.6% at 95%)  4 of 20" in render_merged(merged)
        rows = [json.loads(line) for line in dump_verdicts(merged).splitlines()]
        assert sum(row["is_flawed"] for row in rows) == 4
        assert [row["row"] for row in rows] == sorted(row["row"] for row in rows)

    def test_strata_that_were_lifted_count_as_they_are(self, tmp_path: Path) -> None:
        key = prepare(tmp_path, {"a": 99, "b": 1}, 10, reviewers=1)
        rare = next(entry.code for entry in key.items if key.strata[entry.stratum].labels == {"topic": "b"})
        fill(tmp_path, key.sheets[0], {rare: "broken"})
        merged, _ = merge(tmp_path)
        assert merged is not None
        assert merged.rate.share == 0.1
        assert merged.weighted == pytest.approx(0.01)
        assert "1.0% with each stratum at its share" in render_merged(merged)

    def test_open_rows_are_said_and_left_out(self, tmp_path: Path) -> None:
        key = prepare(tmp_path, {"a": 6}, 6, reviewers=2)
        fill(tmp_path, key.sheets[0], {})
        merged, found = merge(tmp_path)
        assert found == ["RF6414"]
        assert merged is not None
        assert (merged.rate.decided, merged.alpha) == (6, None)

    def test_nothing_said_is_nothing_known(self, tmp_path: Path) -> None:
        prepare(tmp_path, {"a": 6}, 6)
        merged, found = merge(tmp_path)
        assert found == ["RF6414"] * 3
        assert merged is not None
        assert (merged.undecided, merged.rate.share, merged.weighted) == (6, None, None)
        assert "nothing decided" in render_merged(merged)

    @pytest.mark.parametrize(
        ("change", "codes"),
        [
            (lambda text: text.replace(",,\n", ",corect,\n", 1), ["RF6412"]),
            (lambda text: "".join(text.splitlines(keepends=True)[:-1]), ["RF6413"]),
            (lambda text: text + text.splitlines(keepends=True)[1], ["RF6413"]),
            (lambda text: text + "ffffffffff,x,y,correct,\n", ["RF6413"]),
            (lambda text: text.replace("verdict", "judgement", 1), ["RF6411"]),
            (lambda text: text + "a,b\n", ["RF3020"]),
            (lambda text: "", ["RF6413"]),
        ],
    )
    def test_sheets_that_are_not_whole(self, change: Any, codes: list[str], tmp_path: Path) -> None:
        key = prepare(tmp_path, {"a": 6}, 6, reviewers=1)
        path = tmp_path / key.sheets[0]
        path.write_text(change(path.read_text("utf-8-sig")))
        assert merge(tmp_path) == (None, codes)

    def test_a_lost_sheet_and_a_key_of_another(self, tmp_path: Path) -> None:
        key = prepare(tmp_path, {"a": 6}, 6)
        (tmp_path / key.sheets[1]).unlink()
        assert merge(tmp_path)[0] is None
        later = key.model_copy(update={"format_version": "2.0"}).model_dump_json()
        twice = key.model_copy(update={"items": (*key.items, key.items[0])}).model_dump_json()
        for content in ("{", '{"format_version": "2.0"}', later, twice):
            (tmp_path / "key.json").write_text(content)
            found = load_key(tmp_path)
            assert isinstance(found, Diagnostic)
            assert found.code == "RF6410"

    def test_lines_of_json_do_as_well(self, tmp_path: Path) -> None:
        key = prepare(tmp_path, {"a": 6}, 6, reviewers=1, format="jsonl")
        path = tmp_path / key.sheets[0]
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert rows[0]["question"].startswith("=")
        path.write_text("".join(json.dumps({**row, "verdict": "correct", "note": "é"}) + "\n" for row in rows))
        merged, found = merge(tmp_path)
        assert merged is not None
        assert (merged.rate.decided, found, merged.items[0].notes) == (6, [], ("é",))
