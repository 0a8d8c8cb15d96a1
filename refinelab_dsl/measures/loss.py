"""`measure { kind = loss }`: the loss of a model on an item, as a training recorded it, in its own unit."""

from __future__ import annotations

import math
from typing import Final

from refinelab_dsl.measures.recorded import Range

LOSS: Final = Range(-math.inf, math.inf, "a finite number")
