"""What the simulated model answers to a `scrub`. A good rewrite puts the pseudonyms in, and a mild word for what has
none. A bad one has one fault, each as likely: it misses a part, it changes more than it should, or it invents an
address instead of the one that it was given. How many are bad is `1 - success` of the model's `params`, a fifth by
default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from refinelab_dsl.prompts.request import Subject
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.vocabulary import ADJECTIVES, NAMES, NOUNS, VERBS

FAULTS: Final = ("miss", "more", "invent")
_MILD: Final = "unkind"


def rewrite_parts(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """`{"parts": [...]}`."""
    about: Mapping[str, Any] = subject.item["about"]
    found, pseudonyms = list(map(str, about["spans"])), dict(about["pseudonyms"])
    parts = list(map(str, about["parts"]))
    fault = None if good else draw.pick(FAULTS)
    present = [each for each in found if any(each in part for part in parts)]
    if fault == "miss" and present:
        found.remove(draw.pick(present))
    if fault == "invent" and present:
        pseudonyms[draw.pick(present)] = f"{draw.pick(NAMES)}.{draw.pick(NOUNS)}{draw.between(1, 99)}@gmail.com".lower()
    rewritten = [_put_in(part, found, pseudonyms) for part in parts]
    if not found and fault is None and rewritten:  # what is toxic in it only a model could tell
        words = rewritten[0].split(" ")
        words[draw.below(len(words))] = _MILD
        rewritten[0] = " ".join(words)
    if fault == "more" and rewritten:
        place = draw.below(len(rewritten))
        told = f"Note that the {draw.pick(ADJECTIVES)} {draw.pick(NOUNS)} {draw.pick(VERBS)} the {draw.pick(NOUNS)}."
        rewritten[place] = f"{told} {rewritten[place]} {told}"
    return {"parts": rewritten}


def _put_in(text: str, found: list[str], pseudonyms: Mapping[str, str]) -> str:
    """The text with every part replaced, the longest first, so that none is cut by another."""
    for part in sorted(found, key=len, reverse=True):
        text = text.replace(part, pseudonyms.get(part, _MILD))
    return text
