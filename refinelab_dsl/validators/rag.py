"""`rag`: retrieved passages support the item's answer, refute it, or say nothing of it (RefineLab, Validator)."""

from __future__ import annotations

from typing import Final

import msgspec

from refinelab_dsl.data.corpora import name_corpus
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Validator
from refinelab_dsl.effects import Finding, Passage, Program, Retrieve
from refinelab_dsl.embeddings.letters import normalise
from refinelab_dsl.prompts.passages import USUAL, show_passages
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.steps import validator_template
from refinelab_dsl.questions import Questions, item_fields, read_json
from refinelab_dsl.retrieval.keywords import extract_keywords, join_query
from refinelab_dsl.validators.verdict import ValidatorKind

_VERDICTS: Final = ("supported", "refuted", "not enough evidence")


class _Reply(msgspec.Struct):
    verdict: str
    confidence: float
    passages: list[int | str] = []
    answer: str = ""


def inquire(validator: Validator, item: Item, questions: Questions) -> Program[Finding]:
    """Retrieves passages by keywords of question and answer, and asks what they say of the answer.

    Where nothing is retrieved nobody is asked, and the verdict is unknown. So it is where the reply cannot be used,
    contradicts itself, or names no passage that was shown: a verdict stands on evidence or not at all.
    """
    finding, _ = yield from investigate(validator, item, questions)
    return finding


def investigate(
    validator: Validator, item: Item, questions: Questions
) -> Program[tuple[Finding, tuple[Passage, ...]]]:
    """As `inquire`, with the passages that were shown."""
    passages = yield from retrieve(
        validator.options["corpus"], int(validator.options.get("top_k") or USUAL), item, questions
    )
    if not passages:
        return Finding("unknown", 0.0, "nothing was retrieved"), ()
    request = questions.compose(
        validator_template(validator.name),
        {"item": item_fields(item), "passages": show_passages(passages)},
        subject=questions.subject("rag", item, shown=len(passages)),
    )
    reply = yield from read_json(request, _read_reply)
    if isinstance(reply, Unreadable):
        return Finding("unknown", 0.0, "the reply could not be read"), passages
    return _weigh(reply, item, passages), passages


def retrieve(corpus: object, top_k: int, item: Item, questions: Questions) -> Program[tuple[Passage, ...]]:
    """The passages that fit an item best: its question and its answer, not its other choices.

    corpus: as the spec names it (`data.corpora`).
    """
    name = name_corpus(corpus)
    fields = item.fields
    texts = [str(fields.get("question") or fields.get("prompt") or ""), str(fields.get("answer") or "")]
    query = join_query(extract_keywords(texts))
    if not query:
        return ()
    found: tuple[Passage, ...] = yield Retrieve(name, query, top_k, questions.context.corpora.get(name, ""))
    return found


def _read_reply(text: str) -> _Reply | Unreadable:
    reply = read_object(text, _Reply)
    if isinstance(reply, Unreadable):
        return reply
    verdict = normalise(reply.verdict.replace("_", " "))
    if verdict not in _VERDICTS:
        return Unreadable(f"`verdict` must be one of {', '.join(_VERDICTS)}")
    if not 0 <= reply.confidence <= 1:
        return Unreadable("`confidence` must be a number from 0 to 1")
    return _Reply(verdict, reply.confidence, reply.passages, reply.answer)


def _weigh(reply: _Reply, item: Item, passages: tuple[Passage, ...]) -> Finding:
    """What the reply comes to: numbers of passages that were not shown count for nothing."""
    named = {str(number).strip(" []") for number in reply.passages}
    used = tuple(passage.id for number, passage in enumerate(passages, 1) if str(number) in named)
    if reply.verdict == "not enough evidence":
        return Finding("unknown", reply.confidence, "the passages are not enough evidence", passages=used)
    if not used:
        return Finding("unknown", 0.0, "no passage was named for the verdict")
    if reply.verdict == "supported":
        return Finding("supported", reply.confidence, passages=used)
    answer = reply.answer or None
    if answer is not None and normalise(answer) == normalise(str(item.fields.get("answer") or "")):
        return Finding("unknown", 0.0, "the reply refutes the answer and gives the same", passages=used)
    return Finding("refuted", reply.confidence, "the passages refute the answer", answer, used)


KIND: Final = ValidatorKind("rag", inquire=inquire)
