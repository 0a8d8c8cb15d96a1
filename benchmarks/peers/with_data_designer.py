"""NeMo DataDesigner over the rows of a JSONL file, one call per row; run by `probes.py` in its own environment.

    python with_data_designer.py FOLDER BASE_URL ROWS RESUME [option=value]

RESUME is a mode of its `create`: never, always, if_possible. Options: `concurrency`, `unknown`, `sampled`.
Prints what came of it as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import data_designer.config as dd
import pandas as pd
from data_designer.config.models import ChatCompletionInferenceParams, ModelConfig, ModelProvider
from data_designer.config.run_config import RunConfig
from data_designer.engine.storage.artifact_storage import ResumeMode
from data_designer.interface import DataDesigner


def main(folder: str, base_url: str, rows: str, resume: str, *options: str) -> None:
    chosen = dict(option.split("=", 1) for option in options)
    frame = pd.read_json(rows, lines=True)
    provider = ModelProvider(name="local", endpoint=base_url, api_key="none")
    params = ChatCompletionInferenceParams(max_parallel_requests=int(chosen.get("concurrency", "8")))
    model = ModelConfig(alias="small", model="small", provider="local", inference_parameters=params,
                        skip_health_check=True)  # fmt: skip
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    builder.with_seed_dataset(dd.DataFrameSeedSource(df=frame))
    column: dict[str, Any] = {"name": "new", "prompt": "Rewrite: {{ question }}", "model_alias": "small"}
    if "unknown" in chosen:
        column["promt_style"] = "plain"
    if "sampled" in chosen:
        values = dd.CategorySamplerParams(values=["hard", "easy"], weights=[0.7, 0.3])
        builder.add_column(dd.SamplerColumnConfig(name="grade", sampler_type="category", params=values))
    builder.add_column(dd.LLMTextColumnConfig(**column))
    designer = DataDesigner(artifact_path=Path(folder), model_providers=[provider])
    designer.set_run_config(RunConfig(buffer_size=100))
    found = designer.create(builder, num_records=len(frame), dataset_name="set", resume=ResumeMode(resume))
    result = found.load_dataset()
    said: dict[str, Any] = {"rows": len(result)}
    if "sampled" in chosen:
        said["hard"] = int((result["grade"] == "hard").sum())
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
