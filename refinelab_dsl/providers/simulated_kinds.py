"""What the simulated model answers where it is asked for something else than a whole item: one row per kind.

Each row is a pure function of the subject and of draws that follow from seed, subject and sample. `good` says whether
the reply is to be as the item's own facts have it (a share of calls that is stated with the kind), else it errs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from refinelab_dsl.prompts.request import Subject
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.simulated_evidence import judge_evidence, repair_item
from refinelab_dsl.providers.simulated_programs import name_step, write_program
from refinelab_dsl.providers.simulated_refining import refine_answer
from refinelab_dsl.providers.simulation_answers import answer
from refinelab_dsl.providers.simulation_measures import (
    compare,
    give_grades,
    level_of,
    name_label,
    propose_labels,
    settle_labels,
)
from refinelab_dsl.providers.simulation_scrub import rewrite_parts
from refinelab_dsl.providers.vocabulary import ADJECTIVES, NOUNS, VERBS

Reply: TypeAlias = Callable[[Subject, Draw, bool], Mapping[str, Any]]

MISTAKES: Final = ("wrong sign", "confused terms", "a step left out", "a special case taken for the general one")


def _distractors(subject: Subject, draw: Draw, good: bool) -> Mapping[str, Any]:
    """Two candidates for each of three mistake types; a bad reply proposes the key itself, over and over."""
    item = subject.item
    key = str(item.get("answer", ""))
    mistakes = draw.shuffled(MISTAKES)[:3]
    level = level_of(subject)
    candidates = []
    for mistake in mistakes:
        for _ in range(2):
            text = f"the {draw.pick(ADJECTIVES)} {draw.pick(NOUNS)} that {draw.pick(VERBS)} the {draw.pick(NOUNS)}"
            if key.strip().lstrip("-").isdigit():
                text = str(int(key) + draw.between(1, 40) * (1 if draw.below(2) else -1))
            elif level is not None:
                text += f" at level {level}"
            candidates.append({
                "text": text if good else key, "mistake": mistake, "plausibility": round(draw.unit(), 2),
            })  # fmt: skip
    return {"mistakes": mistakes, "distractors": candidates}


REPLIES: Final[Mapping[str, Reply]] = MappingProxyType(
    {
        "rewrite_distractors": _distractors,
        "correct": repair_item,
        "refine": refine_answer,
        "scrub": rewrite_parts,
        "rag": judge_evidence,
        "classify": name_label,
        "discover": propose_labels,
        "discover_merge": settle_labels,
        "elo": compare,
        "self_judge": give_grades,
        "pot": write_program,
        "pot_steps": name_step,
        "evaluate": answer,
    }
)
