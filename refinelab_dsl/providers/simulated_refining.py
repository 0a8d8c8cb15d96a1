"""What the simulated model makes of answers (`refine`), and what it says of two of them, or of whole items, as a judge.

Nothing is read. Every answer to a question has a latent quality from 0 to 1 that follows from their texts, the same
whoever asks; where the item has an attribute `truth` (the right answer, as a rehearsal plants it), that text has the
best one. A refinement is better than the answer before it as often as the call succeeds: by default as often as in the
paper's run, round by round (`builtins.refining`), else as `params.success` says. A judge names the better one in a
stated share of its calls (`params.judge_accuracy`, 0.95 where it says nothing), but in `params.position_bias` of them,
0 by default, it names what is shown first, whatever that is. Models of different `id` err in different calls.

Whole items have the grade that `self_judge` gives them too (`latent_grade`); of two that are less than `_ALIKE` apart
neither is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from refinelab_dsl.embeddings.letters import normalise
from refinelab_dsl.prompts.request import Subject
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.simulated_evidence import TRUTH
from refinelab_dsl.providers.simulation_measures import latent_grade
from refinelab_dsl.providers.vocabulary import ADJECTIVES, FILLERS, NOUNS, SYNONYMS, VERBS

_ALONE: Final = "judge_rubric_alone"
_RESULTS: Final = ("judge_rubric_results", "judge_pairwise_results")
JUDGES: Final = ("judge_rubric", "judge_pairwise", *_RESULTS, _ALONE)

_ALIKE: Final = 2.5  # points between the grades of two items

_TRIES: Final = 200  # texts among which a better, or a worse, answer is looked for
_FEW_WORDS: Final = 4  # of an answer that is replaced, and not reworded


def latent_quality(item: Mapping[str, Any], answer: str) -> float:
    """How good an answer to an item is, from 0 to 1, whoever asks."""
    right = item.get(TRUTH)
    if isinstance(right, str) and right.strip() and normalise(right) == normalise(answer):
        return 1.0
    asked = item.get("question") or item.get("conversation") or item.get("messages")
    return 0.99 * Draw("quality", asked, answer).unit()


def refine_answer(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """The members of a reply to `refine`: a better answer, or where it errs a worse one."""
    item, answer = subject.item, _told(subject, "answer")
    quality = latent_quality(item, answer)
    right = item.get(TRUTH)
    found = answer
    if good and isinstance(right, str) and right.strip():
        found = right.strip()
    else:
        for _ in range(_TRIES):
            found = _vary(answer, draw)
            if (latent_quality(item, found) > quality) == good and found != answer:
                break
    return {"explanation": f"It says more of the {draw.pick(NOUNS)}.", "answer": found}


def judge_answers(subject: Subject, draw: Draw, good: bool, position_bias: float) -> Mapping[str, Any]:
    """The members of a judge's reply."""
    if subject.kind == _ALONE:
        grade = latent_grade(subject.item) if good else 10 * draw.unit()
        grades = {name: round(max(0.0, min(10.0, grade + draw.unit() - 0.5)), 1) for name in _list_criteria(subject)}
        return {"grades": grades, "justification": f"The {draw.pick(NOUNS)} decides."}
    if subject.kind in _RESULTS:
        return _say(subject, draw, _compare_items(subject, draw, good, position_bias))
    item = subject.item
    first, second = _told(subject, "first"), _told(subject, "second")
    lead = latent_quality(item, first) - latent_quality(item, second)
    is_first = (lead > 0) == good
    if draw.unit() < position_bias:
        is_first = True
    elif first == second:
        return _say(subject, draw, None)
    return _say(subject, draw, is_first)


def _compare_items(subject: Subject, draw: Draw, good: bool, position_bias: float) -> bool | None:
    """Whether the first is better; None where neither is."""
    about = subject.item.get("about")
    shown = [about.get(name) if isinstance(about, Mapping) else None for name in ("first", "second")]
    first, second = (latent_grade(each) if isinstance(each, Mapping) else 0.0 for each in shown)
    is_first = first > second
    if draw.unit() < position_bias:
        return True
    if abs(first - second) < _ALIKE:
        return None if good else draw.unit() < 0.5
    return is_first == good


def read_refining(blocks: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Subject | None:
    """What a call of a refiner or a judge is about, by the blocks that its prompt shows; None of another call."""
    properties = (schema or {}).get("properties", {})
    asked = {name: blocks[name] for name in ("question", "conversation") if name in blocks}
    task = "chat" if "conversation" in asked else "qa"
    if not asked:
        return _read_item_judging(blocks, properties)
    if {"explanation", "answer"} <= properties.keys():
        return Subject("refine", task, {**asked, "about": {"answer": blocks.get("answer", "")}}, success="0.64")
    first, second = blocks.get("first"), blocks.get("second")
    if not isinstance(first, str) or not isinstance(second, str):
        return None
    about: dict[str, Any] = {"first": first, "second": second}
    if "preferred" in properties:
        return Subject("judge_pairwise", task, {**asked, "about": about}, success="0.95")
    if {"first", "second"} <= properties.keys():
        about["criteria"] = list(properties["first"].get("properties", {}))
        return Subject("judge_rubric", task, {**asked, "about": about}, success="0.95")
    return None


def _read_item_judging(blocks: Mapping[str, Any], properties: Mapping[str, Any]) -> Subject | None:
    item, first, second = (blocks.get(name) for name in ("item", "first", "second"))
    if isinstance(item, Mapping) and "grades" in properties:
        criteria = list(properties["grades"].get("properties", {}))
        return Subject(_ALONE, "qa", {**item, "about": {"criteria": criteria}}, success="0.95")
    if not isinstance(first, Mapping) or not isinstance(second, Mapping):
        return None
    about: dict[str, Any] = {"first": first, "second": second}
    if "preferred" in properties:
        return Subject("judge_pairwise_results", "qa", {"about": about}, success="0.95")
    if {"first", "second"} <= properties.keys():
        about["criteria"] = list(properties["first"].get("properties", {}))
        return Subject("judge_rubric_results", "qa", {"about": about}, success="0.95")
    return None


def _list_criteria(subject: Subject) -> list[str]:
    about = subject.item.get("about")
    return [str(name) for name in about.get("criteria", ())] if isinstance(about, Mapping) else []


def _say(subject: Subject, draw: Draw, is_first: bool | None) -> Mapping[str, Any]:
    """is_first: which of the two is preferred; None where neither is."""
    because = f"The {draw.pick(NOUNS)} decides."
    if subject.kind in ("judge_pairwise", "judge_pairwise_results"):
        named = "tie" if is_first is None else "first" if is_first else "second"
        return {"justification": because, "preferred": named}
    better = {name: draw.between(12, 20) / 2 for name in _list_criteria(subject)}
    worse = {name: grade - (0 if is_first is None else draw.between(1, 5) / 2) for name, grade in better.items()}
    first, second = (better, worse) if is_first is not False else (worse, better)
    return {"first": first, "second": second, "justification": because}


def _told(subject: Subject, name: str) -> str:
    about = subject.item.get("about")
    return str(about.get(name, "")) if isinstance(about, Mapping) else ""


def _vary(answer: str, draw: Draw) -> str:
    """The answer in other words; a short one becomes another."""
    words = answer.split()
    if len(words) < _FEW_WORDS:
        return f"the {draw.pick(ADJECTIVES)} {draw.pick(NOUNS)} that {draw.pick(VERBS)} the {draw.pick(NOUNS)}"
    for _ in range(1 + len(words) // 6):
        place = draw.below(len(words))
        others = SYNONYMS.get(words[place].lower())
        match draw.below(3):
            case 0 if len(words) > _FEW_WORDS:
                del words[place]
            case 1 if others:
                words[place] = draw.pick(others)
            case _:
                words.insert(place, draw.pick(FILLERS))
    return " ".join(words)
