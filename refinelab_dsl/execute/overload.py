"""When an operator is stopped because its checks refuse far more than was expected of it.

Decided as steps are committed, so by the replies alone: an attempt starts ahead only where no outcome of those before
it could stop its operator, and none is ever made in vain.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from refinelab_dsl.artifacts.plan import ASKING, Header, Step
from refinelab_dsl.execute.batcher import goes_by_batch
from refinelab_dsl.metrics import wilson_interval

LEAST: Final = 50
"""Results that were judged, before which no operator is stopped."""

CONFIDENCE: Final = 0.999
"""Of the interval in which the true rate lies."""

SHARE: Final = 0.5
"""Of the least that was expected, below which the whole interval must lie."""


class Overload:
    """How the results of each operator fare with its checks. What earlier runs brought does not count, and an operator
    whose model goes by batch is never stopped: its attempts are gathered, not made one after the other."""

    def __init__(self, header: Header) -> None:
        batched = {model.name for model in header.models if goes_by_batch(model)}
        models = {template.name: template.model for template in header.templates}
        self._least: dict[str, float] = {}  # operator -> the rate that was expected at least
        for action in header.actions:
            if header.run.on_overload == "stop" and header.purpose == "plan" and action.kind not in ASKING:
                least = min(self._least.get(action.operator, 1.0), action.success.low)
                if models.get(action.operator, "") not in batched:
                    self._least[action.operator] = least
        self._accepted: Counter[str] = Counter()
        self._judged: Counter[str] = Counter()
        self._read: Counter[str] = Counter()
        self._settled: Counter[str] = Counter()

    def read(self, step: Step) -> int:
        """Numbers the steps of each operator as they are read, but for what earlier runs brought."""
        self._read[step.operator] += not step.replies
        return self._read[step.operator]

    def settle(self, step: Step) -> None:
        """A step had its turn, or was skipped."""
        self._settled[step.operator] += not step.replies

    def is_certain(self, step: Step, number: int) -> bool:
        """Whether a step comes to its turn even if all of its operator that are before it were refused."""
        if step.replies:
            return True
        return not self._is_over(step.operator, number - 1 - self._settled[step.operator])

    def judge(self, step: Step, accepted: bool) -> bool:
        """Counts a result that was judged; whether its operator is to be stopped now."""
        if step.replies:
            return False
        self._judged[step.operator] += 1
        self._accepted[step.operator] += accepted
        return self._is_over(step.operator, 0)

    def figures(self, operator: str) -> tuple[int, int, float]:
        """Results judged, results accepted, and the rate that was expected at least."""
        return self._judged[operator], self._accepted[operator], self._least[operator]

    def _is_over(self, operator: str, refused: int) -> bool:
        """Whether it would be over after so many more refusals."""
        judged = self._judged[operator] + refused
        if operator not in self._least or judged < LEAST:
            return False
        _, high = wilson_interval(self._accepted[operator], judged, CONFIDENCE)
        return high < SHARE * self._least[operator]
