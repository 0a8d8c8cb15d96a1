"""A MediaWiki as a corpus, over its Action API: a full-text search, then the plain text of the pages that were found.

Polite by the API's etiquette: one request at a time and a pause between them, `maxlag`, `Retry-After`, a user agent
that says what this is and whom to write to. Nothing but keywords is sent, and only to the address that was given: a
redirect is not followed.

What is found is cut into passages as local files are, and the passages of the pages are ranked among themselves.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from refinelab_dsl import __version__
from refinelab_dsl.diagnostics.catalog import retrieval as faults
from refinelab_dsl.effects import Passage
from refinelab_dsl.exchange.connections import CleanConnector
from refinelab_dsl.providers.wire import read_retry_after
from refinelab_dsl.retrieval.corpus import CorpusUnavailable
from refinelab_dsl.retrieval.index import Index
from refinelab_dsl.retrieval.keywords import join_query, split_query
from refinelab_dsl.retrieval.pages import LENGTHS, MOST_PAGES
from refinelab_dsl.retrieval.passages import cut_passages
from refinelab_dsl.retrieval.plain_text import strip_markup

PAUSE: Final = 0.5
"""Seconds between two requests."""

_MOST_BYTES: Final = 16 * 2**20
_MOST_CONTINUATIONS: Final = 20
_PAGES_KEPT: Final = 512
_TRANSIENT: Final = frozenset({"maxlag", "ratelimited", "readonly"})
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Politeness:
    """pause: seconds between two requests. lag: seconds by which the wiki's databases may lag behind. tries: of one
    request. wait: seconds before the second try where the wiki does not say, doubled each time. most_wait: a wiki that
    asks for more is given up. timeout: seconds of one request. contact: whom the wiki's operators may write to."""

    pause: float = PAUSE
    lag: int = 5
    tries: int = 5
    wait: float = 2.0
    most_wait: float = 120.0
    timeout: float = 30.0
    contact: str = ""


@dataclass(frozen=True, slots=True)
class _Page:
    id: int
    title: str


class MediaWiki:
    """The wiki whose API stands at `address`. name: how passages and diagnostics call it, such as `wikipedia:en`.

    Needs the extra `search` (`index.is_available`).
    """

    def __init__(self, name: str, address: str, politeness: Politeness = Politeness()) -> None:
        self._name = name
        self._address = address
        self._politeness = politeness
        self._turn = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._free_at = 0.0  # of the loop's clock: when the next request may be made
        self._read: OrderedDict[int, tuple[Passage, ...]] = OrderedDict()  # page -> its passages, the last used last

    async def search(self, query: str, top_k: int) -> tuple[Passage, ...]:
        keywords = split_query(query)
        async with self._turn:
            pages: Sequence[_Page] = ()
            for length in dict.fromkeys(min(length, len(keywords)) for length in LENGTHS):
                if length and not pages:
                    pages = await self._find_pages(join_query(keywords[:length]))
            passages = [passage for page in await self._read_pages(pages) for passage in page]
        return Index(passages).search(query, top_k)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _find_pages(self, query: str) -> list[_Page]:
        answer = await self._ask({
            "action": "query", "list": "search", "srsearch": query, "srlimit": MOST_PAGES, "srnamespace": 0,
            "srprop": "", "srwhat": "text",  # MediaWiki's own search looks at titles alone if it is not told
        })  # fmt: skip
        found = _member(answer, "query", "search")
        if not isinstance(found, list):
            raise self._unavailable("its answer holds no search results")
        return list(_list_pages(found))

    async def _read_pages(self, pages: Sequence[_Page]) -> list[tuple[Passage, ...]]:
        missing = [page for page in pages if page.id not in self._read]
        if missing:
            texts = await self._fetch_extracts(missing)
            for page in missing:
                text = texts.get(page.id) or await self._fetch_parsed(page)
                self._read[page.id] = tuple(_cut_page(self._name, page, text))
        for page in pages:
            self._read.move_to_end(page.id)
        read = [self._read[page.id] for page in pages]
        while len(self._read) > _PAGES_KEPT:
            self._read.popitem(last=False)
        return read

    async def _fetch_extracts(self, pages: Sequence[_Page]) -> dict[int, str]:
        """The plain text of pages, where the wiki has the extension that gives it: whole texts come one at a time, and
        the answer says how to go on."""
        asked: dict[str, Any] = {
            "action": "query", "prop": "extracts", "explaintext": 1, "exlimit": "max", "exsectionformat": "wiki",
            "pageids": "|".join(str(page.id) for page in pages),
        }  # fmt: skip
        texts: dict[int, str] = {}
        further: Mapping[str, Any] = {}
        for _ in range(_MOST_CONTINUATIONS):
            answer = await self._ask({**asked, **further})
            found = _member(answer, "query", "pages")
            if not isinstance(found, list):
                raise self._unavailable("its answer holds no pages")
            for entry in found:
                if isinstance(entry, dict) and isinstance(entry.get("extract"), str) and _is_id(entry.get("pageid")):
                    texts[entry["pageid"]] = entry["extract"]
            rest = answer.get("continue")
            if not isinstance(rest, dict) or len(texts) == len(pages):
                break
            further = {name: value for name, value in rest.items() if isinstance(value, str | int)}
        return texts

    async def _fetch_parsed(self, page: _Page) -> str:
        """The text of a page from its HTML, for wikis without plain text."""
        answer = await self._ask(
            {"action": "parse", "pageid": page.id, "prop": "text", "disableeditsection": 1, "disabletoc": 1},
            missing=("missingtitle", "nosuchpageid", "pagecannotexist"),
        )
        text = _member(answer, "parse", "text")
        return strip_markup(text) if isinstance(text, str) else ""

    async def _ask(self, parameters: Mapping[str, Any], *, missing: Sequence[str] = ()) -> dict[str, Any]:
        """The answer to one request, after as many tries as it takes; empty where the wiki has no such page.

        Raises:
            CorpusUnavailable
        """
        politeness = self._politeness
        asked = {"format": "json", "formatversion": 2, "maxlag": politeness.lag, **parameters}
        wait, reason = politeness.wait, ""
        for number in range(politeness.tries):
            await self._pause()
            try:
                answer = await self._try(asked)
            except _Busy as busy:
                reason = busy.reason
                seconds = wait if busy.retry_after is None else busy.retry_after
                if seconds > politeness.most_wait:
                    raise self._unavailable(f"{reason}, and asks to wait {seconds:g} seconds") from None
                if number + 1 < politeness.tries:
                    await asyncio.sleep(seconds)
                wait *= 2
                continue
            code = _error_code(answer)
            if code in missing:
                return {}
            if code is not None:
                raise self._unavailable(f"it refuses the request: {_describe_error(answer)}")
            return answer
        raise self._unavailable(f"{reason}, {politeness.tries} times in a row")

    async def _pause(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._free_at - loop.time()))

    async def _try(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        session = self._open_session()
        try:
            async with session.get(self._address, params=parameters, allow_redirects=False) as response:
                body = await response.content.read(_MOST_BYTES + 1)
                while len(body) <= _MOST_BYTES and not response.content.at_eof():
                    body += await response.content.read(_MOST_BYTES + 1 - len(body))
                status, retry_after = response.status, read_retry_after(
                    {name.lower(): value for name, value in response.headers.items()}, datetime.now(UTC)
                )
        except TimeoutError:
            raise _Busy("it does not answer in time") from None
        except aiohttp.ClientConnectorCertificateError:
            raise self._unavailable("its certificate is not valid") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _Busy(f"the connection fails ({type(error).__name__})") from None
        finally:
            self._free_at = asyncio.get_running_loop().time() + self._politeness.pause
        if status == 429 or status >= 500:
            raise _Busy(f"it answers with status {status}", retry_after)
        if 300 <= status < 400:
            raise self._unavailable("it redirects to another address, which is not followed")
        if status != 200:
            raise self._unavailable(f"it answers with status {status}")
        if len(body) > _MOST_BYTES:
            raise self._unavailable(f"its answer is larger than {_MOST_BYTES >> 20} MiB")
        answer = _read_json(body)
        if answer is None:
            raise self._unavailable("its answer is no JSON object")
        code = _error_code(answer)
        if code is not None and (code in _TRANSIENT or code.startswith("internal_api_error")):
            raise _Busy(f"it is busy ({_describe_error(answer)})", retry_after)
        return answer

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            contact = self._politeness.contact or "no contact given"
            agent = f"refinec/{__version__} (dataset refinement; {contact}) aiohttp/{aiohttp.__version__}"
            self._session = aiohttp.ClientSession(
                headers={"User-Agent": agent, "Accept": "application/json"},
                timeout=aiohttp.ClientTimeout(total=self._politeness.timeout),
                connector=CleanConnector(),  # what is left on a connection answers no question of ours
            )
        return self._session

    def _unavailable(self, reason: str) -> CorpusUnavailable:
        return CorpusUnavailable(faults.wiki_unavailable(self._name, self._address, reason))


class _Busy(Exception):
    """A failure that another try may mend."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


def _list_pages(found: Sequence[Any]) -> Iterator[_Page]:
    for entry in found:
        if isinstance(entry, dict) and _is_id(entry.get("pageid")) and isinstance(entry.get("title"), str):
            yield _Page(entry["pageid"], entry["title"])


def _cut_page(wiki: str, page: _Page, text: str) -> Iterator[Passage]:
    """Passages of a page; headings (`== History ==`) are borders between paragraphs."""
    lines = ("" if line.startswith("==") and line.rstrip().endswith("==") else line for line in text.split("\n"))
    for number, passage in enumerate(cut_passages("\n\n".join(lines)), 1):
        yield Passage(f"{wiki}:{page.id}#{number}", page.title, passage)


def _read_json(body: bytes) -> dict[str, Any] | None:


    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _error_code(answer: Mapping[str, Any]) -> str | None:
    """The code of an error, in either of the shapes that the API has for one."""
    error = _error(answer)
    return None if error is None else str(error.get("code", "unknown"))


def _describe_error(answer: Mapping[str, Any]) -> str:
    error = _error(answer) or {}
    said = str(error.get("info") or error.get("text") or "")
    text = f"{error.get('code', 'unknown')}: {said}" if said else str(error.get("code", "unknown"))
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _error(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    if "error" in answer:
        error = answer["error"]
        return error if isinstance(error, dict) else {"code": str(error)}
    errors = answer.get("errors")
    if isinstance(errors, list) and errors:
        return errors[0] if isinstance(errors[0], dict) else {"code": str(errors[0])}
    return None


def _member(answer: Mapping[str, Any], *names: str) -> Any:
    value: Any = answer
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
