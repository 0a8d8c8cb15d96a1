"""A wiki on this machine that answers as the Action API of MediaWiki does: `list=search`, `prop=extracts` with one
whole text per answer and its continuation, `action=parse`, warnings, errors in both shapes, `maxlag`, `Retry-After`.

In a test::

    async with WikiServer({"Photosynthesis": "Plants …"}) as wiki:
        ...  # wiki.address is that of api.php
    wiki.asked  # the parameters of each request
"""

from __future__ import annotations

import asyncio
import html
import re
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

_WORD = re.compile(r"\w+")


class WikiServer:
    """pages: title -> plain text; their ids count from 11. script: what becomes of the first requests, in their order:
    a status, with or without `Retry-After`, `maxlag`, `error`, `errors`, `html`, `list`, `hang`, `drop`, `redirect`;
    None is a good answer. has_extracts: whether the extension TextExtracts is installed."""

    def __init__(
        self,
        pages: Mapping[str, str],
        script: Sequence[str | None] = (),
        *,
        has_extracts: bool = True,
        retry_after: str | None = "0",
    ) -> None:
        self.pages = {11 + number: (title, text) for number, (title, text) in enumerate(pages.items())}
        self.asked: list[dict[str, str]] = []
        self.agents: list[str] = []
        self.running = 0
        self.most_running = 0
        self.port = 0
        self._script = deque(script)
        self._has_extracts = has_extracts
        self._retry_after = retry_after
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/w/api.php"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/w/api.php", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        self.agents.append(request.headers.get("User-Agent", ""))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0)
            step = self._script.popleft() if self._script else None
            return await (self._answer(request) if step is None else self._fail(request, step))
        finally:
            self.running -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = request.query
        if asked.get("format") != "json" or asked.get("formatversion") != "2":
            return web.Response(text="<pre>This is the HTML representation of the JSON format.</pre>")
        match asked.get("action"), asked.get("list"), asked.get("prop"):
            case "query", "search", _:
                in_text = asked.get("srwhat") == "text"
                return web.json_response(self._search(asked["srsearch"], int(asked["srlimit"]), in_text))
            case "query", None, "extracts":
                return web.json_response(self._extract(asked))
            case "parse", None, "text":
                return web.json_response(self._parse(int(asked["pageid"])))
        return web.json_response(_error("badvalue", 'Unrecognized value for parameter "action".'))

    def _search(self, query: str, limit: int, in_text: bool) -> dict[str, Any]:
        """Pages that have every word, those that have one in the title first. Without CirrusSearch a wiki looks at
        titles alone, unless it is told."""
        words = [word.casefold() for word in _WORD.findall(query)]
        found = [
            (not any(word in title.casefold() for word in words), id, title)
            for id, (title, text) in self.pages.items()
            if all(word in f"{title} {text if in_text else ''}".casefold() for word in words)
        ]
        listed = [{"ns": 0, "title": title, "pageid": id} for _, id, title in sorted(found)]
        answer: dict[str, Any] = {
            "batchcomplete": True, "query": {"searchinfo": {"totalhits": len(listed)}, "search": listed[:limit]},
        }  # fmt: skip
        if len(listed) > limit:
            answer |= {"continue": {"sroffset": limit, "continue": "-||"}}
        return answer

    def _extract(self, asked: Mapping[str, str]) -> dict[str, Any]:
        ids = [int(id) for id in asked["pageids"].split("|")]
        pages: list[dict[str, Any]] = []
        for id in ids:
            there = {"ns": 0, "title": self.pages[id][0]} if id in self.pages else {"missing": True}
            pages.append({"pageid": id, **there})
        answer: dict[str, Any] = {"query": {"pages": pages}}
        if not self._has_extracts:
            said = {"query": {"warnings": 'Unrecognized value for parameter "prop": extracts'},
                    "main": {"warnings": "Unrecognized parameters: explaintext, exlimit, exsectionformat."}}
            return {"batchcomplete": True, "warnings": said, **answer}
        at = int(asked.get("excontinue", 0))
        if ids[at] in self.pages:
            pages[at]["extract"] = self.pages[ids[at]][1]
        if asked.get("exlimit") != "1":
            warning = '"exlimit" was too large for a whole article extracts request, lowered to 1.'
            answer |= {"warnings": {"extracts": {"warnings": warning}}}
        if at + 1 < len(ids):
            return {"continue": {"excontinue": at + 1, "continue": "||"}, **answer}
        return {"batchcomplete": True, **answer}

    def _parse(self, id: int) -> dict[str, Any]:
        if id not in self.pages:
            return _error("nosuchpageid", f"There is no page with ID {id}.")
        title, text = self.pages[id]
        note = "<sup class='reference'>[1]</sup>"
        body = "".join(f"<p>{html.escape(paragraph)}{note}</p>" for paragraph in text.split("\n\n"))
        box = "<table><tr><td>box</td></tr></table>"
        return {"parse": {"title": title, "pageid": id, "text": f"<div>{box}{body}</div>"}}

    async def _fail(self, request: web.Request, step: str) -> web.StreamResponse:
        after = {} if self._retry_after is None else {"Retry-After": self._retry_after}
        match step:
            case "maxlag":
                said = _error("maxlag", "Waiting for 10.64.48.13: 7.5 seconds lagged.")
                said["error"] |= {"host": "10.64.48.13", "lag": 7.5, "type": "db"}
                headers = {**after, "X-Database-Lag": "8", "MediaWiki-API-Error": "maxlag"}
                return web.json_response(said, headers=headers)
            case "error":
                return web.json_response(_error("readapidenied", "You need read permission to use this module."))
            case "errors":
                what = {"code": "search-error", "text": "An error has occurred while searching", "module": "query"}
                return web.json_response({"errors": [what]})
            case "busy":
                return web.json_response(_error("ratelimited", "You've exceeded your rate limit."), headers=after)
            case "html":
                page = "<!DOCTYPE html><title>Sign in to the network</title>"
                return web.Response(text=page, content_type="text/html")
            case "list":
                return web.json_response([])
            case "hang":
                await asyncio.sleep(3_600)
            case "drop":
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case "redirect":
                return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/elsewhere"})
        return web.Response(status=int(step), text="Too many requests, please slow down.", headers=after)


class ThreadWiki:
    """The wiki in a thread of its own, beside a test that blocks; a context manager."""

    def __init__(self, server: WikiServer) -> None:
        self.server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> WikiServer:
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self.server.__aenter__(), self._loop).result(10)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self.server.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def _error(code: str, info: str) -> dict[str, Any]:
    return {"error": {"code": code, "info": info, "docref": "See /w/api.php for API usage."}, "servedby": "mw1"}
