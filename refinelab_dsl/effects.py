"""What a program of calls may ask for, and what it is sent back.

A step, a paid validator and a paid measure are *programs*: generators that yield effects and are sent what came of
them. They do no input and no output themselves, so one and the same program is driven by the runtime (ledger, journal,
store), by replay (stored outcomes) and by tests (scripted ones). A program is a pure function of its arguments and of
the outcomes it is sent: no clock, no random draw that does not follow from the spec's seed and the item.

Every outcome is kept as a `Completion` under the effect's content key, so nothing is done twice and a resumed run gives
the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, TypeVar

import msgspec

from refinelab_dsl.declarations import Embedding
from refinelab_dsl.prompts.request import Completion, Request, Usage, request_key
from refinelab_dsl.prompts.tokens import call_ceiling, count_tokens, price_usd, request_tokens

SANDBOX: Final = "sandbox"
SALT: Final = "salt"
UNASKED: Final[Mapping[str, str]] = MappingProxyType({SANDBOX: "run", SALT: "salt"})
"""What ask nobody, and how logs call what they do; the rest that asks no model searches."""

EMBEDDING_LINE: Final = "embedding."
"""What stands before the name of an embedding where the lines of a run are named."""

Level: TypeAlias = Literal["embedded", "strict"]
"""Where programs of models run: an interpreter of a subset of Python, or a process that has nothing."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a corpus. `id` is stable: the same corpus gives the same ids."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Retrieve:
    """The `top_k` passages of a corpus that fit a query best. corpus: the name of a corpus that the plan knows.
    content: the hash of what it holds, as the plan has it, so that another edition of it is asked anew.

    Comes back as `tuple[Passage, ...]`, the best first; empty where nothing fits.
    """

    corpus: str
    query: str
    top_k: int
    content: str = ""


@dataclass(frozen=True, slots=True)
class Execute:
    """Runs a program that a model wrote. level: which sandbox. answer: the variable whose value is the result, None
    where only whether it runs through counts. Comes back as `Outcome`."""

    code: str
    level: Level
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a program; nothing in it depends on the clock.

    status: `ok`, it ran to its end; `failed`, it raised an exception; `timeout`, `memory`, `output`, it went beyond a
    bound; `crashed`, its process ended in a way of its own (`os._exit`, a signal); `unsupported`, the sandbox lacks
    something that it needs, so this is no verdict on the program.
    value: `str()` of the wanted variable. message: the kind of what went wrong in words of the sandbox, fit for a log.
    detail: what the exception said, cut short, and stdout: what was printed; both are the program's own words.
    """

    status: Literal["ok", "failed", "timeout", "memory", "output", "unsupported", "crashed"]
    value: str | None = None
    message: str = ""
    detail: str = ""
    stdout: str = ""


@dataclass(frozen=True, slots=True)
class Embed:
    """Texts as vectors of a paid embedding. Comes back as `list[list[float]]`, one row per text, in order."""

    embedding: Embedding
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Salt:
    """A random text that is kept in the store alone: what is hashed with it in a log cannot be guessed at by who has
    the log. purpose: tells salts apart. Comes back as `str`."""

    purpose: str


Effect: TypeAlias = Request | Retrieve | Execute | Embed | Salt
T = TypeVar("T")
Program: TypeAlias = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a paid validator found of one item.

    confidence: in [0, 1]. reason: in the validator's own words, without text of the dataset or of a reply (it is
    logged). answer: what the answer should be, where the item's own is refuted and another is supported. passages:
    the ids of those that it rests on.
    """

    verdict: Literal["supported", "refuted", "unknown"]
    confidence: float
    reason: str = ""
    answer: str | None = None
    passages: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Measured:
    """What a paid measure found of one item. value: a label, a number, or None where it could not be told. error: the
    standard error of a number, where there is one. settled: whether a number that is found in rounds came to rest."""

    value: str | float | None
    error: float | None = None
    settled: bool = True


def effect_key(effect: Effect) -> str:
    """The content key (hex SHA-256) of an effect: what is asked, of whom."""
    if isinstance(effect, Request):
        return request_key(effect)
    content = {"effect": type(effect).__name__, **msgspec.to_builtins(effect, enc_hook=_plain)}
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def split_vectors(effect: Embed, completion: Completion) -> tuple[tuple[str, Completion], ...]:
    """The reply to several texts as one for each of them, under its content key, as if each had been asked about alone.
    What was charged is shared out by their tokens; the shares add up to it.

    Raises:
        msgspec.MsgspecError: the reply holds no vectors.
    """
    vectors = msgspec.json.decode(completion.text, type=list[list[float]])
    weights = [1 + count_tokens(text, effect.embedding.id) for text in effect.texts]
    total, before, found = sum(weights), 0, []
    for text, vector, weight in zip(effect.texts, vectors, weights, strict=True):
        usage = completion.usage
        if usage is not None:
            sent = usage.input_tokens
            usage = Usage(sent * (before + weight) // total - sent * before // total, 0)
        before += weight
        own = replace(completion, text=encode_outcome([vector]), usage=usage)
        found.append((effect_key(Embed(effect.embedding, (text,))), own))
    return tuple(found)


def effect_line(effect: Effect) -> str:
    """Who performs an effect: the declared model, `embedding.NAME`, `corpus.NAME` or the sandbox."""
    match effect:
        case Request():
            return effect.model.name
        case Retrieve():
            return f"corpus.{effect.corpus}"
        case Embed():
            return f"{EMBEDDING_LINE}{effect.embedding.name}"
        case Execute():
            return SANDBOX
        case Salt():
            return SALT


def effect_ceiling(effect: Effect) -> tuple[int, int]:
    """The most (input, output) tokens of an effect."""
    match effect:
        case Request():
            return call_ceiling(effect)
        case Embed():
            return sum(len(text.encode("utf-8", "replace")) + 4 for text in effect.texts), 0
        case _:
            return 0, 0


def effect_tokens(effect: Effect) -> int:
    """Tokens that an effect is expected to count against a rate limit."""
    match effect:
        case Request():
            return request_tokens(effect) + effect.max_output_tokens
        case Embed():
            return sum(count_tokens(text, effect.embedding.id) for text in effect.texts)
        case _:
            return 0


def effect_usd(effect: Effect, usage: Usage) -> Decimal | None:
    """Dollars for what an effect took; None where the price is unknown."""
    match effect:
        case Request():
            return price_usd(effect.model, usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)
        case Embed():
            return None if effect.embedding.price is None else effect.embedding.price * usage.input_tokens
        case _:
            return Decimal(0)


def encode_outcome(value: Any) -> str:
    """What comes of an effect other than a call to a model, as the text that is kept."""
    return msgspec.json.encode(value, order="deterministic").decode()


def decode_outcome(effect: Effect, completion: Completion) -> Any:
    """What a program is sent for an effect.

    Raises:
        msgspec.MsgspecError: what was kept is no outcome of this effect.
    """
    match effect:
        case Request():
            return completion
        case Retrieve():
            return msgspec.json.decode(completion.text, type=tuple[Passage, ...])
        case Execute():
            return msgspec.json.decode(completion.text, type=Outcome)
        case Embed():
            return msgspec.json.decode(completion.text, type=list[list[float]])
        case Salt():
            return msgspec.json.decode(completion.text, type=str)


def _plain(value: Any) -> Any:
    if isinstance(value, Embedding):
        return {"provider": value.provider, "id": value.id, "base_url": value.base_url}
    raise TypeError(type(value).__name__)
