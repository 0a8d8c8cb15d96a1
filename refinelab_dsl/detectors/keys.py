"""Secrets: keys and tokens by the marks that their makers put in front, and values that are assigned to a name such as
`password`. Long random text alone is none: hashes, digests and identifiers look the same."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from refinelab_dsl.detectors.detection import Detection

SAMPLE: Final = "EXAMPLE"
"""In the keys of manuals, and in those that `pseudonyms` writes."""

_MARKED: Final = re.compile(
    r"(?<![\w-])(?:sk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{40,}|"
    r"glpat-[\w-]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35}|xox[abeprs]-[A-Za-z0-9-]{20,}|"
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,}|"
    r"pypi-[\w-]{40,}|dop_v1_[a-f0-9]{40,}|shp(?:at|ca|pa|ss)_[a-f0-9]{32}|"
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,})(?![\w-])"
)
_BLOCK: Final = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*([\w+/=\s\\]{16,}?)\s*-----END")
_IN_URL: Final = re.compile(r"://[^\s:/@]{0,64}:([^\s/@]{4,64})@[\w.-]+")
_BEARER: Final = re.compile(r"(?i)\bbearer[ :]+([A-Za-z0-9_~+/.-]{16,}=*)")
_NAME: Final = (
    r"(?:pass(?:word|wd|phrase)?|passwort|pwd|pw|secret(?:[_-]?(?:access|api))?(?:[_-]?key)?|client[_-]?secret|"
    r"(?:x-)?(?:api|access|auth|account|private|encryption|signing)[_-]?(?:key|token)|(?:[a-z]+[_-])?auth[_-]?token|"
    r"token|credential|sendgrid|[a-z]+[_-](?:api[_-]?key|token|secret|password))"
)
_ASSIGNED: Final = re.compile(
    rf"(?i)(?<![a-z0-9])[\w.-]{{0,24}}?{_NAME}[\"']?\s{{0,2}}(?:=>|:=|[:=]|\bis\b)\s{{0,2}}(?P<quote>[\"'`]?)"
    r"(?P<value>[^\s\"'`,]{6,200})"
)
_NO_VALUE: Final = re.compile(
    r"(?i)^(?:\*+|x+|\.+|none|null|true|false|env|var|your.*|change.?me|redacted|os\.environ.*|\$\{?\w+\}?|%\w+%|"
    r"[<{\[(].*[>}\])].*|<.*|.*EXAMPLE.*|https?:.*|[a-z_][\w.]*[(\[].*[)\]].*|[a-z_][\w.]*\($|[a-z_][\w.]*\(.*)$"
)
_SIGNS: Final = (
    "sk-", "gh", "glpat", "akia", "asia", "aiza", "xox", "k_live", "k_test", "sg.", "npm_", "hf_", "pypi", "dop_",
    "shp", "eyj", "begin", "://", "bearer", "pass", "pw", "secret", "key", "token", "credential", "sendgrid",
)  # fmt: skip
"""One of them is in every text that holds a secret."""


def find_keys(text: str) -> Iterator[Detection]:
    """The secret alone, not the name that it is assigned to."""
    lower = text.lower()
    if not any(sign in lower for sign in _SIGNS):
        return
    for match in _MARKED.finditer(text):
        if SAMPLE not in match[0].upper():
            yield Detection(match.start(), match.end(), "key", 0.97, match[0][:4])
    for match in _BLOCK.finditer(text):
        if SAMPLE not in match[1]:
            yield Detection(*match.span(1), "key", 0.99)
    for pattern, sure in ((_IN_URL, 0.9), (_BEARER, 0.9)):
        for match in pattern.finditer(text):
            if not _NO_VALUE.match(match[1]) and SAMPLE not in match[1].upper():
                yield Detection(*match.span(1), "key", sure)
    for match in _ASSIGNED.finditer(text):
        quoted = bool(match["quote"])
        value = match["value"] if quoted else match["value"].rstrip(".;")
        if _NO_VALUE.match(value) or not _is_secret(value, quoted):
            continue
        yield Detection(match.start("value"), match.start("value") + len(value), "key", 0.85)


def _is_secret(value: str, quoted: bool) -> bool:
    """Whether a value is as mixed as passwords are: signs of two sorts at least, and not a word of a program."""
    sorts = sum(bool(re.search(sort, value)) for sort in ("[a-z]", "[A-Z]", "[0-9]", r"[^\w]"))
    if sorts < 2 or value.isdigit():
        return False
    if not quoted and re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", value):
        return False  # an attribute
    return entropy(value) >= (2.0 if quoted else 2.5)


def entropy(text: str) -> float:
    """Shannon's entropy of the characters of a text, in bits per character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())
