"""`audit`: a run's items drawn and judged, as a user does it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from refinelab_dsl.artifacts.evidence import NAME, Audit, load_evidence
from tests.cli.command import refinec


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    assert refinec("init", cwd=folder).code == 0
    assert refinec("apply", "--auto-approve", cwd=folder).code == 0
    return folder


def test_a_run_is_sampled_and_its_flaws_are_found(project: Path) -> None:
    answer = refinec("audit", "sample", "1", "-n", "60", "--by", "subject", "--by", "origin", "-o", "audit",
                     "--format", "json", cwd=project, fresh=True)  # fmt: skip
    assert answer.code == 0, answer.err
    assert (answer.json["items"], answer.json["drawn"]) == (120, 60)
    key = json.loads((project / "audit/key.json").read_text())
    added = {entry["code"] for entry in key["items"] if entry["origin"] == "added"}
    output = [json.loads(line) for line in (project / "out/quickstart.jsonl").read_text().splitlines()]
    for entry in key["items"]:
        row = output[entry["row"] - 1]
        labels = key["strata"][entry["stratum"]]["labels"]
        assert (row["_origin"], row["subject"]) == (entry["origin"], labels["subject"])
    assert added
    for name in key["sheets"]:
        path = project / "audit" / name
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "verdict": "broken" if row["item"] in added else "correct"} for row in rows)
        path.write_text(text.getvalue())
    merged = refinec("audit", "merge", "audit", "-o", "verdicts.jsonl", "--format", "json", cwd=project)
    assert merged.code == 0, merged.err
    assert merged.json["error_rate"]["flawed"] == len(added)
    assert merged.json["agreement"]["alpha"] == 1
    assert merged.json["parts"]["origin"]["original"]["share"] == 0
    assert merged.json["parts"]["origin"]["added"]["share"] == 1
    assert set(merged.json["parts"]) == {"origin", "operator", "subject"}
    shown = refinec("audit", "merge", "audit", "--confidence", "0.9", cwd=project)
    assert re.search(r"errors +\d+\.\d%  \(.* at 90%\)", shown.out)
    # The majority comes back as signals of a spec, joined by id.
    spec = (project / "quickstart.refine").read_text()
    (project / "judged.refine").write_text(
        spec + '\ndataset verdicts { role = signals, task = mcq, source = "verdicts.jsonl", join = { id = id } }\n'
    )
    assert refinec("check", "judged.refine", cwd=project).code == 0


@pytest.mark.parametrize(("wrong", "limit", "code", "status"), [(0, "2%", 0, "passed"), (9, "2%", 11, "failed")])
def test_an_expectation_waits_for_the_audit(
    tmp_path: Path, wrong: int, limit: str, code: int, status: str
) -> None:
    assert refinec("init", cwd=tmp_path).code == 0
    spec = tmp_path / "quickstart.refine"
    spec.write_text(spec.read_text() + f'expect "few are wrong" {{ assert = error_rate() <= {limit} }}\n')
    planned = refinec("plan", "--format", "json", cwd=tmp_path).json
    assert [check["status"] for check in planned["checks"] if check["title"] == "few are wrong"] == ["after_run"]
    applied = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path)
    assert applied.code == 0, applied.err
    assert applied.json["checks"][-1]["status"] == "after_audit"
    assert refinec("audit", "sample", "1", "-n", "60", "--annotators", "1", "-o", "audit", cwd=tmp_path).code == 0
    sheet = tmp_path / "audit/annotator-1.csv"
    head, *rows = csv.reader(io.StringIO(sheet.read_text("utf-8-sig")))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    for number, row in enumerate(rows):
        row[head.index("verdict")] = "wrong key" if number < wrong else "correct"
        writer.writerow(row)
    sheet.write_text(text.getvalue())
    merged = refinec("audit", "merge", "audit", "--format", "json", cwd=tmp_path)
    assert merged.code == code, merged.err
    assert [check["status"] for check in merged.json["checks"]] == [status]
    (audit,) = [each for each in load_evidence(tmp_path / NAME)[0].records if isinstance(each, Audit)]
    assert (audit.items, audit.flawed) == (60, wrong)
    # The same rows again: they are known, without another audit.
    again = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path)
    assert again.json["checks"][-1]["status"] == status
    assert again.code == code
    # Other rows are not.
    spec.write_text(spec.read_text().replace("seed = ", "seed = 9"))
    other = refinec("apply", "--auto-approve", "--format", "json", cwd=tmp_path)
    assert other.json["checks"][-1]["status"] == "after_audit", other.err


def test_a_file_is_sampled_by_its_columns(project: Path) -> None:
    answer = refinec("audit", "sample", "out/quickstart.jsonl", "-n", "10", "--by", "subject", "--annotators", "1",
                     "--hide", "choices", "-o", "sheets", cwd=project)  # fmt: skip
    assert answer.code == 0, answer.err
    assert "drawn    10 of 120 items from 5 strata" in answer.out
    head = (project / "sheets/annotator-1.csv").read_text("utf-8-sig").splitlines()[0]
    assert head == "item,subject,question,answer,verdict,note"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["sample", "9", "-o", "x"], 2, "RF6003"),
        (["sample", "1", "-n", "3", "-o", "x"], 2, "RF6400"),
        (["sample", "1", "-o", "data"], 2, "RF6401"),
        (["sample", "1", "--by", "subjct", "-o", "x"], 2, "nearest: `subject`"),
        (["sample", "nothing.csv", "-o", "x"], 2, "no such file"),
        (["sample", "quickstart.refine", "-o", "x"], 1, "RF3006"),
        (["merge", "data"], 1, "RF6410"),
        (["merge", "nowhere"], 2, "no such file"),
    ],
)
def test_refusals(arguments: list[str], code: int, says: str, project: Path) -> None:
    answer = refinec("audit", *arguments, cwd=project)
    assert (answer.code, answer.out) == (code, "")
    assert says in answer.err
    assert not (project / "x").exists()
