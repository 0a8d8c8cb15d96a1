"""`remove` (RefineLab r1, r3): an item leaves. No call; the numbers are settled after the steps
(`execute.removals`), from what the other operators really reached."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.operators.kind import OperatorKind

KIND: Final = OperatorKind("remove", None, None)
