"""The starts of a pilot: what they spent together, and what a killed one learnt.

A pilot lasts until there is nothing left to learn, over as many starts as that takes; `pilot.budget` is a limit on all
of them. What is asked after that is another pilot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from refinelab_dsl import prompts
from refinelab_dsl.artifacts.evidence import AnyRecord
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.execute.harvest import harvest
from refinelab_dsl.execute.journal import Entry, JournalError, read_entries
from refinelab_dsl.execute.ledger import NOTHING, Amount
from refinelab_dsl.execute.runs import UNFINISHED, RunDamaged, RunFolder, RunRecord, current_status, find_runs, now
from refinelab_dsl.project import Project
from refinelab_dsl.store import Store, StoreError


@dataclass(frozen=True)
class OpenPilot:
    """What earlier starts of a pilot did that has not come to its end. runs: their numbers. tokens, usd: spent by them,
    calls that may have been charged at their worst case. unfinished: those that were killed or interrupted; news: what
    these learnt before."""

    runs: tuple[int, ...] = ()
    tokens: int = 0
    usd: Decimal = Decimal(0)
    unfinished: tuple[int, ...] = ()
    news: tuple[AnyRecord, ...] = ()

    @property
    def spent(self) -> tuple[int, Decimal]:
        return self.tokens, self.usd


def find_open_pilot(project: Project, spec_path: str) -> OpenPilot:
    """The pilot of a spec that is to go on. spec_path: as plans name it. Runs that cannot be read count for nothing."""
    numbers: list[int] = []
    unfinished: list[int] = []
    news: list[AnyRecord] = []
    spent = NOTHING
    for folder in find_runs(project):
        try:
            record = folder.load_record()
        except RunDamaged:
            continue
        if record.purpose != "pilot" or record.spec_path != spec_path or record.closed:
            continue
        plan, _ = PlanFile.open(folder.plan)
        if plan is None:
            continue
        numbers.append(folder.number)
        spent += _sum_spent(project, folder, plan.header)
        if current_status(project, folder) in UNFINISHED[1:]:
            unfinished.append(folder.number)
            news += harvest(folder.log, plan.header, plan.plan_id)[0] if folder.log.exists() else ()
    return OpenPilot(tuple(numbers), spent.tokens, spent.usd or Decimal(0), tuple(unfinished), tuple(news))


def supersede_runs(project: Project, numbers: tuple[int, ...]) -> None:
    """Marks unfinished runs as superseded: another start asks what they did not.

    Raises:
        OSError: a record cannot be written.
    """
    for folder, record in _load(project, numbers):
        folder.dump_record(record.model_copy(update={"status": "superseded", "finished_at": now()}))


def close_pilot(project: Project, numbers: tuple[int, ...]) -> None:
    """There is nothing left to learn: what these runs spent counts no longer.

    Raises:
        OSError: a record cannot be written.
    """
    for folder, record in _load(project, numbers):
        folder.dump_record(record.model_copy(update={"closed": True}))


def _load(project: Project, numbers: tuple[int, ...]) -> Iterator[tuple[RunFolder, RunRecord]]:
    for folder in find_runs(project):
        if folder.number in numbers:
            try:
                yield folder, folder.load_record()
            except RunDamaged:
                continue


def _sum_spent(project: Project, folder: RunFolder, header: Header) -> Amount:
    if not folder.journal.exists():
        return NOTHING
    try:
        entries = list(read_entries(folder.journal))
    except JournalError:
        return NOTHING
    total = NOTHING
    for entry in entries:
        if entry.state == "answered":
            total += entry.settled
        elif entry.state == "lost":
            total += entry.reserved
        elif entry.state == "open":
            total += _settle(project, entry, header) or entry.reserved
    return total


def _settle(project: Project, entry: Entry, header: Header) -> Amount | None:
    """What a call took whose reply was stored before the run was killed; None where there is none."""
    try:
        with Store(project.store) as store:
            stored = store.get(entry.request_key)
    except StoreError:
        return None
    model = next((each for each in header.models if each.name == entry.model), None)
    usage = None if stored is None else stored.completion.usage
    if usage is None or model is None:
        return None
    usd = prompts.price_usd(model, usage.input_tokens, usage.output_tokens, usage.cached_input_tokens)
    return Amount(usage.input_tokens + usage.output_tokens, usd)
