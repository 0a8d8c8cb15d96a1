"""Specs whose graph and documentation are looked at."""

from __future__ import annotations

from pathlib import Path

from refinelab_dsl import compiler
from refinelab_dsl.source import Source
from refinelab_dsl.views.graph import Graph, build_graph
from refinelab_dsl.views.page import Page, build_page

RICH = '''# Chemistry, harder.
#
# Tells what no plan executes yet.
edition = 1
seed = 3

## How many tokens a plan may take.
variable limit { type = tokens, default = 400k }
variable folder { type = path, default = "data/*.jsonl", help = "where the items are" }

## Items of two subjects.
## They are our own.
##
## - one with `code`
## - two
dataset chem {
  task = mcq
  ## Where they stand.
  source = var.folder
  fields = {
    area = column("subject")  # a comment in between
  }
}
dataset rated { task = mcq, source = "rated.jsonl", role = seeds, fields = { rating = column("rating") } }
measure area { kind = column, column = area }
measure rating { kind = elo, model = small, seeds = rated }
dimension topic { from = area, labels = [organic, "in-organic"], target = { organic = 25%, "in-organic" = rest } }
dimension difficulty {
  from = rating
  bands = { easy = below(1350), medium = between(1350, 1650), hard = above(1650) }
}
model small {
  provider = openai, id = "gpt-x", api_key = env("CHEM_KEY")
  price = { input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }
}
model spare { provider = simulated }
prompt harder {
  user = """
    Make this harder: {{ item.question }}
    ```
    fenced
    ```
    """
  returns = { question = text, choices = [text], answer = text }
}
operator harden {
  kind = rewrite_distractors, model = small, prompt = harder, moves = { difficulty = +1 }, checks = [fine, grader]
  where = difficulty in [easy, medium]
}
operator drop { kind = remove }
validator fine { kind = expression, accept = len(question) > 3 }
validator checked { kind = in_bin, dimension = difficulty }
judge grader { model = small, on_reject = revise }
pilot { items = 20, stratify_by = topic }
budget { tokens = var.limit }
constraints { floor = { topic = 5 } }
output out { path = "out/x.jsonl" }
expect "topics alike | <end>" { assert = jsd(topic) <= 0.01 and accepted(harden) > 3 }
'''

UNREADY = RICH.replace('source = "rated.jsonl"', 'source = "hf://our/rated"')
"""With what no plan executes yet."""


def analyse(text: str, name: str = "rich.refine") -> compiler.Analysis:
    """A spec that has no errors."""
    analysis = compiler.analyze(Source(name, text))
    assert [str(entry.message) for entry in analysis.diagnostics.errors] == []
    return analysis


def graph_of(text: str = RICH) -> Graph:
    bindings = analyse(text).bindings
    assert bindings is not None
    return build_graph(bindings, "rich")


def page_of(text: str = RICH) -> Page:
    analysis = analyse(text)
    assert analysis.tree is not None
    assert analysis.bindings is not None
    name = Path(analysis.source.name).stem
    return build_page(analysis.tree, analysis.bindings, analysis.program, analysis.source, name)
