"""Plan files: round trip, deterministic bytes, and every damage found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refinelab_dsl.artifacts.plan_file import PlanFile, is_plan, write_plan
from tests.artifacts.plans import make_body, make_header


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "a.refplan"
    write_plan(path, make_header(), make_body())
    return path


def codes(path: Path) -> list[str]:
    plan, diagnostics = PlanFile.open(path)
    assert (plan is None) == bool(diagnostics)
    return [diagnostic.code for diagnostic in diagnostics]


def test_what_was_written_is_read(saved: Path) -> None:
    plan, diagnostics = PlanFile.open(saved)
    assert plan is not None
    assert diagnostics == ()
    assert plan.header == make_header()
    assert [*plan.candidates(), *plan.steps()] == make_body()
    assert (plan.trailer.steps, plan.trailer.candidates) == (2, 1)


def test_the_same_plan_has_the_same_bytes_and_id(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "b.refplan"
    plan_id = write_plan(again, make_header(), make_body())
    assert again.read_bytes() == saved.read_bytes()
    plan, _ = PlanFile.open(saved)
    assert plan is not None
    assert plan.plan_id == plan_id


def test_the_id_depends_on_every_line(saved: Path, tmp_path: Path) -> None:
    plan, _ = PlanFile.open(saved)
    assert plan is not None
    other = write_plan(tmp_path / "b.refplan", make_header(), make_body()[:-1])
    assert other != plan.plan_id


def test_every_flipped_byte_is_found(saved: Path) -> None:
    good = saved.read_bytes()
    for index in range(len(good)):
        bad = bytearray(good)
        bad[index] ^= 0x01
        saved.write_bytes(bytes(bad))
        assert codes(saved), f"byte {index} ({good[index : index + 1]!r}) was flipped unnoticed"


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_plan_that_was_cut_off_is_refused(saved: Path, keep: float) -> None:
    good = saved.read_bytes()
    saved.write_bytes(good[: int(len(good) * keep)])
    assert set(codes(saved)) <= {"RF5001", "RF5003", "RF5004"}
    assert codes(saved)


def test_a_newer_major_version_is_named(saved: Path) -> None:
    saved.write_text(saved.read_text().replace('"format_version":"1.0"', '"format_version":"2.0"'))
    assert codes(saved) == ["RF5002"]


def test_a_missing_file_is_a_diagnostic(tmp_path: Path) -> None:
    assert codes(tmp_path / "none.refplan") == ["RF5006"]
    assert codes(tmp_path) == ["RF5006"]


def test_nothing_partial_is_left_when_writing_fails(tmp_path: Path) -> None:
    def fail():
        yield make_body()[0]
        raise KeyError

    with pytest.raises(KeyError):
        write_plan(tmp_path / "a.refplan", make_header(), fail())
    assert list(tmp_path.iterdir()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_give_a_diagnostic(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.refplan"
    path.write_bytes(data)
    assert codes(path)
    path.write_bytes(b'{"record":"header"' + data)
    assert codes(path)
    assert is_plan(path)
