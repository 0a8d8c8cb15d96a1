"""Tries an example out as a user would, in a folder that holds its files, within the surroundings of its code."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from refinelab_dsl import compiler
from refinelab_dsl.diagnostics import Diagnostics, Edit
from refinelab_dsl.diagnostics.explanations import Example
from refinelab_dsl.diagnostics.render import render_text
from tests.explain.completion import add_uses
from tests.harness.situations import CODE, SPEC, Place, read_situation, run_steps
from tests.harness.stages import Stage, plain


class Trial(NamedTuple):
    """What an example came to. made: the codes that its last command gave, in order. shown: what was to be seen of all
    of its commands. exit_code: of the last one. found: what is wrong with its spec, as it stands then."""

    made: list[str]
    shown: str
    exit_code: int
    found: Diagnostics


def try_example(examples: Sequence[Example], code: str, folder: Path, stage: Stage = plain) -> Trial:
    """Without commands an example's spec is checked. stage: what stands around it."""
    situation = read_situation(examples, code)
    with stage(Place(folder), situation.files) as place:
        with chdir(place.folder):
            found = check_spec(Path(SPEC), code)
        if not any(each.language == "console" for each in examples):
            return Trial([entry.code for entry in found], render_text(found), int(found.has_errors), found)
        answers = run_steps(situation.steps, place)
    shown = "".join(f"$ {answer.step.line}\n{answer.text}" for answer in answers)
    last = [answer for answer in answers if answer.step.line != "echo $?"][-1]
    return Trial(CODE.findall(last.text), shown, last.code, found)


def check_spec(spec: Path, code: str) -> Diagnostics:
    """What is wrong with a spec, once all that it declares has a use."""
    found = compiler.analyze(spec).diagnostics
    text = spec.read_text(encoding="utf-8")
    used = add_uses(text, code, found)
    if used == text:
        return found
    spec.write_text(used, encoding="utf-8", newline="\n")
    return compiler.analyze(spec).diagnostics


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """The text after a suggestion was followed."""
    for edit in sorted(edits, key=lambda each: each.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text
