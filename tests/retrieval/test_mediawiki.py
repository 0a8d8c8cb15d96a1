"""The client of the MediaWiki API, over HTTP, against a wiki that answers as the real one does."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from refinelab_dsl.retrieval import CorpusUnavailable
from refinelab_dsl.retrieval.mediawiki import MediaWiki, Politeness
from refinelab_dsl.retrieval.pages import MOST_PAGES
from tests.harness.mediawiki_server import WikiServer

QUICK = Politeness(pause=0.0, wait=0.0, timeout=5.0)
PAGES = {
    "Photosynthesis": "Photosynthesis turns light into sugar.\n\n== Gases ==\nA plant takes in carbon dioxide and "
    "gives off oxygen.\n\n== History ==\nJan Ingenhousz found that plants need light.",
    "Carbon dioxide": "Carbon dioxide is a gas of one carbon atom and two atoms of oxygen. A plant takes it in.",
    "Oxygen": "Oxygen is the gas that animals breathe. It is given off by a plant in the light.",
    "Plant": "A plant is a living thing that makes its food from light, and from carbon dioxide, and gives off oxygen.",
    "Granite": "Granite is a rock that cooled slowly under the ground.",
}


async def test_passages_of_the_pages_that_were_found_come_best_first() -> None:
    async with WikiServer(PAGES) as server:
        wiki = MediaWiki("wikipedia:en", server.address, QUICK)
        found = await wiki.search("granite rock", 4)
        await wiki.close()
    assert [(passage.id, passage.title) for passage in found] == [("wikipedia:en:15#1", "Granite")]
    assert found[0].text == PAGES["Granite"]
    assert [asked["action"] for asked in server.asked] == ["query", "query"]
    assert all(asked["maxlag"] == "5" for asked in server.asked)
    assert server.agents[0].startswith("refinec/")


async def test_whole_texts_come_one_at_a_time_and_are_all_fetched() -> None:
    async with WikiServer(PAGES) as server:
        wiki = MediaWiki("wikipedia:en", server.address, QUICK)
        found = await wiki.search("plant oxygen carbon", 10)
        await wiki.close()
    extracts = [asked for asked in server.asked if asked.get("prop") == "extracts"]
    assert [asked.get("excontinue") for asked in extracts] == [None, "1", "2"]
    assert len({passage.title for passage in found}) == MOST_PAGES
    assert any("carbon dioxide and gives off" in passage.text for passage in found)
    assert not any("==" in passage.text for passage in found)


async def test_a_page_is_read_once() -> None:
    async with WikiServer(PAGES) as server:
        wiki = MediaWiki("wikipedia:en", server.address, QUICK)
        first, second = await wiki.search("granite", 1), await wiki.search("granite ground", 1)
        await wiki.close()
    assert first == second
    assert [asked.get("prop") for asked in server.asked] == [None, "extracts", None]


async def test_a_query_that_finds_nothing_is_asked_with_fewer_words() -> None:
    async with WikiServer(PAGES) as server:
        wiki = MediaWiki("wikipedia:en", server.address, QUICK)
        found = await wiki.search('"Jan Ingenhousz" light plants zebra crossing umbrella', 2)
        await wiki.close()
    searched = [asked["srsearch"] for asked in server.asked if "srsearch" in asked]
    assert searched == [
        '"Jan Ingenhousz" light plants zebra crossing umbrella', '"Jan Ingenhousz" light plants',
    ]  # fmt: skip
    assert found[0].title == "Photosynthesis"


async def test_nothing_found_is_no_passage() -> None:
    async with WikiServer(PAGES) as server:
        wiki = MediaWiki("wikipedia:en", server.address, QUICK)
        assert await wiki.search("quasar", 3) == ()
        assert await wiki.search("", 3) == ()
        await wiki.close()
    assert [asked["srsearch"] for asked in server.asked] == ["quasar"]


async def test_a_wiki_without_plain_text_gives_its_html() -> None:
    async with WikiServer(PAGES, has_extracts=False) as server:
        wiki = MediaWiki("wikipedia:en", server.address, QUICK)
        found = await wiki.search("granite", 1)
        await wiki.close()
    assert found[0].text == PAGES["Granite"]
    assert server.asked[-1]["action"] == "parse"


@pytest.mark.parametrize("step", ["maxlag", "429", "503", "busy", "drop"])
async def test_a_busy_wiki_is_asked_again(step: str) -> None:
    async with WikiServer(PAGES, [step, step]) as server:
        wiki = MediaWiki("wikipedia:en", server.address, QUICK)
        found = await wiki.search("granite", 1)
        await wiki.close()
    assert found[0].title == "Granite"
    assert [asked.get("srsearch") for asked in server.asked] == ["granite"] * 3 + [None]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("error", "it refuses the request: readapidenied: You need read permission to use this module."),
        ("errors", "it refuses the request: search-error: An error has occurred while searching"),
        ("html", "its answer is no JSON object"),
        ("list", "its answer is no JSON object"),
        ("redirect", "it redirects to another address, which is not followed"),
        ("403", "it answers with status 403"),
    ],
)
async def test_what_no_other_try_mends_is_said_at_once(step: str, reason: str) -> None:
    async with WikiServer(PAGES, [step]) as server:
        wiki = MediaWiki("wikipedia:en", server.address, QUICK)
        with pytest.raises(CorpusUnavailable) as caught:
            await wiki.search("granite", 1)
        await wiki.close()
    assert caught.value.diagnostic.code == "RF6604"
    assert caught.value.diagnostic.message == f"corpus `wikipedia:en` cannot be searched: {reason}"
    assert len(server.asked) == 1


async def test_a_wiki_that_stays_busy_is_given_up() -> None:
    async with WikiServer(PAGES, ["maxlag"] * 9) as server:
        wiki = MediaWiki("wikipedia:en", server.address, replace(QUICK, tries=3))
        with pytest.raises(CorpusUnavailable) as caught:
            await wiki.search("granite", 1)
        await wiki.close()
    assert len(server.asked) == 3
    assert "it is busy (maxlag: Waiting for" in caught.value.diagnostic.message
    assert caught.value.diagnostic.message.endswith("3 times in a row")


async def test_a_wiki_that_asks_for_too_long_a_wait_is_given_up_at_once() -> None:
    async with WikiServer(PAGES, ["429"], retry_after="900") as server:
        wiki = MediaWiki("wikipedia:en", server.address, QUICK)
        with pytest.raises(CorpusUnavailable, match="asks to wait 900 seconds"):
            await wiki.search("granite", 1)
        await wiki.close()
    assert len(server.asked) == 1


async def test_a_wiki_that_never_answers_and_one_that_is_not_there() -> None:
    async with WikiServer(PAGES, ["hang"] * 3) as server:
        wiki = MediaWiki("wikipedia:en", server.address, replace(QUICK, timeout=0.1, tries=2))
        with pytest.raises(CorpusUnavailable, match="does not answer in time, 2 times in a row"):
            await wiki.search("granite", 1)
        await wiki.close()
    gone = MediaWiki("wikipedia:en", server.address, replace(QUICK, tries=2))
    with pytest.raises(CorpusUnavailable, match="the connection fails"):
        await gone.search("granite", 1)
    await gone.close()


async def test_one_request_at_a_time() -> None:


    async with WikiServer(PAGES) as server:
        wiki = MediaWiki("wikipedia:en", server.address, QUICK)
        await asyncio.gather(*(wiki.search(word, 1) for word in ("granite", "oxygen", "plant", "carbon", "light")))
        await wiki.close()
    assert server.most_running == 1
    assert len(server.asked) > 5


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next() -> None:
    """A wiki, or a proxy before it, that answers the first request twice: the second answer names another page."""
    searched: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            while (await reader.readline()).strip():
                pass
            query = parse_qs(urlsplit(head.split()[1].decode()).query)
            if "srsearch" in query:
                searched.append(query["srsearch"][0])
                body: dict[str, Any] = {"query": {"search": [{"pageid": 1, "title": "Granite"}]}}
                wrong: dict[str, Any] = {"query": {"pages": [{"pageid": 1, "extract": "Oxygen is a gas."}]}}
            else:
                body, wrong = {"query": {"pages": [{"pageid": 1, "extract": "Granite is a rock."}]}}, {}
            for content in (body, wrong):
                raw = json.dumps(content).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
                writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(raw), raw))
                await writer.drain()
                await asyncio.sleep(0.02)  # the second one comes when the connection is kept for the next request
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        wiki = MediaWiki("wikipedia:en", f"http://127.0.0.1:{port}/api.php", replace(QUICK, pause=0.2))
        found = await wiki.search("granite", 1)
        await wiki.close()
    assert searched == ["granite"]
    assert [passage.text for passage in found] == ["Granite is a rock."]
