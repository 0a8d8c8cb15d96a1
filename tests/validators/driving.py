"""Drives the program of a validator by hand: scripted replies of a model, the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from refinelab_dsl import builtins
from refinelab_dsl.artifacts.plan import Template
from refinelab_dsl.declarations import Model, Validator
from refinelab_dsl.effects import Effect, Execute, Finding, Outcome, Passage, Program, Retrieve
from refinelab_dsl.prompts import builtin_template, reply_schema
from refinelab_dsl.prompts.request import Completion, Request
from refinelab_dsl.prompts.steps import StepContext
from refinelab_dsl.questions import Questions
from refinelab_dsl.sandbox import Limits, Sandbox
from refinelab_dsl.types import UNSET

MODEL = Model(name="small", provider="simulated", id="test-model")


def make_questions(task: str, templates: dict[str, str]) -> Questions:
    """Questions of a plan with these templates: name -> kind, with the kind's built-in prompt."""
    made = {}
    for name, kind in templates.items():
        system, user = builtin_template(kind, task)
        made[name] = Template(
            name=name, model="small", system=system, user=user, reply_schema=reply_schema(kind, task),
            max_output_tokens=800,
        )  # fmt: skip
    context = StepContext(
        task=task, seed=0, dimensions=(), measures=(), labels={}, models={"small": MODEL}, operators={},
        templates=made,
    )  # fmt: skip
    return Questions(context)


def make_validator(kind: str, **options: Any) -> Validator:
    defaults = {each.name: each.default for each in builtins.VALIDATOR_KINDS[kind].attributes}
    options = {**{name: value for name, value in defaults.items() if value is not UNSET}, "model": "small", **options}
    return Validator(name="check", kind=kind, options=options)


def program(text: str) -> str:
    """A reply to `pot`."""
    return json.dumps({"program": text})


def step(number: int) -> str:
    """A reply to the question for the first wrong step."""
    return json.dumps({"wrong_step": number})


@dataclass
class Driver:
    """Answers requests with the replies in their order; runs programs; retrieves `passages` whatever is
    looked for; `asked` holds what was asked."""

    sandbox: Sandbox
    replies: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    asked: list[Effect] = field(default_factory=list)
    passages: tuple[Passage, ...] = ()

    def drive(self, inquiry: Program[Finding], replies: Sequence[str] = ()) -> Finding:
        self.replies, self.outcomes, self.asked = list(replies), [], []
        sent: Any = None
        while True:
            try:
                effect = inquiry.send(sent)
            except StopIteration as stop:
                assert self.replies == [], "replies that were not asked for"
                found: Finding = stop.value
                return found
            self.asked.append(effect)
            sent = self._perform(effect)

    def _perform(self, effect: Effect) -> Any:
        match effect:
            case Request():
                return Completion(self.replies.pop(0), None, "stop", "test-model")
            case Execute():
                self.outcomes.append(self.sandbox.run(effect))
                return self.outcomes[-1]
            case Retrieve():
                return self.passages
        raise AssertionError(effect)

    @property
    def requests(self) -> list[Request]:
        return [effect for effect in self.asked if isinstance(effect, Request)]


@contextmanager
def driver() -> Iterator[Driver]:
    with Sandbox(Limits(seconds=1.0)) as sandbox:
        yield Driver(sandbox)
