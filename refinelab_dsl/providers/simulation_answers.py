"""What the simulated model answers to an examination: by Elo's curve on the item's latent difficulty and on an ability
that follows from the model's id, between 1300 and 1900 points. Styles that think are 40 points abler. A wrong answer is
another choice, or another number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from refinelab_dsl.prompts.request import Subject
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.simulation_measures import latent_rating
from refinelab_dsl.providers.vocabulary import NOUNS

_LEAST: Final = 1300.0
_RANGE: Final = 600.0
_THINKING: Final = 40.0


def answer(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """`{"answer": …}`, with `reasoning` where the style thinks."""
    item = subject.item
    about: Mapping[str, Any] = item["about"]
    thinks = about["style"] in ("chain_of_thought", "self_consistency")
    ability = _LEAST + _RANGE * Draw("ability", about["model"]).unit() + _THINKING * thinks
    chance = 1 / (1 + 10 ** ((latent_rating(item) - ability) / 400))
    said = _right(item) if draw.unit() < chance else _wrong(item, draw)
    return {"reasoning": "It follows from what is given.", "answer": said} if thinks else {"answer": said}


def _right(item: Mapping[str, Any]) -> str:
    choices = item.get("choices")
    key = str(item["answer"])
    return chr(ord("A") + list(choices).index(key)) if choices and len(choices) <= 26 else key


def _wrong(item: Mapping[str, Any], draw: Draw) -> str:
    choices = list(item.get("choices") or ())
    others = [at for at, text in enumerate(choices) if text != item["answer"]]
    if others and len(choices) <= 26:
        return chr(ord("A") + draw.pick(others))
    key = str(item["answer"]).strip().lstrip("-")
    return str(int(key) + draw.between(1, 40)) if key.isdigit() and len(key) < 12 else f"the {draw.pick(NOUNS)}"
