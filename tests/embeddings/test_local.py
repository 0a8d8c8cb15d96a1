"""A model of this machine: what keeps it from being loaded, and how the library is called. The library itself is too
large for most machines that run tests; what stands for it here takes the arguments that the real one takes, and no
others. Where it is installed, `test_sentence_transformers.py` asks the real one."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from refinelab_dsl.declarations import Embedding
from refinelab_dsl.embeddings import EmbeddingFault, Rows, build_embedder
from tests.data.sets import make_project

LOCAL = Embedding(name="meaning", provider="sentence_transformers", id="models/tiny")
FILES = {f"models/tiny/{name}": "{}" for name in ("modules.json", "config.json", "model.safetensors")}


class SentenceTransformer:
    """Counts letters. `broken` in the weights is what damaged files are."""

    def __init__(
        self, model_name_or_path: str, *, device: str, local_files_only: bool, trust_remote_code: bool,
        model_kwargs: dict[str, Any],
    ) -> None:  # fmt: skip
        assert (device, local_files_only, trust_remote_code) == ("cpu", True, False)
        assert model_kwargs == {"use_safetensors": True}
        if (Path(model_name_or_path) / "model.safetensors").read_text() == "broken":
            raise OSError("header too large")

    def encode(
        self, sentences: list[str], *, batch_size: int, normalize_embeddings: bool, convert_to_numpy: bool,
        show_progress_bar: bool,
    ) -> Any:  # fmt: skip
        assert batch_size > 0
        assert normalize_embeddings
        assert convert_to_numpy
        assert not show_progress_bar
        rows = np.array([[text.count(letter) + 0.01 for letter in "abcdefgh"] for text in sentences])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = SentenceTransformer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    monkeypatch.setattr("refinelab_dsl.embeddings.local.find_version", lambda: "6.0.1")
    monkeypatch.setattr("refinelab_dsl.embeddings.local._without_bars", nullcontext)


def _refuse(base: Path) -> tuple[str, str]:
    with pytest.raises(EmbeddingFault) as fault:
        build_embedder(LOCAL, (), base)
    return fault.value.diagnostic.code, fault.value.diagnostic.message


@pytest.mark.usefixtures("library")
def test_rows_of_length_one_that_can_be_compared(tmp_path: Path) -> None:
    make_project(tmp_path, FILES)
    rows = build_embedder(LOCAL, (), tmp_path).embed(["a bad cab", "a bad cab", "hedge"])
    assert rows.dtype == np.float32
    cosines = Rows.of(rows).cosines(Rows.of(rows))
    assert cosines[0, 1] == 1
    assert cosines[0, 2] < 0.5


@pytest.mark.usefixtures("library")
def test_a_folder_that_is_not_there_or_holds_no_model_is_refused(tmp_path: Path) -> None:
    assert _refuse(tmp_path) == ("RF3081", "the model of embedding `meaning` cannot be loaded: there is no folder "
                                           "`models/tiny`")  # fmt: skip
    make_project(tmp_path, {name: text for name, text in FILES.items() if "safetensors" not in name})
    code, message = _refuse(tmp_path)
    assert code == "RF3081"
    assert message.endswith("`models/tiny` holds no `model.safetensors`")


@pytest.mark.usefixtures("library")
def test_what_the_library_makes_of_broken_files_is_said(tmp_path: Path) -> None:
    make_project(tmp_path, {**FILES, "models/tiny/model.safetensors": "broken"})
    assert _refuse(tmp_path)[1].endswith("cannot be loaded: OSError: header too large")


@pytest.mark.parametrize(
    ("version", "said"),
    [(None, "which is not installed"), ("5.7.0", "version 6 or newer; 5.7.0 is installed")],
)
def test_without_a_library_that_runs_no_code_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, said: str
) -> None:
    monkeypatch.setattr("refinelab_dsl.embeddings.local.find_version", lambda: version)
    make_project(tmp_path, FILES)
    with pytest.raises(EmbeddingFault) as fault:
        build_embedder(LOCAL, (), tmp_path)
    assert fault.value.diagnostic.code == "RF3080"
    assert fault.value.diagnostic.message.endswith(said)
    assert "refinec[embed]" in fault.value.diagnostic.help[0].message
