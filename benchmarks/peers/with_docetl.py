"""DocETL: a map of one structured call per row, from a pipeline's YAML. Command line: `adapter.py`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ["OPENAI_API_KEY"] = "none"

from adapter import Row, run_adapter

PIPELINE = """\
default_model: openai/gpt-4o-mini
default_lm_api_base: {base_url}
datasets:
  rows: {{type: file, path: {folder}/rows.json}}
operations:
  - name: rewrite
    type: map
{more}    prompt: "Rewrite: {{{{ input.question }}}}"
    output:
      mode: structured_output
      schema: {{answer: string}}
pipeline:
  steps:
    - {{name: write, input: rows, operations: [rewrite]}}
  output: {{type: file, path: {folder}/out.json}}
"""


def ask(folder: Path, base_url: str, rows: list[Row], options: dict[str, str]) -> list[Row]:
    os.environ["DOCETL_HOME_DIR"] = str(folder)  # its store of replies, read on import
    from docetl.runner import DSLRunner

    out = folder / "out.json"
    out.unlink(missing_ok=True)
    (folder / "rows.json").write_text(json.dumps(rows))
    more = ""
    if "toggled" in options:
        more += "    enable_observability: true\n"
    if "unknown" in options:
        more += "    promt_style: plain\n"
    pipeline = folder / "pipeline.yaml"
    pipeline.write_text(PIPELINE.format(base_url=base_url, folder=folder, more=more))
    DSLRunner.from_yaml(str(pipeline), max_threads=int(options.get("concurrency", "8"))).load_run_save()
    made: list[dict[str, Any]] = json.loads(out.read_text())
    return made


if __name__ == "__main__":
    run_adapter("docetl", ask)
