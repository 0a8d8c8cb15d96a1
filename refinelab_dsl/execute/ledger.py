"""The ledger: no call starts unless its worst case still fits into the budget.

Always: settled + reserved <= limit, in tokens and in dollars, and in dollars for each operator with a `max_cost`. The
one exception is an endpoint that reports more than was reserved for a call; `settle` then says so, and the caller stops
that model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens (input and output together) and US dollars; `usd` is None where a price is unknown."""

    tokens: int = 0
    usd: Decimal | None = Decimal(0)

    def __add__(self, other: Amount) -> Amount:
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Amount(self.tokens + other.tokens, usd)


NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Reservation:
    """A claim on the budget; spent by exactly one of `settle`, `forfeit`, `release`. purpose: the operator's name."""

    number: int
    amount: Amount
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Overshoot:
    """An endpoint reported more than was reserved for the call."""

    reserved: Amount
    reported: Amount


class Ledger:
    """Budget of one run. Not thread-safe: it belongs to the event loop.

    Dollars of calls with an unknown price are not counted (`usd_is_complete` is then false); a dollar budget with
    such a model does not compile, so the dollar limit never silently misses them.
    """

    def __init__(
        self, tokens: int | None, usd: Decimal | None, caps: Mapping[str, Decimal] = MappingProxyType({})
    ) -> None:
        """caps: operator -> dollars that it may spend."""
        self.limit_tokens = tokens
        self.limit_usd = usd
        self.caps = caps
        self._taken = dict.fromkeys(caps, Decimal(0))  # settled and reserved, per operator with a cap
        self.settled_tokens = 0
        self.settled_usd = Decimal(0)
        self.usd_is_complete = True
        self.reserved_tokens = 0
        self.reserved_usd = Decimal(0)
        self.forfeited = NOTHING
        self._spent: dict[str, Amount] = {}  # purpose -> what was settled for it
        self._open: dict[int, Reservation] = {}
        self._next = 1

    @property
    def settled(self) -> Amount:
        """What was spent, calls that were sent and never answered at their worst case."""
        return Amount(self.settled_tokens, self.settled_usd)

    @property
    def running(self) -> int:
        """Number of open reservations."""
        return len(self._open)

    def spent_on(self, purpose: str) -> Amount:
        """What was settled for a purpose."""
        return self._spent.get(purpose, NOTHING)

    def is_affordable(self, amount: Amount, beside: Amount = NOTHING) -> bool:
        """Whether `amount` fits, leaving room for `beside`."""
        if self.limit_tokens is not None and (
            self.settled_tokens + self.reserved_tokens + beside.tokens + amount.tokens > self.limit_tokens
        ):
            return False
        wanted = (amount.usd or Decimal(0)) + (beside.usd or Decimal(0))
        return self.limit_usd is None or self.settled_usd + self.reserved_usd + wanted <= self.limit_usd

    def is_within_cap(self, purpose: str, usd: Decimal | None, beside: Decimal = Decimal(0)) -> bool:
        """Whether the operator may spend `usd` more, leaving room for `beside`."""
        cap = self.caps.get(purpose)
        return cap is None or self._taken[purpose] + (usd or Decimal(0)) + beside <= cap

    def reserve(self, worst: Amount, purpose: str = "") -> Reservation | None:
        """Claims the worst case of a call that is about to start; None if it does not fit."""
        if not self.is_affordable(worst) or not self.is_within_cap(purpose, worst.usd):
            return None
        return self.claim_again(worst, purpose)

    def claim_again(self, worst: Amount, purpose: str = "") -> Reservation:
        """Claims what an earlier process of this run had claimed for a call that is still in flight: it fitted then."""
        reservation = Reservation(self._next, worst, purpose)
        self._next += 1
        self._take(purpose, worst.usd)
        self._open[reservation.number] = reservation
        self.reserved_tokens += worst.tokens
        self.reserved_usd += worst.usd or Decimal(0)
        return reservation

    def split(self, reservation: Reservation, part: Amount) -> tuple[Reservation, Reservation] | None:
        """A claim as two: one of `part` and one of the rest; None where `part` is more than there is of it."""
        whole = reservation.amount
        usd_left = None if whole.usd is None else whole.usd - (part.usd or Decimal(0))
        if part.tokens > whole.tokens or (usd_left is not None and usd_left < 0):
            return None
        self._close(reservation)
        taken = self.reserve(part, reservation.purpose)
        rest = self.reserve(Amount(whole.tokens - part.tokens, usd_left), reservation.purpose)
        assert taken is not None
        assert rest is not None
        return taken, rest

    def settle(self, reservation: Reservation, actual: Amount | None) -> Overshoot | None:
        """Replaces a claim by what the call took; None (no usage was reported) counts as the whole claim."""
        worst = self._close(reservation)
        spent = worst if actual is None else actual
        self._spend(spent, reservation.purpose)
        more_usd = worst.usd is not None and spent.usd is not None and spent.usd > worst.usd
        return Overshoot(worst, spent) if spent.tokens > worst.tokens or more_usd else None

    def forfeit(self, reservation: Reservation) -> None:
        """The call was sent and never answered: it may have been charged, so the whole claim counts as spent."""
        worst = self._close(reservation)
        self._spend(worst, reservation.purpose)
        self.forfeited += worst

    def release(self, reservation: Reservation) -> None:
        """The call was never sent, or refused without a charge."""
        self._close(reservation)

    def carry(self, spent: Amount, purpose: str = "", *, lost: bool = False) -> None:
        """Counts what the run spent before it was interrupted; `lost`: by a call that never got its answer."""
        self._spend(spent, purpose)
        if lost:
            self.forfeited += spent

    def _close(self, reservation: Reservation) -> Amount:
        worst = self._open.pop(reservation.number).amount
        self.reserved_tokens -= worst.tokens
        self.reserved_usd -= worst.usd or Decimal(0)
        self._take(reservation.purpose, -(worst.usd or Decimal(0)))
        return worst

    def _take(self, purpose: str, usd: Decimal | None) -> None:
        if purpose in self._taken:
            self._taken[purpose] += usd or Decimal(0)

    def _spend(self, amount: Amount, purpose: str) -> None:
        self._take(purpose, amount.usd)
        if purpose:
            self._spent[purpose] = self.spent_on(purpose) + amount
        self.settled_tokens += amount.tokens
        if amount.usd is None:
            self.usd_is_complete = False
        else:
            self.settled_usd += amount.usd
