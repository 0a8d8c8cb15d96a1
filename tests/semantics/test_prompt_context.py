"""What a prompt sees, by what uses it: each kind that asks a model, with each name that a prompt can have."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from refinelab_dsl import builtins
from tests.harness import front
from tests.harness.front import compile_text

HEAD = front.HEAD.replace("task = qa", "task = mcq")
BUDGET = "budget { tokens = 1k }\n"
NEEDED = {
    "classify": "labels = [x, y]",
    "elo": "seeds = bootstrap(40)",
    "rewrite_distractors": "moves = { topic = any }",
    "rewrite": "moves = { topic = any }",
    "correct": "validator = sure",
    "refine": "judge = fair",
    "rag": 'corpus = wikipedia("en")',
}
JUDGED = {
    "answers": "operator improve { kind = refine, model = small, judge = used }",
    "results": "operator paraphrase { kind = expand, model = small, checks = [used] }",
    "alone": "operator author { kind = generate, model = small, checks = [used] }",
}
FURTHER = """
validator sure { kind = rag, model = small, corpus = wikipedia("en") }
judge fair { model = small }
"""


@dataclass(frozen=True)
class Use:
    """A declaration that asks a model with the prompt `ask`, and the names that its row lists."""

    title: str
    text: str
    sees: frozenset[str]


def _names(names: tuple[builtins.PromptName, ...]) -> frozenset[str]:
    return frozenset(name.name for name in (*names, *builtins.SEEN_ALWAYS))


def _uses() -> list[Use]:
    uses = []
    for block, kinds in (
        ("measure", builtins.MEASURE_KINDS),
        ("operator", builtins.OPERATOR_KINDS),
        ("validator", builtins.VALIDATOR_KINDS),
    ):
        for row in kinds.values():
            if row.sees:
                needed = f", {NEEDED[row.name]}" if row.name in NEEDED else ""
                text = f"{block} used {{ kind = {row.name}, model = small, prompt = ask{needed} }}\n"
                uses.append(Use(row.name, text, _names(row.sees)))
    for role, names in builtins.SEEN_BY_JUDGES.items():
        text = f"judge used {{ model = small, prompt = ask }}\n{JUDGED[role]}\n"
        uses.append(Use(role, text, _names(names)))
    return uses


USES = _uses()


def _complaints(uses: str, template: str) -> list[str]:
    # `refine` is for answers in words; the others here take multiple choice.
    head = HEAD.replace("task = mcq", "task = qa") if "kind = refine" in uses else HEAD
    text = head + FURTHER + uses + f'prompt ask {{ user = """\n  {template}\n  """ }}\n' + BUDGET
    return [f"{each.code} {each.message}" for each in compile_text(text).diagnostics.errors]


def test_whatever_takes_a_prompt_says_what_it_provides() -> None:
    for row in (*builtins.MEASURE_KINDS.values(), *builtins.VALIDATOR_KINDS.values()):
        assert bool(row.sees) == any(each.name == "prompt" for each in row.attributes), row.name
    for row in builtins.OPERATOR_KINDS.values():
        assert bool(row.sees) == ("prompt" not in row.without), row.name
    assert set(builtins.SEEN_BY_JUDGES) == {"answers", *(row.judged for row in builtins.OPERATOR_KINDS.values())}
    listed = {name for row in USES for name in row.sees}
    assert listed == {name.name for name in builtins.PROMPT_NAMES}


@pytest.mark.parametrize("use", USES, ids=lambda use: use.title)
def test_a_template_sees_what_its_use_provides_and_nothing_else(use: Use) -> None:
    for name in {each.name for each in builtins.PROMPT_NAMES}:
        found = _complaints(use.text, f"{{% if {name} is defined %}}{{{{ {name} }}}}{{% endif %}}")
        assert bool(found) == (name not in use.sees), (name, found)
        assert all(each.startswith("RF5135") and "`used` does not provide" in each for each in found)


def test_a_shared_prompt_sees_what_every_use_provides() -> None:
    uses = (
        "operator author { kind = generate, model = small, prompt = ask }\n"
        "measure topics { kind = classify, model = small, prompt = ask, labels = [x, y] }\n"
    )
    assert _complaints(uses, "{{ item.question }} {{ task }}") == []
    assert _complaints(uses, "{{ anchor.question }}") == [
        "RF5135 prompt `ask` uses `anchor`, which measure `topics` does not provide"
    ]
    # One has labels per dimension, the other a list: neither is taken for wrong.
    assert _complaints(uses, "{{ labels | length }} {{ labels.topic }}") == []


def test_a_prompt_that_nothing_uses_may_have_every_name() -> None:
    for name in builtins.PROMPT_NAMES:
        assert _complaints("", f"{{{{ {name.name} }}}}") == []


@pytest.mark.parametrize("name", sorted({name.name for name in builtins.PROMPT_NAMES if name.data}))
def test_no_system_message_sees_text_of_data_or_models(name: str) -> None:
    text = HEAD + f'prompt ask {{ system = "{{{{ {name} }}}}", user = "?" }}\n' + BUDGET
    (found,) = compile_text(text).diagnostics.errors
    assert found.code == "RF5131"


def test_what_a_finding_has_is_known() -> None:
    use = "operator fix { kind = correct, model = small, prompt = ask, validator = sure }\n"
    assert _complaints(use, "{{ finding.verdict }} {{ finding.answer }} {{ finding.reason }}") == []
    (found,) = _complaints(use, "{{ finding.anwser }}")
    assert found.startswith("RF5133")
