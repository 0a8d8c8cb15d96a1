"""Toxic text by a list: what is an insult wherever it stands, what is one when it is said to somebody, threats, and
judgements of whole groups. It knows no irony and no quotation; a model that is asked (`classify`) does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from refinelab_dsl.detectors.detection import SURE, TOXICITY, Detection

_ALWAYS: Final = (
    r"(?:mother)?f[u*@#]+c?k(?:ing|er|ers|ed|s)?", r"bullsh[i1*!]t", r"(?:ass|arse)holes?", r"dumb ?ass(?:es)?",
    r"c[u*]nts?", r"wh[o0*]res?", r"sluts?", r"retard(?:s|ed)?", r"sub-?human(?:s)?", r"dipsh[i1*]t", r"shithead",
    r"stfu", r"kys", r"gtfo", r"wanker", r"douchebag",
)  # fmt: skip
_THREATS: Final = (
    r"(?:go )?kill yourself", r"die in a fire", r"(?:burn|rot) in hell", r"go to hell", r"drop dead",
    r"(?:i will|i'll|i'm gonna|im gonna|i am going to|we will) (?:find|hurt|kill|beat|hunt|destroy)[^.!?\n]{0,40}",
    r"shut (?:the \w+ )?up", r"hope you (?:die|suffer|choke)[^.!?\n]{0,20}",
)  # fmt: skip
_INSULTS: Final = (
    r"idiots?", r"morons?", r"imbeciles?", r"losers?", r"scum(?:bag)?", r"vermin", r"trash", r"garbage", r"filth",
    r"filthy(?: \w+)?", r"stupid(?: \w+)?", r"dumb(?: \w+)?", r"pathetic(?: \w+)?", r"worthless(?: \w+)?",
    r"disgusting(?: \w+)?", r"creeps?", r"bitch(?:es)?", r"bastards?", r"crap", r"shit", r"pigs?", r"fat (?:pig|cow)",
    r"parasites?", r"noobs?", r"lazy (?:\w+ )?(?:pig|bum)", r"clowns?", r"jerks?",
)  # fmt: skip
_GROUPS: Final = (
    r"(?:all |most )?(?:immigrants|foreigners|refugees|women|men|jews|muslims|christians|blacks|whites|gays|asians|"
    r"gypsies|old people|those people|these people|you people|people like you)"
)
_JUDGED: Final = (
    r"(?:criminals?|stupid|animals?|scum|vermin|filth|trash|parasites?|inferior|dirty|lazy|liars?|thieves|terrorists?|"
    r"subhuman\w*|rapists?)"
)


def _join(words: tuple[str, ...]) -> str:
    return rf"(?<![\w/-])(?:{'|'.join(words)})(?![\w/])"


_STRONG: Final = re.compile(f"(?i){_join((*_ALWAYS, *_THREATS))}")
_WEAK: Final = re.compile(f"(?i){_join(_INSULTS)}")
_GROUP: Final = re.compile(
    rf"(?i)(?<!\w){_GROUPS} (?:are|is) (?:all |just |too |nothing but |so )*{_JUDGED}[^.!?\"\n]{{0,24}}"
)
_SAID_TO: Final = re.compile(
    r"(?i)(?<!\w)(?:you|you're|youre|your|ur|u|yourself|he is|she is|he's|she's|they are|they're|called (?:me|him|her|"
    r"them)|what an?|such an?|only an?|gg|ez|all of them|the waiter|those people|teacher|person|guy|uninstall)(?!\w)"
)
_SAID_OF_THINGS: Final = re.compile(r"(?i)\b(?:novel|book|breed|species|such as rats|dice|game|meat|latin|collected)\b")


_STEMS: Final = (
    "fuck", "fck", "f*", "fu*", "f@", "f#", "ass", "arse", "shit", "sh1", "sh*", "sh!", "bull", "cunt", "c*", "cu*",
    "whore", "wh0", "wh*", "slut", "retard", "human", "stfu", "kys", "gtfo", "wanker", "douche", "kill yourself", "die",
    "hell", "drop dead", "find", "hurt", "kill", "beat", "hunt", "destroy", "shut", "hope", "idiot", "moron",
    "imbecile", "loser", "scum", "vermin", "trash", "garbage", "filth", "stupid", "dumb", "pathetic", "worthless",
    "disgusting", "creep", "bitch", "bastard", "crap", "pig", "fat ", "parasite", "noob", "lazy", "clown", "jerk",
    "criminal", "inferior", "dirty", "liar", "thie", "terrorist", "rapist", "animal",
)  # fmt: skip
"""One of them is in every text that holds any. Most texts have none, and are done with."""


def find_toxicity(text: str) -> Iterator[Detection]:
    """Insults, threats, and judgements of groups; those that overlap are one."""
    lower = text.lower()
    if not any(stem in lower for stem in _STEMS):
        return
    found = sorted((each for each in _find_each(text) if each.confidence >= SURE), key=lambda each: each.start)
    joined: list[Detection] = []
    for each in found:
        last = joined[-1] if joined else None
        if last is not None and each.start < last.end:
            joined[-1] = replace(
                last, end=max(last.end, each.end), confidence=max(last.confidence, each.confidence)
            )
        else:
            joined.append(each)
    yield from joined
    yield from (each for each in _find_each(text) if each.confidence < SURE)


def _find_each(text: str) -> Iterator[Detection]:
    for match in _STRONG.finditer(text):
        yield Detection(*match.span(), TOXICITY, 0.85)
    for match in _GROUP.finditer(text):
        yield Detection(*match.span(), TOXICITY, 0.8)
    for match in _WEAK.finditer(text):
        around = text[max(0, match.start() - 36) : match.end() + 24]
        beside = text[max(0, match.start() - 36) : match.start()] + " " + text[match.end() : match.end() + 24]
        said = _SAID_TO.search(beside) and not _SAID_OF_THINGS.search(around)
        yield Detection(*match.span(), TOXICITY, 0.7 if said else 0.25)
