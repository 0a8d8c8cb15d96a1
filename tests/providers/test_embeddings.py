"""Embeddings of an endpoint on this machine, through the real SDK: vectors as read, replies that are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from refinelab_dsl.declarations import Embedding
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.effects import Embed, decode_outcome, effect_ceiling, effect_key, effect_usd
from refinelab_dsl.prompts import Usage
from refinelab_dsl.providers import RefusedError, TransientError, open_embedding
from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.providers.provider import Embedder
from refinelab_dsl.serving.calls import WIDTH, embed_texts
from tests.harness.openai_server import Behaviour, Fault, OpenAIServer

TEXTS = ("Which acid is strong?", "Wer schrieb „Mrs Dalloway“?", "What is 2 + 2?")


@asynccontextmanager
async def asking(
    *faults: Fault | None, environ: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[tuple[OpenAIServer, Embedder, Embedding]]:
    behaviour = options.pop("behaviour", Behaviour(script=faults))
    async with OpenAIServer(behaviour) as server:
        embedding = Embedding(name="near", provider="openai", id="some/embedding", base_url=server.base_url, **options)
        opened = open_embedding(embedding, environ or {})
        assert not isinstance(opened, Diagnostic)
        try:
            yield server, opened, embedding
        finally:
            await opened.close()


async def test_vectors_come_in_the_order_of_the_texts() -> None:
    async with asking(Fault("reordered")) as (server, embedder, embedding):
        effect = Embed(embedding, TEXTS)
        completion = await embedder.complete(effect)
    assert server.tally.outcomes == {"reordered": 1}
    assert server.tally.bodies == [{"model": "some/embedding", "input": list(TEXTS), "encoding_format": "float"}]
    reply = embed_texts(server.tally.bodies[0], Simulation())
    by_index = {entry["index"]: entry["embedding"] for entry in reply["data"]}
    assert decode_outcome(effect, completion) == [by_index[place] for place in range(3)]
    assert len(by_index[0]) == WIDTH
    assert completion.usage == Usage(sum(len(text.split()) for text in TEXTS), 0)
    assert (completion.model, completion.simulated) == ("some/embedding", True)


async def test_the_key_goes_along_and_stands_in_no_refusal() -> None:
    behaviour = Behaviour(key="sk-right-key-of-this-test")
    options = {"behaviour": behaviour, "api_key": "KEY"}
    async with asking(environ={"KEY": behaviour.key}, **options) as (server, embedder, embedding):
        await embedder.complete(Embed(embedding, TEXTS))
        assert server.tally.headers[0]["Authorization"] == f"Bearer {behaviour.key}"
    async with asking(environ={"KEY": "sk-wrong-key-of-this-test"}, **options) as (_, embedder, embedding):
        with pytest.raises(RefusedError) as refused:
            await embedder.complete(Embed(embedding, TEXTS))
    assert refused.value.kind == "authentication"
    assert "sk-wrong" not in refused.value.message


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("one_less"), "2 vectors came for 3 texts"),
        (Fault("empty"), "0 vectors came for 3 texts"),
        (Fault("not_finite"), "a vector of the reply holds something else than finite numbers"),
        (Fault("narrow"), f"a vector of {WIDTH - 1} numbers came after one of {WIDTH}"),
        (Fault("zero"), "a vector of the reply is zero"),
    ],
)
async def test_what_is_no_vector_of_every_text_is_refused(fault: Fault, reason: str) -> None:
    async with asking(fault) as (_, embedder, embedding):
        with pytest.raises(RefusedError) as refused:
            await embedder.complete(Embed(embedding, TEXTS))
    assert (refused.value.kind, refused.value.message) == ("bad_vectors", reason)


async def test_an_endpoint_may_not_change_the_length_of_its_vectors() -> None:
    async with asking(None, Fault("narrow")) as (_, embedder, embedding):
        await embedder.complete(Embed(embedding, TEXTS[:1]))
        with pytest.raises(RefusedError, match=f"{WIDTH - 1} numbers came after one of {WIDTH}"):
            await embedder.complete(Embed(embedding, TEXTS[1:2]))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("status", status=503), "server"),
        (Fault("status", status=429, retry_after="2"), "rate_limit"),
        (Fault("reset"), "connection"),
        (Fault("drop"), "body"),
        (Fault("invalid_json"), "body"),
    ],
)
async def test_a_bad_day_may_pass(fault: Fault, kind: str) -> None:
    async with asking(fault) as (_, embedder, embedding):
        with pytest.raises(TransientError) as failed:
            await embedder.complete(Embed(embedding, TEXTS))
        assert failed.value.kind == kind
        assert decode_outcome(Embed(embedding, TEXTS), await embedder.complete(Embed(embedding, TEXTS)))


async def test_usage_that_is_not_reported_is_not_made_up() -> None:
    async with asking(Fault("no_usage")) as (_, embedder, embedding):
        assert (await embedder.complete(Embed(embedding, TEXTS))).usage is None


def test_what_an_embedding_may_take_and_costs() -> None:
    embedding = Embedding(name="near", provider="openai", id="e", price=Decimal("0.00000002"))
    effect = Embed(embedding, ("ä" * 10, "x"))
    assert effect_ceiling(effect) == (29, 0)
    assert effect_usd(effect, Usage(1_000_000, 0)) == Decimal("0.02")
    assert effect_key(effect) != effect_key(Embed(embedding, ("x", "ä" * 10)))
    assert effect_key(effect) == effect_key(Embed(embedding.model_copy(update={"name": "other"}), effect.texts))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"base_url": "https://example.org/v1", "api_key": "OPENAI_API_KEY"}, "RF5202"),
        ({"base_url": "http://example.org/v1"}, "RF5201"),
        ({"base_url": "http://localhost:1/v1", "api_key": "NOT_SET"}, "RF6200"),
    ],
)
def test_where_texts_may_not_go_nothing_is_asked(options: dict[str, str], code: str) -> None:
    refused = open_embedding(Embedding(name="near", provider="openai", id="e", **options), {})
    assert isinstance(refused, Diagnostic)
    assert refused.code == code
    assert "embedding `near`" in refused.message
