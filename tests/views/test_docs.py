"""Documentation of a spec: everything that is declared stands in it, linked, and text of a spec stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from refinelab_dsl import compiler
from refinelab_dsl.source import Source
from refinelab_dsl.views.docs import anchor, render_html, render_markdown
from refinelab_dsl.views.page import SECTIONS, Entry, build_page
from refinelab_dsl.views.prose import Inline, Part, parse_prose
from tests.architecture.tree import ROOT
from tests.harness.specs import find_examples
from tests.views.specs import RICH, UNREADY, page_of

VOID = {"meta", "link", "br", "img", "input", "hr"}
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "nav", "strong", "h1", "h2", "h3", "ul", "li", "a", "main", "p",
    "dl", "dt", "dd", "code", "pre", "section", "article", "header", "span", "div", "table", "tr", "th", "td",
}  # fmt: skip


ATTRIBUTES = {"lang", "charset", "name", "content", "http-equiv", "id", "href", "class", "aria-label"}


class Reader(HTMLParser):
    """A page as a browser takes it apart: every tag closed in order, none that loads or runs anything."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, name
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                assert (value or "").startswith("#"), value
                self.targets.append((value or "")[1:])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def read_html(text: str) -> Reader:
    reader = Reader(text)
    assert len(set(reader.ids)) == len(reader.ids)
    assert set(reader.targets) <= set(reader.ids)
    assert not re.search(r"url\(|@import|https?://", text[: text.index("</style>")])
    return reader


def tokens(text: str) -> list[Token]:
    """Markdown as CommonMark with tables reads it."""
    flat: list[Token] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        flat += [token, *(token.children or ())]
    return flat


def read_markdown(text: str) -> str:
    """The visible text. HTML in it is our anchors alone, links lead to them, and there is no picture."""
    found = tokens(text)
    anchors = re.findall(r'^<a id="([^"]*)"></a>$', text, flags=re.M)
    assert len(set(anchors)) == len(anchors)
    for token in found:
        if token.type in ("html_inline", "html_block"):
            assert re.fullmatch(r'<a id="[\w.~-]+">|</a>|\s*', token.content), token.content
        if token.type == "link_open":
            target = str(token.attrs["href"])
            assert target.startswith("#"), target
            assert target[1:] in anchors
        assert token.type != "image"
    kinds = ("text", "code_inline", "fence", "softbreak")
    return "".join("\n" if token.type == "softbreak" else token.content for token in found if token.type in kinds)


def entry_of(id_: str) -> Entry:
    return next(entry for section in page_of().sections for entry in section.entries if entry.id == id_)


def test_everything_that_is_declared_stands_in_its_section() -> None:
    listed = {section.title: [entry.name for entry in section.entries] for section in page_of().sections}
    assert listed == {
        "Variables": ["limit", "folder"],
        "Datasets": ["chem", "rated"],
        "Measures": ["area", "rating"],
        "Dimensions": ["topic", "difficulty"],
        "Constraints": ["constraints"],
        "Operators": ["harden", "drop"],
        "Validators": ["fine", "checked"],
        "Judges": ["grader"],
        "Models": ["small", "spare"],
        "Prompts": ["harder"],
        "Pilot": ["pilot"],
        "Budget": ["budget"],
        "Outputs": ["out"],
        "Expectations": ["topics alike | <end>"],
    }


def test_every_block_of_the_language_has_a_section() -> None:
    from refinelab_dsl import builtins

    assert set(SECTIONS) == set(builtins.BLOCKS)


def test_comments_document_what_stands_below_them() -> None:
    assert page_of().intro[0].entries == ((Inline("Chemistry, harder."),),)
    chem = entry_of("dataset.chem")
    assert chem.doc == (
        Part("paragraph", ((Inline("Items of two subjects. They are our own."),),)),
        Part("items", ((Inline("one with "), Inline("code", code=True)), (Inline("two"),))),
    )
    assert chem.place == f"rich.refine:{RICH.splitlines().index('dataset chem {') + 1}"
    source = next(row for row in chem.rows if row.name == "source")
    assert source.comment == (Part("paragraph", ((Inline("Where they stand."),),)),)
    assert entry_of("variable.folder").doc[0].entries == ((Inline("where the items are"),),)


def test_values_stand_as_they_are_written_and_defaults_are_told_apart() -> None:
    rows = {row.name: row for row in entry_of("dataset.chem").rows}
    assert rows["source"].value == "var.folder"
    assert rows["fields"].value == '{ area = column("subject") }'
    assert (rows["on_bad_row"].value, rows["on_bad_row"].is_default) == ("stop", True)
    assert not rows["task"].is_default
    limits = {row.name: row.value for row in entry_of("constraints").rows}
    assert (limits["max_removed"], limits["distinct"]) == ("30%", "at_least(80%)")
    assert {row.name: row.value for row in entry_of("model.small").rows}["timeout"] == "1min"
    prior = next(row for row in entry_of("operator.harden").rows if row.name == "prior")
    assert prior.is_default
    assert prior.value.startswith("{ success = ")


def test_a_dimension_shows_its_labels_with_bands_and_shares() -> None:
    assert [(label.name, label.share) for label in entry_of("dimension.topic").labels] == [
        ("organic", "25%"), ("in-organic", "75%"),
    ]  # fmt: skip
    assert [label.band for label in entry_of("dimension.difficulty").labels] == [
        "below 1350", "1350 to below 1650", "1650 and above",
    ]  # fmt: skip


def test_references_lead_there_and_back() -> None:
    harden = entry_of("operator.harden")
    links = {row.name: [link.id for link in row.links] for row in harden.rows if row.links}
    assert links == {
        "model": ["model.small"],
        "prompt": ["prompt.harder"],
        "where": ["dimension.difficulty"],
        "moves": ["dimension.difficulty"],
        "checks": ["validator.fine", "judge.grader"],
    }
    used = {link.id for link in entry_of("dimension.difficulty").used_by}
    assert used == {"operator.harden", "validator.checked"}
    assert [link.id for link in entry_of("variable.limit").used_by] == ["budget"]
    assert [link.id for link in entry_of("measure.area").used_by] == ["dimension.topic"]


def test_a_secret_is_the_name_of_its_variable() -> None:
    rows = {row.name: row.value for row in entry_of("model.small").rows}
    assert rows["api_key"] == 'env("CHEM_KEY")'


def test_what_has_no_comment_and_what_no_plan_executes_is_listed() -> None:
    page = page_of()
    undocumented = {link.id for link in page.undocumented}
    assert undocumented >= {"dataset.rated", "operator.harden", "budget"}
    assert not undocumented & {"dataset.chem", "variable.limit", "variable.folder"}
    assert page.later == ()
    [later] = page_of(UNREADY).later
    assert later == "a dataset of `hf://`"


def test_a_template_stands_in_full() -> None:
    [(name, text)] = entry_of("prompt.harder").texts
    assert (name, text.splitlines()[1]) == ("user", "```")
    fences = [token for token in tokens(render_markdown(page_of())) if token.type == "fence"]
    assert [fence.info for fence in fences] == ["mermaid", "jinja"]
    assert fences[1].content.splitlines() == text.splitlines()


def test_the_pages_say_it_all() -> None:
    page = page_of()
    for text in (read_html(render_html(page)).text, read_markdown(render_markdown(page))):
        for section in page.sections:
            for entry in section.entries:
                assert entry.name in text
                assert entry.place in text
                for row in entry.rows:
                    assert row.value in text
        assert "Not documented." in text
        assert "Where the items are, and what kind of task they are." in text
    assert render_html(page) == render_html(page_of())


EVIL = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</pre></code><b>", "[x](javascript:alert(1))",
    "![x](http://e.com/i.png)", "<http://e.com>", "http://e.com", "# head", "1. one", "+ x", "***", "> quote",
    "| a | b |", "|---|", "```", "~~~", "`", "``code``", "`<b>`", "`a|b`", "&lt;b&gt;", "&#60;", "-->", "<!-- x",
    "a\\", "\\`", "@everyone", "$x$", "---", "===", "    code", "  indented <b>", "- item <i>", "{{ 7 * 7 }}",
    "{% raw %}", "\u202e", "<a id=\"a\">",
]  # fmt: skip

lines = st.one_of(
    st.sampled_from(EVIL), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\x00"), max_size=20)
)


@given(st.lists(lines, max_size=6))
@settings(max_examples=60, deadline=None)
def test_no_comment_is_markup(comment: list[str]) -> None:
    above = "".join(f"## {line}\n" for line in comment)
    inside = "".join(f"  ## {line}\n" for line in comment)
    page = page_of(f'edition = 1\n{above}dataset d {{\n  task = qa\n{inside}  source = "x.jsonl"\n}}\n')
    reader = read_html(render_html(page))
    shown = read_markdown(render_markdown(page))
    # Words survive, in both.
    for word in re.findall(r"[A-Za-z]{3,}", " ".join(comment)):
        assert word in reader.text
        assert word in shown


def test_no_name_is_markup() -> None:
    spec = RICH
    for number, evil in enumerate(EVIL):
        title = evil.replace("\\", "\\\\").replace('"', '\\"')
        spec += f'expect "{title} {number}" {{ assert = size() > 1 }}\n'
    page = page_of(spec)
    read_html(render_html(page))
    assert "alert(1)</script> 0" in read_markdown(render_markdown(page))


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.refine")), ids=lambda path: path.stem)
def test_our_specs_are_documented(path: Path) -> None:
    analysis = compiler.analyze(path, compiler.Options(allow_outside=True))
    assert analysis.tree is not None
    assert analysis.bindings is not None
    page = build_page(analysis.tree, analysis.bindings, analysis.program, analysis.source, path.stem)
    assert page.intro
    read_html(render_html(page))
    read_markdown(render_markdown(page))


@pytest.mark.parametrize("chapter", sorted((ROOT / "specs" / "language").glob("2*.md")), ids=lambda path: path.stem)
def test_whatever_the_language_has_can_be_documented(chapter: Path) -> None:
    for example in find_examples(chapter):
        if "# error" in example.text:
            continue
        analysis = compiler.analyze(example.source)
        if analysis.tree is None or analysis.bindings is None or analysis.diagnostics.has_errors:
            continue
        page = build_page(analysis.tree, analysis.bindings, analysis.program, analysis.source, "x")
        read_html(render_html(page))
        read_markdown(render_markdown(page))


def test_imported_declarations_are_documented_by_their_dotted_names(tmp_path: Path) -> None:
    (tmp_path / "lib.refine").write_text(
        "edition = 1\nvariable cap { type = integer, default = 5 }\n## Who is asked.\n"
        "model bulk { provider = simulated, limits = { rpm = var.cap } }\nmodel spare { provider = simulated }\n",
        encoding="utf-8",
    )
    spec = tmp_path / "main.refine"
    spec.write_text(
        'edition = 1\nimport "lib.refine" as lib\ndataset d { task = qa, source = "x.jsonl" }\n'
        "operator more { kind = generate, model = lib.bulk }\n",
        encoding="utf-8",
    )
    analysis = compiler.analyze(spec)
    assert [entry.message for entry in analysis.diagnostics.errors] == []
    assert analysis.tree is not None
    assert analysis.bindings is not None
    page = build_page(analysis.tree, analysis.bindings, analysis.program, analysis.source, "main")
    assert [(name, path) for name, path, _ in page.imports] == [("lib", "lib.refine")]
    entries = {entry.id: entry for section in page.sections for entry in section.entries}
    bulk = entries["model.lib.bulk"]
    assert bulk.place.endswith("lib.refine:4")
    assert [link.id for link in bulk.used_by] == ["operator.more"]
    assert [link.id for link in entries["variable.lib.cap"].used_by] == ["model.lib.bulk"]
    assert ("operator.more", "model.lib.bulk", "model") in {
        (edge.source, edge.target, edge.label) for edge in page.graph.edges
    }
    assert "lib.bulk" in read_markdown(render_markdown(page))
    read_html(render_html(page))


def test_a_file_that_is_there_to_be_imported_is_documented_by_itself() -> None:
    text = "edition = 1\n## Who is asked.\nmodel bulk { provider = simulated }\n"
    analysis = compiler.analyze(Source("lib.refine", text), compiler.Options(library=True))
    assert analysis.program is None
    assert analysis.tree is not None
    assert analysis.bindings is not None
    page = build_page(analysis.tree, analysis.bindings, None, analysis.source, "lib")
    assert [entry.id for section in page.sections for entry in section.entries] == ["model.bulk"]
    assert "Who is asked." in read_markdown(render_markdown(page))


def test_anchors_of_different_names_differ() -> None:
    names = ["a b", "a_20_b", "a~20~b", "a%20b", "a.b", "a-b", "é", "e"]
    assert len({anchor(name) for name in names}) == len(names)
    assert all(re.fullmatch(r"[\w.~-]+", anchor(name), re.A) for name in names)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("one\ntwo", (Part("paragraph", ((Inline("one two"),),)),)),
        ("one\n\ntwo", (Part("paragraph", ((Inline("one"),),)), Part("paragraph", ((Inline("two"),),)))),
        ("- a\n  b\n- c", (Part("items", ((Inline("a b"),), (Inline("c"),))),)),
        ("x\n    run\n      it", (Part("paragraph", ((Inline("x"),),)), Part("code", text="run\n  it"))),
        ("`a", (Part("paragraph", ((Inline("`a"),),)),)),
    ],
)
def test_prose(text: str, parts: tuple[Part, ...]) -> None:
    assert parse_prose(text) == parts
