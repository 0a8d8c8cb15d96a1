"""Every spec of `specs/`, applied as a user would, in a folder of its own; its log verified, its output rebuilt."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.cli.command import refinec

SHARED = ROOT / "../shared/data"
# Where a spec of a public dataset finds it: its variables.
DATA = {
    "mmlu_subjects": {"data": "mmlu/test/*_test.csv"},
    "gsm8k_length": {"data": "gsm8k/test.jsonl"},
    "mmlu_keys": {"data": "mmlu/test/college_chemistry_test.csv", "answers": "mmlu_helm_predictions/predictions.csv"},
}


@pytest.mark.parametrize("spec", sorted((ROOT / "specs").glob("*.refine")), ids=lambda path: path.stem)
def test_every_spec_of_ours_runs(spec: Path, tmp_path: Path) -> None:
    arguments: list[str] = []
    if spec.stem in DATA:
        if not SHARED.is_dir():
            pytest.skip(f"NO DATA: {spec.name} reads ../shared/data, which is not here")
        arguments = ["--allow-outside"]
        for name, place in DATA[spec.stem].items():
            arguments += ["--var", f"{name}={SHARED.resolve()}/{place}"]
    shutil.copytree(ROOT / "specs/data", tmp_path / "data")
    shutil.copy(spec, tmp_path)
    answer = refinec("apply", "--auto-approve", "--format", "json", *arguments, cwd=tmp_path)
    assert answer.code == 0, answer.err
    head = answer.json
    assert head["status"] == "complete"
    assert [check["status"] for check in head["checks"]] == ["passed"] * len(head["checks"])
    assert head["size"]["measured"] == head["size"]["planned"]
    output = head["outputs"][0]  # what it has besides, is made of the same rows
    assert (tmp_path / output["file"]).read_bytes().count(b"\n") == output["rows"] == head["size"]["measured"]
    verified = refinec("verify", head["provenance"]["file"], cwd=tmp_path)
    assert verified.code == 0, verified.err
    replayed = refinec("replay", str(head["run"]), cwd=tmp_path, fresh=True)
    assert replayed.code == 0, replayed.err


@pytest.mark.parametrize(
    ("spec", "data", "items"),
    [
        ("race", "race/*.jsonl.gz", 900),
        ("race", "race/original_format_sample/*/*.txt", 20),
        ("mmlu_chemistry", "mmlu/test/*_chemistry_test.csv", 300),
    ],
)
def test_specs_with_samples_of_our_own_read_the_public_data(spec: str, data: str, items: int, tmp_path: Path) -> None:
    """The same spec, its variable pointed at the real files."""
    if not SHARED.is_dir():
        pytest.skip(f"NO DATA: {spec} is tried on ../shared/data, which is not here")
    shutil.copy(ROOT / f"specs/{spec}.refine", tmp_path)
    place = (SHARED / data.partition("*")[0]).resolve()
    pattern = f"{place}/{data[len(data.partition('*')[0]) :]}"
    answer = refinec(
        "plan", f"{spec}.refine", "--allow-outside", "--var", f"data={pattern}", "--format", "json", cwd=tmp_path
    )
    assert answer.json["size"]["now"] >= items, answer.err
    assert set(answer.json["mix"]) == {"level", "length"}
