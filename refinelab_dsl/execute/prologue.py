"""The first events of a run's log: what it goes by."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.execute.begin import Start
from refinelab_dsl.execute.runs import RunDamaged, RunFolder
from refinelab_dsl.provenance import LogWriter, read_trailer


def log_inputs(log: LogWriter, start: Start, legs: Sequence[RunFolder]) -> None:
    """Writes which program, plan, data and decisions the run goes by, and the log that it goes on from.

    Raises:
        RunDamaged: the last of the legs before it has a log without an end.
    """
    header = start.header
    used = {template.model for template in header.templates}
    log.append(events.Run(
        compiler=header.compiler, spec=header.spec, spec_path=header.spec_path, spec_sha256=header.spec_sha256,
        plan_id=start.plan.plan_id, dataset=header.dataset.name, dataset_sha256=header.dataset_sha256,
        files=header.files, inputs=header.inputs,
        models=tuple(
            events.ModelUsed(
                name=model.name, provider=model.provider, id=model.id, base_url=model.base_url, params=model.params
            )
            for model in header.models
        ),
        seed=header.seed,
        simulated=any(model.provider == "simulated" for model in header.models if model.name in used),
    ))
    log.append(events.Plan(
        size_now=header.size_now, size_planned=header.size_planned,
        actions=tuple(
            events.PlannedAction.model_validate(
                {"operator": action.operator, "from": action.from_, "to": action.to, "count": action.count,
                 "attempts": action.attempts}
            )
            for action in header.actions
        ),
        removals=tuple(
            events.PlannedRemoval.model_validate(
                {"operator": removal.operator, "from": removal.from_, "planned": removal.planned}
            )
            for removal in header.removals
        ),
        tokens_expected=header.tokens.expected, tokens_ceiling=header.tokens.ceiling,
        usd_expected=header.usd.expected, usd_ceiling=header.usd.ceiling,
    ))
    for row in () if header.decisions is None else header.decisions.rows:
        log.append(events.Decision(**row.model_dump()))
    if legs:
        folder = legs[-1]
        trailer = read_trailer(folder.log)
        if trailer is None:
            raise RunDamaged(folder.log, "it has no end")
        log.append(events.Replan(
            run=folder.number, root=trailer.root, tokens=header.budget.spent_tokens, usd=header.budget.spent
        ))
