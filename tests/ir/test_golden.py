"""Programs of small specs, one file each: `pytest tests/ir --snapshot-update` accepts a change."""

from __future__ import annotations

import json

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from refinelab_dsl import ir
from tests.harness.front import compile_text

SPECS = {
    "everything": '''
edition = 1
requires = ">= 0.1"
seed = 7

## 100 questions.
dataset chemistry {
  task = mcq
  source = ["data/a.csv", "data/b-*.csv"]
  columns = [question, A, B, C, D, answer]
  fields = {
    choices = [column("A"), column("B"), column("C"), column("D")]
    area = remove_suffix(stem(), "_test")
  }
  where = len(question) > 10
  answer_as = letter
  on_bad_row = skip
  meta = { source = "exam", years = [2019, 2020.5], open = true, note = null }
}

measure area { kind = column, column = area }
measure size { kind = length, unit = characters }

dimension topic {
  from = area
  target = { organic = 25%, "pre-algebra" = 20.5%, other = rest }
  tolerance = 2%
  weight = 2
  unknown = keep
  on_new = assume
}
dimension length {
  from = size
  order = [short, medium, long]
  bands = { short = below(100), medium = between(100, 250.5), long = above(250.5) }
  target = preset("stress-test")
}

constraints {
  size = 1_500
  keep_originals = at_least(60%)
  max_removed = 40%
  distinct = at_least(90%)
  protect = topic == "pre-algebra" and length in [short, medium]
  floor = { topic = 5 }
}

model bulk {
  provider = openai
  id = "gpt-4o-mini-2024-07-18"
  api_key = env("OPENAI_API_KEY")
  price = { input = $0.15 / 1M, output = $0.60 / 1M, cached_input = $0.075 / 1M, as_of = "2026-11-01" }
  limits = { rpm = 500, tpm = 200k, concurrency = 32 }
  params = { temperature = 0.7, max_output_tokens = 900 }
  timeout = 2min
}

prompt ask {
  system = "Terse."
  user = """
    {{ item | block("item") }}
    Reword it.
    """
  returns = { question = text, choices = [text], answer = text, length = length, sure = bool }
}

operator drop { kind = remove, where = length > short, prefer = z(size) }
operator paraphrase {
  kind = expand
  model = bulk
  prompt = ask
  style = "formal"
  checks = [well_formed, fresh]
  max_per_item = 2
  max_cost = $1.50
}
operator author {
  kind = generate
  model = bulk
  moves = { topic = any, length = to(medium, long) }
  anchor = same_topic
  checks = [brief, in_length]
  prior = { success = 55%, input_tokens = 650, output_tokens = 420 }
}

validator well_formed { kind = format }
validator fresh { kind = duplicate, against = originals, accept = similarity < 0.9 }
validator brief { kind = expression, accept = words(question) <= 60 and len(choices) == 4 }
validator in_length { kind = in_bin, dimension = length }

budget { tokens = 0.5 * full_cost, cost = $3.00, reserve = 15% }
solve { solver = highs, gap = 0.001, confidence = 95%, time_limit = 30s }
run { retries = 2, backoff = 250ms }

output refined { path = "out/items.csv", layout = task, columns = [id, question, answer], provenance = "out/log.jsonl" }

expect "coverage" { assert = jsd(topic) <= 0.01, when = plan }
expect "enough" { assert = count(length == long and not matches(question, "^Which")) >= 10 and cost() < $3 }
''',
    "least": """
edition = 1
dataset d { task = qa, source = "d.jsonl" }
output o { path = "o.jsonl" }
""",
    "math": """
edition = 1
dataset gsm {
  task = math
  source = "gsm.jsonl"
  fields = {
    solution = before(column("answer"), "####")
    answer = number(strip(after(column("answer"), "####")))
    hard = words(column("question")) > 60
  }
}
output o { path = "out/", format = csv, layout = task }
""",
}


class JsonFile(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "json"


@pytest.mark.parametrize("name", SPECS)
def test_program(name: str, snapshot: SnapshotAssertion) -> None:
    front = compile_text(SPECS[name].lstrip(), name=f"{name}.refine")
    assert [entry.message for entry in front.diagnostics] == []
    text = json.dumps(ir.dump(front.certain), indent=1, ensure_ascii=False) + "\n"
    assert text == snapshot.use_extension(JsonFile)
