"""What operators are believed to achieve and to cost: rates, prices, the number of attempts for a stated chance."""

from refinelab_dsl.estimate.estimate import estimate, success_interval
from refinelab_dsl.estimate.estimates import AttemptCost, Estimates, OperatorEstimate, Rate

__all__ = ["AttemptCost", "Estimates", "OperatorEstimate", "Rate", "estimate", "success_interval"]
