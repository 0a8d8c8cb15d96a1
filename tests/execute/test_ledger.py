"""The budget holds under any schedule of calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeGuard

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from refinelab_dsl.execute.ledger import Amount, Ledger, Overshoot, Reservation

LIMIT_TOKENS, LIMIT_USD = 1_000, Decimal("1")
CAPS = {"author": Decimal("0.4"), "judge": Decimal("0.2500001")}
PURPOSES = st.sampled_from(["author", "judge", "harden", ""])  # two with a cap, one without, and no operator
TOKENS = st.integers(0, 400)
DOLLARS = st.decimals("0", "0.5", places=7)
AMOUNTS = st.builds(Amount, TOKENS, DOLLARS)


@dataclass
class Plain:
    """A reference: lists of what was claimed and spent, summed up anew each time, dollars in exact fractions."""

    open: dict[int, tuple[str, int, Fraction]] = field(default_factory=dict)
    spent: list[tuple[str, int, Fraction]] = field(default_factory=list)
    forfeited: list[tuple[int, Fraction]] = field(default_factory=list)
    over_tokens: int = 0  # what endpoints reported beyond claims
    over_usd: dict[str, Fraction] = field(default_factory=dict)  # the same by purpose

    def taken(self, purpose: str | None = None) -> tuple[int, Fraction]:
        """Claimed and spent, of one purpose or of all."""
        chosen = [each for each in (*self.open.values(), *self.spent) if purpose in (None, each[0])]
        return sum(each[1] for each in chosen), sum((each[2] for each in chosen), Fraction(0))

    def settled(self, purpose: str | None = None) -> tuple[int, Fraction]:
        chosen = [each for each in self.spent if purpose in (None, each[0])]
        return sum(each[1] for each in chosen), sum((each[2] for each in chosen), Fraction(0))

    def fits(self, purpose: str, worst: Amount) -> bool:
        tokens, usd = self.taken()
        more = Fraction(worst.usd or 0)
        within_cap = purpose not in CAPS or self.taken(purpose)[1] + more <= Fraction(CAPS[purpose])
        return tokens + worst.tokens <= LIMIT_TOKENS and usd + more <= Fraction(LIMIT_USD) and within_cap


class AnySchedule(RuleBasedStateMachine):
    """Calls of several operators are reserved, split, settled, lost and given back in any order; the process ends and
    another goes on with what its journal knows; all beside `Plain`."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(LIMIT_TOKENS, LIMIT_USD, CAPS)
        self.plain = Plain()
        self.life = 0

    @rule(target=claims, worst=AMOUNTS, purpose=PURPOSES)
    def reserve(self, worst: Amount, purpose: str) -> tuple[int, Reservation] | None:
        fits = self.plain.fits(purpose, worst)
        assert self.ledger.is_affordable(worst) or not fits
        claim = self.ledger.reserve(worst, purpose)
        assert (claim is not None) == fits
        if claim is None:
            return None
        self._open(claim)
        return self.life, claim

    @rule(worst=AMOUNTS, beside=AMOUNTS, purpose=PURPOSES)
    def ask(self, worst: Amount, beside: Amount, purpose: str) -> None:
        both = worst + beside
        fits = self.ledger.is_affordable(worst, beside) and self.ledger.is_within_cap(
            purpose, worst.usd, beside.usd or Decimal(0)
        )
        assert fits == self.plain.fits(purpose, both)

    @rule(target=claims, held=consumes(claims), part=AMOUNTS)
    def split(self, held: tuple[int, Reservation] | None, part: Amount) -> MultipleResults[Any]:
        if not self._is_open(held):
            return multiple()
        claim = held[1]
        pieces = self.ledger.split(claim, part)
        is_part = part.tokens <= claim.amount.tokens and (part.usd or 0) <= (claim.amount.usd or 0)
        assert (pieces is not None) == is_part
        if pieces is None:
            return multiple(held)
        assert pieces[0].amount + pieces[1].amount == claim.amount
        assert {piece.purpose for piece in pieces} == {claim.purpose}
        del self.plain.open[claim.number]
        for piece in pieces:
            self._open(piece)
        return multiple(*((self.life, piece) for piece in pieces))

    @rule(held=consumes(claims), share=st.fractions(0, 1))
    def settle(self, held: tuple[int, Reservation] | None, share: Fraction) -> None:
        if self._is_open(held):
            claim = held[1]
            usd = Decimal(int((claim.amount.usd or 0) * 10**7 * share.numerator / share.denominator)) / 10**7
            actual = Amount(int(claim.amount.tokens * share), usd)
            assert self.ledger.settle(claim, actual) is None
            self._close(claim, actual)

    @rule(held=consumes(claims))
    def settle_without_usage(self, held: tuple[int, Reservation] | None) -> None:
        if self._is_open(held):
            assert self.ledger.settle(held[1], None) is None
            self._close(held[1], held[1].amount)

    @rule(held=consumes(claims), more=AMOUNTS)
    def settle_above_the_claim(self, held: tuple[int, Reservation] | None, more: Amount) -> None:
        if self._is_open(held):
            claim = held[1]
            reported = claim.amount + more
            overshoot = self.ledger.settle(claim, reported)
            is_more = more.tokens > 0 or (more.usd or 0) > 0
            assert overshoot == (Overshoot(claim.amount, reported) if is_more else None)
            self._close(claim, reported)
            self.plain.over_tokens += more.tokens
            before = self.plain.over_usd.get(claim.purpose, Fraction(0))
            self.plain.over_usd[claim.purpose] = before + Fraction(more.usd or 0)

    @rule(held=consumes(claims))
    def forfeit(self, held: tuple[int, Reservation] | None) -> None:
        if self._is_open(held):
            self.ledger.forfeit(held[1])
            self.plain.forfeited.append((held[1].amount.tokens, Fraction(held[1].amount.usd or 0)))
            self._close(held[1], held[1].amount)

    @rule(held=consumes(claims))
    def release(self, held: tuple[int, Reservation] | None) -> None:
        if self._is_open(held):
            self.ledger.release(held[1])
            self._close(held[1], None)

    @rule()
    def be_killed_and_resumed(self) -> None:
        """What was in flight is lost; everything else is carried as the journal has it, in no order of importance."""
        self.ledger = Ledger(LIMIT_TOKENS, LIMIT_USD, CAPS)
        self.life += 1
        self.plain.forfeited += [(tokens, usd) for _, tokens, usd in self.plain.open.values()]
        self.plain.spent += self.plain.open.values()
        self.plain.open = {}
        left = Counter(self.plain.forfeited)
        for purpose, tokens, usd in self.plain.spent:
            is_lost = left[tokens, usd] > 0
            left[tokens, usd] -= is_lost
            self.ledger.carry(Amount(tokens, _decimal(usd)), purpose, lost=is_lost)

    @rule(tokens=st.integers(0, 30), usd=st.decimals("0", "0.01", places=7), purpose=PURPOSES)
    def begin_another_leg(self, tokens: int, usd: Decimal, purpose: str) -> None:
        """A leg counts what the one before it spent, as far as that fits: it was spent under the same budget."""
        if self.plain.fits(purpose, Amount(tokens, usd)):
            self.ledger.carry(Amount(tokens, usd), purpose)
            self.plain.spent.append((purpose, tokens, Fraction(usd)))

    def _is_open(self, held: tuple[int, Reservation] | None) -> TypeGuard[tuple[int, Reservation]]:
        """Claims of a process that was killed are nobody's."""
        return held is not None and held[0] == self.life

    def _open(self, claim: Reservation) -> None:
        self.plain.open[claim.number] = claim.purpose, claim.amount.tokens, Fraction(claim.amount.usd or 0)

    def _close(self, claim: Reservation, spent: Amount | None) -> None:
        del self.plain.open[claim.number]
        if spent is not None:
            self.plain.spent.append((claim.purpose, spent.tokens, Fraction(spent.usd or 0)))

    @invariant()
    def it_is_over_budget_by_nothing_but_what_endpoints_reported_beyond_their_word(self) -> None:
        ledger, over_usd = self.ledger, sum(self.plain.over_usd.values(), Fraction(0))
        assert ledger.settled_tokens + ledger.reserved_tokens <= LIMIT_TOKENS + self.plain.over_tokens
        assert Fraction(ledger.settled_usd + ledger.reserved_usd) <= Fraction(LIMIT_USD) + over_usd
        for purpose, cap in CAPS.items():
            assert self.plain.taken(purpose)[1] <= Fraction(cap) + self.plain.over_usd.get(purpose, Fraction(0))

    @invariant()
    def it_knows_what_the_reference_knows(self) -> None:
        ledger, plain = self.ledger, self.plain
        assert (ledger.settled_tokens, Fraction(ledger.settled_usd)) == plain.settled()
        assert ledger.settled == Amount(ledger.settled_tokens, ledger.settled_usd)
        held = ledger.reserved_tokens + ledger.settled_tokens, Fraction(ledger.reserved_usd + ledger.settled_usd)
        assert held == plain.taken()
        assert (ledger.running, ledger.usd_is_complete) == (len(plain.open), True)
        assert ledger.forfeited.tokens == sum(tokens for tokens, _ in plain.forfeited)
        assert Fraction(ledger.forfeited.usd or 0) == sum((usd for _, usd in plain.forfeited), Fraction(0))
        for purpose in ("author", "judge", "harden"):
            spent = ledger.spent_on(purpose)
            assert (spent.tokens, Fraction(spent.usd or 0)) == plain.settled(purpose)


def _decimal(amount: Fraction) -> Decimal:
    """Exact: all amounts here have seven places."""
    scaled = amount * 10**7
    assert scaled.denominator == 1
    return Decimal(scaled.numerator) / 10**7


AnySchedule.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestAnySchedule = AnySchedule.TestCase


@given(data=st.data(), limit=st.integers(0, 2_000), width=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_where_an_overshoot_stops_the_calls_the_overshoot_is_that_of_the_calls_in_flight(
    data: st.DataObject, limit: int, width: int
) -> None:
    """Calls are sent until one reports more than its claim; what runs then still ends, and may report more, too."""
    ledger = Ledger(limit, None)
    flying: list[Reservation] = []
    beyond, over, at_most = 0, False, 0
    for _ in range(60):
        if not over and len(flying) < width:
            claim = ledger.reserve(Amount(data.draw(st.integers(1, 300)), None))
            if claim is not None:
                flying.append(claim)
        if flying and data.draw(st.booleans()):
            claim = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
            more = data.draw(st.sampled_from([0, 0, 0, 50]))
            found = ledger.settle(claim, Amount(claim.amount.tokens + more, None))
            beyond += more
            if found is not None and not over:
                over, at_most = True, 50 * (1 + len(flying))
        assert ledger.settled_tokens + ledger.reserved_tokens <= limit + beyond
        assert beyond <= at_most


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
