"""`auto`: what an item's question is decides how its answer is checked (RefineLab, Validator).

First the question's own text is looked at (`stem.py`): one that gives its answer away or breaks off is refuted, and
nobody is asked. Then the item takes the way that `route.py` finds: computed by programs (`pot`), looked up in passages
(`rag`), or run (`exec`). A way that lacks what it needs gives `unknown` and says what is missing: `auto` without a
corpus cannot look anything up.
"""

from __future__ import annotations

from typing import Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Validator
from refinelab_dsl.effects import Finding, Program
from refinelab_dsl.prompts.steps import validator_template
from refinelab_dsl.questions import Questions
from refinelab_dsl.validators import exec, pot, rag
from refinelab_dsl.validators.route import choose_route
from refinelab_dsl.validators.stem import find_stem_fault
from refinelab_dsl.validators.verdict import ValidatorKind


def inquire(validator: Validator, item: Item, questions: Questions) -> Program[Finding]:
    """What the way that fits an item finds."""
    fault = find_stem_fault(item, questions.task)
    if fault is not None:
        return Finding("refuted", 1.0, fault)
    route = choose_route(item, questions.task)
    template = validator_template(validator.name, route)
    if route == "rag" and not validator.options.get("corpus"):
        return Finding("unknown", 0.0, "its answer has to be looked up, and there is no corpus")
    if route == "exec":
        found = yield from exec.inquire(validator, item, questions)
        return found
    if route == "pot":
        found = yield from pot.inquire_by(template, validator, item, questions)
        return found
    # Its template bears the name of the way.
    found = yield from rag.inquire(validator.model_copy(update={"name": f"{validator.name}.{route}"}), item, questions)
    return found


KIND: Final = ValidatorKind("auto", inquire=inquire)
