"""What the simulated model answers: a pure function of seed, subject and sample. No clock, no network.

Text is built by rule from the item, so that checks of form, likeness and length mean something: a good result obeys
the task's form, differs from its parent and from the results of other samples, and lies in the bands of its target. A
bad one has one flaw: it lacks a field, repeats the item, gives a key that no choice has, or has the wrong length.
Which of the two it is follows the operator's `prior`. Nothing is meant: the sentences are grammatical noise.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from refinelab_dsl.builtins import TASKS
from refinelab_dsl.prompts.request import Subject
from refinelab_dsl.prompts.shapes import VARIANTS
from refinelab_dsl.prompts.tokens import count_tokens
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.simulated_kinds import REPLIES
from refinelab_dsl.providers.simulated_refining import JUDGES, judge_answers
from refinelab_dsl.providers.simulation_chat import break_chat, mark_first, tell_turns, turns_of
from refinelab_dsl.providers.simulation_code import break_code, reword_code, write_code
from refinelab_dsl.providers.simulation_measures import mark_text
from refinelab_dsl.providers.vocabulary import (
    ADJECTIVES,
    FILLERS,
    LINKS,
    NAMES,
    NOUNS,
    OBJECTS,
    OPENINGS,
    SYNONYMS,
    VERBS,
)

FLAWS: Final = ("schema", "duplicate", "answer", "length")
"""In what ways a bad result is bad."""

REWORDED: Final = ("expand", "rewrite")
"""The kinds whose results are the item in other words."""

_CHANGED_SHARE: Final = 0.4  # of a paraphrase's words, at least
_NUMBER: Final = re.compile(r"[-+]?\$?\d[\d,]*(?:\.\d+)?%?")
_MOST_WORDS: Final = 2_000

_COUNTERS: Final[Mapping[str, Callable[[str], int]]] = {
    "words": lambda text: len(text.split()),
    "characters": len,
    "tokens": lambda text: count_tokens(text, ""),
}


@dataclass(frozen=True, slots=True)
class Band:
    """Lengths of a question: whole numbers in [low, high), `high` None without bound."""

    unit: str
    low: int
    high: int | None

    def holds(self, text: str) -> bool:
        length = _COUNTERS[self.unit](text)
        return self.low <= length and (self.high is None or length < self.high)


@dataclass(frozen=True, slots=True)
class Simulated:
    """`flaw` is None for a good result."""

    text: str
    flaw: str | None


def simulate(
    subject: Subject,
    *,
    seed: int | str,
    sample: int | str,
    schema: Mapping[str, Any] | None,
    success: float | None = None,
    flaws: Sequence[str] = FLAWS,
    judge_accuracy: float | None = None,
    position_bias: float = 0.0,
) -> Simulated:
    """The reply to one call.

    success: chance of a good result; None takes the subject's. flaws: those that bad results have. judge_accuracy: the
    same of a judge's verdict; position_bias: share of its verdicts that name what is shown first.
    """
    source = (seed, subject.kind, subject.task, dict(subject.item), subject.target, sample)
    draw = Draw("result", *source)
    flaw = None
    if subject.kind in JUDGES:
        good = draw.unit() < (float(subject.success) if judge_accuracy is None else judge_accuracy)
        said = judge_answers(subject, Draw("text", *source), good, position_bias)
        return Simulated(json.dumps(said, ensure_ascii=False), None if good else "answer")
    if subject.kind in REPLIES:
        good = draw.unit() < (float(subject.success) if success is None else success)
        reply = REPLIES[subject.kind](subject, Draw("text", *source), good)
        return Simulated(json.dumps(reply, ensure_ascii=False), None if good else "answer")
    if schema is not None and VARIANTS in schema.get("properties", {}):
        return _simulate_variants(subject, seed, sample, schema, success, flaws)
    if draw.unit() >= (float(subject.success) if success is None else success):
        band = _band(subject.target)
        possible = [name for name in flaws if name != "length" or (band is not None and _outside(band) is not None)]
        flaw = draw.pick(possible) if possible else "schema"
    fields = _fields(subject, Draw("text", *source), flaw)
    reply = _fill(schema, fields, Draw("fill", *source)) if schema is not None else fields
    if flaw == "schema":
        reply = {name: value for name, value in reply.items() if name != _last(reply)}
    return Simulated(json.dumps(reply, ensure_ascii=False), flaw)


def _simulate_variants(
    subject: Subject, seed: int | str, sample: int | str, schema: Mapping[str, Any], success: float | None,
    flaws: Sequence[str],
) -> Simulated:
    """Several items at once, each good or bad by itself."""
    about = subject.item.get("about")
    count = int(about.get("count", 2)) if isinstance(about, Mapping) else 2
    one = schema["properties"][VARIANTS].get("items", {})
    single = replace(subject, item={name: value for name, value in subject.item.items() if name != "about"})
    of_one = [flaw for flaw in flaws if flaw != "schema"]
    made = [
        simulate(single, seed=seed, sample=f"{sample}/{place}", schema=one, success=success, flaws=of_one)
        for place in range(count)
    ]  # fmt: skip
    text = json.dumps({VARIANTS: [json.loads(each.text) for each in made]}, ensure_ascii=False)
    return Simulated(text, next((each.flaw for each in made if each.flaw is not None), None))


def _fields(subject: Subject, draw: Draw, flaw: str | None) -> dict[str, Any]:
    item = subject.item
    if flaw == "duplicate":
        return {name: item[name] for name in TASKS[subject.task].reply if name in item}
    band = _band(subject.target)
    if flaw == "length" and band is not None:
        band = _outside(band)
    fields = _paraphrase(subject, draw, band) if subject.kind in REWORDED else _new_item(subject, draw, band)
    mark = mark_text(subject)
    if mark and subject.task == "chat":
        fields = mark_first(fields, mark)
    if mark and "question" in fields:
        fields["question"] = fit(mark + fields["question"], draw, band)
    if flaw == "answer" and subject.task == "code":
        return break_code(fields)
    if flaw == "answer" and subject.task == "chat":
        return break_chat(fields)
    if flaw == "answer":
        fields["answer"] = "none of these " + draw.pick(NOUNS) + "s" if subject.task == "mcq" else ""
    return fields


def _paraphrase(subject: Subject, draw: Draw, band: Band | None) -> dict[str, Any]:
    """The item in other words: the same key, numbers kept, choices lightly reworded and in another order."""
    item = subject.item
    if subject.task == "code":
        return reword_code(item, lambda told, rest: reword(told, draw, None if band is None else _less(band, rest)))
    if subject.task == "chat":
        return tell_turns(
            item,
            lambda text, rest: reword(text, draw, _left(band, rest)),
            lambda text: reword(text, draw, _brief(band, item)),
        )
    fields: dict[str, Any] = {"question": reword(str(item.get("question", "")), draw, band)}
    if subject.task == "mcq":
        choices = [str(choice) for choice in item.get("choices", ())]
        choices += ["yes", "no"][: max(0, 2 - len(choices))]
        keys = [index for index, choice in enumerate(choices) if choice == item.get("answer")]
        reworded = _distinct([_reword_choice(choice, draw) for choice in choices], draw)
        fields["answer"] = reworded[keys[0] if keys else 0]
        fields["choices"] = draw.shuffled(reworded)
        return fields
    if subject.task == "math":
        fields["solution"] = str(item.get("solution") or f"The answer is {item.get('answer', '')}.")
    answer = str(item.get("answer", ""))
    fields["answer"] = answer if answer.strip() else draw.pick(NOUNS)
    return fields


def _new_item(subject: Subject, draw: Draw, band: Band | None) -> dict[str, Any]:
    if subject.task == "math":
        return _word_problem(draw, band, subject.item)
    if subject.task == "code":
        return write_code(draw, lambda told, rest: _tell(told, draw, band, rest, subject.item))
    if subject.task == "chat":
        return tell_turns(
            subject.item,
            lambda text, rest: _question(draw, _left(band, rest), {"question": text}),
            lambda text: _question(draw, _brief(band, subject.item), {"question": text}),
        )
    question = _question(draw, band, subject.item)
    if subject.task != "mcq":
        return {"question": question, "answer": _phrase(draw)}
    count = max(2, len(subject.item.get("choices", ())) or 4)
    anchor_key = str(subject.item.get("answer", ""))
    choices = _numbers(draw, count) if _NUMBER.fullmatch(anchor_key) else [_phrase(draw) for _ in range(count)]
    choices = _distinct(choices, draw)
    return {"question": question, "choices": draw.shuffled(choices), "answer": choices[0]}


def reword(text: str, draw: Draw, band: Band | None) -> str:
    """`text` in other words: at least four words in ten replaced or put in, numbers kept, its length in the band."""
    words = text.split()
    wanted = max(1, math.ceil(_CHANGED_SHARE * len(words)))
    room = _room(text, band)
    changed = 0
    for index in draw.shuffled(range(len(words))):
        if changed >= wanted:
            break
        other = _synonym(words[index], draw)
        if other is not None:
            words[index] = other
            changed += 1
    while changed < wanted + 2 and room > 0:
        filler = draw.pick(FILLERS)
        words.insert(draw.below(len(words) + 1), filler)
        changed += 1
        room -= len(filler.split())
    for index in draw.shuffled(range(len(words))):  # no room left: the words themselves go
        if changed >= wanted:
            break
        if not any(character.isdigit() for character in words[index]):
            words[index] = draw.pick(NOUNS)
            changed += 1
    opening = draw.pick(OPENINGS)
    if room >= len(opening.split()):
        words.insert(0, opening)
    return fit(" ".join(words), draw, band)


def fit(text: str, draw: Draw, band: Band | None) -> str:
    """`text` cut or filled up so that its length lies in the band; a final question mark stays."""
    if band is None or band.holds(text):
        return text
    count = _COUNTERS[band.unit]
    mark = "?" if text.endswith("?") else ""
    words = text.removesuffix("?").split()
    while count(" ".join(words) + mark) < band.low and len(words) < 50 * _MOST_WORDS:
        words.append(draw.pick(NOUNS if len(words) % 2 else ADJECTIVES))
    while band.high is not None and len(words) > 1 and count(" ".join(words) + mark) >= band.high:
        words.pop()
    body = " ".join(words)
    if not band.holds(body + mark) and band.unit == "characters":
        most = max(0, (band.high or len(body) + 1) - 1 - len(mark))
        body = body[:most].rstrip().ljust(max(0, band.low - len(mark)), "a")
    elif not band.holds(body + mark):
        while len(body) > 1 and band.high is not None and count(body) >= band.high:
            body = body[:-1].rstrip()  # one long word may be more tokens than the band has
        while not body or count(body + mark) < band.low:
            body = f"{body} so".strip()
    return body + mark if band.holds(body + mark) else body


def _band(target: Mapping[str, Mapping[str, Any]]) -> Band | None:
    """The band of the first dimension, by name, whose target is a length."""
    for name in sorted(target):
        entry = target[name]
        if entry.get("unit") in _COUNTERS and (entry.get("low") is not None or entry.get("high") is not None):
            low = math.ceil(float(entry["low"])) if entry.get("low") is not None else 0
            high = math.ceil(float(entry["high"])) if entry.get("high") is not None else None
            return Band(str(entry["unit"]), max(1, low), high)
    return None


def _outside(band: Band) -> Band | None:
    """Lengths beside a band, to miss it by; None where there are none."""
    if band.high is not None:
        return Band(band.unit, band.high + 2, band.high + 2 + max(4, band.high // 4))
    return Band(band.unit, max(1, band.low // 2), band.low) if band.low > 1 else None


def _room(text: str, band: Band | None) -> int:
    """Words that may be put in."""
    words = len(text.split())
    if band is None or band.high is None:
        return words // 3 + 6
    free = band.high - 1 - _COUNTERS[band.unit](text)
    return max(0, {"words": free, "characters": free // 12, "tokens": free // 4}[band.unit])


def _wanted_words(draw: Draw, band: Band | None, item: Mapping[str, Any]) -> int:
    """How many words a new question gets: somewhere in the band, near the anchor's length without one."""
    if band is None or band.unit != "words":
        usual = min(80, max(12, len(str(item.get("question", item.get("prompt", ""))).split())))
        return draw.between(usual - usual // 5, usual + usual // 5)
    high = band.high if band.high is not None else band.low + max(12, band.low // 3)
    return draw.between(max(band.low, min(6, high - 1)), max(band.low, min(high - 1, band.low + 120)))


def _question(draw: Draw, band: Band | None, item: Mapping[str, Any]) -> str:
    """Sentences of noise, the last of them a question, with a few of the anchor's own words among them."""
    count = _wanted_words(draw, band, item)
    own = sorted(set(re.findall(r"[A-Za-z]{5,}", str(item.get("question", "")))))
    words: list[str] = []
    while len(words) < count - 8:
        sentence = _sentence(draw, own)
        words += [sentence[0].capitalize(), *sentence[1:-1], sentence[-1] + "."]
    ending = ["Which", draw.pick(ADJECTIVES), draw.pick(NOUNS), draw.pick(VERBS), "the", draw.pick(ADJECTIVES),
              _noun(draw, own), draw.pick(LINKS).split()[-1], "the", draw.pick(NOUNS)]  # fmt: skip
    left = max(1, count - len(words))
    words += ending[:left] if left < len(ending) else ending
    return fit(" ".join(words) + "?", draw, band)


def _tell(told: str, draw: Draw, band: Band | None, rest: str, item: Mapping[str, Any]) -> str:
    """A sentence and noise before it, so that it is as long as is wanted beside the rest of a prompt."""
    count = _wanted_words(draw, band, item) - len(rest.split()) - len(told.split())
    words: list[str] = []
    while len(words) < count - 8:
        sentence = _sentence(draw, ())
        words += [sentence[0].capitalize(), *sentence[1:-1], sentence[-1] + "."]
    return fit(" ".join([*words, told]), draw, None if band is None else _less(band, rest))


def _sentence(draw: Draw, own: Sequence[str]) -> list[str]:
    words = ["the", draw.pick(ADJECTIVES), _noun(draw, own), draw.pick(VERBS), "a", draw.pick(NOUNS)]
    if draw.below(2):
        words += [*draw.pick(LINKS).split(), "the", draw.pick(ADJECTIVES), draw.pick(NOUNS)]
    return words


def _noun(draw: Draw, own: Sequence[str]) -> str:
    return draw.pick(own) if own and draw.below(4) == 0 else draw.pick(NOUNS)


def _phrase(draw: Draw) -> str:
    return f"the {draw.pick(ADJECTIVES)} {draw.pick(NOUNS)} that {draw.pick(VERBS)} the {draw.pick(NOUNS)}"


def _word_problem(draw: Draw, band: Band | None, item: Mapping[str, Any]) -> dict[str, Any]:
    """A word problem whose arithmetic is right: a * b - c, or a * b + c, in a story of the wanted length."""
    name, things, place = draw.pick(NAMES), draw.pick(OBJECTS), draw.pick(NOUNS)
    a, b = draw.between(2, 30), draw.between(3, 60)
    c = draw.between(1, a * b - 1)
    gains = draw.below(2) == 1
    product, result = a * b, a * b + c if gains else a * b - c
    verb = draw.pick(("receives", "finds", "borrows")) if gains else draw.pick(("sells", "loses", "gives away"))
    story = (
        f"{name} packs {a} crates of {b} {things} each for the {draw.pick(ADJECTIVES)} {place} and then {verb} "
        f"{c} {things}. How many {things} does {name} have?"
    )
    sign = "+" if gains else "-"
    short = f"What is {a} * {b} {sign} {c}?"
    count = _wanted_words(draw, band, item)
    filler: list[str] = []
    while len(filler) + len(story.split()) < count - 5:
        sentence = _sentence(draw, ())
        filler += [sentence[0].capitalize(), *sentence[1:-1], sentence[-1] + "."]
    question = " ".join([*filler, story])
    if band is not None and band.high is not None and not band.holds(question):
        question = story if _COUNTERS[band.unit](story) < band.high else short
    if band is not None and not band.holds(question):
        lead = fit(" ".join([*filler, "Note:"]), draw, _less(band, question))
        question = f"{lead} {question}" if band.holds(f"{lead} {question}") else fit(question, draw, band)
    return {
        "question": question,
        "solution": f"{name} packs {a} * {b} = {product} {things}.\n"
        f"In the end there are {product} {sign} {c} = {result} {things}.",
        "answer": str(result),
    }


def _less(band: Band, text: str) -> Band:
    """What is left of a band beside `text` and a space."""
    taken = _COUNTERS[band.unit](text) + (1 if band.unit == "characters" else 0)
    high = None if band.high is None else max(2, band.high - taken)
    return Band(band.unit, max(1, band.low - taken), high)


def _left(band: Band | None, rest: str) -> Band | None:
    """What is left of a band for one turn beside the others."""
    return band if band is None or not rest else _less(band, rest)


def _brief(band: Band | None, item: Mapping[str, Any]) -> Band | None:
    """Lengths of the other turns that leave half of a band to the last one; None without a bound."""
    if band is None or band.high is None:
        return None
    return Band(band.unit, 1, max(2, band.high // (2 * max(1, len(turns_of(item))))))


def _numbers(draw: Draw, count: int) -> list[str]:
    """A key and distractors by mistake: sign, factor of ten, off by one, doubled, then others."""
    key = draw.between(12, 960)
    wrong = draw.shuffled([-key, key * 10, key + 1, key - 1, key * 2])
    return [str(number) for number in (key, *wrong, *range(key + 3, key + 3 + count))][:count]


def _synonym(word: str, draw: Draw) -> str | None:
    """Another word with the same capital and punctuation, None where the table has none."""
    core = word.rstrip(".,;:?!")
    others = SYNONYMS.get(core.lower())
    if not others:
        return None
    other = draw.pick(others)
    return (other.capitalize() if core[:1].isupper() else other) + word[len(core) :]


def _reword_choice(choice: str, draw: Draw) -> str:
    """Choices of one or two words, numbers and formulas stay: rewording would change what they say."""
    words = choice.split()
    if len(words) < 3:
        return choice
    changed = [(_synonym(word, draw) if draw.below(3) else None) or word for word in words]
    for _ in range(len(words) // 4 + 1):
        changed.insert(draw.between(1, len(changed) - 1), draw.pick(FILLERS))
    return " ".join(changed)


def _distinct(texts: Sequence[str], draw: Draw) -> list[str]:
    """These texts with later repetitions made different."""
    seen: set[str] = set()
    distinct: list[str] = []
    for text in texts:
        text = text.strip() or draw.pick(NOUNS)
        while _folded(text) in seen:
            text = f"{text} {draw.pick(NOUNS)}"
        seen.add(_folded(text))
        distinct.append(text)
    return distinct


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _fill(schema: Mapping[str, Any], fields: Mapping[str, Any], draw: Draw) -> dict[str, Any]:
    """The members that the schema asks for: from `fields` where they have them, else by type."""
    return {
        name: fields[name] if name in fields else _value(kind, draw)
        for name, kind in schema.get("properties", {}).items()
    }


def _value(schema: Mapping[str, Any], draw: Draw) -> Any:
    if schema.get("enum"):
        return draw.pick(list(schema["enum"]))
    match schema.get("type"):
        case "integer":
            return draw.between(0, 10)
        case "number":
            return draw.between(0, 100) / 10
        case "boolean":
            return draw.below(2) == 1
        case "array":
            return [_value(schema.get("items", {}), draw) for _ in range(draw.between(2, 4))]
        case "object":
            return _fill(schema, {}, draw)
        case _:
            return _phrase(draw)


def _last(reply: Mapping[str, Any]) -> str | None:
    return list(reply)[-1] if reply else None
