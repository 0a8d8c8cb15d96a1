"""A ZIM file as a corpus: written with libzim, read through it."""

from __future__ import annotations

from pathlib import Path

import pytest

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.retrieval.zim import ZimCorpus, open_zim

PAGES = {
    "Granite": "<html><body><table><tr><td>box</td></tr></table><p>Granite is a rock that cooled slowly.</p></body>",
    "Oxygen": "<html><body><p>Oxygen is a gas that plants give off.</p><p>Animals breathe it.</p></body></html>",
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    writer = pytest.importorskip("libzim.writer", reason="NO LIBZIM: ZIM files are not tested")

    class Page(writer.Item):  # type: ignore[misc, name-defined]
        def __init__(self, title: str, text: str) -> None:
            super().__init__()
            self.title, self.text = title, text

        def get_path(self) -> str:
            return self.title

        def get_title(self) -> str:
            return self.title

        def get_mimetype(self) -> str:
            return "text/html"

        def get_contentprovider(self) -> object:
            return writer.StringProvider(self.text)

        def get_hints(self) -> dict[object, bool]:
            return {writer.Hint.FRONT_ARTICLE: True}

    path = tmp_path / "wiki.zim"
    with writer.Creator(path).config_indexing(True, "eng") as creator:
        creator.set_mainpath("Granite")
        for title, text in PAGES.items():
            creator.add_item(Page(title, text))
    return path


async def test_passages_of_the_pages_that_fit(archive: Path) -> None:
    corpus = open_zim("zim:wiki.zim", archive)
    assert isinstance(corpus, ZimCorpus)
    (passage,) = await corpus.search("rock granite", 3)
    assert (passage.id, passage.title) == ("zim:wiki.zim:Granite#1", "Granite")
    assert passage.text == "Granite is a rock that cooled slowly."
    assert await corpus.search("quasar", 3) == ()
    await corpus.close()


def test_a_file_that_is_no_archive(tmp_path: Path) -> None:
    pytest.importorskip("libzim", reason="NO LIBZIM: ZIM files are not tested")
    (tmp_path / "wiki.zim").write_text("no archive")
    found = open_zim("zim:wiki.zim", tmp_path / "wiki.zim")
    assert isinstance(found, Diagnostic)
    assert found.code == "RF6603"


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refinelab_dsl.retrieval.zim.find_spec", lambda name: None)
    found = open_zim("zim:wiki.zim", tmp_path / "wiki.zim")
    assert isinstance(found, Diagnostic)
    assert found.code == "RF6600"
    assert found.help[0].message == 'install it: pip install "refinec[zim]"'
