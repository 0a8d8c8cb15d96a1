"""The names that a prompt's template sees. Each row of a kind lists those that its calls provide (`sees`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from refinelab_dsl.builtins.refining import JudgeRole
from refinelab_dsl.builtins.table import PromptName

TASK: Final = PromptName("task", "the dataset's task", "word")
PARAMS: Final = PromptName("params", "the model's `params`", "map")
SAMPLE: Final = PromptName("sample", "which draw on the same item this is, counted from 0", "word")
COUNT: Final = PromptName("count", "how many are asked for: `variants` or `count`", "word")
STYLE: Final = PromptName("style", "how the result should read; none where the spec does not say", "word")
MISTAKES: Final = PromptName("mistakes", "mistake types to draw from; empty where the spec names none", "list")
CRITERIA: Final = PromptName("criteria", "what is graded, or what is to leave", "list")

CONVERSATION: Final = PromptName(
    "conversation", "what is asked, as messages with `role` and `content`", "list", data=True
)
ANSWER: Final = PromptName("answer", "the answer that is to be improved", "word", data=True)
ITEM: Final = PromptName("item", "the item that the call is about", "item", data=True)
ANCHOR: Final = PromptName("anchor", "the item beside which a new one is written", "item", data=True)
FIRST: Final = PromptName("first", "what is shown first of a pair that is compared", "item", data=True)
SECOND: Final = PromptName("second", "what is shown second of a pair that is compared", "item", data=True)
TARGET: Final = PromptName("target", "per dimension, what the result is made for", "dimensions", data=True)
LABELS: Final = PromptName("labels", "per dimension, its labels", "dimensions", data=True)
CHOICE: Final = PromptName("labels", "the labels to choose from", "list", data=True)
MEANINGS: Final = PromptName("meanings", "per label, what it means; empty where that is not known", "map", data=True)
PASSAGES: Final = PromptName("passages", "retrieved texts, the best first; empty where none are", "list", data=True)
FINDING: Final = PromptName(
    "finding", "what the validator found", "record", ("verdict", "answer", "reason"), data=True
)  # fmt: skip
PARTS: Final = PromptName("parts", "the texts of the item that are to be rewritten, in order", "list", data=True)
SPANS: Final = PromptName("spans", "parts of the item that were found, as they stand there", "list", data=True)
PSEUDONYMS: Final = PromptName("pseudonyms", "per part that was found, what takes its place", "map", data=True)

PAIR: Final = (FIRST, SECOND)
SEEN_ALWAYS: Final = (TASK, PARAMS, SAMPLE)
"""What every call provides."""

OPERATOR: Final = (ITEM, TARGET, LABELS, COUNT, STYLE)
"""What the calls of every operator provide."""

SEEN_BY_JUDGES: Final[Mapping[JudgeRole, tuple[PromptName, ...]]] = MappingProxyType({
    "answers": (ITEM, CONVERSATION, *PAIR, CRITERIA),
    "results": (ITEM, *PAIR, CRITERIA),
    "alone": (ITEM, CRITERIA),
})
"""What a judge's calls provide, by what it is shown."""

PROMPT_NAMES: Final = (
    ITEM, ANCHOR, CONVERSATION, ANSWER, FIRST, SECOND, TARGET, LABELS, CHOICE, MEANINGS,
    PASSAGES, FINDING, PARTS, SPANS, PSEUDONYMS,
    TASK, PARAMS, SAMPLE, COUNT, STYLE, MISTAKES, CRITERIA,
)  # fmt: skip
"""All of them. `labels` is there twice: a measure's are a list."""
