"""Writes the parse table that is shipped: `python grammar/write_table.py`, after a change of the grammar."""

from __future__ import annotations

from pathlib import Path

from refinelab_dsl.syntax.grammar import render_table

PATH = Path(__file__).resolve().parents[1] / "refinelab_dsl" / "syntax" / "table.py"

if __name__ == "__main__":
    PATH.write_text(render_table(), encoding="utf-8")
