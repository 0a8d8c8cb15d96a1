"""What a run had with a provider when it was interrupted: claimed again, waited for, and kept like any other answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from refinelab_dsl import prompts
from refinelab_dsl.declarations import Model
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.execute.calls import Stopped
from refinelab_dsl.execute.courier import Courier, Trouble
from refinelab_dsl.execute.halt import Halt
from refinelab_dsl.execute.journal import BatchEntry, Entry, Journal
from refinelab_dsl.execute.ledger import Amount, Ledger, Reservation
from refinelab_dsl.prompts.request import Completion
from refinelab_dsl.providers.provider import TransientError


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A call whose request is in a batch, and its claim on the budget."""

    entry: Entry
    claim: Reservation


@dataclass
class Outstandings:
    """What an interrupted run waited for, by batch. `batches`: all that it made."""

    batches: tuple[BatchEntry, ...] = ()
    calls: dict[int, list[Outstanding]] = field(default_factory=dict)

    def place(self, entry: Entry) -> int | None:
        """The batch that an unanswered call is in; None where its request was never brought to a provider."""
        for batch in reversed(self.batches):
            if batch.model == entry.model and entry.id <= batch.last_call and entry.request_key in batch.keys:
                return batch.id
        return None


async def reclaim(
    outstandings: Outstandings, couriers: Mapping[str, Courier], models: Iterable[Model], journal: Journal,
    ledger: Ledger, halt: Halt, keep: Callable[[Entry, str], None],
) -> None:
    """Waits for the batches and keeps their answers; `keep` is told the call and its reply's hash.

    What did not get an answer is asked again by the run that goes on: here it is only said whether it may have been
    charged. Claims are closed in every case but that of a run that stops meanwhile.

    Raises:
        JournalError, StoreError: an answer could not be kept.
    """
    known = {model.name: model for model in models}
    for batch in outstandings.batches:
        calls = outstandings.calls.get(batch.id)
        if not calls:
            continue
        courier = couriers[batch.model]
        try:
            state = await courier.settle(batch)
            if state is None or (state := await courier.wait(state)).status == "failed":
                for call in calls:
                    await journal.fail(call.entry.id, "unsent", "the batch was never made", lost=False)
                    ledger.release(call.claim)
                continue
            verdicts = await courier.collect(state, {call.entry.request_key for call in calls}, None)
        except Trouble as trouble:
            halt.stop("model", trouble.diagnostic)
            return
        except Stopped:
            return
        for call in calls:
            entry, verdict = call.entry, verdicts[call.entry.request_key]
            if isinstance(verdict, Completion):
                usage = verdict.usage
                spent = entry.reserved
                if usage is not None:
                    usd = prompts.price_usd(
                        known[entry.model], usage.input_tokens, usage.output_tokens, usage.cached_input_tokens
                    )
                    spent = Amount(usage.input_tokens + usage.output_tokens, usd)
                overshoot = ledger.settle(call.claim, spent)
                if overshoot is not None:
                    halt.stop("model", faults.usage_above_reservation(
                        entry.model, overshoot.reported.tokens, overshoot.reserved.tokens
                    ))
                seconds = time.time() - (entry.sent_at or time.time())
                reply = await journal.answer(entry.id, entry.request_key, verdict, spent, seconds)
                keep(entry, reply)
                continue
            is_lost = isinstance(verdict, TransientError) and verdict.sent
            kind, message = ("wording", "") if verdict is None else (verdict.kind, verdict.message)
            await journal.fail(entry.id, kind, message, lost=is_lost)
            if is_lost:
                ledger.forfeit(call.claim)
            else:
                ledger.release(call.claim)
