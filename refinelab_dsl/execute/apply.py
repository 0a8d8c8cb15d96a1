"""Applies a saved plan. What can refuse is asked before the first call; what is bought is kept whatever happens."""

from __future__ import annotations

import shutil
import time
from array import array
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from refinelab_dsl import prompts, providers
from refinelab_dsl.data.heldout import PREFIX as HELDOUT
from refinelab_dsl.data.heldout import read_heldout
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.scope import ItemScope
from refinelab_dsl.declarations import Limits
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.effects import EMBEDDING_LINE, SANDBOX
from refinelab_dsl.embeddings import EmbeddingFault
from refinelab_dsl.exchange.workers import Workers
from refinelab_dsl.execute import runs
from refinelab_dsl.execute.answered import Answered
from refinelab_dsl.execute.batcher import BATCH_WINDOW, LONGEST_BATCH, Batcher, goes_by_batch, open_batcher
from refinelab_dsl.execute.begin import Start
from refinelab_dsl.execute.calls import Caller, Line
from refinelab_dsl.execute.carry import carry_apart
from refinelab_dsl.execute.finish import Ending, Finished, OutputFault, Spent, finish_run
from refinelab_dsl.execute.halt import SIGNALLED, Halt
from refinelab_dsl.execute.interpret import NO_MODEL, WINDOW, Engine, Interpreter
from refinelab_dsl.execute.journal import Entry, Journal, JournalError
from refinelab_dsl.execute.leaving import find_leaving, find_scrubbed
from refinelab_dsl.execute.ledger import Amount, Ledger
from refinelab_dsl.execute.limits import Pace, Unpaced
from refinelab_dsl.execute.loop import heed_signals, run_loop
from refinelab_dsl.execute.observe import Observer, RunOptions, RunOutcome
from refinelab_dsl.execute.place import Place
from refinelab_dsl.execute.prologue import log_inputs
from refinelab_dsl.execute.reclaim import Outstanding, Outstandings, reclaim
from refinelab_dsl.execute.replan import find_legs, settle_pause
from refinelab_dsl.execute.runs import RunDamaged, RunFolder, RunRecord, Status
from refinelab_dsl.execute.sandboxes import PROGRAMS_AT_ONCE
from refinelab_dsl.execute.seeds import read_exemplars
from refinelab_dsl.execute.services import open_services
from refinelab_dsl.execute.shelf import Shelf
from refinelab_dsl.execute.step import ItemMissing, StepRunner
from refinelab_dsl.execute.stillness import Stillness
from refinelab_dsl.execute.tally import Additions, Refused, Tally
from refinelab_dsl.execute.vectors import Originals, list_compared
from refinelab_dsl.exit_codes import ExitCode, settle
from refinelab_dsl.project import Project
from refinelab_dsl.provenance import LogWriter, SourceFault, iterate_source
from refinelab_dsl.provenance.rebuild import RebuildFault
from refinelab_dsl.providers import Provider
from refinelab_dsl.questions import Exemplar, Known
from refinelab_dsl.store import Store, StoreError
from refinelab_dsl.validators import Surroundings, build_embedders, open_heldout, open_neighbours

_LOCAL_SLOTS = 4  # steps at a time that begin on this machine
_SERVICE_SECONDS = 900.0  # for what is no call to a model, a search or a program: each kind bounds itself, too


class Execution:
    """One run from its first call to its summary."""

    def __init__(self, start: Start, project: Project, options: RunOptions, observer: Observer) -> None:
        self._start = start
        self._project = project
        self._options = options
        self._observer = observer
        self._number = start.folder.number
        self._legs: tuple[tuple[RunFolder, RunRecord], ...] = ()  # before this one
        self._began = time.monotonic()
        # What every item is compared with by an embedding that is asked is not there before the first call.
        self._fetched = frozenset(embedding.name for embedding in list_compared(start.header))

    def run(self) -> RunOutcome:
        """Runs to one of: complete, partial (budget), interrupted, stopped."""
        self._observer.start(self._number, self._start.header)
        outcome = self._run()
        self._observer.end(outcome)
        return outcome

    def _run(self) -> RunOutcome:
        folder, header = self._start.folder, self._start.header
        try:
            with ExitStack() as stack:
                self._legs = find_legs(self._project, self._start.record.legs)
                log = stack.enter_context(LogWriter(folder.log))
                additions = Additions(folder.path)
                stack.callback(additions.close)
                refused = Refused(folder.path)
                stack.callback(refused.close)
                shelf = Shelf(folder.path)
                stack.callback(shelf.close)
                log_inputs(log, self._start, tuple(leg for leg, _ in self._legs))
                carry_apart(refused, (leg for leg, _ in self._legs), header, self._start.files, self._project)
                surroundings = self._survey(shelf)
                tally = Tally(header)
                halt, spent, found = self._interpret(
                    stack, log, additions, refused, shelf, surroundings, tally
                )
                if "too_small" in halt.reasons and not self._legs:
                    return self._withdraw(stack, found)
                if halt.reasons.keys() == {"replan"}:
                    return self._pause(log, spent, found)
                if halt.reasons.keys() - {"budget", "too_small", "replan"}:
                    return self._stop(halt, found)
                tally.simulated = tally.simulated or any(row.simulated for row in refused)
                leaving = find_leaving(
                    self._start.plan, tally.leaving, additions, [(leg.plan, leg.log) for leg, _ in self._legs],
                    is_partial=halt.is_set,
                )
                ending = Ending(
                    self._start.plan, header, self._start.files, self._project, log, folder.log, tally, additions,
                    refused, surroundings.scope, shelf.ids, spent, self._start.allow_outside,
                    "partial" if halt.is_set else "complete", leaving,
                )
                return self._end(finish_run(ending), spent, found)
        except KeyboardInterrupt:
            return self._give_up("interrupted", ExitCode.INTERRUPTED, self._describe_signal("SIGINT"))
        except (
            EmbeddingFault, StoreError, JournalError, ItemMissing, SourceFault, OutputFault, RebuildFault, RunDamaged,
            OSError,
        ) as error:
            return self._give_up("stopped", ExitCode.UNAVAILABLE, *self._describe(error))

    # ---- before the calls ----------------------------------------------------------------------------------------

    def _survey(self, shelf: Shelf) -> Surroundings:
        """Reads the dataset once: items that steps name, ids of what may leave, the neighbours of new items."""
        header, plan = self._start.header, self._start.plan
        checked = {name for operator in header.operators for name in operator.checks}
        checks = [validator for validator in header.validators if validator.name in checked and header.actions]

        def read() -> Iterator[Item]:
            return iterate_source(header, self._start.files, self._project)

        embedders = build_embedders(checks, header.embeddings, read, self._project.base)
        originals = open_neighbours(checks, "originals", embedders)
        wanted = frozenset(key for step in plan.steps() for key in step.items)
        wanted |= {key for known in header.known.values() for key in known.exemplars}
        candidates = frozenset(candidate.item for candidate in plan.candidates()) | find_scrubbed(header, plan)
        computed = [neighbours for name, neighbours in originals.items() if name not in self._fetched]
        shelf.fill(read(), wanted, candidates, computed)
        return Surroundings(
            task=header.dataset.item_task,
            scope=ItemScope(
                {measure.name: measure for measure in header.measures},
                {dimension.name: dimension for dimension in header.dimensions},
                recorded=header.recorded,
            ),
            labels=header.labels,
            measurable={dimension.name: dimension.on_new == "measure" for dimension in header.dimensions},
            originals=originals,
            output=open_neighbours(checks, "output", embedders),
            embedders=embedders,
            heldout=open_heldout(checks, self._read_heldout, embedders),
        )

    def _read_heldout(self, name: str) -> Iterator[Item]:
        """The items of a held-out dataset."""
        held = self._start.header.seeds[f"{HELDOUT}{name}"]
        return read_heldout(held.dataset, self._project, allow_outside=self._start.allow_outside)

    def _know(self, shelf: Shelf) -> Known:
        """What the plan's paid measures rest on.

        Raises:
            SourceFault: seeds are not what they were when the plan was made.
        """
        header = self._start.header
        exemplars = {
            name: tuple(
                Exemplar(item, rating)
                for key, rating in known.exemplars.items()
                if (item := shelf.find(key)) is not None
            )
            for name, known in header.known.items() if known.exemplars
        }
        for name, seeds in header.seeds.items():
            if name.startswith(HELDOUT):
                continue
            exemplars[name] = read_exemplars(seeds, self._project, allow_outside=self._start.allow_outside)
        meanings = {name: known.meanings for name, known in header.known.items() if known.meanings}
        return Known({name: tuple(labels) for name, labels in meanings.items()}, exemplars, meanings)

    def _read_all(self) -> Iterator[Item]:
        """All items of the source, those that a dimension leaves out among them: so a pilot and every plan embed the
        same texts."""
        header = self._start.header.model_copy(update={"dimensions": ()})
        return iterate_source(header, self._start.files, self._project)

    def _place_originals(self, originals: Originals, surroundings: Surroundings) -> None:
        """Puts the items among the neighbours of results, with their vectors."""
        for name in self._fetched & surroundings.originals.keys():
            for item in iterate_source(self._start.header, self._start.files, self._project):
                surroundings.originals[name].add(item, originals.vectors[name])

    # ---- the calls -----------------------------------------------------------------------------------------------

    def _interpret(
        self, stack: ExitStack, log: LogWriter, additions: Additions, refused: Refused, shelf: Shelf,
        surroundings: Surroundings, tally: Tally,
    ) -> tuple[Halt, Spent, tuple[Diagnostic, ...]]:
        """Executes the steps; nothing is in flight afterwards. Returns why it stopped, what was spent."""
        if not self._start.header.actions:
            return Halt(), self._sum_spent(Amount(), (0, 0), Amount()), ()
        store = Store(self._project.store)
        stack.callback(store.close)
        journal = Journal(self._start.folder.journal, store)
        stack.callback(journal.close)
        records = tuple(record for _, record in self._legs)
        pause = None if self._options.replan is None else settle_pause(self._start.header, records)
        bought: set[str] | None = None if pause is None else set()
        ledger, answered, outstandings = self._recall(journal, store, bought)

        def keep(entry: Entry, reply: str) -> None:
            answered.add(entry, reply)
            if bought is not None:
                bought.add(entry.request_key)

        async def interpret() -> tuple[Halt, Amount, tuple[Diagnostic, ...]]:
            halt, stillness = Halt(), Stillness()
            workers = Workers(self._options.workers) if self._options.workers else None
            lines = self._open_lines(store, journal, halt, stillness, workers)
            couriers = {
                name: line.provider.courier for name, line in lines.items() if isinstance(line.provider, Batcher)
            }
            caller = Caller(
                lines, store, journal, ledger, self._start.header.run, halt, answered, self._options.use_cache,
                self._observer, bought, stillness,
            )
            originals = Originals(self._start.header, self._read_all, self._project.base)
            engine = Engine(
                StepRunner(self._start.header, caller, shelf, surroundings, self._know(shelf), originals), caller, halt,
                log, surroundings, additions, refused, tally, self._observer, self._count_slots(),
                self._is_loose(ledger), self._find_window(), pause,
            )
            interpreter = Interpreter(engine, self._start.plan.steps())
            try:
                def abandon() -> None:
                    originals.abandon()
                    interpreter.abandon()

                with heed_signals(halt, abandon, self._describe_signal):
                    if workers is not None:
                        await workers.begin()
                    await reclaim(
                        outstandings, couriers, self._start.header.models, journal, ledger, halt, keep
                    )
                    interpreter.needed = await originals.fetch(caller, log, tally)
                    if not halt.is_set:
                        self._place_originals(originals, surroundings)
                        await interpreter.run()
                    await journal.flush()
            finally:
                for line in lines.values():
                    await line.provider.close()
            left = tuple(sorted(batch for courier in couriers.values() for batch in courier.open))
            found = self._describe_calls(caller, interpreter)
            return halt, interpreter.paid, (*found, *([faults.batches_left(left)] if left else []))

        halt, paid, found = run_loop(interpret)
        amount = Amount(ledger.settled_tokens, ledger.settled_usd if ledger.usd_is_complete else None)
        return halt, self._sum_spent(amount, journal.count(), paid), found

    def _sum_spent(self, amount: Amount, calls: tuple[int, int], paid: Amount) -> Spent:
        before = sum(record.calls for _, record in self._legs)
        return Spent(self._sum_earlier() + amount, before + calls[0], calls[1], amount, calls[0], paid)

    def _sum_earlier(self) -> Amount:
        """What earlier legs of this run were charged."""
        earlier = Amount()
        for _, record in self._legs:
            earlier += Amount(record.paid_tokens + record.beyond_tokens, record.paid_usd + record.beyond_usd)
        return earlier

    def _open_lines(
        self, store: Store, journal: Journal, halt: Halt, stillness: Stillness, workers: Workers | None
    ) -> dict[str, Line]:
        header = self._start.header
        users: dict[str, list[str]] = {}
        for template in header.templates:
            users.setdefault(template.model, []).append(template.name)
        lines = {}
        slots, backoff = self._count_slots(), float(header.run.backoff)
        for model in header.models:
            if goes_by_batch(model) and model.name in users:
                labels = {"refinec_run": str(self._number), "refinec_plan": self._start.plan.plan_id}
                batcher = open_batcher(
                    model, self._options.environ, journal, halt, header.run, stillness, labels, self._observer.note
                )
                if isinstance(batcher, Diagnostic):
                    raise _Unusable(batcher)
                lines[model.name] = Line(model.name, batcher, Unpaced(), tuple(users[model.name]), LONGEST_BATCH)
            elif model.name in users:
                provider: Provider | Diagnostic = providers.open_provider(
                    model, store=store, environ=self._options.environ, workers=workers
                )
                if isinstance(provider, Diagnostic):
                    raise _Unusable(provider)
                lines[model.name] = Line(
                    model.name, provider, Pace(model.limits, slots[model.name], backoff), tuple(users[model.name]),
                    float(model.timeout), model.provider == "cached",
                )
        services = open_services(Place(header, self._project, self._options.environ, self._start.allow_outside))
        if isinstance(services, Diagnostic):
            raise _Unusable(services)
        for name, performer in services.items():
            is_asked = name.startswith(EMBEDDING_LINE)  # all else runs on this machine, or is free
            most = Limits().concurrency if is_asked else PROGRAMS_AT_ONCE if name == SANDBOX else 1
            lines[name] = Line(name, performer, Pace(Limits(), most, backoff), (name,), _SERVICE_SECONDS, not is_asked)
        return lines

    def _count_slots(self) -> dict[str, int]:
        header, most = self._start.header, self._options.concurrency
        used = {template.model for template in header.templates}
        slots = {
            model.name: self._find_window() if goes_by_batch(model)
            else max(1, model.limits.concurrency if most is None else min(model.limits.concurrency, most))
            for model in header.models if model.name in used
        }
        return {**slots, NO_MODEL: max([_LOCAL_SLOTS, *slots.values()])}

    def _find_window(self) -> int:
        """Steps read ahead: more of them where they make the batches larger."""
        used = {template.model for template in self._start.header.templates}
        is_batched = any(goes_by_batch(model) for model in self._start.header.models if model.name in used)
        return BATCH_WINDOW if is_batched else WINDOW

    def _recall(
        self, journal: Journal, store: Store, bought: set[str] | None
    ) -> tuple[Ledger, Answered, Outstandings]:
        """What this run has spent and been told before it was interrupted, and what it waited for. The content keys of
        what it bought go into `bought`. No more than two bytes are held for a step: a run may have millions.

        A call without a result may have been charged: it is settled by its reply if that reached the store, else its
        claim counts as spent; but one in a batch is only known when that has ended, and keeps its claim until then.
        """
        header, budget = self._start.header, self._start.header.budget
        models = {model.name: model for model in header.models}
        prices = {f"{EMBEDDING_LINE}{each.name}": each.price for each in header.embeddings}
        operators = {operator.name: operator for operator in header.operators}
        caps = {
            action.operator: cap for action in header.actions
            if action.operator in operators and (cap := operators[action.operator].max_cost) is not None
        }
        tokens, usd = budget.left_tokens, budget.left_usd
        for _, record in self._legs:  # may have been charged, and stands in no plan
            tokens = None if tokens is None else max(0, tokens - record.beyond_tokens)
            usd = None if usd is None else max(Decimal(0), usd - record.beyond_usd)
        ledger = Ledger(tokens, usd, caps)
        names = ["", *dict.fromkeys(action.operator for action in header.actions)]
        places = {action.id: names.index(action.operator) for action in header.actions}
        owners = array("H")  # by step, its operator's place among the names
        answered = Answered(journal)
        outstandings = Outstandings(tuple(journal.batches()))
        for entry in journal.entries():
            if not owners:  # there is something to carry
                for step in self._start.plan.steps():
                    owners.extend([0] * (step.id - len(owners)))
                    owners.append(places[step.action])
            owner = names[owners[entry.step]] if entry.step < len(owners) else ""
            if entry.state == "answered" and entry.reply is not None:
                ledger.carry(entry.settled, owner)
                if bought is not None and not entry.cached and entry.settled != Amount():
                    bought.add(entry.request_key)
            elif entry.state == "lost":
                ledger.carry(entry.reserved, owner, lost=True)
            elif entry.state == "open":
                stored = store.get(entry.request_key) if self._options.use_cache else None
                usage = None if stored is None else stored.completion.usage
                model = models.get(entry.model)
                if stored is None and model is not None and goes_by_batch(model):
                    place = outstandings.place(entry)
                    if place is None:
                        journal.mark_unsent(entry.id)
                    else:
                        claim = ledger.claim_again(entry.reserved, owner)
                        outstandings.calls.setdefault(place, []).append(Outstanding(entry, claim))
                    continue
                if stored is None:
                    ledger.carry(entry.reserved, owner, lost=True)
                    journal.mark_lost(entry.id)
                    continue
                price = prices.get(entry.model, Decimal(0))
                if model is None or usage is None:  # an embedding, or what runs on this machine
                    usd = None if price is None or usage is None else price * usage.input_tokens
                else:
                    usd = prompts.price_usd(
                        model, usage.input_tokens, usage.output_tokens, usage.cached_input_tokens
                    )
                spent = entry.reserved if usage is None else Amount(usage.input_tokens + usage.output_tokens, usd)
                ledger.carry(spent, owner)
                journal.adopt(entry.id, stored.reply_hash, usage, spent)
                answered.add(entry, stored.reply_hash)
                if bought is not None:
                    bought.add(entry.request_key)
        return ledger, answered, outstandings

    def _is_loose(self, ledger: Ledger) -> bool:
        """Whether not even every attempt of the plan, repaired, could exceed the budget. A plan's ceiling is cut at its
        budget, so one that is as high tells nothing."""
        tokens, usd = self._start.header.tokens.ceiling, self._start.header.usd.ceiling
        lost = ledger.forfeited
        fits_tokens = ledger.limit_tokens is None or (
            tokens is not None and lost.tokens + tokens < ledger.limit_tokens
        )
        fits_usd = ledger.limit_usd is None or (usd is not None and (lost.usd or 0) + usd < ledger.limit_usd)
        return fits_tokens and fits_usd

    def _describe_calls(self, caller: Caller, interpreter: Interpreter) -> tuple[Diagnostic, ...]:
        """What there is to say about the calls themselves."""
        found: list[Diagnostic] = []
        ledger, earlier = caller.ledger, self._sum_earlier()
        if interpreter.needed is not None and "too_small" in caller.halt.reasons and not self._legs:
            needed, limit = interpreter.needed, Amount(ledger.limit_tokens or 0, ledger.limit_usd)
            found.append(faults.budget_too_small(
                _render(needed, ledger), _render(limit, ledger),
                self._start.header.budget.spell_least(needed.tokens, needed.usd),
            ))
        elif interpreter.needed is not None:
            found.append(faults.budget_dry(
                _render(earlier + ledger.settled, ledger), _render(interpreter.needed, ledger),
                _render(earlier + Amount(ledger.limit_tokens or 0, ledger.limit_usd), ledger),
            ))
        found += (
            faults.operator_capped(name, f"${caller.ledger.caps[name].normalize():f}") for name in interpreter.exhausted
        )
        found += (
            faults.other_model(name, asked, tuple(sorted(answered)))
            for (name, asked), answered in sorted(caller.others.items())
        )
        failed = sum(caller.failed.values())
        if failed and "model" not in caller.halt.reasons:
            kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(caller.failed.items()))
            found.append(faults.steps_failed(failed, kinds))
        return tuple(found)

    # ---- endings -------------------------------------------------------------------------------------------------

    def _end(self, finished: Finished, spent: Spent, found: tuple[Diagnostic, ...]) -> RunOutcome:
        status: Status = finished.head["status"]
        head = self._complete_head(finished.head)
        runs.write_json(self._start.folder.summary, head)
        self._record(status, {} if self._start.record.loop is None else _describe_paid(spent))
        codes = [*finished.codes, *([ExitCode.BUDGET] if status == "partial" else [])]
        diagnostics = Diagnostics((*found, *finished.diagnostics))
        return RunOutcome(self._number, status, settle(codes), diagnostics, head)

    def _withdraw(self, stack: ExitStack, found: tuple[Diagnostic, ...]) -> RunOutcome:
        """Nothing was called: the run leaves nothing behind, so that its plan is not used up."""
        if self._options.resume is not None:
            return self._give_up("stopped", ExitCode.BUDGET, *found)
        stack.close()  # its files are open
        shutil.rmtree(self._start.folder.path, ignore_errors=True)
        return RunOutcome.refused(ExitCode.BUDGET, *found)

    def _pause(self, log: LogWriter, spent: Spent, found: tuple[Diagnostic, ...]) -> RunOutcome:
        """A share of the budget is paid: this leg ends, and its log with it."""
        log.close(status="replanned")
        self._record("replanned", _describe_paid(spent))
        return RunOutcome(self._number, "replanned", ExitCode.DONE, Diagnostics(found))

    def _stop(self, halt: Halt, found: tuple[Diagnostic, ...]) -> RunOutcome:
        """The run is unfinished: a signal, a model, a disk."""
        said = tuple(diagnostic for entries in halt.reasons.values() for diagnostic in entries)
        for reason, code in SIGNALLED.items():
            if reason in halt.reasons:
                return self._give_up("interrupted", code, *found, *said)
        return self._give_up("stopped", ExitCode.UNAVAILABLE, *found, *said)

    def _give_up(self, status: Literal["interrupted", "stopped"], code: ExitCode, *found: Diagnostic) -> RunOutcome:
        diagnostics = list(dict.fromkeys(found))
        try:
            self._record(status)
        except OSError as error:
            path = str(self._start.folder.record)
            diagnostics.append(faults.state_unwritable(path, render_reason(error), self._start.go_on))
        if status == "stopped":
            diagnostics.append(faults.run_stopped(self._number, self._start.go_on))
        head = self._complete_head({"status": status, "cost": runs.sum_up(self._start.folder, is_dead=True)})
        return RunOutcome(self._number, status, code, Diagnostics(tuple(diagnostics)), head)

    def _describe_signal(self, name: str) -> Diagnostic:
        return faults.run_interrupted(self._number, name, self._start.go_on)

    def _record(self, status: Status, paid: Mapping[str, Any] = MappingProxyType({})) -> None:
        ended = self._start.record.model_copy(update={"status": status, "finished_at": runs.now(), **paid})
        self._start.folder.dump_record(ended)

    def _complete_head(self, head: dict[str, Any]) -> dict[str, Any]:
        first = {
            "run": self._number, "status": head["status"], "plan_id": self._start.plan.plan_id,
            "spec": self._start.header.spec, "seconds": round(time.monotonic() - self._began, 3),
        }
        if self._legs:
            first["legs"] = [folder.number for folder, _ in self._legs]
        if self._start.record.loop is not None:
            first["loop"] = self._start.record.loop
        return {**first, **{name: value for name, value in head.items() if name not in first}}

    def _describe(self, error: Exception) -> tuple[Diagnostic, ...]:
        folder = self._start.folder
        match error:
            case _Unusable() | EmbeddingFault() | RebuildFault():
                return (error.diagnostic,)
            case StoreError():
                return (faults.store_damaged(str(self._project.store), str(error)),)
            case JournalError(damaged=True):
                return (faults.journal_damaged(self._number, str(folder.journal), str(error)),)
            case ItemMissing():
                return (faults.item_missing(error.key, error.step),)
            case SourceFault():
                return (faults.dataset_unreadable(self._start.header.dataset.name, error.diagnostic.message),)
            case OutputFault():
                return error.diagnostics
            case _:
                return (faults.state_unwritable(str(folder.path), render_reason(error), self._start.go_on),)


def _describe_paid(spent: Spent) -> dict[str, Any]:
    """What those that come after a run of the same budget are to know of it."""
    paid, own = spent.paid, spent.own
    paid_usd = paid.usd or Decimal(0)
    return {
        "paid_tokens": paid.tokens, "paid_usd": paid_usd, "calls": spent.own_calls,
        "beyond_tokens": max(0, own.tokens - paid.tokens),
        "beyond_usd": max(Decimal(0), (own.usd or Decimal(0)) - paid_usd),
    }


class _Unusable(OSError):
    """A provider cannot be opened."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def _render(amount: Amount, ledger: Ledger) -> str:
    """An amount in the units in which the budget is limited."""
    parts = []
    if ledger.limit_usd is not None and amount.usd is not None:
        parts.append(f"${amount.usd.normalize():f}")
    if ledger.limit_tokens is not None:
        parts.append(f"{amount.tokens:,} tokens")
    return " and ".join(parts)


def render_reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
