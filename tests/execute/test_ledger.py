"""The budget holds under any schedule of calls."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from refinelab_dsl.execute.ledger import Amount, Ledger, Reservation

TOKENS = st.integers(0, 400)
DOLLARS = st.decimals("0", "0.5", places=7)
AMOUNTS = st.builds(Amount, TOKENS, DOLLARS)


class AnySchedule(RuleBasedStateMachine):
    """Calls are reserved, settled, lost and given back in any order, beside a ledger kept in exact fractions."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(1_000, Decimal("1"))
        self.spent_tokens, self.spent_usd = 0, Fraction(0)
        self.open: dict[int, Amount] = {}

    @rule(target=claims, worst=AMOUNTS)
    def reserve(self, worst: Amount) -> Reservation | None:
        fits_tokens = self.spent_tokens + sum(each.tokens for each in self.open.values()) + worst.tokens <= 1_000
        held = sum((Fraction(each.usd or 0) for each in self.open.values()), Fraction(0))
        fits = fits_tokens and self.spent_usd + held + Fraction(worst.usd or 0) <= 1
        reservation = self.ledger.reserve(worst)
        assert (reservation is not None) == fits
        if reservation is not None:
            self.open[reservation.number] = worst
        return reservation

    @rule(claim=consumes(claims), share=st.fractions(0, 1))
    def settle(self, claim: Reservation | None, share: Fraction) -> None:
        if claim is None:
            return
        usd = Decimal(int((claim.amount.usd or 0) * 10**7 * share.numerator / share.denominator)) / 10**7
        actual = Amount(int(claim.amount.tokens * share), usd)
        assert self.ledger.settle(claim, actual) is None
        self._close(claim, actual)

    @rule(claim=consumes(claims))
    def settle_without_usage(self, claim: Reservation | None) -> None:
        if claim is not None:
            assert self.ledger.settle(claim, None) is None
            self._close(claim, claim.amount)

    @rule(claim=consumes(claims))
    def forfeit(self, claim: Reservation | None) -> None:
        if claim is not None:
            self.ledger.forfeit(claim)
            self._close(claim, claim.amount)

    @rule(claim=consumes(claims))
    def release(self, claim: Reservation | None) -> None:
        if claim is not None:
            self.ledger.release(claim)
            self._close(claim, Amount())

    def _close(self, claim: Reservation, spent: Amount) -> None:
        del self.open[claim.number]
        self.spent_tokens += spent.tokens
        self.spent_usd += Fraction(spent.usd or 0)

    @invariant()
    def never_over_budget(self) -> None:
        ledger = self.ledger
        assert ledger.settled_tokens + ledger.reserved_tokens <= 1_000
        assert ledger.settled_usd + ledger.reserved_usd <= 1
        assert ledger.settled_tokens == self.spent_tokens
        assert Fraction(ledger.settled_usd) == self.spent_usd
        assert ledger.running == len(self.open)


TestAnySchedule = AnySchedule.TestCase


@given(worst=AMOUNTS, more=st.integers(1, 1_000))
def test_an_endpoint_that_reports_more_than_was_reserved_is_named(worst: Amount, more: int) -> None:
    ledger = Ledger(None, None)
    claim = ledger.reserve(worst)
    assert claim is not None
    overshoot = ledger.settle(claim, Amount(worst.tokens + more, worst.usd))
    assert overshoot is not None
    assert overshoot.reported.tokens - overshoot.reserved.tokens == more
    assert ledger.settled_tokens == worst.tokens + more


def test_dollars_of_an_unknown_price_are_not_counted_and_said_to_be_missing() -> None:
    ledger = Ledger(1_000, None)
    claim = ledger.reserve(Amount(100, None))
    assert claim is not None
    ledger.settle(claim, Amount(60, None))
    assert (ledger.settled_tokens, ledger.settled_usd, ledger.usd_is_complete) == (60, Decimal(0), False)


def test_room_is_left_for_others() -> None:
    ledger = Ledger(100, None)
    assert ledger.is_affordable(Amount(60))
    assert not ledger.is_affordable(Amount(60), beside=Amount(41))


def test_what_an_interrupted_run_lost_stays_spent() -> None:
    ledger = Ledger(100, Decimal(1))
    ledger.carry(Amount(30, Decimal("0.2")))
    ledger.carry(Amount(50, Decimal("0.5")), lost=True)
    assert ledger.settled == Amount(80, Decimal("0.7"))
    assert ledger.forfeited == Amount(50, Decimal("0.5"))
    assert ledger.reserve(Amount(21)) is None
