"""How whole pages are looked for, in a wiki or in a copy of one."""

from __future__ import annotations

from typing import Final

MOST_PAGES: Final = 3
"""Pages that are read for one query."""

LENGTHS: Final = (6, 3, 1)
"""Keywords of a search, tried in turn until it finds a page: a wiki looks for pages that have all of them."""
