"""The interpreter: reads a plan's steps as a stream, makes calls ahead, commits results in plan order.

A step is committed when its turn comes, in order of id, and is skipped if its action has reached its count by then.
So what is accepted depends on the replies alone, not on when they arrive. Calls are made ahead only for steps that
are certain to be executed (decision 18):

- an attempt starts only if the attempts of its action before it that were started and are not rejected are fewer than
  the count: whatever becomes of them, its turn comes;
- where the budget could bind, an attempt starts only if it fits beside the worst case of every attempt before it, what
  it may be asked again for included, so that a run stops at the same step however many calls it makes at once. The same
  holds for an operator's `max_cost`, which ends that operator alone;
- where checks refuse far more than was expected an operator is stopped; an attempt starts only if all before it cannot
  come to that (`overload`);
- where the rest is to be solved again once so much is paid, an attempt starts only if all before it cannot pay that
  much: so nothing is in flight when it is paid, and nothing is bought that the new plan may not want.

An attempt that a check refuses at its turn, and wants made again, is made again while those after it wait.
Resuming is the same procedure from step 1: what the journal and the store know is not asked again, and the log is
written anew, with the bytes of a run that was never interrupted.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import Action, Step
from refinelab_dsl.execute.calls import Caller
from refinelab_dsl.execute.commit import Committer
from refinelab_dsl.execute.halt import Halt
from refinelab_dsl.execute.journal import JournalError
from refinelab_dsl.execute.ledger import NOTHING, Amount, Reservation
from refinelab_dsl.execute.observe import BEAT, SHOW_EVERY, Observer, StepEnded, StepStarted
from refinelab_dsl.execute.overload import Overload
from refinelab_dsl.execute.step import Check, Outcome, Prepared, StepRunner
from refinelab_dsl.execute.tally import Additions, Refused, Tally, build_progress
from refinelab_dsl.operators import OPERATORS
from refinelab_dsl.provenance import LogWriter
from refinelab_dsl.store import StoreError
from refinelab_dsl.validators import Surroundings

NO_MODEL = ""  # stands for the model of steps that ask none first
WINDOW = 4096  # steps read ahead
PATIENCE = 30.0  # seconds that running calls get once the run stops


@dataclass(eq=False, slots=True)
class _Entry:
    """A step that was read and has not had its turn."""

    step: Step
    action: Action
    model: str
    number: int  # among the steps of its operator
    prepared: Prepared | None = None
    is_counted: bool = False  # what it may need is kept free while it is undecided
    kept: Amount = NOTHING  # that much
    further: Amount = NOTHING  # what it may claim beyond its first claim, from its start to its commit
    is_decided: bool = False  # started or skipped
    is_started: bool = False
    outcome: Outcome | None = None
    ended: float = 0.0  # when its outcome was there
    afloat: Amount = NOTHING  # all that it may claim, until it is committed


@dataclass(frozen=True)
class Engine:
    """What an interpreter works with. slots: model -> calls in flight at most. is_loose: not even every listed attempt
    could exceed the budget, so none has to be kept free for another. window: steps read ahead of the one whose turn it
    is. pause: what this run may pay, in committed steps, before the rest is solved again; tokens or dollars of it are
    None where the budget has none."""

    runner: StepRunner
    caller: Caller
    halt: Halt
    log: LogWriter
    surroundings: Surroundings
    additions: Additions
    refused: Refused
    tally: Tally
    observer: Observer
    slots: dict[str, int]
    is_loose: bool
    window: int = WINDOW
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """An amount of which either part may be missing; it is reached where one of them is."""

    tokens: int | None
    usd: Decimal | None

    def is_reached(self, paid: Amount) -> bool:
        return (self.tokens is not None and paid.tokens >= self.tokens) or (
            self.usd is not None and (paid.usd or Decimal(0)) >= self.usd
        )


class Interpreter:
    """One execution of a plan's steps."""

    def __init__(self, engine: Engine, steps: Iterator[Step]) -> None:
        self._engine = engine
        self._tally = engine.tally
        self._ledger = engine.caller.ledger
        self._steps = steps
        header = engine.tally.header
        self._actions = {action.id: action for action in header.actions}
        self._models = {template.name: template.model for template in header.templates}
        changing = {kind for kind, row in OPERATORS.items() if row.origin == "changed"}
        self._changing = frozenset(action.id for action in header.actions if action.kind in changing)
        self._committer = Committer(
            engine.log, engine.surroundings, engine.additions, engine.refused, engine.tally, engine.runner,
            engine.caller.bought,
        )
        self._is_untouched = True  # no step has come to anything yet
        self._held: set[str] = set()  # items of which a change is accepted, or may be
        self._window: deque[_Entry] = deque()
        self._uncounted: deque[_Entry] = deque()
        self._waiting: dict[int, deque[_Entry]] = {action.id: deque() for action in header.actions}
        self._ready: dict[str, list[tuple[int, int]]] = {model: [] for model in engine.slots}  # (step, action)
        self._is_listed: set[int] = set()  # actions that stand in `_ready`
        self._running: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_tight = not engine.is_loose or bool(self._ledger.caps) or engine.pause is not None
        self._kept_free = NOTHING
        self._further = NOTHING  # what steps that were started and not committed may still claim
        self._further_for = dict.fromkeys(self._ledger.caps, Decimal(0))  # operator with a cap -> dollars of it
        self._kept_free_for = dict.fromkeys(self._ledger.caps, Decimal(0))  # operator with a cap -> dollars of it
        self._horizon = 0  # the highest id of a step that was started with room for all before it
        self._horizon_of = dict.fromkeys(self._ledger.caps, 0)  # the same for what is left of an operator's cap
        self.exhausted: dict[str, None] = {}  # operators whose cap ended them, in order
        self.overloaded: dict[str, None] = {}  # operators whose checks refused too much, in order
        self._overload = Overload(header)
        self._wake = asyncio.Event()
        self._crash: BaseException | None = None
        self._shown_at = 0.0
        self._afloat = NOTHING  # what the steps may claim that were started and not committed
        self.needed: Amount | None = None  # what the next call would have had to claim, if the budget stopped the run

    @property
    def paid(self) -> Amount:
        """For the committed steps, by this run."""
        return self._committer.paid

    async def run(self) -> None:
        """Executes the steps until none is left or the run is told to stop; then nothing is in flight.

        Raises:
            JournalError, StoreError, OSError: the state could not be written.
        """
        beside = [asyncio.create_task(each) for each in (self._wake_on_halt(), self._beat())]
        try:
            while self._advance():
                if self._crash is not None:
                    raise self._crash
                self._wake.clear()
                if not self._has_outcome():
                    with self._engine.caller.stillness.parked(self._count_tasks):
                        await self._wake.wait()
        finally:
            beside[0].cancel()
            await self._drain()
            beside[1].cancel()
            self._show(force=True)
        if self._crash is not None:
            raise self._crash

    def abandon(self) -> None:
        """Gives up the calls in flight; each keeps its claim on the budget."""
        for task in self._tasks:
            task.cancel()

    # ---- turns ---------------------------------------------------------------------------------------------------

    def _advance(self) -> bool:
        """Commits and starts what can be; False when there is nothing left to wait for."""
        while True:
            self._read()
            if not self._window:
                if self._is_due() and self._is_short():
                    self._engine.halt.stop("replan")
                return False
            head = self._window[0]
            if not head.is_started and (
                self._tally.accepted[head.action.id] >= head.action.count
                or self._is_over(head.step.operator)
                or self._is_held(head)  # what stands before it in the plan has changed the item
            ):
                self._skip(head)
                continue
            if self._is_due():
                self._engine.halt.stop("replan")
                return False
            self._start_ahead()
            self._show()
            if self._engine.halt.is_set:
                return False
            if head.outcome is None:
                if not head.is_started and self._is_capped(head):
                    self.exhausted[head.step.operator] = None
                    continue
                if head.is_started or self._tasks:
                    return True
                return self._run_dry(head)
            if head.outcome.is_stopped:
                return False
            if head.outcome.is_starved:
                return True if self._tasks else self._start_again(head)
            checks = self._committer.judge(head.step, head.outcome)
            if self._try_again(head, checks):
                continue
            self._commit(head, checks)
            self._float(head, NOTHING)
            self._keep_further(head, NOTHING)
            self._overload.settle(head.step)
            self._window.popleft()

    def _is_due(self) -> bool:
        """Whether so much is paid that the rest is to be solved again."""
        return self._engine.pause is not None and self._engine.pause.is_reached(self.paid)

    def _is_short(self) -> bool:
        return any(self._tally.accepted[action.id] < action.count for action in self._actions.values())

    def _has_outcome(self) -> bool:
        head = self._window[0]
        return head.outcome is not None and not head.outcome.is_starved

    def _count_tasks(self) -> int | None:
        """Steps that run; None while there is news that may start others."""
        return None if self._wake.is_set() else len(self._tasks)

    def _read(self) -> None:
        """Fills the window from the plan."""
        while self._uncounted and self._uncounted[0].is_decided:
            self._uncounted.popleft()
        while len(self._window) < self._engine.window:
            step = next(self._steps, None)
            if step is None:
                return
            action = self._actions[step.action]
            entry = _Entry(step, action, self._models.get(step.template, NO_MODEL), self._overload.read(step))
            self._window.append(entry)
            if self._is_tight:
                self._uncounted.append(entry)
            self._waiting[action.id].append(entry)
            if len(self._waiting[action.id]) == 1:
                self._make_ready(action)

    def _is_over(self, operator: str) -> bool:
        return operator in self.exhausted or operator in self.overloaded

    def _skip(self, head: _Entry) -> None:
        self._overload.settle(head.step)
        self._window.popleft()
        self._waiting[head.action.id].popleft()
        self._decide(head)

    def _is_capped(self, head: _Entry) -> bool:
        """Whether nothing is left of its operator's cap for the step whose turn it is, and nothing comes back."""
        operator = head.step.operator
        if operator not in self._ledger.caps or self._tally.running[operator]:
            return False
        return not self._ledger.is_within_cap(operator, self._prepare(head).worst.usd)

    def _run_dry(self, head: _Entry) -> bool:
        """The step whose turn it is does not fit, and nothing is in flight that could make room."""
        assert head.prepared is not None
        self.needed = head.prepared.worst
        is_untouched = self._is_untouched and self._ledger.settled == NOTHING
        self._engine.halt.stop("too_small" if is_untouched else "budget")
        return False

    def _try_again(self, head: _Entry, checks: Sequence[Check]) -> bool:
        """Makes an attempt again that a check refuses which could only be judged now, where the check asks for it. The
        steps after it wait: they are judged against what comes of it."""
        assert head.outcome is not None
        telling = head.outcome.telling
        if telling is None or not telling.may_retry(checks):
            return False
        telling.resume(checks)
        head.prepared = self._engine.runner.prepare_rest(head.step, telling)
        worst = head.prepared.worst
        if self._ledger.is_affordable(worst) and self._ledger.is_within_cap(head.step.operator, worst.usd):
            head.outcome = None
            self._launch(head)
        else:
            head.outcome = Outcome(is_starved=True, telling=telling)
        return True

    def _start_again(self, head: _Entry) -> bool:
        """A step needed more room than it had claimed (a try that may have been charged); now it is alone."""
        assert head.outcome is not None
        assert head.outcome.telling is not None
        head.prepared = self._engine.runner.prepare_rest(head.step, head.outcome.telling)
        if not self._ledger.is_within_cap(head.step.operator, head.prepared.worst.usd):
            self.exhausted[head.step.operator] = None
            head.outcome = Outcome(failure="max_cost")
            self._tally.live[head.action.id] -= 1
            self._wake.set()
            return True
        head.outcome = None
        if not self._ledger.is_affordable(head.prepared.worst):
            return self._run_dry(head)
        self._launch(head)
        return True

    # ---- starting ------------------------------------------------------------------------------------------------

    def _start_ahead(self) -> None:
        """Starts every step that is certain to be executed and has a free slot, in order of id per model."""
        head = self._window[0]
        is_short = head.outcome is not None and head.outcome.is_starved
        if self._engine.halt.is_set or is_short:  # what comes free is for the step whose turn it is
            return
        for model, ready in self._ready.items():
            while ready and self._running[model] < self._engine.slots[model]:
                action = self._actions[ready[0][1]]
                waiting = self._waiting[action.id]
                if not waiting or ready[0][0] != waiting[0].step.id or not self._is_certain(action):
                    self._unlist(ready)
                    self._make_ready(action)
                    continue
                entry = waiting[0]
                if (entry.step.depends_on and entry is not self._window[0]) or self._is_held(entry):
                    break
                if not self._overload.is_certain(entry.step, entry.number) or not self._fits(entry):
                    break
                self._unlist(ready)
                waiting.popleft()
                self._decide(entry)
                self._tally.live[action.id] += 1
                self._launch(entry)
                self._make_ready(action)

    def _is_certain(self, action: Action) -> bool:
        return self._tally.live[action.id] < action.count and not self._is_over(action.operator)

    def _is_held(self, entry: _Entry) -> bool:
        """Whether another attempt on the same item, before it in the plan, may change it, or has: an item is changed
        once."""
        return entry.action.id in self._changing and entry.step.items[0] in self._held

    def _free(self, entry: _Entry) -> None:
        """Nothing came of an attempt: another may change its item."""
        if entry.action.id in self._changing:
            self._held.discard(entry.step.items[0])

    def _make_ready(self, action: Action) -> None:
        """Puts the action's next attempt on its model's list, if it is certain to be executed."""
        waiting = self._waiting[action.id]
        if waiting and self._is_certain(action) and action.id not in self._is_listed:
            self._is_listed.add(action.id)
            heapq.heappush(self._ready[waiting[0].model], (waiting[0].step.id, action.id))

    def _unlist(self, ready: list[tuple[int, int]]) -> None:
        self._is_listed.discard(heapq.heappop(ready)[1])

    def _fits(self, entry: _Entry) -> bool:
        """Whether a step may claim its worst case now."""
        worst = self._prepare(entry).worst
        while self._uncounted and self._uncounted[0].step.id < entry.step.id:
            before = self._uncounted.popleft()
            if not before.is_decided:
                self._keep_free(before)
        return self._fits_cap(entry, worst) and self._fits_pause(entry) and self._fits_budget(entry, worst)

    def _fits_pause(self, entry: _Entry) -> bool:
        """Whether the turn of a step comes for certain before the rest is solved again."""
        pause = self._engine.pause
        if pause is None or entry is self._window[0]:
            return True
        return not pause.is_reached(self.paid + self._afloat + _less(self._kept_free, entry.kept))

    def _fits_cap(self, entry: _Entry, worst: Amount) -> bool:
        operator = entry.step.operator
        if operator not in self._ledger.caps:
            return True
        if not self._ledger.is_within_cap(operator, worst.usd):
            return False
        others = _minus(self._kept_free_for[operator], entry.kept.usd) + self._further_for[operator]
        if self._ledger.is_within_cap(operator, worst.usd, beside=others):
            self._horizon_of[operator] = max(self._horizon_of[operator], entry.step.id)
            return True
        return worst == NOTHING or entry.step.id <= self._horizon_of[operator] or entry is self._window[0]

    def _fits_budget(self, entry: _Entry, worst: Amount) -> bool:
        if self._engine.is_loose or entry.step.id <= self._horizon or worst == NOTHING:
            return self._ledger.is_affordable(worst)
        others = _less(self._kept_free, entry.kept) + self._further
        if self._ledger.is_affordable(worst, beside=others):
            self._horizon = entry.step.id
            return True
        return entry is self._window[0] and self._ledger.is_affordable(worst)

    def _keep_free(self, entry: _Entry) -> None:
        prepared = self._prepare(entry)
        further = self._engine.runner.bound_further(entry.step, prepared.telling)
        entry.is_counted, entry.kept = True, _known(prepared.worst) + further
        self._kept_free += entry.kept
        if entry.step.operator in self._kept_free_for:
            self._kept_free_for[entry.step.operator] += entry.kept.usd or Decimal(0)

    def _decide(self, entry: _Entry) -> None:
        """The step is started or skipped: no room is kept free for it any longer."""
        entry.is_decided = True
        if entry.is_counted:
            self._kept_free = _less(self._kept_free, entry.kept)
            if entry.step.operator in self._kept_free_for:
                self._kept_free_for[entry.step.operator] -= entry.kept.usd or Decimal(0)
            entry.is_counted, entry.kept = False, NOTHING

    def _keep_further(self, entry: _Entry, amount: Amount) -> None:
        """What a step may still claim, once it is started, is now `amount`."""
        self._further = _less(self._further, entry.further) + amount
        if entry.step.operator in self._further_for:
            self._further_for[entry.step.operator] += _minus(amount.usd, entry.further.usd)
        entry.further = amount

    def _prepare(self, entry: _Entry) -> Prepared:
        if entry.prepared is None:
            entry.prepared = self._engine.runner.prepare(entry.step)
        return entry.prepared

    def _launch(self, entry: _Entry) -> None:
        assert entry.prepared is not None
        claim = self._ledger.reserve(entry.prepared.worst, entry.step.operator)
        assert claim is not None
        if self._is_tight and not entry.is_started:
            self._keep_further(entry, self._engine.runner.bound_further(entry.step, entry.prepared.telling))
            self._float(entry, _known(entry.prepared.worst) + entry.further)
        entry.is_started = True
        self._engine.observer.note(StepStarted(entry.step.id, entry.step.operator))
        if entry.action.id in self._changing:
            self._held.add(entry.step.items[0])
        self._running[entry.model] += 1
        self._tally.running[entry.step.operator] += 1
        task = asyncio.create_task(self._run_entry(entry, entry.prepared, claim))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._wake.set())

    def _float(self, entry: _Entry, amount: Amount) -> None:
        """What a step may claim in all is now `amount`."""
        self._afloat = _less(self._afloat, entry.afloat) + amount
        entry.afloat = amount

    async def _run_entry(self, entry: _Entry, prepared: Prepared, claim: Reservation) -> None:
        try:
            entry.outcome = await self._engine.runner.run(entry.step, prepared, claim)
        except asyncio.CancelledError:
            entry.outcome = Outcome(is_stopped=True)
        except Exception as error:
            self._crash = self._crash or error
            if isinstance(error, JournalError | StoreError | OSError):
                self._engine.halt.stop("state")
            entry.outcome = Outcome(is_stopped=True)
        finally:
            self._running[entry.model] -= 1
            self._tally.running[entry.step.operator] -= 1
            entry.prepared = None
            entry.ended = time.monotonic()
        self._tally.cached[entry.step.operator] += entry.outcome.cached
        if entry.outcome.is_rejected:
            self._tally.live[entry.action.id] -= 1
            self._free(entry)
            self._make_ready(entry.action)

    # ---- committing ----------------------------------------------------------------------------------------------

    def _commit(self, head: _Entry, checks: Sequence[Check]) -> None:
        """Writes down what a step has come to. checks: as judged."""
        self._is_untouched = False
        assert head.outcome is not None
        refusal = self._committer.commit(head.step, head.action, head.outcome, checks)
        if refusal is None or refusal.check in head.step.checks:
            self._watch_checks(head.step, accepted=refusal is None)
        if refusal is None:
            self._tell_end(head)
            return
        if not head.outcome.is_rejected:
            self._tally.live[head.action.id] -= 1
            self._free(head)
            self._make_ready(head.action)
        self._tell_end(head, refusal.check, head.outcome.failure)

    def _watch_checks(self, step: Step, *, accepted: bool) -> None:
        """Stops an operator whose checks refuse far more than was expected."""
        if self._overload.judge(step, accepted) and step.operator not in self.overloaded:
            self.overloaded[step.operator] = None
            judged, good, least = self._overload.figures(step.operator)
            told = events.Overload(step=step.id, operator=step.operator, judged=judged, accepted=good, expected=least)
            self._engine.log.append(told)
            self._tally.watch.overloads.append(told)

    def _tell_end(self, head: _Entry, check: str | None = None, failure: str | None = None) -> None:
        self._engine.observer.note(StepEnded(
            head.step.id, head.step.operator, "unanswered" if failure else "rejected" if check else "accepted", check,
            failure, time.monotonic() - head.ended,
        ))

    # ---- the end, and what is shown ------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Lets the calls in flight end, for a while; then gives them up."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=PATIENCE)
        while self._tasks:
            self.abandon()
            await asyncio.wait(self._tasks, timeout=1)

    async def _wake_on_halt(self) -> None:
        await self._engine.halt.event.wait()
        self._wake.set()
        for diagnostic in (each for said in self._engine.halt.reasons.values() for each in said):
            self._engine.observer.say(diagnostic)  # now: the calls in flight may take a while to end

    async def _beat(self) -> None:
        """Shows how far the run is also while no answer comes."""
        while True:
            await asyncio.sleep(BEAT)
            self._show()

    def _show(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._shown_at < SHOW_EVERY:
            return
        self._shown_at = now
        caller = self._engine.caller
        self._engine.observer.update(build_progress(self._tally, self._ledger, caller.calls, caller.retries))


def _minus(one: Decimal | None, other: Decimal | None) -> Decimal:
    return (one or Decimal(0)) - (other or Decimal(0))


def _less(one: Amount, other: Amount) -> Amount:
    return Amount(one.tokens - other.tokens, _minus(one.usd, other.usd))


def _known(amount: Amount) -> Amount:
    """Without the dollars where a price is unknown: no budget of dollars has such a model."""
    return Amount(amount.tokens, amount.usd or Decimal(0))
