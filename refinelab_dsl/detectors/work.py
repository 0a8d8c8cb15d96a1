"""All that is to be replaced in one item: where it stands, what takes its place, and the item with that done."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from refinelab_dsl.detectors.detect import Watch, detect
from refinelab_dsl.detectors.detection import MASK, Detection
from refinelab_dsl.detectors.places import Place, is_key, list_texts, name_place, replace_texts

_LEAST: Final = 3  # letters of a word of a name that is looked for by itself


@dataclass(frozen=True)
class Work:
    """texts: of the item, by place. found: what was found in each that holds anything. pseudonyms: part -> what takes
    its place. is_whole: nothing was found, and yet something is to go: a model says so.
    """

    texts: Mapping[Place, str]
    found: Mapping[Place, tuple[Detection, ...]]
    pseudonyms: Mapping[str, str]
    is_whole: bool = False

    @property
    def asked(self) -> tuple[Place, ...]:
        """The places whose text is to be written anew. The answer is not among them: it follows from the rest."""
        places = (place for place, text in self.texts.items() if text.strip()) if self.is_whole else self.found
        return tuple(place for place in places if not is_key(place))

    @property
    def touched(self) -> tuple[Place, ...]:
        """The places whose text changes."""
        return self.asked if self.is_whole else tuple(self.found)

    @property
    def parts(self) -> tuple[str, ...]:
        """What was found, each part once, as it stands there."""
        return tuple(dict.fromkeys(
            self.texts[place][each.start : each.end] for place, found in self.found.items() for each in found
        ))  # fmt: skip

    def mask(self, place: Place) -> str:
        """The text of a place with pseudonyms for what was found, and nothing else changed."""
        text, masked, end = self.texts[place], [], 0
        for each in self.found.get(place, ()):
            masked += [text[end : each.start], self.pseudonyms.get(text[each.start : each.end], MASK)]
            end = each.end
        return "".join(masked) + text[end:]

    def describe(self) -> str:
        """Where what was found, in a form for logs: `question 12-31 email 0.97`, one after the other."""
        return "; ".join(
            f"{name_place(place)} {each.start}-{each.end} {each.category} {each.confidence:.2f}"
            for place, found in self.found.items()
            for each in found
        )

    def digest(self, salt: str) -> str:
        """HMAC-SHA-256 (hex) of the pseudonyms under a random salt, without which no guess can be tested against it."""
        content = json.dumps(dict(self.pseudonyms), ensure_ascii=False, sort_keys=True)
        return hmac.new(salt.encode(), content.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def find_work(fields: Mapping[str, Any], watch: Watch, seed: str) -> Work:
    """What is to be replaced in an item's fields. seed: tells items apart (`pseudonyms`)."""
    from refinelab_dsl.detectors.pseudonyms import build_pseudonyms  # see `detect.load_detectors`

    texts = list_texts(fields)
    found = {place: detect(text, watch) for place, text in texts.items()}
    found = _follow_names(texts, found)
    held = {place: each for place, each in found.items() if each}
    pseudonyms = build_pseudonyms(((texts[place], each) for place, each in held.items()), watch, seed)
    return Work(texts, held, pseudonyms)


def is_dirty(fields: Mapping[str, Any], watch: Watch) -> bool:
    """Whether anything would be found."""
    return any(detect(text, watch) for text in list_texts(fields).values())


def count_found(fields: Mapping[str, Any], watch: Watch) -> tuple[Detection, ...]:
    """All that is found in an item. The answer of a multiple-choice item stands among its choices, and counts once."""
    texts = list_texts(fields)
    if "choices" in fields:
        texts.pop(("answer",), None)
    return tuple(each for text in texts.values() for each in detect(text, watch))


def rebuild(fields: Mapping[str, Any], work: Work, written: Mapping[Place, str]) -> dict[str, Any]:
    """The item's fields with these texts. The answer becomes the choice that it was, else itself with pseudonyms."""
    texts = {place: text for place, text in written.items() if not is_key(place)}
    if ("answer",) in work.texts:
        choices = [place for place in work.texts if place[0] == "choices"]
        key = next((place for place in choices if work.texts[place] == fields["answer"]), None)
        texts[("answer",)] = work.mask(("answer",)) if key is None else texts.get(key, work.texts[key])
    return replace_texts(fields, texts)


def _follow_names(
    texts: Mapping[Place, str], found: Mapping[Place, tuple[Detection, ...]]
) -> dict[Place, tuple[Detection, ...]]:
    """With every name also its words wherever else they stand in the item: `Anna Keller`, then `Keller`."""
    names = {
        texts[place][each.start : each.end]
        for place, here in found.items()
        for each in here
        if each.category == "name"
    }
    words = {
        word for name in names for word in (name, *name.split()) if len(word) >= _LEAST and word[0].isupper()
    }
    if not words:
        return dict(found)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})(?!\w)")
    more: dict[Place, tuple[Detection, ...]] = {}
    for place, text in texts.items():
        known = list(found[place])
        for match in pattern.finditer(text):
            if not any(match.start() < each.end and each.start < match.end() for each in known):
                known.append(Detection(*match.span(), "name", 0.6))
        more[place] = tuple(sorted(known))
    return more


