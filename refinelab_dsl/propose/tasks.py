"""From the columns of a sample to a task and its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from refinelab_dsl.data.invert import column
from refinelab_dsl.declarations import Task
from refinelab_dsl.expressions.nodes import Call, Constant, Expression
from refinelab_dsl.expressions.walk import columns_of
from refinelab_dsl.propose.choices import Options, find_keys, find_options, read_mcq
from refinelab_dsl.propose.columns import Column, is_number
from refinelab_dsl.propose.inference import Finding, Key, Reading
from refinelab_dsl.propose.words import (
    ANSWER,
    ASKED,
    CODE,
    CONTEXT,
    ENTRY,
    ID,
    MESSAGES,
    QUESTION,
    SOLUTION,
    TESTS,
    Weights,
    plain_name,
    weigh_name,
)

_ENOUGH = 0.8
_MARKS = ("####", "The answer is", "Final answer:", "Answer:")
_FORMULA = re.compile(r"[^\n]{0,60}\d[^\n]{0,60}")
_ROLES = ({"role", "content"}, {"from", "value"})


@dataclass(frozen=True)
class Unclear:
    """No task could be inferred. `missing` says what for. lists: a column in which each row holds several questions."""

    missing: str
    lists: str | None = None


def infer_task(columns: Mapping[str, Column]) -> Reading | Unclear:
    """The task and the fields that columns show, or why there is none."""
    chat = _infer_chat(columns)
    if chat is not None:
        return chat
    code = _infer_code(columns)
    if code is not None:
        return code
    several = _find_lists(columns)
    questions = find_questions(columns)
    options = find_options(columns)
    solved = _infer_mcq(columns, questions, options)
    if solved is not None:
        return with_side_fields(solved, columns)
    if several is not None:
        why = f"each row holds several questions (a list in `{several}`); a dataset has one in each row"
        return Unclear(why, several)
    if not questions:
        return Unclear("no column is a question by its name, and none holds choices that another one is the key to")
    lacking = _explain_code(columns)
    if lacking is not None:
        return Unclear(lacking)
    read = _infer_answered(columns, questions)
    if read is not None:
        return with_side_fields(read, columns)
    return Unclear(_explain_no_answer(columns, questions[0].name, options))


def find_questions(columns: Mapping[str, Column]) -> list[Column]:
    """Columns of text whose names say question, the likeliest first."""
    weighed = []
    for each in columns.values():
        weight = weigh_name(each.name, QUESTION)
        if weight and each.text_share >= _ENOUGH and each.count(lambda value: isinstance(value, str)):
            varied = len(each.different) >= 0.2 * len(each.texts)
            weighed.append((weight if varied else weight - 6, each))
    return [each for _, each in sorted(weighed, key=lambda pair: -pair[0])]


def with_side_fields(reading: Reading, columns: Mapping[str, Column]) -> Reading:
    """The reading with its optional fields: id, context, solution. A column of such a name that cannot be one is
    switched off, because a field without an entry is read from the column of its name."""
    used = {name for finding in reading.findings for name in _columns_in(finding.expression)}
    parent = next(iter(used), "").rpartition(".")[0]
    found: list[Finding] = []
    for name, words, need in (("context", CONTEXT, 0.5), ("solution", SOLUTION, 0.5)):
        if name in reading.fields or (name == "solution" and reading.task == "mcq"):
            continue
        best = _best(columns, words, parent, used, need)
        if best is not None:
            rows = len(best.values)
            found.append(Finding(name, column(best.name), f"text in {len(best.texts)} of {rows} rows"))
            used.add(best.name)
        elif name in columns and columns[name].present:
            found.append(Finding(name, Constant.of(""), f"left out: column `{name}` is no text", False))
    id = _find_id(columns, used)
    head = [] if id is None else [id]
    return replace(reading, findings=(*head, *reading.findings, *found))


def without_id(reading: Reading) -> Reading:
    """The reading whose items have no id of their own: ids repeat."""
    findings = [finding for finding in reading.findings if finding.name != "id"]
    before = next((finding for finding in reading.findings if finding.name == "id"), None)
    if before is None or _columns_in(before.expression) == ("id",):
        findings.insert(0, Finding("id", Constant.of(""), "made from the content: those of the data repeat"))
    return replace(reading, findings=tuple(findings))


def _infer_mcq(
    columns: Mapping[str, Column], questions: Sequence[Column], options: Sequence[Options]
) -> Reading | None:
    found = []
    for each in options:
        question, sure = _question_beside(columns, questions, each)
        if question is None:
            continue
        keys = find_keys(columns, each, (question.name,))
        if keys:
            near = 2 if question.parent == each.parent else 0
            found.append((keys[0].weight + each.weight + near, each, question, sure, keys))
    if not found:
        return None
    found.sort(key=lambda entry: -entry[0])
    best, each, question, sure, keys = found[0]
    rivals = tuple(other[1] for other in found[1:] if other[0] > best - 3)
    evidence = _describe_question(question)
    finding = Finding("question", column(question.name), evidence, sure, _rivals(question, questions))
    return read_mcq(finding, keys[0], keys[1:], rivals)


def _question_beside(
    columns: Mapping[str, Column], questions: Sequence[Column], options: Options
) -> tuple[Column | None, bool]:
    """The question of some choices: the likeliest by name that stands at the same place; else the longest text."""
    free = [each for each in questions if each.name not in options.names]
    beside = [each for each in free if each.parent == options.parent]
    if beside or free:
        return (beside or free)[0], True
    texts = [
        each
        for each in columns.values()
        if each.name not in options.names
        and each.text_share >= 0.95
        and each.count(lambda value: isinstance(value, str))
        and each.mean_words >= 4
        and len(each.different) >= 0.5 * len(each.texts)
    ]
    return max(texts, key=lambda each: each.mean_words, default=None), False


def _infer_answered(columns: Mapping[str, Column], questions: Sequence[Column]) -> Reading | None:
    """A question and an answer of its own: `math` where answers are numbers, else `qa`."""
    weighed = []
    for place, question in enumerate(questions[:4]):
        for each in columns.values():
            name = weigh_name(each.name, ANSWER)
            if not name or each.name == question.name or each.text_share < _ENOUGH:
                continue
            near = 2 if each.parent == question.parent else 0
            if plain_name(question.name) == "input" and plain_name(each.name) == "target":
                near += 4  # `input` and `target` are a pair; an `answer` beside them is somebody's
            same_state = 4 if weigh_name(question.name, QUESTION) >= 5 else 0
            weighed.append((name + near + same_state - 3 * place, question, each))
    if not weighed:
        return None
    weighed.sort(key=lambda entry: -entry[0])
    best, question, answer = weighed[0]
    rivals = tuple(
        dict.fromkeys(
            each.name
            for weight, other, each in weighed[1:]
            if weight > best - 4 and other is question and each.text_share >= 0.95
        )
    )
    rivals_asked = _rivals(question, questions)
    asked = Finding(
        "question", column(question.name), _describe_question(question), not rivals_asked, rivals_asked
    )
    return _read_answer(asked, question, answer, rivals)


def _read_answer(asked: Finding, question: Column, answer: Column, rivals: tuple[str, ...]) -> Reading:
    rows = len(answer.values)
    texts = answer.texts
    for mark in _MARKS:
        marked = sum(mark in text and bool(text.rpartition(mark)[2].strip()) for text in texts)
        if marked < 0.9 * rows or marked < 2 <= rows:
            continue
        finals = [text.rpartition(mark)[2].strip() for text in texts if mark in text]
        numbers = sum(map(is_number, finals))
        evidence = f'"{mark}" stands in {marked} of {rows} answers'
        task: Task = "math" if numbers >= _ENOUGH * len(finals) else "qa"
        counted = f"a number stands behind it in {numbers} of {rows}"
        return Reading(
            task=task,
            findings=(
                asked,
                Finding("solution", _around("before", answer.name, mark), evidence),
                Finding("answer", _around("after", answer.name, mark), counted, not rivals, rivals),
            ),
            key="number" if task == "math" else "free text",
            evidence=f"{evidence}, {counted}" if task == "math" else evidence,
            key_evidence=counted,
        )  # fmt: skip
    numbers = answer.count(is_number)
    formulas = sum(_FORMULA.fullmatch(text) is not None for text in texts)
    few = rows >= 50 and len(answer.different) <= 10
    task = "qa"
    key: Key = "free text"
    sure = True
    evidence = f"text, {round(answer.mean_words)} words on average" if numbers < rows / 2 else ""
    if numbers >= _ENOUGH * rows and not few:
        task, key = "math", "number"
    elif numbers >= 0.4 * rows and formulas >= 0.9 * rows and not few:
        task, key, sure = "math", "number", False
    shown = f"a number in {numbers} of {rows} rows" if task == "math" or not evidence else evidence
    doubts = () if sure else (f"{rows - numbers} of {rows} answers are no plain number; `task = qa` would do as well",)
    if task == "qa" and numbers >= _ENOUGH * rows:
        sure = False
        doubts = (f"the answers are {len(answer.different)} different numbers: labels of classes, perhaps",)
    return Reading(
        task=task,
        findings=(asked, Finding("answer", column(answer.name), shown, not rivals, rivals)),
        key=key,
        evidence=f"`{answer.name}` is {shown}",
        key_evidence=shown,
        sure=sure,
        doubts=doubts,
    )


def _infer_code(columns: Mapping[str, Column]) -> Reading | None:
    entry = _best(columns, ENTRY, "", (), _ENOUGH)
    tests = _best(columns, TESTS, "", (), _ENOUGH)
    prompt = next(iter(find_questions(columns)), None)
    if entry is None or tests is None or prompt is None:
        return None
    findings = [
        Finding("prompt", column(prompt.name), _describe_question(prompt)),
        Finding("tests", column(tests.name), f"text in {len(tests.texts)} of {len(tests.values)} rows"),
        Finding("entry_point", column(entry.name), f"text in {len(entry.texts)} of {len(entry.values)} rows"),
    ]
    solution = _best(columns, CODE, "", (), _ENOUGH)
    if solution is not None:
        findings.append(
            Finding("solution", column(solution.name), f"text in {len(solution.texts)} of {len(solution.values)} rows")
        )
    used = {prompt.name, tests.name, entry.name}
    id = _find_id(columns, used)
    return Reading(
        task="code",
        findings=(*([id] if id else []), *findings),
        key="none",
        evidence=f"`{entry.name}` and `{tests.name}` stand beside `{prompt.name}`",
    )


def _infer_chat(columns: Mapping[str, Column]) -> Reading | None:
    for each in columns.values():
        found = _find_turns(each)
        if found is not None:
            expression, evidence = found
            id = _find_id(columns, {each.name})
            finding = Finding("messages", expression, evidence)
            return Reading("chat", (*([id] if id else []), finding), "none", f"`{each.name}` is {evidence}")
    return None


def _find_turns(each: Column) -> tuple[Expression, str] | None:
    """How the turns of a conversation are read from a column, and what it is; None where it holds none."""
    total = len(each.values)
    if weigh_name(each.name, MESSAGES):
        rows = each.count(_is_conversation)
        if rows >= _ENOUGH * total:
            return column(each.name), f"a list of messages with a role each in {rows} of {total} rows"
    rows = each.count(_is_tree)
    if rows >= _ENOUGH * total:
        return column(each.name), f"a tree of turns and replies in {rows} of {total} rows; of each the best path"
    for function, words, what in (
        ("asked", ASKED, "a list of texts, of a name for turns of the user's alone,"),
        ("dialogue", MESSAGES, "a list of texts, user and assistant in turn,"),
    ):
        rows = each.count(_is_texts)
        if weigh_name(each.name, words) and not each.parent and rows >= _ENOUGH * total:
            return Call(function=function, arguments=(column(each.name),)), f"{what} in {rows} of {total} rows"
    return None


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(turn, str) for turn in value)


def _is_tree(value: Any) -> bool:
    return isinstance(value, Mapping) and {"text", "role", "replies"} <= set(value)


def _is_conversation(value: Any) -> bool:
    if isinstance(value, str) and value.startswith("["):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
            return False
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, Mapping) and any(roles <= set(turn) for roles in _ROLES) for turn in value)
    )


def _find_lists(columns: Mapping[str, Column]) -> str | None:
    """A column of whole lists of questions: `questions` beside `options` and `answers`."""
    for each in columns.values():
        plural = plain_name(each.name) in ("questions", "problems", "qas")
        if plural and each.count(_is_list) >= _ENOUGH * len(each.values):
            return each.name
    return None


def _find_id(columns: Mapping[str, Column], used: set[str]) -> Finding | None:
    """A column of identifiers, each another one. One called `id` that repeats, or is no text, is switched off."""
    for name in sorted((each for each in columns if each not in used), key=lambda name: -weigh_name(name, ID)):
        each = columns[name]
        if ID.get(plain_name(name), 0) and not each.parent and len(each.different) == len(each.values):
            return Finding("id", column(name), f"{len(each.values)} different ones in {len(each.values)} rows")
    if "id" in columns and columns["id"].present:
        return Finding("id", Constant.of(""), "made from the content: column `id` repeats or has gaps")
    return None


def _best(
    columns: Mapping[str, Column], words: Weights, parent: str, used: Any, need: float
) -> Column | None:
    found = [
        (weight + (1 if each.parent == parent else 0), each)
        for each in columns.values()
        if (weight := weigh_name(each.name, words)) >= 5
        and each.name not in used
        and each.text_share >= need
        and each.count(lambda value: value is None or isinstance(value, str)) == len(each.values)
        and (not parent or each.parent in ("", parent))
    ]
    return max(found, key=lambda entry: entry[0])[1] if found else None


def _rivals(question: Column, questions: Sequence[Column]) -> tuple[str, ...]:
    """Other questions: as likely by name, or of the same name at another place (`old.question`, `new.question`)."""
    own = weigh_name(question.name, QUESTION)
    return tuple(
        each.name
        for each in questions
        if each is not question
        and (
            weigh_name(each.name, QUESTION) >= own
            or (plain_name(each.name) == plain_name(question.name) and each.parent != question.parent)
        )
    )


def _describe_question(question: Column) -> str:
    words = round(question.mean_words)
    return f"text in {len(question.texts)} of {len(question.values)} rows, {words} words on average"


def _explain_no_answer(columns: Mapping[str, Column], question: str, options: Sequence[Options]) -> str:
    named = [options_ for options_ in options if options_.weight]
    if named:
        return f"`{question}` and choices `{named[0].names[0]}` are there, but no column says which one is right"
    nested = next(
        (
            each.name
            for each in columns.values()
            if each.name != question and weigh_name(each.name, ANSWER) and each.count(_is_list)
        ),
        None,
    )
    if nested is not None:
        return f"`{question}` could be the question, but its answers are lists (`{nested}`), and a field is one text"
    return f"`{question}` could be the question, but no column is its answer"


def _explain_code(columns: Mapping[str, Column]) -> str | None:
    """What keeps programs with their tests from being items of `code`; None for anything else."""
    coded = [name for name in columns if any(weigh_name(name, words) >= 8 for words in (CODE, TESTS, ENTRY))]
    if len(coded) < 2:
        return None
    has_entry = _best(columns, ENTRY, "", (), _ENOUGH) is not None
    lacking = "tests that are one text" if has_entry else "the name of the function (`entry_point`)"
    return f"this looks like `code` (`{coded[0]}`, `{coded[1]}`), but no column holds {lacking}"


def _around(function: str, name: str, mark: str) -> Expression:
    return Call(function=function, arguments=(column(name), Constant.of(mark)))


def _columns_in(expression: Expression) -> tuple[str, ...]:
    return tuple(columns_of(expression))
