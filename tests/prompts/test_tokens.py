"""Counts of tokens: exact ones against a tokenizer, estimates against real data, ceilings against any text."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.prompts import (
    attempt_ceiling,
    attempt_ceiling_usd,
    call_ceiling,
    count_tokens,
    price_usd,
    repair_request,
    request_ceiling,
    request_tokens,
    tokenizer_name,
)
from refinelab_dsl.prompts import tokens as counting
from refinelab_dsl.prompts.compose import with_schema_in_prompt
from tests.prompts.models import make_model, make_request

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"

TOKENIZED = pytest.importorskip("bpe_openai", reason="the extra `tokens` is not installed")


@pytest.mark.parametrize(
    ("model_id", "encoding"),
    [
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-4.1", "o200k_base"),
        ("gpt-5-nano", "o200k_base"),
        ("openai/gpt-4o", "o200k_base"),
        ("ft:gpt-4o-mini-2024-07-18:org::id", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("mistral-small", None),
        ("simulated", None),
        ("", None),
    ],
)
def test_model_families_have_their_tokenizer(model_id: str, encoding: str | None) -> None:
    name = tokenizer_name(model_id)
    assert name == counting.ESTIMATE if encoding is None else name.endswith(f"/{encoding}")


def test_known_counts() -> None:
    assert count_tokens("hello world", "gpt-4o") == 2
    assert count_tokens("", "gpt-4o") == 0
    assert count_tokens("", "unknown") == 0
    assert count_tokens("1234567", "unknown") == 3
    assert count_tokens("<|endoftext|>", "gpt-4o") > 1  # text, not the special token


def test_without_the_extra_everything_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_bindings", lambda: None)
    assert tokenizer_name("gpt-4o") == counting.ESTIMATE
    assert count_tokens("hello world", "gpt-4o") == count_tokens("hello world", "unknown")


@given(st.text())
def test_any_text_has_at_most_a_token_per_byte_in_every_way_of_counting(text: str) -> None:
    size = len(text.encode("utf-8", "replace"))
    for model_id in ("gpt-4o", "gpt-4", "unknown"):
        assert 0 <= count_tokens(text, model_id) <= size


@pytest.mark.skipif(not (SHARED / "mmlu").exists(), reason="the shared data sets are not here")
def test_estimates_are_near_on_real_data() -> None:
    texts: list[str] = []
    for path in sorted((SHARED / "mmlu" / "test").glob("*.csv"))[:4]:
        with path.open(newline="", encoding="utf-8") as file:
            texts += [" ".join(row) for row in csv.reader(file)]
    with (SHARED / "gsm8k" / "test.jsonl").open(encoding="utf-8") as file:
        texts += [row["question"] + row["answer"] for row in map(json.loads, file)][:400]
    for model_id in ("gpt-4o", "gpt-4"):
        estimated = sum(count_tokens(text, "unknown") for text in texts)
        counted = sum(count_tokens(text, model_id) for text in texts)
        assert abs(estimated / counted - 1) < 0.1


@given(st.text(max_size=400), st.sampled_from(["gpt-4o", "gpt-4", "unknown"]))
def test_a_calls_ceiling_is_above_what_any_of_the_tokenizers_expects(text: str, model_id: str) -> None:
    official = make_request(make_model(id=model_id), text)
    local = make_request(make_model(id=model_id, base_url="http://127.0.0.1:1/v1"), text)
    for request in (official, local):
        assert request_tokens(request) <= request_ceiling(request)
        assert call_ceiling(request) == (request_ceiling(request), request.max_output_tokens)
    assert request_ceiling(local) >= len(text.encode("utf-8", "replace"))


@given(st.text(max_size=300), st.text(max_size=2_000), st.text(max_size=900))
def test_an_attempts_ceiling_covers_the_call_and_its_repair(text: str, reply: str, complaint: str) -> None:
    for model in (make_model(id="gpt-4o"), make_model(base_url="http://127.0.0.1:1/v1")):
        request = make_request(model, text)
        repair = repair_request(request, reply * 5, complaint)
        most_input, most_output = attempt_ceiling(request)
        assert request_ceiling(request) + request_ceiling(repair) <= most_input
        assert most_output == 2 * request.max_output_tokens


def test_a_ceiling_has_room_for_the_schema_in_the_prompt() -> None:
    """An endpoint that refuses `response_format` gets the schema as text."""
    for model in (make_model(id="gpt-4o"), make_model(base_url="http://127.0.0.1:1/v1")):
        request = make_request(model)
        assert request.schema is not None
        plain = replace(request, schema=None)
        in_prompt = replace(plain, messages=with_schema_in_prompt(request.messages, request.schema))
        assert request_ceiling(in_prompt) <= request_ceiling(request)


def test_the_longest_reply_and_complaint_fit_into_an_attempt() -> None:
    request = make_request(make_model(base_url="http://127.0.0.1:1/v1"))
    repair = repair_request(request, "#" * 100_000, "#" * 100_000)
    assert request_ceiling(request) + request_ceiling(repair) <= attempt_ceiling(request)[0]


def test_an_unknown_host_is_not_trusted_with_a_known_name() -> None:
    text = "word " * 200
    official = request_ceiling(make_request(make_model(id="gpt-4o"), text))
    clone = request_ceiling(make_request(make_model(id="gpt-4o", base_url="http://127.0.0.1:1/v1"), text))
    assert official < len(text) < clone


def test_prices() -> None:
    price = {"input": "0.000001", "output": "0.000002", "cached_input": "0.0000005"}
    model = make_model(price=price)
    assert price_usd(model, 1_000, 500) == Decimal("0.002")
    assert price_usd(model, 1_000, 500, cached=400) == Decimal("0.0018")
    request = make_request(model)
    most_input, most_output = attempt_ceiling(request)
    assert attempt_ceiling_usd(request) == price_usd(model, most_input, most_output)
    assert price_usd(make_model(), 1, 1) is None
    assert attempt_ceiling_usd(make_request(make_model())) is None
    assert price_usd(make_model("simulated"), 1, 1) == 0
    assert price_usd(make_model("simulated", price=price), 1_000, 0) == Decimal("0.001")


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_plain_text_is_counted_by_the_same_rule_as_any_other(text: str) -> None:
    # A letter of another script in a line of its own takes the slower way, and counts as one token.
    apart = f"{text} é"
    assert counting._estimate(apart) == counting._estimate(text) + 1
