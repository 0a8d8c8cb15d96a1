"""Formats by the endings of paths."""

from __future__ import annotations

import posixpath
from typing import Literal

from refinelab_dsl.semantics.draft import Declared

COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".zip")


def format_of(path: str) -> Literal["jsonl", "csv", "parquet"] | None:
    """The format that a path's ending names, None where it names none."""
    plain = path.lower()
    if plain.endswith((".jsonl", ".ndjson")):
        return "jsonl"
    if plain.endswith(".csv"):
        return "csv"
    return "parquet" if plain.endswith(".parquet") else None


def place_quarantine(path: str) -> str:
    """Where results are kept apart that no output has a place for: beside the output at `path`."""
    plain = path.rstrip("/")
    stem, ending = posixpath.splitext(plain)
    return f"{stem if ending and not is_folder(path) else plain}.quarantine.jsonl"


def is_folder(path: str) -> bool:
    """Whether an output's path is a folder, which takes one file per source."""
    return path.endswith("/")


def output_format(output: Declared, dataset: Declared | None) -> str:
    """The format of an output: as written, else by its ending; in a folder that of the source, JSON Lines for JSON."""
    written: str | None = output.get("format")
    path: str = output.values["path"]
    if written is not None:
        return written
    if not is_folder(path) or dataset is None:
        return format_of(path) or "jsonl"
    source: str = dataset.values["source"][0].lower()
    for ending in COMPRESSED:
        source = source.removesuffix(ending)
    format = dataset.get("format") or format_of(source) or "jsonl"
    return "jsonl" if format == "json" else format
