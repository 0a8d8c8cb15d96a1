"""The surroundings in which the examples of some codes are tried: what a user's files and commands do not bring."""

from __future__ import annotations

from unittest import mock

from refinelab_dsl.serving import calls
from refinelab_dsl.serving.batches import BatchBehaviour, BatchFault
from tests.harness.openai_server import Behaviour, Fault
from tests.harness.stages import (
    GOOD,
    Stage,
    beside_wiki,
    broken_glpk,
    crash,
    in_reverse,
    interrupt,
    leave_no_rest,
    of_an_older_version,
    one_choice_more,
    overwrite_data,
    patched,
    run_out_of_memory,
    served,
    unprivileged,
    with_plan,
    with_unknown_check,
    with_unknown_item,
    without_glpk,
    without_package,
)

WRONG: dict[str, Stage] = {
    "RF9005": patched(lambda: mock.patch("refinelab_dsl.syntax.format._lay_out", return_value="edition = 1\n")),
    "RF3005": unprivileged,
    "RF4002": without_glpk,
    "RF4004": broken_glpk,
    "RF5005": with_plan("later.refplan", with_unknown_check),
    "RF5006": unprivileged,
    "RF5021": with_plan("older.refplan", of_an_older_version),
    "RF5041": unprivileged,
    "RF3080": patched(lambda: mock.patch("refinelab_dsl.embeddings.local.find_version", return_value=None)),
    "RF5042": unprivileged,
    "RF5140": unprivileged,
    "RF6005": served(Behaviour(GOOD.simulation, key="sk-new")),
    "RF6011": served(Behaviour(GOOD.simulation, script=[Fault("large_usage", factor=10)])),
    "RF6012": served(Behaviour(GOOD.simulation, key="sk-new")),
    "RF6014": served(Behaviour(GOOD.simulation, script=[Fault("status", status=500)])),
    "RF6020": served(Behaviour(GOOD.simulation, latency=(0.3, 0.3)), interrupt),
    "RF6021": served(Behaviour(GOOD.simulation, key="sk-new")),
    "RF6023": served(Behaviour(GOOD.simulation, chances=[(Fault("wrong_model", model="large"), 1.0)])),
    "RF6030": unprivileged,
    "RF6031": served(Behaviour(GOOD.simulation, key="sk-new")),
    "RF6033": served(Behaviour(GOOD.simulation, latency=(0.5, 0.5)), overwrite_data),
    "RF6035": with_plan("other.refplan", with_unknown_item),
    "RF6050": patched(lambda: mock.patch("refinelab_dsl.compiler.plan_rest", leave_no_rest)),
    "RF6060": patched(without_package("refinelab_dsl.execute.tracing")),
    "RF6070": served(GOOD),
    "RF6071": served(Behaviour(GOOD.simulation, batches=BatchBehaviour(script=[BatchFault("fail")]))),
    "RF6072": served(Behaviour(GOOD.simulation, batches=BatchBehaviour(script=[BatchFault("cancel", share=0.0)]))),
    "RF6073": served(Behaviour(GOOD.simulation, batches=BatchBehaviour(polls=10**6)), interrupt),
    "RF6204": patched(without_package("openai", "refinelab_dsl.exchange.client")),
    "RF6300": unprivileged,
    "RF6305": patched(lambda: mock.patch.object(calls, "answer_body", one_choice_more), around=served(GOOD)),
    "RF6320": unprivileged,
    "RF6356": patched(lambda: mock.patch("refinelab_dsl.provenance.rebuild.row_hash", return_value="0" * 64)),
    "RF6357": patched(lambda: mock.patch("refinelab_dsl.provenance.replay.iterate_rows", in_reverse)),
    "RF6507": served(Behaviour(GOOD.simulation, latency=(0.3, 0.3)), interrupt),
    "RF6600": patched(lambda: mock.patch("refinelab_dsl.retrieval.index.find_spec", return_value=None)),
    "RF6604": beside_wiki("403"),
    "RF6607": beside_wiki(),
    "RF9001": patched(lambda: mock.patch("refinelab_dsl.compiler._profile", crash)),
    "RF9003": patched(without_package("pyomo")),
    "RF9004": patched(lambda: mock.patch("refinelab_dsl.compiler._profile", run_out_of_memory)),
}
"""Around the wrong example."""

RIGHT: dict[str, Stage] = {
    **{
        code: WRONG[code]
        for code in (
            "RF3005", "RF4002", "RF4004", "RF5006", "RF5041", "RF5042", "RF5140", "RF6005", "RF6011", "RF6012",
            "RF6020", "RF6021", "RF6023", "RF6030", "RF6031", "RF6072", "RF6204", "RF6300", "RF6320",
        )
    },
    **{code: beside_wiki() for code in ("RF6606", "RF6607")},
    **{
        code: served(GOOD)
        for code in ("RF5201", "RF5202", "RF6013", "RF6014", "RF6033", "RF6070", "RF6071", "RF6073", "RF6200", "RF6201",
                     "RF6305", "RF6507")
    },
}  # fmt: skip
"""Around the right example."""
