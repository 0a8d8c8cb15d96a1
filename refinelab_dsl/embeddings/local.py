"""`provider = sentence_transformers`: a model of this machine, from a folder as that library saves one.

Nothing is ever downloaded, no code of the model's is run, and weights are read as safetensors alone: a spec names a
folder, and may come from a stranger. Versions of the library before 6 run code that stands in such a folder, whatever
they are told, so they are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.declarations import Embedding
from refinelab_dsl.diagnostics.catalog import embeddings as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic

PACKAGE: Final = "sentence_transformers"
OLDEST: Final = 6  # the first version that runs no code from a local folder unless it is told to
_BATCH: Final = 64
_NEEDED: Final = ("modules.json", "config.json", "model.safetensors")


class EmbeddingFault(Exception):
    """An embedding, by its name, cannot be had on this machine; the diagnostic says why."""

    def __init__(self, name: str, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.name = name
        self.diagnostic = diagnostic


def find_version() -> str | None:
    """The version of the library that is installed; None where none is."""
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return None


@contextmanager
def _without_bars() -> Iterator[None]:
    """What the library reads weights with draws a bar on standard error, which is ours."""
    from transformers.utils import logging

    was_enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            logging.enable_progress_bar()


class LocalModel:
    """A model in memory. Its numbers may differ in their last digits from machine to machine."""

    def __init__(self, embedding: Embedding, base: Path) -> None:
        """base: the folder of the spec, which `id` is relative to.

        Raises:
            EmbeddingFault: no such folder, no model in it, or the library is not installed.
        """
        folder = (base / embedding.id).resolve()
        missing = [name for name in _NEEDED if not (folder / name).is_file()]
        if missing:
            there_is = f"`{embedding.id}` holds no `{missing[0]}`"
            reason = there_is if folder.is_dir() else f"there is no folder `{embedding.id}`"
            raise EmbeddingFault(embedding.name, faults.embedding_unusable(embedding.name, reason))
        found = find_version()
        if found is None or int(found.partition(".")[0]) < OLDEST:
            raise EmbeddingFault(embedding.name, faults.embedding_package_missing(embedding.name, OLDEST, found))
        from sentence_transformers import SentenceTransformer

        try:
            with _without_bars():
                self._model: Any = SentenceTransformer(
                    str(folder), device="cpu", local_files_only=True, trust_remote_code=False,
                    model_kwargs={"use_safetensors": True},
                )
        except Exception as error:  # whatever the library makes of broken files
            reason = f"{type(error).__name__}: {error}"
            raise EmbeddingFault(embedding.name, faults.embedding_unusable(embedding.name, reason)) from error

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text, of length 1."""
        rows: Any = self._model.encode(
            list(texts), batch_size=_BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(rows, np.float32)
