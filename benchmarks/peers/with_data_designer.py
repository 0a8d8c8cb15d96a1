"""NeMo DataDesigner: a text column over rows given as a data frame. Command line: `adapter.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import data_designer.config as dd
import pandas as pd
from adapter import Row, run_adapter
from data_designer.config.models import ChatCompletionInferenceParams, ModelConfig, ModelProvider
from data_designer.config.run_config import RunConfig
from data_designer.engine.storage.artifact_storage import ResumeMode
from data_designer.interface import DataDesigner


def ask(folder: Path, base_url: str, rows: list[Row], options: dict[str, str]) -> list[Row]:
    frame = pd.DataFrame(rows)
    provider = ModelProvider(name="local", endpoint=base_url, api_key="none")
    params = ChatCompletionInferenceParams(max_parallel_requests=int(options.get("concurrency", "8")))
    model = ModelConfig(alias="small", model="small", provider="local", inference_parameters=params,
                        skip_health_check=True)  # fmt: skip
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    builder.with_seed_dataset(dd.DataFrameSeedSource(df=frame))
    column: dict[str, Any] = {"name": "new", "prompt": "Rewrite: {{ question }}", "model_alias": "small"}
    if "unknown" in options:
        column["promt_style"] = "plain"
    if "sampled" in options:
        values = dd.CategorySamplerParams(values=["hard", "easy"], weights=[0.7, 0.3])
        builder.add_column(dd.SamplerColumnConfig(name="grade", sampler_type="category", params=values))
    builder.add_column(dd.LLMTextColumnConfig(**column))
    designer = DataDesigner(artifact_path=folder, model_providers=[provider])
    designer.set_run_config(RunConfig(buffer_size=100, disable_early_shutdown="toggled" in options))
    found = designer.create(
        builder, num_records=len(frame), dataset_name="set", resume=ResumeMode(options.get("resume", "if_possible"))
    )
    return list(found.load_dataset().to_dict("records"))


if __name__ == "__main__":
    run_adapter("data-designer", ask)
