"""What can go wrong with one answer of an endpoint. Each kind spoils one thing: the answer as a whole, the reply as a
JSON value, its bytes, or their delivery."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from refinelab_dsl.providers.draw import Draw

FaultKind = Literal[
    "status", "slow", "hang", "reset", "drop", "duplicate", "doubled", "invalid_json", "not_utf8", "no_body",
    "wrong_schema", "cut", "refusal", "filtered", "empty", "blank", "wrong_model", "no_usage", "large_usage",
    "one_less", "not_finite", "narrow", "zero", "reordered",
]  # fmt: skip

Reply: TypeAlias = dict[str, Any]

VECTORS: Final = ("one_less", "not_finite", "narrow", "zero", "reordered")
"""Kinds that only a reply with vectors can have."""

TEXTS: Final = ("wrong_schema", "cut", "refusal", "filtered", "blank")
"""Kinds that only a reply with a text can have."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    status: no answer but `status`, with `retry_after` as header and `message`, `code`, `param` in the body.
    slow: `seconds` late, then the reply. hang: no answer until the client leaves.
    reset: the connection closes before any answer. drop: half of the body, then the connection closes.
    duplicate: the whole answer twice, the second one unasked. doubled: the body twice in one answer.
    invalid_json, not_utf8, no_body: bytes that cannot be read.
    wrong_schema: a text that is no item. cut: the text ends halfway, by length. refusal, filtered: the model, or a
    filter behind it, declines. empty: no choice (no vector). blank: a choice without text.
    wrong_model: the reply says that `model` wrote it. no_usage; large_usage: `factor` times the tokens.
    Of vectors: one_less than there are texts, not_finite, narrow (fewer numbers), zero; reordered: the last one first,
    which `index` says, so it is no mistake.
    """

    kind: FaultKind
    status: int = 500
    retry_after: str | None = None
    message: str = "the server is having a bad day"
    code: str | None = None
    param: str | None = None
    seconds: float = 1.0
    factor: int = 1_000
    model: str = "another-model"

    @property
    def outcome(self) -> str:
        """What a count of outcomes calls it."""
        return f"status {self.status}" if self.kind == "status" else self.kind


def choose_fault(chances: Sequence[tuple[Fault, float]], seed: int, key: str, tries: int) -> Fault | None:
    """The fault of one request, or None: the same for the same seed, body and number of the try."""
    chance = Draw("fault", seed, key, tries).unit()
    for fault, share in chances:
        if chance < share:
            return fault
        chance -= share
    return None


def is_possible(fault: Fault, reply: Mapping[str, Any]) -> bool:
    """Whether a reply can be spoilt so."""
    return fault.kind not in (TEXTS if "data" in reply else VECTORS)


def spoil_reply(fault: Fault, reply: Mapping[str, Any]) -> Reply:
    """The reply with what this fault changes in it; the same where it changes nothing there."""
    spoil = _REPLIES.get(fault.kind)
    spoilt = copy.deepcopy(dict(reply))
    if spoil is not None and is_possible(fault, reply):
        spoil(fault, spoilt)
    return spoilt


def spoil_bytes(fault: Fault, content: bytes) -> bytes:
    """The body with what this fault changes in it."""
    match fault.kind:
        case "invalid_json":
            return content[:-5] + b"#"
        case "not_utf8":
            place = content.index(b'"model"') if b'"model"' in content else 1
            return content[:place] + b'"note": "\xff\xfe\xc3(", ' + content[place:]
        case "no_body":
            return b""
        case "doubled":
            return content * 2
        case _:
            return content


def parse_chance(text: str) -> tuple[Fault, float]:
    """`drop=0.1`, `429=0.2`, `429:2=0.2`: a kind of fault or a status, what it takes, and its share of the requests.

    After the colon: of a status the seconds of its `Retry-After`, of `slow` its seconds, of `large_usage` its factor,
    of `wrong_model` the id that the reply names.

    Raises:
        ValueError: it is none; the message says what is wrong.
    """
    name, equals, number = text.rpartition("=")
    if not equals:
        raise ValueError(f"{text!r} has no share: KIND=SHARE, as in `429=0.1`")
    share = _number(number)
    if share is None or share > 1:
        raise ValueError(f"{number!r} is no share: a number from 0 to 1")
    kind, colon, detail = name.partition(":")
    return _parse_fault(kind, detail if colon else None), share


def _parse_fault(kind: str, detail: str | None) -> Fault:
    if kind.isascii() and kind.isdigit():
        status = int(kind)
        if not 400 <= status <= 599:
            raise ValueError(f"{kind} is no status of a failure: 400 to 599")
        if detail is not None and _number(detail) is None:
            raise ValueError(f"{detail!r} is no time: `{kind}:2` asks the client to wait for 2 seconds")
        code = "rate_limit_exceeded" if status == 429 else None
        return Fault("status", status=status, retry_after=detail, code=code)
    if kind == "status" or kind not in get_args(FaultKind):
        known = ", ".join(each for each in get_args(FaultKind) if each != "status")
        raise ValueError(f"no fault is called {kind!r}: a status like 429, or one of {known}")
    if detail is None:
        return Fault(kind)  # type: ignore[arg-type]
    amount = _number(detail)
    match kind:
        case "slow" if amount is not None:
            return Fault("slow", seconds=amount)
        case "large_usage" if amount is not None and amount >= 1:
            return Fault("large_usage", factor=int(amount))
        case "wrong_model" if detail:
            return Fault("wrong_model", model=detail)
        case "slow" | "large_usage":
            raise ValueError(f"{detail!r} is no number: `{kind}:3`")
        case _:
            raise ValueError(f"{kind!r} takes nothing after a colon")


def _number(text: str) -> float | None:
    """A finite number that is not negative."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _message(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = reply["choices"][0]["message"]
    return message


def _put_text(reply: Reply, text: str, reason: str) -> None:
    _message(reply)["content"] = text
    reply["choices"][0]["finish_reason"] = reason


def _wrong_schema(fault: Fault, reply: Reply) -> None:
    _put_text(reply, json.dumps({"unexpected": True}), "stop")


def _cut(fault: Fault, reply: Reply) -> None:
    text = str(_message(reply)["content"])
    _put_text(reply, text[: len(text) // 2], "length")


def _refusal(fault: Fault, reply: Reply) -> None:
    _message(reply).update(content=None, refusal="I cannot help with that.")


def _filtered(fault: Fault, reply: Reply) -> None:
    _put_text(reply, "", "content_filter")


def _empty(fault: Fault, reply: Reply) -> None:
    reply["choices" if "choices" in reply else "data"] = []


def _blank(fault: Fault, reply: Reply) -> None:
    _put_text(reply, "", "stop")


def _wrong_model(fault: Fault, reply: Reply) -> None:
    reply["model"] = fault.model


def _no_usage(fault: Fault, reply: Reply) -> None:
    del reply["usage"]


def _large_usage(fault: Fault, reply: Reply) -> None:
    reply["usage"] = {name: count * fault.factor for name, count in reply["usage"].items()}


def _one_less(fault: Fault, reply: Reply) -> None:
    del reply["data"][-1]


def _not_finite(fault: Fault, reply: Reply) -> None:
    reply["data"][0]["embedding"][1] = math.nan


def _narrow(fault: Fault, reply: Reply) -> None:
    del reply["data"][-1]["embedding"][-1]


def _zero(fault: Fault, reply: Reply) -> None:
    reply["data"][0]["embedding"] = [0] * len(reply["data"][0]["embedding"])


def _reordered(fault: Fault, reply: Reply) -> None:
    reply["data"].reverse()


_REPLIES: Final[Mapping[str, Callable[[Fault, Reply], None]]] = {
    "wrong_schema": _wrong_schema,
    "cut": _cut,
    "refusal": _refusal,
    "filtered": _filtered,
    "empty": _empty,
    "blank": _blank,
    "wrong_model": _wrong_model,
    "no_usage": _no_usage,
    "large_usage": _large_usage,
    "one_less": _one_less,
    "not_finite": _not_finite,
    "narrow": _narrow,
    "zero": _zero,
    "reordered": _reordered,
}
