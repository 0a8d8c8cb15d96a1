"""What goes over the wire to an OpenAI-shaped endpoint, and what comes back: values and bytes, no transport."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

from refinelab_dsl.prompts.compose import OUTPUT_LIMIT_NAMES, with_schema_in_prompt
from refinelab_dsl.prompts.request import Completion, Request, Usage

SIMULATED_FINGERPRINT: Final = "refinec-simulated"
"""`system_fingerprint` of replies from a simulated endpoint: they are marked as simulated like the model's own."""

_MOST_TOKENS: Final = 2**53
_MOST_SECONDS: Final = 3_600.0
_SCHEMA_WORDS: Final = ("response_format", "json_schema", "json_object", "json schema", "json mode",
                        "structured output", "guided", "grammar")  # fmt: skip
_STEP_CODES: Final = ("context_length_exceeded", "string_above_max_length", "content_filter",
                      "content_policy_violation", "invalid_prompt")  # fmt: skip
_STEP_WORDS: Final = ("context length", "context window", "maximum context", "content policy",
                      "content management policy", "too many tokens", "prompt is too long")  # fmt: skip


class BadReply(Exception):
    """A body that is no completion. It was paid for."""


class ReportedError(Exception):
    """An error in the body of an answer with status 200, as some gateways send it."""

    def __init__(self, status: int | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Dialect:
    """What an endpoint is taken to understand. The first is what OpenAI itself does."""

    schema: Literal["json_schema", "json_object", "none"] = "json_schema"
    limit: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"


def build_body(request: Request, dialect: Dialect) -> dict[str, Any]:
    """The body of a chat completion. `params` go in as they are, also in the place of what is said here."""
    messages = request.messages
    body: dict[str, Any] = {"model": request.model.id, dialect.limit: request.max_output_tokens}
    if request.schema is not None:
        if dialect.schema == "json_schema":
            schema = {"name": request.schema_name, "schema": dict(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        else:
            messages = with_schema_in_prompt(messages, request.schema)
            if dialect.schema == "json_object":
                body["response_format"] = {"type": "json_object"}
    body["messages"] = [{"role": message.role, "content": message.content} for message in messages]
    return body | {name: value for name, value in request.model.params.items() if name not in OUTPUT_LIMIT_NAMES}


def next_dialect(dialect: Dialect, message: str, param: str | None, *, is_settled: bool) -> Dialect | None:
    """What to try after an endpoint refused a request with 400 or 422; None where the refusal is about something else.

    is_settled: this dialect has worked before, so a refusal without a reason in it is not about the dialect.
    """
    said = f"{message} {param or ''}".lower()
    if dialect.limit == "max_completion_tokens" and "max_completion_tokens" in said:
        return replace(dialect, limit="max_tokens")
    if any(word in said for word in _SCHEMA_WORDS):
        return _simpler(dialect)
    if is_settled or param is not None or is_about_step(message, None):
        return None
    return replace(dialect, limit="max_tokens") if dialect.limit == "max_completion_tokens" else _simpler(dialect)


def is_about_step(message: str, code: str | None) -> bool:
    """Whether a refusal concerns this one request (too long, filtered), not every request of the model."""
    return code in _STEP_CODES or any(word in message.lower() for word in _STEP_WORDS)


def read_completion(content: bytes, request_id: str | None) -> Completion:
    """The completion that a body holds.

    Raises:
        BadReply: no JSON object, or no choice in it.
        ReportedError: the body reports an error.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise BadReply("the reply's body is no JSON") from None
    if not isinstance(body, dict):
        raise BadReply("the reply's body is no JSON object")
    if body.get("error"):
        raise reported(body["error"])
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        raise BadReply("the reply holds no choice")
    model = body.get("model")
    reason = "refusal" if message.get("refusal") else first.get("finish_reason")
    return Completion(
        text=_text(message.get("content")),
        usage=_usage(body.get("usage")),
        finish_reason=clean(reason) if isinstance(reason, str) else "unknown",
        model=clean(model) if isinstance(model, str) else "unknown",
        request_id=clean(request_id or (body["id"] if isinstance(body.get("id"), str) else "")) or None,
        simulated=body.get("system_fingerprint") == SIMULATED_FINGERPRINT,
    )


def is_other_model(asked: str, answered: str) -> bool:
    """Whether a reply names another model than the one that was asked for. No other one is a dated one of its name
    (`gpt-4o` and `gpt-4o-2024-08-06`), one with a tag, or one that is named with or without whose it is."""
    if answered in ("", "unknown"):
        return False
    wanted, given = (name.lower().rstrip("/").rpartition("/")[2] for name in (asked, answered))
    wanted = wanted.removesuffix("-latest").removesuffix(":latest")
    rest = given.removeprefix(wanted) if given.startswith(wanted) else None
    return rest is None or not (rest == "" or rest[0] in ":@." or (rest[0] == "-" and rest[1:2].isdigit()))


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that an endpoint asks to wait, from `retry-after-ms` or `Retry-After` (seconds or an HTTP date); None
    where it asks nothing that makes sense. An hour at most."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return min(milliseconds / 1000, _MOST_SECONDS)
    value = headers.get("retry-after")
    seconds = _seconds(value)
    if seconds is None and value is not None:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        seconds = max(0.0, (date - now).total_seconds())
    return None if seconds is None else min(seconds, _MOST_SECONDS)


def _simpler(dialect: Dialect) -> Dialect | None:
    match dialect.schema:
        case "json_schema":
            return replace(dialect, schema="json_object")
        case "json_object":
            return replace(dialect, schema="none")
        case "none":
            return None


def reported(error: Any) -> ReportedError:
    if not isinstance(error, dict):
        return ReportedError(None, str(error))
    code = error.get("code")
    status = code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599 else None
    return ReportedError(status, str(error.get("message", "the endpoint reports an error")))


def _text(content: Any) -> str:
    """The text of a message: a string, or parts of which the texts count."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    return clean(content) if isinstance(content, str) else ""


def clean(text: str) -> str:
    """Without halves of surrogate pairs, which no UTF-8 file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    sent, received = read_count(usage.get("prompt_tokens")), read_count(usage.get("completion_tokens"))
    if not sent or received is None:  # no request has no tokens: nobody counted
        return None
    details = usage.get("prompt_tokens_details")
    cached = read_count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return Usage(sent, received, min(cached or 0, sent))


def read_count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if is_count else None


def _seconds(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
