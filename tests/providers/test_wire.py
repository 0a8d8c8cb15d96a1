"""Values on the wire that the endpoint tests do not reach."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.providers.wire import (
    BadReply,
    Dialect,
    ReportedError,
    is_other_model,
    next_dialect,
    read_completion,
    read_retry_after,
)

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "999999999"}, 3600.0),
        ({"retry-after": "Fri, 20 Nov 2099 12:00:30 GMT"}, 3600.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Fri, 99 Nov 2026 99:99:99 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers, NOW) == seconds


@given(st.text())
def test_any_retry_after_is_a_pause_or_none(value: str) -> None:
    seconds = read_retry_after({"retry-after": value}, NOW)
    assert seconds is None or 0 <= seconds <= 3600


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_completion_or_a_fault(content: bytes) -> None:
    with pytest.raises((BadReply, ReportedError)):
        read_completion(content, None)


@pytest.mark.parametrize(
    ("dialect", "message", "param", "expected"),
    [
        (Dialect(), "Unsupported parameter: 'max_completion_tokens'", None, Dialect(limit="max_tokens")),
        (Dialect(), "x", "max_completion_tokens", Dialect(limit="max_tokens")),
        (Dialect(), "Unknown field response_format", None, Dialect("json_object")),
        (Dialect("json_object"), "json mode is not supported", None, Dialect("none")),
        (Dialect("none"), "response_format", None, None),
        (Dialect(), "", None, Dialect(limit="max_tokens")),
        (Dialect(limit="max_tokens"), "", None, Dialect("json_object", "max_tokens")),
        (Dialect("none", "max_tokens"), "", None, None),
        (Dialect(), "no such thing", "temperature", None),
        (Dialect(), "maximum context length", None, None),
    ],
)
def test_the_next_dialect(dialect: Dialect, message: str, param: str | None, expected: Dialect | None) -> None:
    assert next_dialect(dialect, message, param, is_settled=False) == expected


def test_every_way_through_the_dialects_ends() -> None:
    for message in ("", "max_completion_tokens", "response_format", "max_completion_tokens and response_format"):
        dialect: Dialect | None = Dialect()
        steps = 0
        while dialect is not None:
            dialect = next_dialect(dialect, message, None, is_settled=False)
            steps += 1
        assert steps <= 4


@pytest.mark.parametrize(
    ("asked", "answered", "is_other"),
    [
        ("gpt-4o", "gpt-4o", False),
        ("gpt-4o", "gpt-4o-2024-08-06", False),
        ("gpt-4", "gpt-4-0613", False),
        ("openai/gpt-4o", "gpt-4o-2024-08-06", False),
        ("llama3", "library/Llama3:8b", False),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", False),
        ("gpt-4o", "unknown", False),
        ("gpt-4o", "gpt-4o-mini", True),
        ("gpt-4o-2024-08-06", "gpt-4o", True),
        ("gpt-4o", "gpt-3.5-turbo", True),
        ("small", "smaller", True),
    ],
)
def test_another_model_is_told_from_a_dated_name(asked: str, answered: str, is_other: bool) -> None:
    assert is_other_model(asked, answered) is is_other
