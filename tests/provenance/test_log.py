"""The log's format: every byte of it is protected, and it is written whole or not at all."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.data.sinks import OutputDigest
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.provenance import LogLine, LogWriter, read_log, read_trailer
from tests.provenance.runs import every_event


def write_log(path: Path, *more: events.AnyEvent) -> str:
    with LogWriter(path) as log:
        for event in (*every_event(), *more):
            log.append(event)
        return log.close([OutputDigest("refined", "out.jsonl", "jsonl", 2, 120, "77" * 32, "88" * 32, b"")])


def faults_in(path: Path) -> list[str]:
    return [entry.code for entry in read_log(path) if isinstance(entry, Diagnostic)]


def test_events_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "l.prov.jsonl"
    root = write_log(path)
    read = list(read_log(path))
    assert all(isinstance(entry, LogLine) for entry in read)
    written = [entry.event for entry in read if isinstance(entry, LogLine)]
    assert written[:-1] == list(every_event())
    trailer = written[-1]
    assert isinstance(trailer, events.Trailer)
    assert (trailer.root, trailer.events, trailer.status) == (root, len(written) - 1, "complete")
    assert read_trailer(path) == trailer


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "l.prov.jsonl"
    write_log(path)
    content = path.read_bytes()
    assert 2_000 < len(content) < 20_000
    damaged = tmp_path / "damaged.prov.jsonl"
    unseen = []
    for position in range(len(content)):
        for mask in (0x01, 0x20, 0xFF):
            damaged.write_bytes(
                content[:position] + bytes([content[position] ^ mask]) + content[position + 1 :]
            )
            if not faults_in(damaged):
                unseen.append((position, mask))
    assert unseen == []


def test_every_cut_and_every_doubled_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "l.prov.jsonl"
    write_log(path)
    content = path.read_bytes()
    damaged = tmp_path / "damaged.prov.jsonl"
    for position in range(len(content)):
        damaged.write_bytes(content[:position])
        assert faults_in(damaged), f"cut at {position}"
        damaged.write_bytes(content[:position] + content[position : position + 1] + content[position:])
        assert faults_in(damaged), f"doubled at {position}"


def test_lines_taken_out_put_in_or_exchanged_are_found(tmp_path: Path) -> None:
    path = tmp_path / "l.prov.jsonl"
    write_log(path)
    lines = path.read_bytes().splitlines(keepends=True)
    for index in range(len(lines)):
        for changed in (
            [*lines[:index], *lines[index + 1 :]],
            [*lines[: index + 1], lines[index], *lines[index + 1 :]],
            [*lines[:index], b"\n", *lines[index:]],
            [*lines, lines[index]],
            [*lines[:index], *reversed(lines[index : index + 2]), *lines[index + 2 :]],
        ):
            if changed != lines:
                path.write_bytes(b"".join(changed))
                assert faults_in(path)


def test_a_chain_made_anew_has_another_root(tmp_path: Path) -> None:
    one = write_log(tmp_path / "a.prov.jsonl")
    other = write_log(tmp_path / "b.prov.jsonl", events.Reject(step=3, action=1, operator="author"))
    assert one != other
    assert faults_in(tmp_path / "b.prov.jsonl") == []


ENVELOPE = b'{"prev":"' + b"0" * 64 + b'",'
REJECT = b'"event":"reject","step":1,"action":1,"operator":"a","check":null,"reason":""}'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{}", "hash of the line before"),
        (b"[" * 100_000, "hash of the line before"),
        (ENVELOPE + b'"event":"reject"}', "Field required"),
        (ENVELOPE + b'"event":"nothing"}', "does not match any of the expected tags"),
        (ENVELOPE + b"\xff}", "its JSON"),
        (ENVELOPE + b"[" * 100_000, "its JSON"),
        (ENVELOPE.replace(b"0", b"x") + REJECT, "form"),
        (ENVELOPE + REJECT.replace(b',"reason":""', b""), "form"),
        (ENVELOPE + REJECT.replace(b"1", b"1.0", 1), "form"),
        (ENVELOPE + REJECT.replace(b":", b": ", 1), "form"),
        (ENVELOPE + REJECT.replace(b'"a"', b'"\\u0061"'), "form"),
    ],
)
def test_lines_of_another_form_are_refused(line: bytes, said: str) -> None:
    with pytest.raises(events.MalformedLine, match=said):
        events.decode_line(line)


def test_a_log_of_a_later_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "l.prov.jsonl"
    first = next(every_event())
    with LogWriter(path) as log:
        log.append(first.model_copy(update={"format_version": "2.0"}))
        log.close()
    assert faults_in(path) == ["RF6322"]


def test_other_files_are_no_logs(tmp_path: Path) -> None:
    for content in (b"", b"hello\n", b"\x00" * 10, b'{"record":"header"}\n', b"\n"):
        path = tmp_path / "x"
        path.write_bytes(content)
        assert len(faults_in(path)) == 1
        assert read_trailer(path) is None
    assert faults_in(tmp_path / "absent") == ["RF6320"]


def test_a_second_run_in_one_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.prov.jsonl"
    write_log(path, next(every_event()))
    assert faults_in(path) == ["RF6323"]


def test_an_unclosed_log_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "l.prov.jsonl"
    path.write_text("of an earlier run")

    def stop() -> None:
        with LogWriter(path) as log:
            log.append(next(every_event()))
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        stop()
    assert [each.name for each in tmp_path.iterdir()] == ["l.prov.jsonl"]
    assert path.read_text() == "of an earlier run"


def test_a_log_left_by_a_kill_is_started_anew(tmp_path: Path) -> None:
    path = tmp_path / "l.prov.jsonl"
    log = LogWriter(path)
    log.append(next(every_event()))
    del log  # no close, no discard: the process is gone, its file is not
    uninterrupted = write_log(tmp_path / "other.prov.jsonl")
    assert write_log(path) == uninterrupted
    assert path.read_bytes() == (tmp_path / "other.prov.jsonl").read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["l.prov.jsonl", "other.prov.jsonl"]


def test_row_digests_are_split_over_events(tmp_path: Path) -> None:
    path = tmp_path / "l.prov.jsonl"
    digests = bytes(range(256)) * 20  # 640 rows
    digest = OutputDigest("refined", "o.jsonl", "jsonl", 640, 9, "77" * 32, "88" * 32, digests)
    with LogWriter(path) as log:
        log.append(next(every_event()))
        log.append_output(digest)
        log.close([digest])
    rows = [entry.event for entry in read_log(path) if isinstance(entry, LogLine) and entry.event.event == "rows"]
    assert [row.first for row in rows if isinstance(row, events.Rows)] == [1, 257, 513]
    assert b"".join(bytes.fromhex(row.digests) for row in rows if isinstance(row, events.Rows)) == digests


def test_what_has_no_order_is_sorted() -> None:
    one = events.Verdict(step=1, check="x", accept=True, values={"b": 1, "a": 2})
    other = events.Verdict(step=1, check="x", accept=True, values={"a": 2, "b": 1})
    assert events.encode_line(one, events.START) == events.encode_line(other, events.START)


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValidationError):
        events.Verdict(step=1, check="x", accept=True, values={"a": float("nan")})
    with pytest.raises(ValidationError):
        events.Result(status="complete", size=1, divergence={"d": float("inf")})


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(
    st.characters(exclude_categories=["Cs"])
)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 10**9), names, st.booleans(), names, st.dictionaries(names, scalars, max_size=4),
    st.decimals(0, 10**6, places=8),
)  # fmt: skip
def test_any_event_is_read_as_it_was_written(
    step: int, check: str, accept: bool, reason: str, values: dict[str, bool | int | float | str | None], usd: Decimal
) -> None:
    verdict = events.Verdict(step=step, check=check, accept=accept, reason=reason, values=values)
    call = events.Call(
        step=step, template=check, request=reason, reply=None, model=check, input_tokens=step, output_tokens=0, usd=usd
    )
    for event in (verdict, call):
        line = events.encode_line(event, "ab" * 32)
        assert b"\n" not in line
        assert events.decode_line(line) == (event, "ab" * 32)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: b'{"prev":"' + b"0" * 64 + b'",' + tail))
def test_any_bytes_are_a_line_or_malformed(line: bytes) -> None:
    try:
        event, previous = events.decode_line(line)
    except events.MalformedLine:
        return
    assert events.encode_line(event, previous) == line
