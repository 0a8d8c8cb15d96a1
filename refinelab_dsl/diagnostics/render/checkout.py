"""Names of files as a reader elsewhere needs them: from the root of a checkout, not from where a command worked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from refinelab_dsl.source import Sources


@dataclass(frozen=True, slots=True)
class Checkout:
    """root: the folder from which files are named. folders: where a file is looked for of which no source is known, in
    this order: data files are named from the folder of their spec, other files from where the command works."""

    root: Path
    folders: tuple[Path, ...]

    def locate(self, name: str, sources: Sources) -> str | None:
        """The path of a file of a diagnostic, with `/`: from the root where it lies below it, else absolute. None for
        what is no file: standard input, the value of a variable."""
        source = sources.get(name)
        if source is not None and source.path is None:
            return None
        path = Path(os.path.abspath(self._find(name) if source is None else source.path or name))
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return path.as_posix()

    def _find(self, name: str) -> Path:
        candidates = [folder / name for folder in self.folders]
        return next((path for path in candidates if os.path.lexists(path)), candidates[-1])


def find_checkout(spec: Path | None = None) -> Checkout:
    """The checkout in which a command works: the nearest folder with `.git`, else the folder of the command itself.

    spec: the one that data files are named from.
    """
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
    return Checkout(root, (here,) if spec is None else (here / spec.parent, here))
