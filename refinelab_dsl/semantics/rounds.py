"""Which signals the command of a loop writes."""

from __future__ import annotations

from refinelab_dsl.measures.recorded import FEEDBACK
from refinelab_dsl.semantics.draft import Declared, Draft


def find_loop_signals(draft: Draft, loop: Declared) -> tuple[str, ...]:
    """The dataset that `signals` names; where nothing is written, those that `loss`, `knn` and `self_judge` read: of
    one it is clear which."""
    named = loop.get("signals")
    if named is not None:
        return (str(named),)
    read = (measure.get(FEEDBACK) for measure in draft.all("measure"))
    return tuple(dict.fromkeys(str(name) for name in read if name is not None))
