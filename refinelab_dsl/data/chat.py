"""An item as a conversation for fine-tuning: the question from the user, the answer from the assistant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from refinelab_dsl.data.answers import letter_of
from refinelab_dsl.data.invert import Unfit


def build_messages(task: str, fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """`[{"role": "user", "content": …}, {"role": "assistant", "content": …}]`; a chat's messages as they are.

    The user's text is the context, where there is one, the question, and the choices with letters. The assistant
    answers an mcq with the letter and the text of the right choice; of other tasks it gives the solution first, where
    there is one, and then the answer, unless the solution ends with it.

    Raises:
        Unfit: the item holds no answer (a `code` item without solution).
    """
    match task:
        case "chat":
            return list(fields["messages"])
        case "code":
            question, answer = fields["prompt"], fields.get("solution")
            if answer is None:
                raise Unfit("it has no solution, which the assistant would answer with")
        case "mcq":
            choices = list(fields["choices"])
            question = _lay_out(fields, [f"{letter_of(at)}. {text}" for at, text in enumerate(choices)])
            answer = f"{letter_of(choices.index(fields['answer']))}. {fields['answer']}"
        case _:
            question, answer = _lay_out(fields, ()), _work_out(fields)
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def _lay_out(fields: Mapping[str, Any], choices: Sequence[str]) -> str:
    parts = (fields.get("context"), fields["question"], "\n".join(choices))
    return "\n\n".join(part for part in parts if part)


def _work_out(fields: Mapping[str, Any]) -> str:
    solution, answer = fields.get("solution"), fields["answer"]
    if not solution or solution.rstrip().endswith(answer):
        return str(solution or answer)
    return f"{solution.rstrip()}\n\nAnswer: {answer}"
