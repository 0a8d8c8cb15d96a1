"""Curator: one structured call per row, on its OpenAI backend. Command line: `adapter.py`.

Its own limits of 200 requests and 100 000 tokens a minute, which it takes where an endpoint tells none, are raised.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from adapter import Row, run_adapter
from bespokelabs import curator
from pydantic import BaseModel

os.environ["OPENAI_API_KEY"] = "none"


class Item(BaseModel):
    question: str
    answer: str


class TextWriter(curator.LLM):  # type: ignore[misc]
    def prompt(self, row: Row) -> str:
        return "Rewrite: " + str(row["question"])

    def parse(self, row: Row, response: Any) -> Row:
        return {**row, "new": str(response)}


class Writer(TextWriter):
    response_format = Item


def ask(folder: Path, base_url: str, rows: list[Row], options: dict[str, str]) -> list[Row]:
    params: dict[str, Any] = {
        "base_url": base_url, "max_requests_per_minute": 1_000_000, "max_tokens_per_minute": 1_000_000_000,
        "max_concurrent_requests": int(options.get("concurrency", "8")),
    }  # fmt: skip
    if "toggled" in options:
        params["request_timeout"] = 500
    if "unknown" in options:
        params["max_retires"] = 3
    # Before structured calls it asks about somebody's name and age, and goes on only where the reply holds them.
    kind = TextWriter if "text" in options else Writer
    writer = kind(model_name="gpt-4o-mini", backend="openai", backend_params=params)
    return list(writer(rows, working_dir=str(folder)).dataset)


if __name__ == "__main__":
    run_adapter("bespokelabs-curator", ask)
