"""`provider = sentence_transformers` with the real library, where it is installed: a tiny model, made on the spot, is
loaded, compared with, and used by a plan. Nothing is downloaded."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from refinelab_dsl.declarations import Embedding
from refinelab_dsl.embeddings import EmbeddingFault, Rows
from refinelab_dsl.embeddings.local import PACKAGE, LocalModel
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec
from tests.embeddings.tiny_model import save_tiny_model

LOCAL = Embedding(name="meaning", provider="sentence_transformers", id="models/tiny")
TEXTS = ["which acid is strong?", "who wrote mrs dalloway?", "which acids are strong?", ""]
SPEC = """\
edition = 1

dataset quiz { task = qa, source = "data/quiz.jsonl" }
model small { provider = simulated }

embedding meaning { provider = sentence_transformers, id = "models/tiny" }

measure twins { kind = near_duplicate, method = embedding, embedding = meaning, threshold = 0.999 }
constraints { size = between(3, 9), max_removed = 40% }

operator once { kind = deduplicate, measure = twins }
operator reword { kind = expand, model = small, checks = [close, new] }
validator close { kind = drift, embedding = meaning, accept = similarity > 0.1 }
validator new { kind = duplicate, embedding = meaning, against = [originals, output], accept = similarity < 1 }

budget { tokens = 100k }
output refined { path = "out/quiz.jsonl" }
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model in `models/tiny`."""
    if find_spec(PACKAGE) is None:
        pytest.skip("NO LIBRARY: sentence-transformers is installed by `python -m pip install 'refinec[embed]'`")
    folder = tmp_path_factory.mktemp("local")
    (folder / "models").mkdir()
    save_tiny_model(folder / "models/tiny")
    return folder


def _copy(saved: Path, folder: Path) -> Path:
    shutil.copytree(saved / "models/tiny", folder / "models/tiny")
    return folder / "models/tiny"


def test_vectors_have_length_one_and_do_not_depend_on_what_stands_beside_a_text(
    saved: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = LocalModel(LOCAL, saved)
    rows = model.embed(TEXTS)
    assert capfd.readouterr() == ("", "")
    assert (rows.dtype, rows.shape) == (np.float32, (4, 32))
    assert np.allclose((rows**2).sum(axis=1), 1, atol=1e-5)
    alone = np.concatenate([model.embed([text]) for text in TEXTS])
    cosines = Rows.of(rows).cosines(Rows.of(alone))
    assert np.allclose(np.diag(cosines), 1, atol=1e-3)
    assert cosines[0, 1] < 0.99


def test_a_plan_and_its_run_compare_by_it(saved: Path, tmp_path: Path) -> None:
    _copy(saved, tmp_path)
    (tmp_path / ".refine").mkdir()
    (tmp_path / "data").mkdir()
    rows = [
        {"question": question, "answer": answer}
        for question, answer in (
            ("Which acid is strong?", "sulfuric"), ("which  acid is STRONG?", "sulfuric"), ("Who wrote it?", "Woolf"),
            ("Where is Lima?", "Peru"), ("Which acid is strong?", "nitric"),
        )
    ]  # fmt: skip
    (tmp_path / "data/quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "quiz.refine").write_text(SPEC)
    planned = refinec("plan", cwd=tmp_path)
    assert planned.code == ExitCode.DONE, planned.err
    assert "2 items stand in 1 cluster by measure `twins`" in planned.out
    assert planned.err == ""
    done = refinec("apply", "--auto-approve", cwd=tmp_path)
    assert done.code in (ExitCode.DONE, ExitCode.INCOMPLETE), done.err
    kept = [json.loads(line)["question"] for line in (tmp_path / "out/quiz.jsonl").read_text().splitlines()]
    assert rows[1]["question"] not in kept


def test_code_in_the_folder_of_a_model_is_not_run(saved: Path, tmp_path: Path) -> None:
    model = _copy(saved, tmp_path)
    (model / "sly.py").write_text(f"open({str(tmp_path / 'was_here')!r}, 'w').close()\nclass Sly: pass\n")
    modules = json.loads((model / "modules.json").read_text())
    modules[1]["type"] = "sly.Sly"
    (model / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(EmbeddingFault) as fault:
        LocalModel(LOCAL, tmp_path)
    assert fault.value.diagnostic.code == "RF3081"
    assert not (tmp_path / "was_here").exists()


def test_weights_that_are_damaged_are_said(saved: Path, tmp_path: Path) -> None:
    model = _copy(saved, tmp_path)
    (model / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(EmbeddingFault) as fault:
        LocalModel(LOCAL, tmp_path)
    assert fault.value.diagnostic.code == "RF3081"
