"""Diagnostics as others read them: `text` for people, `json` for programs, `github` for workflows, `sarif` for code
scanners. The last two name files from the root of a checkout: `render.checkout`."""

from refinelab_dsl.diagnostics.render.json import FORMAT_VERSION, render_json, render_jsonl
from refinelab_dsl.diagnostics.render.text import render_text

__all__ = ["FORMAT_VERSION", "render_json", "render_jsonl", "render_text"]
