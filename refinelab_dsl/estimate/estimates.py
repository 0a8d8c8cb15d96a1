"""What the compiler believes of each operator: success, tokens, dollars; each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from refinelab_dsl.prompts.asking import NO_USE, Use


@dataclass(frozen=True, slots=True)
class Rate:
    """A success rate as a Beta(alpha, beta) posterior. `source` is `spec`, `default` or `evidence`."""

    alpha: float
    beta: float
    source: str

    @property
    def mean(self) -> float:
        return self.alpha / (self.alpha + self.beta)


@dataclass(frozen=True, slots=True)
class AttemptCost:
    """Expected and worst cost of one attempt of an operator.

    calls: of its own; less than one where it is not always made. input_tokens, output_tokens: of these. checks: what
    its checks ask about the result, and the measures that it is measured by. stored: what is asked besides and a pilot
    bought: it costs something where the store of replies is lost. usd, the ceiling: of calls and checks; dollars are
    None where a model's price is unknown. The ceiling reserves repairs too, and what is stored. deviation: standard
    deviation of one attempt's tokens from item to item.
    """

    calls: float
    input_tokens: float
    output_tokens: float
    ceiling_tokens: int
    usd: Decimal | None
    ceiling_usd: Decimal | None
    deviation: float = 0.0
    checks: Use = NO_USE
    stored: Use = NO_USE

    @property
    def tokens(self) -> float:
        """Of an attempt, checks included; what is to be paid."""
        return self.input_tokens + self.output_tokens + self.checks.tokens


@dataclass(frozen=True, slots=True)
class OperatorEstimate:
    rate: Rate
    cost: AttemptCost


@dataclass(frozen=True)
class Estimates:
    """Per operator name. `full_cost` is C in tokens and dollars (dollars None where a price is unknown). originals:
    what the vectors take that checks compare results with, whatever is allocated."""

    operators: Mapping[str, OperatorEstimate]
    full_cost_tokens: float
    full_cost_usd: Decimal | None
    originals: Use = NO_USE
