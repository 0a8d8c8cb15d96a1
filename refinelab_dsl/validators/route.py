"""Which way `auto` takes with an item: computed (`pot`), looked up (`rag`), or run (`exec`).

The task decides where it can: `code` is run, `math` is computed. Questions with answers and multiple choice are told
apart by points; with three or more the item is computed:

- 2 where the key is a number, a list of numbers or a closed expression, for multiple choice where at least half of the
  choices are; 1 where the key is true or false and the question holds formulas;
- 2 where the question asks for a quantity ("how many", "what is the probability", "calculate", "solve");
- 1 where it holds two numbers or more; 1 for the signs of a formula;
- 3 less where a year or a date is asked for, since that is looked up; 2 less where it asks who, where or why, and 2
  less where the only numbers are years that date a fact ("as of 2017").

How often that is right on real questions is measured by `benchmarks/validators.py`.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

from refinelab_dsl.data.items import Item
from refinelab_dsl.equivalence import shape_of

Route: TypeAlias = Literal["pot", "rag", "exec"]

COMPUTED: Final = 3
"""Points from which an item is computed."""

_QUANTITY: Final = re.compile(
    r"\bhow\s+(?:many|much|long|far|fast|often|old|tall|large|big|high|deep|heavy|wide)\b|\bcalculate\b|\bcompute\b|"
    r"\bsolve\b|\bevaluate\b|\bdetermine the (?:number|value|probability|area|volume|length|size)\b|\bestimate\b|"
    r"\bfind (?:the|all|a)\b|\bsimplify\b|\bfactor\b|\bround(?:ed)? to\b|\bexpected (?:value|number)\b|"
    r"\bwhat(?:'s| is| are| was| will be| would be)?\s+(?:the\s+)?(?:\w+\s+){0,3}?(?:probability|value|values|sum|"
    r"difference|product|quotient|average|mean|median|mode|area|volume|perimeter|length|height|width|distance|speed|"
    r"velocity|acceleration|force|energy|power|price|cost|profit|rate|ratio|percentage|percent|degree|order|rank|"
    r"dimension|number|size|index|characteristic|remainder|limit|derivative|integral|determinant|eigenvalues?|norm|"
    r"weight|mass|temperature|pressure|concentration|ph|total|amount|slope|variance|standard deviation|entropy|"
    r"capacity|frequency|wavelength|resistance|current|voltage|magnitude|angle|age)\b",
    re.IGNORECASE,
)
_DATED: Final = re.compile(
    r"(?:\A|[.?!]\s+)when\s+(?:did|was|were|is|will)\b|\b(?:what year|which year|in what (?:year|century)|"
    r"which century|what date)\b",
    re.IGNORECASE,
)
_FACT: Final = re.compile(r"(?:\A|[.?!]\s+)(?:who|whom|whose|where|why)\b", re.IGNORECASE)
_YEAR: Final = re.compile(
    r"\b(?:as of|in|since|by|during|between|from|around|of)\s+(?:the year\s+)?(?:1[5-9]|20)\d\d\b", re.IGNORECASE
)
_FORMULA: Final = re.compile(
    r"\\[a-z]+|\$[^$]+\$|[A-Za-z0-9)]\s*(?:=|\^|\*)\s*[-A-Za-z0-9(\\]|\b[a-z]\([a-z]\)|[∫∑√≤≥\u00d7÷]"
)
_NUMBER: Final = re.compile(r"(?<![A-Za-z])\d[\d,]*(?:\.\d+)?(?![A-Za-z]*\d)")


def choose_route(item: Item, task: str) -> Route:
    """The way to find out whether an item's answer is right."""
    if task == "code":
        return "exec"
    if task == "math":
        return "pot"
    return "pot" if count_points(item) >= COMPUTED else "rag"


def count_points(item: Item) -> int:
    """How much of an item speaks for computing its answer."""
    question = str(item.fields["question"])
    points = 0
    formula = bool(_FORMULA.search(question))
    numbers, years = len(_NUMBER.findall(question)), _YEAR.findall(question)
    choices = item.fields.get("choices")
    shapes = [shape_of(str(each)) for each in (choices or [item.fields["answer"]])]
    computed = sum(shape in ("number", "list", "expression") for shape in shapes)
    if 2 * computed >= len(shapes):
        points += 2
    elif shapes.count("truth") == len(shapes) and formula:
        points += 1
    points += 2 * bool(_QUANTITY.search(question)) + formula + (numbers >= 2)
    points -= 3 * bool(_DATED.search(question) and not formula)
    points -= 2 * (bool(years) and numbers <= len(years))
    return points - 2 * bool(_FACT.search(question) and not _QUANTITY.search(question))
