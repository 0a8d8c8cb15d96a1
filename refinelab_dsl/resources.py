"""Finds the grammar and the templates, in a wheel or in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def locate(name: str) -> Path:
    """The path of a resource such as `grammar/refine.lark` or `templates/plan.txt.j2`.

    The wheel carries `grammar/` and `templates/` inside the package; a checkout has them beside it.

    Raises:
        FileNotFoundError: the installation is broken.
    """
    for root in (_PACKAGE, _PACKAGE.parent):
        path = root / name
        if path.exists():
            return path
    raise FileNotFoundError(name)


def read(name: str) -> str:
    """The text of a resource."""
    return locate(name).read_text(encoding="utf-8")
