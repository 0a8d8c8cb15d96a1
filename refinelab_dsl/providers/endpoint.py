"""The simulated model behind an OpenAI-shaped endpoint: from a request's body to a reply's, as a pure function.

Over HTTP there is no `subject`: what the call is about is read from the delimited blocks of the first user message
(`item` or `anchor`, and `target`), and the whole of that message takes the place of the sample index. So equal
requests get equal replies, whether the schema came as `response_format` or in the prompt.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from refinelab_dsl.prompts.blocks import parse_blocks
from refinelab_dsl.prompts.compose import RETRY_OPENING, SCHEMA_WORDING
from refinelab_dsl.prompts.request import Subject
from refinelab_dsl.prompts.shapes import VARIANTS
from refinelab_dsl.prompts.tokens import count_tokens
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.providers.simulated import cut
from refinelab_dsl.providers.simulated_programs import solve
from refinelab_dsl.providers.simulated_refining import read_refining
from refinelab_dsl.providers.simulation import FLAWS, simulate
from refinelab_dsl.providers.simulation_measures import read_blocks
from refinelab_dsl.providers.wire import SIMULATED_FINGERPRINT

_MESSAGE_TOKENS = 4


@dataclass(frozen=True, slots=True)
class Simulation:
    """How the endpoint answers. success: chance of a good result. malformed: share of first replies that break off;
    a repair mends them. announce: replies say that they are simulated."""

    seed: int = 0
    success: float = 1.0
    malformed: float = 0.0
    flaws: Sequence[str] = FLAWS
    announce: bool = True


def body_key(body: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a request's canonical body."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def answer_body(body: Mapping[str, Any], simulation: Simulation) -> dict[str, Any]:
    """The `chat.completion` object for a request's body.

    Raises:
        ValueError: the body is no request for a chat completion.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise ValueError("`messages` is missing")
    prompt, in_prompt = _first_user_text(messages)
    schema = _schema(body) or in_prompt
    retries = list(_find_retries(messages))
    text = simulate(
        _subject(prompt, schema),
        seed=simulation.seed,
        sample=hashlib.sha256("\n".join((prompt, *retries)).encode("utf-8", "replace")).hexdigest(),
        schema=schema,
        success=simulation.success,
        flaws=simulation.flaws,
    ).text
    is_first = sum(message.get("role") == "assistant" for message in messages) <= bool(retries)
    if is_first and Draw("malformed", simulation.seed, prompt, *retries).unit() < simulation.malformed:
        text = text[: max(1, len(text) * 2 // 3)]
    model = str(body.get("model", ""))
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or 1_000_000
    text, tokens, reason = cut(text, model, int(limit))
    sent = 3 + sum(_MESSAGE_TOKENS + count_tokens(str(message.get("content")), model) for message in messages)
    if "response_format" in body:
        sent += count_tokens(json.dumps(body["response_format"]), model)
    reply: dict[str, Any] = {
        "id": f"chatcmpl-{body_key(body)[:24]}",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None, "finish_reason": reason}
        ],
        "usage": {"prompt_tokens": sent, "completion_tokens": tokens, "total_tokens": sent + tokens},
    }
    if simulation.announce:
        reply["system_fingerprint"] = SIMULATED_FINGERPRINT
    return reply


def _find_retries(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Of a further try: the reply that was refused, and why. What it asks is answered anew."""
    for before, message in pairwise(messages):
        if message.get("role") == "user" and str(message.get("content")).startswith(RETRY_OPENING):
            reason, _, _ = str(message.get("content")).partition(SCHEMA_WORDING)
            yield f"{before.get('content')}\n{reason}"


def _first_user_text(messages: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Any] | None]:
    """The first user message without the schema that it may end with, and that schema."""
    text = next((str(message.get("content")) for message in messages if message.get("role") == "user"), "")
    prompt, _, tail = text.rpartition(SCHEMA_WORDING)
    if not prompt:
        return text, None
    try:
        schema = json.loads(tail)
    except ValueError:
        return text, None
    return prompt, schema if isinstance(schema, dict) else None


def _schema(body: Mapping[str, Any]) -> dict[str, Any] | None:
    form = body.get("response_format")
    if not isinstance(form, dict) or not isinstance(form.get("json_schema"), dict):
        return None
    schema = form["json_schema"].get("schema")
    return schema if isinstance(schema, dict) else None


def _subject(prompt: str, schema: Mapping[str, Any] | None) -> Subject:
    blocks = parse_blocks(prompt)
    parts, pseudonyms, found = blocks.get("parts"), blocks.get("pseudonyms"), blocks.get("found")
    if isinstance(parts, list) and isinstance(pseudonyms, dict) and isinstance(found, list):
        return Subject("scrub", "qa", {"about": {"parts": parts, "pseudonyms": pseudonyms, "spans": found}})
    evidence = _evidence(blocks, schema)
    if evidence is not None:
        return evidence
    thought = _thought(blocks, schema)
    if thought is not None:
        return thought
    refining = read_refining(blocks, schema)
    if refining is not None:
        return refining
    kind = "expand" if "item" in blocks and "anchor" not in blocks else "generate"
    item = blocks.get("item" if kind == "expand" else "anchor")
    item = item if isinstance(item, dict) else {}
    members = schema.get("properties", {}) if schema is not None else item
    count = blocks.get("count")
    if VARIANTS in members:
        members = members[VARIANTS].get("items", {}).get("properties", {})
        item = {**item, "about": {"count": count if isinstance(count, int) else 2}}
    task = (
        "mcq" if "choices" in members else "code" if "entry_point" in members else "math" if "solution" in members
        else "chat" if "messages" in members else "qa"
    )  # fmt: skip
    measured = read_blocks(blocks, schema, task)
    if measured is not None:
        return measured
    target = blocks.get("target")
    return Subject(kind, task, item, target if isinstance(target, dict) else {})


def _evidence(blocks: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Subject | None:
    """The subject of a call that is about evidence: a verdict on an item, or its repair; None of another call."""
    item = blocks.get("item")
    if not isinstance(item, dict):
        return None
    task = "mcq" if "choices" in item else "math" if "solution" in item else "qa"
    members = schema.get("properties", {}) if schema is not None else {}
    passages, finding = blocks.get("passages"), blocks.get("finding")
    if "verdict" in members and isinstance(passages, list):
        return Subject("rag", task, {**item, "about": {"shown": len(passages)}})
    return Subject("correct", task, {**item, "about": finding}) if isinstance(finding, dict) else None


def _thought(blocks: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Subject | None:
    """The subject of a call of `pot`: for a program, or for the first wrong step; None of another call.

    Its prompts show no key. The simulated model solves the word problems that it writes itself; of another question it
    takes a number that follows from the text for the answer.
    """
    members = schema.get("properties", {}) if schema is not None else {}
    item = blocks.get("item")
    if not isinstance(item, dict) or not {"program", "wrong_step"} & set(members):
        return None
    question = str(item.get("question", ""))
    digits = int(hashlib.sha256(question.encode("utf-8", "replace")).hexdigest(), 16) % 10_000
    known = {**item, "answer": solve(question) or str(digits)}
    steps = item.get("steps")
    if "wrong_step" in members:
        return Subject("pot_steps", "math", {**known, "about": {"steps": len(steps) if isinstance(steps, dict) else 1}})
    return Subject("pot", "mcq" if "choices" in item else "math", known)
