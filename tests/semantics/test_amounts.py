"""Amounts are exact within what can be written to the cent; more is a mistake in the spec, not one of ours."""

from __future__ import annotations

from decimal import Decimal

import pytest

from refinelab_dsl.semantics.quantities import LARGEST, out_of_bounds
from refinelab_dsl.types import Money, PerToken, Tokens, ValueType


@pytest.mark.parametrize("type_", [Money(), PerToken(), Tokens()], ids=lambda type_: type(type_).__name__)
def test_an_amount_has_a_bound(type_: ValueType) -> None:
    assert out_of_bounds(type_, Decimal(0)) is None
    assert out_of_bounds(type_, Decimal(LARGEST)) is None
    assert out_of_bounds(type_, Decimal(LARGEST) * 10) is not None
    assert out_of_bounds(type_, Decimal(-1)) is not None
