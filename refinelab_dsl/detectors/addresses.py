"""E-mail addresses and IP addresses. Those that are reserved for documentation, and those that lead nowhere outside of
a house, are nobody's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from refinelab_dsl.detectors.detection import Detection

RESERVED_DOMAINS: Final = ("example.com", "example.org", "example.net")  # RFC 2606
RESERVED_ENDINGS: Final = ("example", "test", "invalid", "localhost")

_EMAIL: Final = re.compile(
    r"(?<![\w.+%'\u2019/-])[^\W_][\w.+%'\u2019-]{0,63}@(?:[^\W_](?:[\w-]{0,62}[^\W_])?\.){1,5}[^\W\d_]{2,24}(?![\w-])"
)
_FILES: Final = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "html", "json", "py", "yml"})
_V4: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_V6: Final = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]{2,38}(?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:]|\.\w)")
_VERSION: Final = re.compile(
    r"(?i)(?:\b(?:v|ver|version|release|build|section|clause|chapter|paragraph|article|revision|rev|firmware|kernel|"
    r"update|upgrade|sdk|api|patch|step|appendix)|§)[\s.=:(-]{0,3}$"
)
_HOST: Final = re.compile(
    r"(?i)(?:\b(?:ip|ips|ipv4|host|addr(?:ess)?|server|client|peer|src|dst|source|from|ping|router|gateway|dns|subnet|"
    r"login|logged|request|banned|blocked|nmap|ssh|curl|proxy)\b|@|//)"
)
_SMALL: Final = 20  # versions count up from nothing; few of their parts are larger


def find_emails(text: str) -> Iterator[Detection]:
    """Addresses with a domain that could exist."""
    if "@" not in text:
        return
    for match in _EMAIL.finditer(text):
        local, _, domain = match[0].rpartition("@")
        ending = domain.rpartition(".")[2].lower()
        if ending in RESERVED_ENDINGS or ending in _FILES or is_reserved(domain):
            continue
        if local in ("git", "hg") and text[match.end() : match.end() + 1] in (":", "/"):
            continue  # where a repository is
        if "://" in text[: match.start()].rpartition(" ")[2]:
            continue  # a user and a password before a host
        yield Detection(match.start(), match.end(), "email", 0.97)


def is_reserved(domain: str) -> bool:
    """Whether a domain is set aside for documentation."""
    name = domain.lower()
    return name.endswith(tuple(f".{each}" for each in RESERVED_ENDINGS)) or any(
        name == each or name.endswith(f".{each}") for each in RESERVED_DOMAINS
    )


def find_ips(text: str) -> Iterator[Detection]:
    """Addresses of the public net. Four small numbers are a version unless a word before them says otherwise."""
    for match in _V4.finditer(text):
        if not _is_public(match[0]):
            continue
        before = text[max(0, match.start() - 28) : match.start()]
        if _VERSION.search(before):
            continue
        small = all(int(part) < _SMALL for part in match[0].split("."))
        sure = 0.9 if _HOST.search(before) else 0.3 if small else 0.75
        yield Detection(match.start(), match.end(), "ip", sure, "4")
    for match in _V6.finditer(text):
        # 2000::/3 is what has been given out; below it stand slices of programs, such as `1::2`.
        if match[0].count(":") >= 2 and match[0][0] in "23" and match[0][3:4] != ":" and _is_public(match[0]):
            yield Detection(match.start(), match.end(), "ip", 0.9, "6")


def _is_public(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast
