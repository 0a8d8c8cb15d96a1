"""`deduplicate`: all items of a cluster leave but one. No call: it is a `remove` of the copies alone, which the profile
finds (`data.build`)."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.operators.kind import OperatorKind

KIND: Final = OperatorKind("deduplicate", None, None)
