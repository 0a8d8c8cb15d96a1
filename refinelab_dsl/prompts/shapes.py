"""The JSON schemas of replies, by what is asked, in the strict subset that endpoints take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

TEXT: Final = {"type": "string"}
NUMBER: Final = {"type": "number"}
INTEGER: Final = {"type": "integer"}

_ITEMS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType({
    "mcq": {"question": TEXT, "choices": {"type": "array", "items": TEXT}, "answer": TEXT},
    "qa": {"question": TEXT, "answer": TEXT},
    "math": {"question": TEXT, "solution": TEXT, "answer": TEXT},
    "code": {"prompt": TEXT, "tests": TEXT, "entry_point": TEXT, "solution": TEXT},
    "chat": {"messages": {"type": "array", "items": {
        "type": "object",
        "properties": {"role": {"type": "string", "enum": ["system", "user", "assistant"]}, "content": TEXT},
        "required": ["role", "content"],
        "additionalProperties": False,
    }}},
})  # fmt: skip
_RETURNS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType({
    "text": TEXT,
    "number": NUMBER,
    "integer": INTEGER,
    "bool": {"type": "boolean"},
})  # fmt: skip

VARIANTS: Final = "variants"
"""The member that holds the items of a reply, where several are asked for."""

ITEM_TASKS: Final = tuple(_ITEMS)
"""The tasks whose items a model can give back."""


def _pick(*words: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


def _list(of: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(of)}


def strict_object(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A JSON schema of an object that has these members, all of them and no others."""
    return {
        "type": "object",
        "properties": {name: dict(schema) for name, schema in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


GRADES: Final = tuple(
    f"{part}_{criterion}" for part in ("question", "answer") for criterion in ("clarity", "completeness", "factuality")
)
"""What `self_judge` grades."""

_LABEL: Final = strict_object({"label": TEXT, "meaning": TEXT})
_DISTRACTOR: Final = strict_object({"text": TEXT, "mistake": TEXT, "plausibility": NUMBER})

_KINDS: Final[Mapping[str, Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]]]] = MappingProxyType({
    "refine": lambda labels: {"explanation": TEXT, "answer": TEXT},
    **dict.fromkeys(("judge_rubric", "judge_rubric_results"), lambda labels: {
        "first": strict_object(dict.fromkeys(labels, NUMBER)), "second": strict_object(dict.fromkeys(labels, NUMBER)),
        "justification": TEXT,
    }),
    **dict.fromkeys(("judge_pairwise", "judge_pairwise_results"), lambda labels: {
        "justification": TEXT, "preferred": _pick("first", "second", "tie"),
    }),
    "judge_rubric_alone": lambda labels: {
        "grades": strict_object(dict.fromkeys(labels, NUMBER)), "justification": TEXT,
    },
    "classify": lambda labels: {"label": _pick(*labels)},
    "discover": lambda labels: {"labels": _list(_LABEL)},
    "discover_merge": lambda labels: {"labels": _list(_LABEL)},
    "elo": lambda labels: {"harder": _pick("first", "second", "equal")},
    "pot": lambda labels: {"program": TEXT},
    "pot_steps": lambda labels: {"wrong_step": {"type": "integer"}},
    "rag": lambda labels: {
        "passages": _list(INTEGER), "verdict": _pick("supported", "refuted", "not enough evidence"), "answer": TEXT,
        "confidence": NUMBER,
    },
    "self_judge": lambda labels: dict.fromkeys(GRADES, NUMBER),
    "scrub": lambda labels: {"parts": _list(TEXT)},
    "rewrite_distractors": lambda labels: {"mistakes": _list(TEXT), "distractors": _list(_DISTRACTOR)},
})  # fmt: skip
"""What is asked of a model that does not give back a whole item."""

READ: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "classify": ("label",), "elo": ("harder",), "pot": ("program",), "rag": ("verdict", "confidence"),
    "refine": ("answer",), "judge_rubric_alone": ("grades",),
    **dict.fromkeys(("judge_pairwise", "judge_pairwise_results"), ("preferred",)),
    **dict.fromkeys(("judge_rubric", "judge_rubric_results"), ("first", "second")),
    "self_judge": GRADES,
})  # fmt: skip
"""Without these members a reply to a prompt of a kind of validator or measure says nothing."""


def item_schema(task: str) -> dict[str, Any]:
    """The schema of a reply that holds one item of a task."""
    return strict_object(_ITEMS[task])


def reply_schema(kind: str, task: str, labels: Sequence[str] = (), per_call: int = 1) -> dict[str, Any]:
    """The schema of a reply to the built-in prompt of a kind of operator, validator or measure.

    labels: what a `classify` may answer, what a judge grades. per_call: results that are asked for at once.
    """
    if per_call > 1:
        return strict_object({VARIANTS: _list(item_schema(task))})
    shape = _KINDS.get(kind)
    return item_schema(task) if shape is None else strict_object(shape(labels))


def returns_schema(returns: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a prompt's own `returns` (`text number integer bool`, `[text]`, `{"labels": […]}`)."""
    properties: dict[str, Mapping[str, Any]] = {}
    for name, kind in returns.items():
        match kind:
            case {"labels": labels}:
                properties[name] = _pick(*labels)
            case str():
                properties[name] = _RETURNS[kind]
            case _:
                properties[name] = _list(_RETURNS[kind[0]])
    return strict_object(properties)
