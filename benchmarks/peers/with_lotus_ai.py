"""LOTUS: `sem_map` over a data frame, with its cache of replies in a folder. Command line: `adapter.py`."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["OPENAI_API_KEY"] = "none"

import lotus
import pandas as pd
from adapter import Row, run_adapter
from lotus.cache import CacheConfig, CacheFactory, CacheType
from lotus.models import LM
from lotus.types import UsageLimit


def ask(folder: Path, base_url: str, rows: list[Row], options: dict[str, str]) -> list[Row]:
    cache = CacheFactory.create_cache(CacheConfig(CacheType.SQLITE, max_size=100_000, cache_dir=str(folder / "cache")))
    limit = UsageLimit(total_tokens_limit=float(options.get("cap", "inf")))
    words = {"promt_style": "plain"} if "unknown" in options else {}
    model = LM(
        model="openai/gpt-4o-mini", api_base=base_url, cache=cache, physical_usage_limit=limit,
        max_batch_size=int(options.get("concurrency", "8")),
    )  # fmt: skip
    lotus.settings.configure(lm=model, enable_cache=True)
    safe_mode = {"safe_mode": True} if "toggled" in options else {}
    frame = pd.DataFrame(rows).sem_map("Rewrite {question}", suffix="new", **safe_mode, **words)
    return list(frame.to_dict("records"))


if __name__ == "__main__":
    run_adapter("lotus-ai", ask)
