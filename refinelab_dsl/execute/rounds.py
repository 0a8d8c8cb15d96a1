"""Rounds: a loop has its command train and measure, plans with what came back, applies, and begins again.

Each round is a run of its own, as the legs of `replan` are (`execute.replan`): it knows the runs before it, its log
starts with the root of the log before it, and what they paid is gone from the one budget. Between rounds the refined
set is made again from the log, so a round's items never rest on an output that somebody may have changed. Whatever a
command does, the items of its round are whole on the disk before it starts, and the loop goes on from there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias

from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.data.files import find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.layout import OutputRow
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.round import Round, place_dataset, place_items, write_round
from refinelab_dsl.declarations import Dataset, Loop
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.catalog import loop as faults
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.execute.apply import render_reason
from refinelab_dsl.execute.command import Terminated, run_command
from refinelab_dsl.execute.loops import LoopFolder, LoopRecord, LoopStatus, RoundRecord, create_loop
from refinelab_dsl.execute.observe import Observer, RoundMoved, RunOptions, RunOutcome
from refinelab_dsl.execute.replan import Rest, describe_rest, find_legs
from refinelab_dsl.execute.run import hold_project, run_legs
from refinelab_dsl.execute.runs import RunDamaged, find_run, find_runs, now
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project
from refinelab_dsl.provenance.rebuild import RebuildFault
from refinelab_dsl.provenance.refined import open_refined
from refinelab_dsl.provenance.rows import SourceFault
from refinelab_dsl.store import Store, StoreError

_SAID_OF_ROUNDS: Final = ("RF6026", "RF6027")
"""What a run says of stalls and lost labels: a loop says it of each round, with its number (RF6910)."""


@dataclass(frozen=True)
class RoundPlan:
    """What planning a round came to: its file stands where it was asked for where `exit_code` is 0."""

    exit_code: ExitCode
    diagnostics: Diagnostics


PlanRound: TypeAlias = Callable[[Round, Rest | None, Path], RoundPlan]
"""Plans a round to a path: with what the rounds before it leave, None for the first. The compiler's."""


@dataclass(frozen=True)
class Task:
    """A loop as its spec has it. spec, spec_path: its name, and its path from the project's root. dataset, signals: as
    declared. variables: given from outside. secrets: variables of the environment that the command does not see."""

    loop: Loop
    spec: str
    spec_path: str
    dataset: Dataset
    signals: Dataset
    variables: Mapping[str, str]
    secrets: frozenset[str]
    plan_round: PlanRound


class _Stopped(Exception):
    """The loop cannot go on now. Its round is kept."""

    def __init__(self, code: ExitCode, *diagnostics: Diagnostic, status: LoopStatus = "stopped") -> None:
        super().__init__(diagnostics[0].message if diagnostics else "")
        self.code = code
        self.diagnostics = diagnostics
        self.status = status


def run_rounds(
    task: Task, project: Project, options: RunOptions, observer: Observer, resumed: LoopFolder | None = None
) -> RunOutcome:
    """Runs a loop to its end, or goes on with `resumed`. The outcome is that of its last round's run, its diagnostics
    and exit code those of the loop; `head["loop"]` says how the rounds went.

    Never raises for what a user, a command, a disk or an endpoint can cause.
    """
    return hold_project(project, observer, lambda watcher: _run(task, project, options, watcher, resumed))


def _run(
    task: Task, project: Project, options: RunOptions, watcher: Observer, resumed: LoopFolder | None
) -> RunOutcome:
    folder = resumed
    try:
        if folder is None:
            record = LoopRecord(
                loop=0, status="running", spec=task.spec, spec_path=task.spec_path, variables=dict(task.variables),
                command=task.loop.command, allow_outside=options.allow_outside, created_at=now(),
            )
            folder, record = create_loop(project, record)
        else:
            record = folder.load_record()
            record = record.model_copy(update={"status": "running", "finished_at": None})
            folder.dump_record(record)
        return _Rounds(task, project, replace(options, loop=folder.number), watcher, folder, record).run()
    except OSError as error:
        way = None if folder is None else "refinec apply --resume --allow-exec"
        unwritable = run_faults.state_unwritable(str(project.state / "loops"), render_reason(error), way)
        return RunOutcome.refused(ExitCode.UNAVAILABLE, unwritable)


class _Rounds:
    """One loop from where it is to where it ends. Everything that counts is in its record before the next thing is
    done."""

    def __init__(
        self, task: Task, project: Project, options: RunOptions, watcher: Observer, folder: LoopFolder,
        record: LoopRecord,
    ) -> None:
        self._task = task
        self._project = project
        self._options = options
        self._watcher = watcher
        self._folder = folder
        self._record = record
        self._said: list[Diagnostic] = []
        self._last: RunOutcome | None = None

    def run(self) -> RunOutcome:
        try:
            reason = None
            while reason is None:
                reason = self._go_round()
            self._keep(status="complete", reason=reason, finished_at=now())
            self._tell("ended", reason=reason)
            return self._end(None)
        except _Stopped as stopped:
            self._said += stopped.diagnostics
            self._keep(status=stopped.status)
            return self._end(stopped.code)
        except (KeyboardInterrupt, Terminated) as signal:
            terminated = isinstance(signal, Terminated)
            self._keep(status="interrupted")
            self._said.append(faults.loop_interrupted(self._folder.number, str(signal) if terminated else "SIGINT"))
            return self._end(ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED)
        except (StoreError, RunDamaged, OSError) as error:
            self._said.append(faults.loop_unreadable(self._folder.number, str(self._folder.path), render_reason(error)))
            self._keep(status="stopped")
            return self._end(ExitCode.UNAVAILABLE)

    # ---- one round -----------------------------------------------------------------------------------------------

    def _go_round(self) -> str | None:
        """The next round, or the rest of the one that is not over; why the loop ends with it, or None."""
        current = self._current
        if current is None or current.accepted is not None:
            current = self._open(RoundRecord(round=1 if current is None else current.round + 1))
        folder = self._folder.round(current.round)
        folder.mkdir(mode=0o700, exist_ok=True)
        if not place_items(folder).exists():
            self._write_items(current.round, folder)
        started = self._find_run(current.round)
        if started is None:
            if not current.measured:
                current = self._measure(current, folder)
            plan = folder / "plan.refplan"
            over = self._plan(current, folder, plan)
            if over is not None:
                before = self._record.rounds[-2]
                self._note(current, measured=True, accepted=0, tokens=before.tokens, usd=before.usd)
                return over
            outcome = self._apply(plan, current.round, None)
        else:
            outcome = self._recall(started) or self._apply(None, current.round, started)
        return self._judge(outcome)

    def _recall(self, number: int) -> RunOutcome | None:
        """What a run came to that ended before the loop could note it; None of one that did not end."""
        folder = find_run(self._project, number)
        head = None if folder is None else folder.load_summary()
        if folder is None or head is None or folder.load_record().status not in ("complete", "partial"):
            return None
        if self._current is not None:
            self._note(self._current, run=number)
        return RunOutcome(number, folder.load_record().status, ExitCode.DONE, Diagnostics(), head)

    def _write_items(self, number: int, folder: Path) -> None:
        """The items of a round: of the first those of the source, of a later one what the run before it came to."""
        dataset = self._task.dataset
        if number == 1:
            files, problems = find_files(dataset, self._project, allow_outside=self._options.allow_outside)
            if problems:
                raise _Stopped(ExitCode.SPEC, *problems)
            found = write_round(dataset, files, self._project, self._read_source(files), folder)
        else:
            run = find_run(self._project, self._record.runs[-1])
            if run is None:
                raise RunDamaged(self._project.runs / f"{self._record.runs[-1]:04d}", "it is gone")
            source = run.load_record().source
            dataset = dataset if number == 2 else self._place(number - 1)
            files, problems = find_files(
                dataset.model_copy(update={"source": source}), self._project,
                allow_outside=self._options.allow_outside,
            )  # fmt: skip
            if problems:
                raise _Stopped(ExitCode.UNAVAILABLE, *problems)
            store = Store(self._project.store, is_read=True) if self._project.store.exists() else None
            try:
                refined = open_refined(
                    run.path, self._project, store, source=source, allow_outside=self._options.allow_outside
                )
                if isinstance(refined, Diagnostic):
                    raise _Stopped(ExitCode.UNAVAILABLE, refined)
                rows = (OutputRow(row.item, row.origin, row.simulated) for row in refined.rows())
                found = write_round(dataset, files, self._project, rows, folder)
            except (RebuildFault, SourceFault) as fault:
                raise _Stopped(ExitCode.UNAVAILABLE, fault.diagnostic) from None
            finally:
                if store is not None:
                    store.close()
        if found.has_errors:
            raise _Stopped(ExitCode.UNAVAILABLE, *found.errors)

    def _read_source(self, files: tuple[Path, ...]) -> Iterator[OutputRow]:
        for entry in read_items(self._task.dataset, files, self._project):
            if isinstance(entry, Item):
                yield OutputRow(entry, "original")
            elif entry.fatal or self._task.dataset.on_bad_row == "stop":
                raise _Stopped(ExitCode.SPEC, entry.diagnostic)

    def _measure(self, current: RoundRecord, folder: Path) -> RoundRecord:
        """Has the command train and measure; what it wrote is there afterwards."""
        signals, log = self._place_signals(current.round), folder / "command.log"
        _clear(signals)
        # A copy, for what a command writes over its input must not become the items that the round plans with.
        given = folder / "given"
        _clear(given)
        given.mkdir(mode=0o700)
        copy = Path(shutil.copy(place_items(folder), given))
        paths = {"{data}": str(copy.absolute()), "{signals}": str(signals.absolute())}
        command = [_fill(argument, paths) for argument in self._task.loop.command]
        environ = {name: value for name, value in os.environ.items() if name not in self._task.secrets}
        self._tell("training")
        timeout = float(self._task.loop.timeout)
        try:
            ended = run_command(command, self._project.base, log, timeout, environ)
        except OSError as error:
            problem = faults.command_not_started(current.round, command[0], render_reason(error))
            raise _Stopped(ExitCode.UNAVAILABLE, problem) from None
        finally:
            shutil.rmtree(given, ignore_errors=True)
        current = self._note(current, exit_code=ended.code, seconds=round(ended.seconds, 3))
        if ended.code is None:
            raise _Stopped(
                ExitCode.UNAVAILABLE, faults.command_hung(current.round, timeout, self._near(log), ended.last)
            )
        if ended.code != 0:
            problem = faults.command_failed(current.round, ended.code, self._near(log), ended.last)
            raise _Stopped(ExitCode.UNAVAILABLE, problem)
        if not signals.is_file() or signals.is_symlink():
            problem = faults.no_signals_written(current.round, self._near(signals), ended.last)
            raise _Stopped(ExitCode.UNAVAILABLE, problem)
        self._tell("measured", seconds=ended.seconds)
        return current

    def _plan(self, current: RoundRecord, folder: Path, plan: Path) -> str | None:
        """Plans the round within what is left of the budget; why the loop is over where there is nothing to do."""
        signals = self._place_signals(current.round)
        earlier = self._record.runs
        rest, data = None, None
        if earlier:
            legs = find_legs(self._project, earlier)
            header = _open_plan(legs[-1][0].plan)
            # What a run embedded were the items of its own round.
            rest = replace(describe_rest(header.header, legs), embedded=frozenset())
            data = self._relative(place_items(folder))
        planned = self._task.plan_round(
            Round(self._relative(signals), data, earlier, self._task.loop.repeat), rest, plan
        )
        if planned.exit_code == ExitCode.INFEASIBLE and earlier:  # what the rounds before came to stands
            self._said += [replace(each, severity="warning") for each in planned.diagnostics.errors]
            return "infeasible"
        if planned.exit_code not in (ExitCode.DONE, ExitCode.CHECK_FAILED):
            unusable = [each for each in planned.diagnostics.errors if each.code.startswith("RF3")]
            if unusable:  # what the command gave is no data: it failed, as if it had given none
                more = faults.signals_unusable(current.round, self._near(folder / "command.log"))
                raise _Stopped(ExitCode.UNAVAILABLE, *planned.diagnostics, more)
            raise _Stopped(planned.exit_code, *planned.diagnostics)
        self._said += [each for each in planned.diagnostics if each not in self._said]
        self._note(current, measured=True)
        header = _open_plan(plan)
        return "no gain" if earlier and not (header.header.actions or header.header.removals) else None

    def _apply(self, plan: Path | None, number: int, resumed: int | None) -> RunOutcome:
        later = (self._relative(place_items(self._folder.round(number))),)
        source = self._task.dataset.source if number == 1 else later
        options = replace(self._options, source=source, resume=resumed, saved=False)
        outcome = run_legs(plan, self._project, options, self._watcher, self._record.runs)
        self._last = outcome
        self._said += [each for each in outcome.diagnostics if each.code not in _SAID_OF_ROUNDS]
        if outcome.run is not None and self._current is not None:
            self._note(self._current, run=outcome.run)
        if outcome.exit_code in (ExitCode.INTERRUPTED, ExitCode.TERMINATED):
            raise _Stopped(outcome.exit_code, status="interrupted")
        if outcome.status not in ("complete", "partial"):
            raise _Stopped(outcome.exit_code)
        return outcome

    def _judge(self, outcome: RunOutcome) -> str | None:
        """Notes what a round came to; why the loop ends with it, or None."""
        self._last = outcome
        current, head = self._current, outcome.head
        assert current is not None
        gained = sum(int(head.get(name) or 0) for name in ("changed", "added", "removed"))
        cost = head.get("cost") or {}
        usd = cost.get("usd")
        current = self._note(
            current, accepted=gained, tokens=int(cost.get("tokens") or 0), usd=None if usd is None else Decimal(usd)
        )
        self._tell("applied", accepted=gained)
        suspect = tuple(_find_suspect(head.get("watch") or {}))
        if suspect:
            self._said.append(faults.round_suspect(current.round, suspect))
        if outcome.status == "partial":
            return "budget"
        if (head.get("stop_when") or {}).get("status") == "passed":
            return "stop_when"
        if gained == 0:
            return "no gain"
        return "rounds" if current.round >= self._task.loop.rounds else None

    # ---- what is kept --------------------------------------------------------------------------------------------

    @property
    def _current(self) -> RoundRecord | None:
        return self._record.rounds[-1] if self._record.rounds else None

    def _open(self, entry: RoundRecord) -> RoundRecord:
        self._keep(rounds=(*self._record.rounds, entry))
        return entry

    def _note(self, entry: RoundRecord, **changes: object) -> RoundRecord:
        entry = entry.model_copy(update=changes)
        self._keep(rounds=(*self._record.rounds[:-1], entry))
        return entry

    def _keep(self, **changes: object) -> None:
        self._record = self._record.model_copy(update=changes)
        self._folder.dump_record(self._record)

    def _find_run(self, number: int) -> int | None:
        """The run of a round, where it was begun: also by a process that died before it could note it."""
        for folder in find_runs(self._project):
            try:
                record = folder.load_record()
            except RunDamaged:
                continue
            if record.loop == self._folder.number and record.legs == self._record.runs[: number - 1]:
                return folder.number
        return None

    def _place(self, number: int) -> Dataset:
        source = self._relative(place_items(self._folder.round(number)))
        return place_dataset(self._task.dataset, source, repeat=self._task.loop.repeat)

    def _place_signals(self, number: int) -> Path:
        """Where the command writes: a file with the ending of the declared one, so that it is read in its format."""
        suffixes = "".join(Path(self._task.signals.source[0]).suffixes[-2:]) or ".jsonl"
        return self._folder.round(number) / f"signals{suffixes}"

    def _relative(self, path: Path) -> str:
        return Path(os.path.relpath(path.absolute(), self._project.base)).as_posix()

    def _near(self, path: Path) -> str:
        return Path(os.path.relpath(path.absolute(), self._project.root)).as_posix()

    def _tell(self, status: str, **more: object) -> None:
        number = 0 if self._current is None else self._current.round
        self._watcher.note(RoundMoved(self._folder.number, number, status, **more))  # type: ignore[arg-type]

    def _end(self, code: ExitCode | None) -> RunOutcome:
        """The outcome of the whole: the last run's, with how the rounds went."""
        last = self._last
        loop = self._record.model_dump(mode="json", include={"loop", "status", "reason", "rounds"})
        head = {**(last.head if last is not None else {}), "loop": loop}
        number = None if last is None else last.run
        if code is None:
            code = ExitCode.DONE if last is None else last.exit_code
        return RunOutcome(number, self._record.status, code, Diagnostics(tuple(dict.fromkeys(self._said))), head)


def _fill(argument: str, paths: Mapping[str, str]) -> str:
    for place, path in paths.items():
        argument = argument.replace(place, path)
    return argument


def _clear(path: Path) -> None:
    """Takes away what stands at `path`, be it a file, a link or the folder that a command made there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _find_suspect(watch: Mapping[str, Any]) -> Iterator[str]:
    """What a run's watch says of targets that nothing moved, and of labels that it lost or that are too rare."""
    for name, share in (watch.get("stalled") or {}).items():
        yield f"the last {share:.0%} of its tokens moved nothing of `{name}`, which misses its target"
    for each in watch.get("tail") or ():
        label = f"`{each['label']}` of `{each['dimension']}`"
        if each["after"]:
            yield f"{label} has {each['after']} of the {each['floor']} items that are its floor"
        elif each["before"]:
            items = "only item" if each["before"] == 1 else f"{each['before']} items"
            yield f"{label} lost its {items}"
        else:
            yield f"{label} has no item"


def _open_plan(path: Path) -> PlanFile:
    plan, problems = PlanFile.open(path)
    if plan is None:
        raise _Stopped(ExitCode.UNAVAILABLE, *problems)
    return plan
