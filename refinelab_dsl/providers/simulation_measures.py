"""What the simulated model answers to measures: labels, comparisons, grades and topics, by a latent value of the item.

An item's label is the one that it declares (an attribute with the text of one of the labels), else that which its text
names, else one by hash. Its latent difficulty is a number that it declares (`rating`), the place of its `difficulty` or
`level` among easy, medium and hard, else one by hash around 1500 with a standard deviation of some 220 points. What the
simulated model wrote for a label that is asked for says so in its text (`mark_text`), and that comes first.

Error rates: a label is the latent one as often as the call succeeds (the subject's `success`, 0.9 where nothing says
otherwise), else another. A comparison goes by Elo's curve on the latent difficulties; one in ten (what `success`
leaves) is a coin's; as many grades are any number. Each order of a pair has its own luck.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from refinelab_dsl.data.conversation import prompt_text
from refinelab_dsl.likeness import normalise
from refinelab_dsl.prompts.request import Subject
from refinelab_dsl.prompts.shapes import GRADES
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.vocabulary import ADJECTIVES, NOUNS

_CENTER: Final = 1500.0
_SPREAD: Final = 220.0
_ETA: Final = 400.0
_EVEN: Final = 0.02  # of a chance around one half that counts as equal
_BEYOND: Final = 150.0  # of the edge of a band that is open on the other side
_LEVEL: Final = re.compile(r"\blevel (\d{1,5})\b")
_LEVELS: Final = {"easy": 1250.0, "medium": 1500.0, "hard": 1750.0}
_TASK_FIELDS: Final = ("question", "choices", "answer", "solution", "prompt", "tests", "entry_point", "context",
                      "messages")  # fmt: skip


def latent_label(item: Mapping[str, Any], labels: Sequence[str]) -> str:
    """The label that an item is under, whoever asks."""
    known = {normalise(label): label for label in labels}
    text = f" {normalise(_told(item))} "
    marked = [label for key, label in known.items() if f" about {key} : " in text]
    if marked:
        return marked[0]
    for name in sorted(set(item) - {"about", *_TASK_FIELDS}):
        found = known.get(normalise(str(item[name])))
        if found is not None:
            return found
    named = [label for key, label in known.items() if f" {key} " in text]
    return named[0] if named else Draw("label", _told(item)).pick(sorted(labels))


def latent_rating(item: Mapping[str, Any]) -> float:
    """How hard an item is, in points, whoever asks."""
    for text in (*(str(choice) for choice in item.get("choices") or ()), _told(item)):
        marked = _LEVEL.search(text)
        if marked:
            return float(marked[1])
    rating = item.get("rating")
    if isinstance(rating, int | float) and not isinstance(rating, bool):
        return float(rating)
    for name in ("difficulty", "level"):
        level = _LEVELS.get(normalise(str(item.get(name, ""))))
        if level is not None:
            return level
    draw = Draw("difficulty", _told(item))
    return _CENTER + _SPREAD * (sum(draw.unit() for _ in range(12)) - 6)


def _told(item: Mapping[str, Any]) -> str:
    messages = item.get("messages")
    if isinstance(messages, list):
        return prompt_text([turn for turn in messages if isinstance(turn, Mapping) and "content" in turn])
    return str(item.get("question", item.get("prompt", "")))


def mark_text(subject: Subject) -> str:
    """What a question begins with that is written for labels which a model will be asked about; empty where there are
    none."""
    parts = []
    for name, kind in sorted(_asked(subject).items()):
        entry = subject.target.get(name, {})
        if kind == "classify":
            parts.append(f"about {entry.get('label')} : ")
        elif kind == "elo" and level_of(subject) is not None:
            parts.append(f"level {level_of(subject)} : ")
    return "".join(parts)


def level_of(subject: Subject) -> int | None:
    """The rating that a result is written for: the middle of its band; None where difficulty is not asked about."""
    for name, kind in sorted(_asked(subject).items()):
        entry = subject.target.get(name, {})
        edges = [float(entry[side]) for side in ("low", "high") if entry.get(side) is not None]
        if kind != "elo" or not edges:
            continue
        beyond = 0.0 if len(edges) == 2 else _BEYOND if "low" in entry else -_BEYOND
        return round(sum(edges) / len(edges) + beyond)
    return None


def _asked(subject: Subject) -> Mapping[str, str]:
    """Dimension -> kind of its measure, of those whose measure asks a model."""
    asked = _about(subject).get("asked")
    return asked if isinstance(asked, Mapping) else {}


def _about(subject: Subject) -> Mapping[str, Any]:
    about = subject.item.get("about")
    return about if isinstance(about, Mapping) else {}


def name_label(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """A reply to `classify`."""
    labels = [str(label) for label in _about(subject).get("labels") or ()]
    if not labels:
        return {"label": draw.pick(NOUNS)}
    label = latent_label(subject.item, labels)
    others = [other for other in labels if other != label]
    return {"label": draw.pick(others) if others and not good else label}


def compare(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """A reply to `elo`; the item is what stands first."""
    about = _about(subject)
    eta = float(about.get("eta") or _ETA)
    apart = latent_rating(about.get("second") or {}) - latent_rating(subject.item)
    chance = 1 / (1 + 10 ** max(-30.0, min(30.0, apart / eta)))
    if not good:
        chance = 0.5 + 2 * _EVEN  # a coin that never stands on its edge
    elif abs(chance - 0.5) < _EVEN:
        return {"harder": "equal"}
    return {"harder": "first" if draw.unit() < chance else "second"}


def latent_grade(item: Mapping[str, Any]) -> float:
    """How good an item is, 0 to 10, whoever asks: what it declares (`grade`), else a number by hash, mostly high."""
    grade = item.get("grade")
    if isinstance(grade, int | float) and not isinstance(grade, bool):
        return max(0.0, min(10.0, float(grade)))
    text = f"{_told(item)} {item.get('answer', item.get('solution', ''))}"
    return round(10 * math.pow(Draw("grade", text).unit(), 0.4), 1)


def give_grades(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """A reply to `self_judge`: six grades around the latent one; a bad reply takes any other for it."""
    grade = latent_grade(subject.item) if good else 10 * draw.unit()
    return {name: round(max(0.0, min(10.0, grade + draw.unit() - 0.5)), 1) for name in GRADES}


def propose_labels(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """A reply to a batch of `discover`: topics that no text has, out of the same ones for every batch."""
    count = max(2, int(_about(subject).get("count") or 4))
    return {"labels": [_topic(place) for place in sorted(draw.shuffled(range(count + 2))[: max(2, count - 1)])]}


def settle_labels(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """A reply to the last call of `discover`: what was proposed most often, and as many more as are asked for."""
    about = _about(subject)
    count = max(2, int(about.get("count") or 4))
    proposals = [each for each in about.get("proposals") or () if isinstance(each, dict) and each.get("label")]
    meanings = {str(each["label"]): str(each.get("meaning", "")) for each in reversed(proposals)}
    often = Counter(str(each["label"]) for each in proposals)
    chosen = sorted(often, key=lambda label: (-often[label], label))[:count]
    topics = [{"label": label, "meaning": meanings[label]} for label in chosen]
    for place in range(count + len(chosen)):
        topic = _topic(place)
        if len(topics) < count and topic["label"] not in often:
            topics.append(topic)
    return {"labels": topics}


def _topic(place: int) -> dict[str, str]:
    noun = NOUNS[place % len(NOUNS)]
    name = f"{ADJECTIVES[place // len(NOUNS) % len(ADJECTIVES)]} {noun}s" if place >= len(NOUNS) else f"{noun}s"
    return {"label": name, "meaning": f"what asks about a {noun}"}


def read_blocks(blocks: Mapping[str, Any], schema: Mapping[str, Any] | None, task: str) -> Subject | None:
    """What a prompt of a measure is about, by the blocks that it shows; None where it is none of a measure."""
    members = set((schema or {}).get("properties", {}))
    item, first, second = (blocks.get(name) for name in ("item", "first", "second"))
    if "harder" in members and isinstance(first, dict) and isinstance(second, dict):
        return Subject("elo", task, {**first, "about": {"second": second}}, success="0.9")
    if members.issuperset(GRADES) and isinstance(item, dict):
        return Subject("self_judge", task, item, success="0.9")
    if "label" in members and isinstance(item, dict):
        labels = schema["properties"]["label"].get("enum") if schema else None
        return Subject("classify", task, {**item, "about": {"labels": labels or blocks.get("labels")}}, success="0.9")
    if "labels" in members and ("items" in blocks or "proposals" in blocks):
        kind = "discover_merge" if "proposals" in blocks else "discover"
        return Subject(kind, task, {"about": dict(blocks)}, success="0.9")
    return None
