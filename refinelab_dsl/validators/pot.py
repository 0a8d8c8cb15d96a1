"""`pot`: a program that a model writes gives the item's answer (program of thoughts, Chen et al. 2022; RefineLab,
Validator).

The model sees the question, not the key. Its program runs in the sandbox, and the value of `answer` is compared with
the key by `equivalence` (choices by value). Each program has at most one vote:

- the first program that comes to the key settles it: supported;
- else a second is asked, and where the two do not agree a third; two votes for one answer settle it: for the key,
  supported; for another, refuted, with that answer;
- a program that says that the question has no answer, or whose value is that of several choices, votes for that: two
  such votes refute the item, without another answer;
- a program that cannot be read, does not run, lacks something in the sandbox, or whose value cannot be compared has no
  vote. A single vote against the key is not enough. What is not settled is unknown.

The confidence is the share of the programs asked that came to what is settled: 1 where the first or both agree, 2/3 for
two of three, 1/2 where one ran and came to the key. With `steps = true` the derivation is checked besides
(`derivation.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Validator
from refinelab_dsl.effects import Execute, Finding, Outcome, Program
from refinelab_dsl.equivalence import compare_answers, find_choice, find_choices, is_number, tidy_answer
from refinelab_dsl.prompts.asking import STEPS
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.steps import validator_template
from refinelab_dsl.questions import Questions, item_fields, read_json
from refinelab_dsl.validators.derivation import check_derivation
from refinelab_dsl.validators.verdict import ValidatorKind

PROGRAMS: Final = 3
"""Programs that are asked for at the most."""

ANSWER: Final = "answer"
"""The variable that holds a program's result."""

_FENCE: Final = re.compile(r"\A\s*```[A-Za-z]*[ \t]*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
_SETS_ANSWER: Final = re.compile(rf"\b{ANSWER}\b\s*(?::[^=\n]+)?(?:[-+*/]|//)?=(?!=)")


_NO_ANSWER: Final = ("none", "cannot be determined", "it cannot be determined", "not enough information")
"""Keys that say that the question has no answer, as those of GSM-Plus do."""
_FORM: Final = re.compile(r"simplif|simplest|factor|express|\bform\b|equivalent|rewrit|notation", re.IGNORECASE)
"""Questions that ask for a way of writing: there two choices may have one value, and one of them be right."""


class _Reply(msgspec.Struct):
    program: str


@dataclass(frozen=True, slots=True)
class Vote:
    """What one program came to. value: as text, None where there is none to correct the item with. choice: its
    position, for multiple choice."""

    kind: Literal["key", "other", "none", "several"]
    value: str | None = None
    choice: int | None = None

    def agrees(self, other: Vote) -> bool:
        """Whether two programs came to the same."""
        if self.kind != other.kind or self.kind != "other":
            return self.kind == other.kind
        if self.choice is not None or other.choice is not None:
            return self.choice == other.choice
        return compare_answers(self.value or "", other.value or "") == "same"


def inquire(validator: Validator, item: Item, questions: Questions) -> Program[Finding]:
    """What programs, and for `steps` the derivation's own arithmetic, say of an item."""
    template = validator_template(validator.name)
    finding = yield from inquire_by(template, validator, item, questions)
    if not validator.options.get("steps"):
        return finding
    found = yield from check_derivation(validator_template(validator.name, STEPS), finding, item, questions)
    return found


def inquire_by(template: str, validator: Validator, item: Item, questions: Questions) -> Program[Finding]:
    """What programs say of an item. template: the name of the one that asks for them."""
    votes: list[Vote] = []
    failures: list[str] = []
    for sample in range(PROGRAMS):
        vote = yield from _ask_program(template, validator, item, questions, sample)
        if isinstance(vote, Vote):
            votes.append(vote)
        else:
            failures.append(vote)
        if _is_settled(votes):
            break
    return settle(votes, failures)


def settle(votes: Sequence[Vote], failures: Sequence[str]) -> Finding:
    """The finding that follows from the votes. failures: of the programs without a vote, the reason."""
    asked = len(votes) + len(failures)
    for vote in votes:
        agreeing = sum(vote.agrees(other) for other in votes)
        if agreeing < 2 and not (vote.kind == "key" and len(votes) == 1):
            continue
        share = agreeing / asked
        match vote.kind:
            case "key":
                return Finding("supported", share)
            case "other":
                return Finding("refuted", share, "programs agree on another answer", vote.value)
            case "none":
                return Finding("refuted", share, "programs find that the question cannot be answered")
            case "several":
                return Finding("refuted", share, "programs come to a value that several choices have")
    if len(votes) > 1:
        return Finding("unknown", 0.0, "the programs disagree")
    if votes:
        return Finding("unknown", 0.0, "a single program ran, and did not come to the key")
    return Finding("unknown", 0.0, f"no program came to an answer: {', '.join(sorted(set(failures)))}")


def cast_vote(value: str, item: Item, task: str) -> Vote | str:
    """The vote of a program that came to a value, or why it has none."""
    key = str(item.fields["answer"])
    if value.strip() in ("", "None", "nan"):
        return Vote("key" if key.strip().rstrip(".").lower() in _NO_ANSWER else "none")
    if task != "mcq":
        match compare_answers(key, value):
            case "same":
                return Vote("key")
            case "different":
                return Vote("other", tidy_answer(value))
            case _:
                return "the value cannot be compared with the key"
    choices = [str(choice) for choice in item.fields["choices"]]
    by_value = _FORM.search(str(item.fields["question"])) is None
    if by_value and is_number(value) and len(find_choices(value, choices)) > 1:
        return Vote("several")
    choice = find_choice(value, choices)
    if choice is None:
        return "the value is that of no choice"
    if by_value and is_number(choices[choice]) and len(find_choices(choices[choice], choices)) > 1:
        return Vote("several")
    return Vote("key") if choices[choice] == key else Vote("other", choices[choice], choice)


def _is_settled(votes: Sequence[Vote]) -> bool:
    if len(votes) == 1:
        return votes[0].kind == "key"
    return any(vote.agrees(other) for index, vote in enumerate(votes) for other in votes[:index])


def _ask_program(
    template: str, validator: Validator, item: Item, questions: Questions, sample: int
) -> Program[Vote | str]:
    """One program's vote, or why it has none, in words of ours."""
    subject = questions.subject("pot", item)
    request = questions.compose(template, {"item": item_fields(item)}, sample=sample, subject=subject)
    program: str | Unreadable = yield from read_json(request, read_program)
    if isinstance(program, Unreadable):
        return "the reply is no program"
    level: Any = validator.options.get("sandbox", "embedded")
    outcome: Outcome = yield Execute(program, level, ANSWER)
    match outcome.status:
        case "ok" if outcome.value is not None:
            return cast_vote(outcome.value, item, questions.task)
        case "unsupported":
            return "the sandbox lacks something that the program needs"
        case "timeout" | "memory" | "output":
            return f"the program went beyond its bound of {_BOUNDS[outcome.status]}"
    return "the program failed"


_BOUNDS: Final = {"timeout": "time", "memory": "memory", "output": "output"}


def read_program(text: str) -> str | Unreadable:
    """The program that a reply holds, without a code fence around it."""
    reply = read_object(text, _Reply)
    if isinstance(reply, Unreadable):
        return reply
    fenced = _FENCE.match(reply.program)
    program = fenced[1] if fenced else reply.program
    if not _SETS_ANSWER.search(program):
        return Unreadable(f"the program does not set the variable `{ANSWER}`")
    return program


KIND: Final = ValidatorKind("pot", inquire=inquire)
