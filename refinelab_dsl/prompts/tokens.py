"""Counting tokens: what a call is expected to take, and the most it can take.

Two numbers with different duties. The expected count prices a plan: exact for OpenAI's own model families where the
extra `tokens` is installed, otherwise an estimate. The ceiling is what the ledger reserves, so it
must hold for a tokenizer that nobody knows: one token per UTF-8 byte (no byte-level tokenizer makes more), plus what
a chat template adds.
"""

from __future__ import annotations

import importlib
import json
import re
import warnings
from collections.abc import Callable
from decimal import Decimal
from functools import cache, lru_cache
from importlib import metadata
from typing import Any, Final

import msgspec

from refinelab_dsl.declarations import Model
from refinelab_dsl.prompts.compose import (
    FEEDBACK_BYTES,
    REPAIR_REPLY_BYTES,
    REPAIR_WORDING_BYTES,
    schema_instruction,
)
from refinelab_dsl.prompts.hosts import host
from refinelab_dsl.prompts.request import Request

ESTIMATE: Final = "estimate-1"
"""Name of the estimate; the number changes with its rule."""

_O200K: Final = ("gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "gpt-oss", "chatgpt-4o", "o1", "o3", "o4")
_CL100K: Final = ("gpt-4", "gpt-3.5")
_PIECE: Final = re.compile(
    r"(?P<word>[A-Za-z]+)|(?P<digits>[0-9]{1,3})|(?P<other>[^\x00-\x7f]+)|(?P<marks>[^\sA-Za-z0-9]{1,3})|(?P<breaks>\n+)"
)
# The same where there is nothing but ASCII: each match is one token.
_ASCII_PIECE: Final = re.compile(r"[A-Za-z]{1,8}|[0-9]{1,3}|[^\sA-Za-z0-9]{1,3}|\n+")
_EXACT_HOST: Final = "api.openai.com"

# OpenAI's cookbook counts 3 tokens per message and 3 that prime the reply; other templates take up to about ten per
# message and may add a system text of their own.
_MESSAGE_TOKENS: Final = 4
_PRIMING_TOKENS: Final = 3
_MESSAGE_CEILING: Final = 16
_TEMPLATE_CEILING: Final = 96


def tokenizer_name(model_id: str) -> str:
    """The name of what counts this model's tokens; a plan lists it among its inputs, since counts depend on it."""
    encoding = _encoding(model_id)
    if encoding is None or _bindings() is None:
        return ESTIMATE
    return f"bpe-openai-{metadata.version('bpe-openai')}/{encoding}"


def count_tokens(text: str, model_id: str) -> int:
    """Tokens of a text, exact or estimated (`tokenizer_name` says which)."""
    encoding = _encoding(model_id)
    if encoding is None or _bindings() is None:
        return _estimate(text)
    return _counter(encoding)(text.encode("utf-8", "replace").decode("utf-8"))


def request_tokens(request: Request) -> int:
    """Expected input tokens of a call: messages, reply schema and chat template."""
    model_id = request.model.id
    messages = sum(_MESSAGE_TOKENS + count_tokens(message.content, model_id) for message in request.messages)
    if request.schema is None:
        return _PRIMING_TOKENS + messages
    return _PRIMING_TOKENS + messages + count_tokens(_canonical(msgspec.json.encode(request.schema)), model_id)


def request_ceiling(request: Request) -> int:
    """The most input tokens that the endpoint can count for this call.

    UTF-8 bytes, but for OpenAI's own models on OpenAI's own host, where the tokenizer is known. The schema is counted
    at its bytes, and where the endpoint refuses schemas it stands in the prompt, so the wording of that is in.
    """
    exact = host(request.model) == _EXACT_HOST and tokenizer_name(request.model.id) != ESTIMATE
    messages = sum(
        _MESSAGE_CEILING + (count_tokens(message.content, request.model.id) if exact else _bytes(message.content))
        for message in request.messages
    )
    schema = _instruction_bytes(msgspec.json.encode(request.schema)) if request.schema is not None else 0
    return _TEMPLATE_CEILING + messages + schema


def call_ceiling(request: Request) -> tuple[int, int]:
    """The most (input, output) tokens of one call."""
    return request_ceiling(request), request.max_output_tokens


def attempt_ceiling(request: Request) -> tuple[int, int]:
    """The most (input, output) tokens of one attempt: the call, and one repair of a reply that does not parse."""
    return _with_repair(request_ceiling(request)), 2 * request.max_output_tokens


def retries_ceiling(request: Request, retries: int) -> tuple[int, int]:
    """The most (input, output) tokens of making an attempt again so often, each with a repair of its own."""
    again = request_ceiling(request) + 2 * _MESSAGE_CEILING + REPAIR_REPLY_BYTES + FEEDBACK_BYTES
    return retries * _with_repair(again), retries * 2 * request.max_output_tokens


def attempt_ceiling_usd(request: Request) -> Decimal | None:
    """The most dollars of one attempt; None where the model's price is unknown."""
    return price_usd(request.model, *attempt_ceiling(request))


def _with_repair(first: int) -> int:
    return 2 * first + 2 * _MESSAGE_CEILING + REPAIR_REPLY_BYTES + REPAIR_WORDING_BYTES


def price_usd(
    model: Model, input_tokens: Decimal | int, output_tokens: Decimal | int, cached: Decimal | int = 0
) -> Decimal | None:
    """Dollars for these tokens, `cached` of the input ones at their own price where there is one, all of them at the
    batch's share of it where the model is asked so; None where the price is unknown. The simulated model costs nothing
    unless it is given a price."""
    price = model.price
    if price is None:
        return Decimal(0) if model.provider == "simulated" else None
    cached_price = price.input if price.cached_input is None else price.cached_input
    fresh = Decimal(input_tokens) - Decimal(cached)
    full = fresh * price.input + Decimal(cached) * cached_price + Decimal(output_tokens) * price.output
    return full * model.price_share


def _encoding(model_id: str) -> str | None:
    """The encoding of OpenAI's model families, also as `openai/gpt-4o` and `ft:gpt-4o:…`."""
    name = model_id.removeprefix("openai/").removeprefix("ft:")
    if name.startswith(_O200K):
        return "o200k_base"
    if name.startswith(_CL100K):
        return "cl100k_base"
    return None


@lru_cache(maxsize=64)  # system messages come again with every step
def _estimate(text: str) -> int:
    """Pieces as byte-pair tokenizers tend to cut them: words in eights of letters, digits in threes, marks, line
    breaks, three bytes of other scripts. Within 6% of o200k and cl100k on MMLU, GSM8K and our prompts; above them on
    other scripts; never more than the UTF-8 bytes."""
    if text.isascii():
        return len(_ASCII_PIECE.findall(text))
    total = 0
    for match in _PIECE.finditer(text):
        match match.lastgroup:
            case "word":
                total += 1 + (match.end() - match.start() - 1) // 8
            case "other":
                total += -(-_bytes(match[0]) // 3)
            case _:
                total += 1
    return total


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


@lru_cache(maxsize=64)  # one for each prompt, and not for each step
def _canonical(schema: bytes) -> str:
    return json.dumps(msgspec.json.decode(schema), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=64)
def _instruction_bytes(schema: bytes) -> int:
    return _bytes(schema_instruction(msgspec.json.decode(schema)))


@cache
def _bindings() -> Any:
    """The tokenizers of the extra `tokens`, None where it is not installed or does not load on this machine."""
    try:
        with warnings.catch_warnings():  # it reads its data in a way that Python deprecates
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module("bpe_openai._bindings")
    except Exception:
        return None


@cache
def _counter(encoding: str) -> Callable[[str], int]:
    count: Callable[[str], int] = _bindings().tokenizer_for_encoding(encoding).count
    return count
