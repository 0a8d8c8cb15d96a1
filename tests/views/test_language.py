"""The reference of the language says what the table says."""

from __future__ import annotations

from refinelab_dsl import builtins
from refinelab_dsl.views.docs import render_html, render_markdown
from refinelab_dsl.views.language import SEEN, build_reference
from tests.views.test_docs import read_html, read_markdown

PAGE = build_reference()
ENTRIES = {entry.id: entry for section in PAGE.sections for entry in section.entries}


def test_every_row_of_the_table_is_an_entry() -> None:
    expected = {f"block.{name}" for name in builtins.BLOCKS}
    expected |= {f"measure.{name}" for name in builtins.MEASURE_KINDS}
    expected |= {f"operator.{name}" for name in builtins.OPERATOR_KINDS}
    expected |= {f"validator.{name}" for name in builtins.VALIDATOR_KINDS}
    expected |= {f"task.{name}" for name in builtins.TASKS} | {f"preset.{name}" for name in builtins.PRESETS}
    expected |= {f"function.{row.contexts[0]}.{row.name}" for row in builtins.FUNCTIONS}
    assert set(ENTRIES) == expected | {"top", "seen"}
    assert len(ENTRIES) == sum(len(section.entries) for section in PAGE.sections)


def test_every_attribute_says_what_it_takes_and_what_it_is_for() -> None:
    for block in builtins.BLOCKS.values():
        rows = {row.name: row for row in ENTRIES[f"block.{block.name}"].rows if not row.name.startswith(SEEN)}
        assert set(rows) == {attribute.name for attribute in block.attributes}
        for attribute in block.attributes:
            row = rows[attribute.name]
            assert row.meaning.startswith(attribute.doc)
            assert ("; required" in row.value) == attribute.required
            assert ("; not executable yet" in row.value) == (not attribute.reached)
    confidence = next(row for row in ENTRIES["block.solve"].rows if row.name == "confidence")
    assert confidence.value == "a percentage such as 25%; by default 90%"
    assert ENTRIES["block.test"].later
    assert not ENTRIES["block.dataset"].later


def test_whatever_takes_a_prompt_says_what_its_template_sees() -> None:
    rows = {entry.id: [row.value for row in entry.rows if row.name.startswith(SEEN)] for entry in ENTRIES.values()}
    assert rows["operator.generate"] == [
        "item, target, labels, count, style, anchor, passages, task, params, sample"
    ]
    assert rows["measure.length"] == []
    assert len(rows["block.judge"]) == len(builtins.SEEN_BY_JUDGES)
    assert [row.name for row in ENTRIES["seen"].rows] == [name.name for name in builtins.PROMPT_NAMES]


def test_it_renders_as_both() -> None:
    shown = (read_html(render_html(PAGE)).text, read_markdown(render_markdown(PAGE)))
    for text in shown:
        assert "Not documented" not in text
        for entry in ENTRIES.values():
            assert entry.name in text
            for row in entry.rows:
                assert row.meaning.replace("`", "") in text
