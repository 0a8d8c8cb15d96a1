"""Finding, containing, naming and hashing a dataset's files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from refinelab_dsl.data import digest_dataset, digest_files, find_files
from refinelab_dsl.data.files import name_file, stem_of
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.project import Project
from refinelab_dsl.source import Span


def dataset(*source: str) -> Dataset:
    return Dataset(name="items", task="qa", source=source)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """`root/spec/` with data in and beside it, and a file outside of the root."""
    root = tmp_path / "root"
    for name in (
        "spec/a.jsonl",
        "spec/b.jsonl",
        "spec/sub/c.jsonl",
        "spec/[x].jsonl",
        "data/d.jsonl",
        "../outside.jsonl",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return Project(root, root / "spec")


def names(project: Project, *source: str) -> list[str]:
    files, problems = find_files(dataset(*source), project)
    assert problems == ()
    return [name_file(path, project) for path in files]


def codes(project: Project, *source: str, allow_outside: bool = False) -> list[str]:
    return [problem.code for problem in find_files(dataset(*source), project, allow_outside=allow_outside)[1]]


def test_names_and_patterns_are_relative_to_the_spec(project: Project) -> None:
    assert names(project, "b.jsonl", "a.jsonl") == ["b.jsonl", "a.jsonl"]
    assert names(project, "?.jsonl") == ["a.jsonl", "b.jsonl"]
    assert names(project, "**/*.jsonl") == ["[x].jsonl", "a.jsonl", "b.jsonl", "sub/c.jsonl"]
    assert names(project, "../data/d.jsonl") == ["../data/d.jsonl"]
    assert names(project, "../data/*") == ["../data/d.jsonl"]


def test_a_name_that_exists_is_no_pattern(project: Project) -> None:
    assert names(project, "[x].jsonl") == ["[x].jsonl"]


def test_no_file_is_read_twice(project: Project) -> None:
    (project.base / "link.jsonl").symlink_to("a.jsonl")
    assert names(project, "b.jsonl", "*.jsonl", "./a.jsonl", "link.jsonl") == ["b.jsonl", "[x].jsonl", "a.jsonl"]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("c.jsonl", "RF3001"),
        ("", "RF3001"),
        ("a\0b", "RF3001"),
        ("x" * 5000, "RF3001"),
        ("*.csv", "RF3002"),
        ("nowhere/*.csv", "RF3002"),
        ("sub", "RF3003"),
        (".", "RF3003"),
        ("../../outside.jsonl", "RF3004"),
        ("../../*.jsonl", "RF3004"),
        ("/etc/passwd", "RF3004"),
        ("/etc/*", "RF3004"),
        ("hf://owner/name", "RF3008"),
        ("https://host/x.jsonl", "RF3008"),
        ("[", "RF3002"),
    ],
)
def test_what_cannot_be_read_is_said(project: Project, source: str, code: str) -> None:
    assert codes(project, source) == [code]


def test_links_are_resolved_before_they_are_believed(project: Project) -> None:
    (project.base / "way-out.jsonl").symlink_to(project.root.parent / "outside.jsonl")
    (project.base / "folder").symlink_to(project.root.parent)
    (project.base / "gone.jsonl").symlink_to("nowhere.jsonl")
    (project.base / "round.jsonl").symlink_to("round.jsonl")
    assert codes(project, "way-out.jsonl") == ["RF3004"]
    assert codes(project, "folder/outside.jsonl") == ["RF3004"]
    assert codes(project, "folder/*.jsonl") == ["RF3004"]
    assert codes(project, "gone.jsonl") == ["RF3001"]
    assert codes(project, "round.jsonl") in (["RF3001"], ["RF3005"])


def test_patterns_do_not_run_in_circles(project: Project) -> None:
    for name in ("one", "two", "three"):
        (project.base / "sub" / name).symlink_to(project.base)
    assert names(project, "**/c.jsonl") == ["sub/c.jsonl"]


def test_hidden_files_are_matched_only_by_name(project: Project) -> None:
    for name in (".secret.jsonl", ".refine/x.jsonl"):
        (project.base / name).parent.mkdir(exist_ok=True)
        (project.base / name).touch()
    assert names(project, "**") == names(project, "**/*") == ["[x].jsonl", "a.jsonl", "b.jsonl", "sub/c.jsonl"]
    assert names(project, ".refine/*.jsonl") == [".refine/x.jsonl"]
    assert names(project, ".*.jsonl") == [".secret.jsonl"]


def test_a_name_that_is_no_text_is_said(project: Project) -> None:
    with open(os.path.join(os.fsencode(project.base), b"\xff.jsonl"), "wb"):
        pass
    [problem] = find_files(dataset("*.jsonl"), project)[1]
    assert (problem.code, problem.notes) == ("RF3005", ("its name is not UTF-8",))
    assert problem.message.encode()


def test_outside_is_allowed_on_demand(project: Project) -> None:
    assert codes(project, "../../outside.jsonl", allow_outside=True) == []
    assert codes(project, str(project.root.parent / "outside.jsonl"), allow_outside=True) == []


def test_the_nearest_files_are_named(project: Project) -> None:
    [problem] = find_files(dataset("sub/d.jsonl"), project)[1]
    assert problem.help[0].message == "nearest: `sub/c.jsonl`"
    [problem] = find_files(dataset("../data/*.csv"), project)[1]
    assert problem.help[0].message == "files that are there: `../data/d.jsonl`"


def test_a_device_is_no_data_file(project: Project) -> None:
    os.mkfifo(project.base / "pipe.jsonl")
    assert codes(project, "pipe.jsonl") == ["RF3003"]
    assert codes(project, "/dev/zero", allow_outside=True) == ["RF3003"]


def test_each_part_of_a_source_is_complained_about(project: Project) -> None:
    files, problems = find_files(dataset("a.jsonl", "no.jsonl", "*.csv"), project)
    assert len(files) == 1
    assert [problem.code for problem in problems] == ["RF3001", "RF3002"]


def test_complaints_point_at_the_spec(project: Project) -> None:
    span = Span("x.refine", 3, 9)
    for origin in ("dataset.items.source", "dataset.items"):
        [problem] = find_files(dataset("no.jsonl"), project, origins={origin: span})[1]
        assert problem.span == span


def test_digests_are_of_the_bytes_and_the_names(project: Project) -> None:
    files, _ = find_files(dataset("a.jsonl", "b.jsonl"), project)
    digests, problems = digest_files(files, project)
    assert problems == ()
    assert [(file.name, file.sha256, file.bytes) for file in digests] == [
        (name, hashlib.sha256(f"spec/{name}".encode()).hexdigest(), 12) for name in ("a.jsonl", "b.jsonl")
    ]
    assert digest_dataset(digests) != digest_dataset(digests[::-1])
    assert digest_dataset(digests) == digest_dataset(digests)


def test_a_file_that_vanished_is_said(project: Project) -> None:
    files, _ = find_files(dataset("a.jsonl"), project)
    files[0].unlink()
    _, [problem] = digest_files(files, project)
    assert (problem.code, problem.notes) == ("RF3005", ("No such file or directory",))


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a/b_test.csv", "b_test"), ("b.csv.gz", "b"), ("b.x.csv", "b.x"), ("b", "b"), ("b.gz", "b"), (".csv", ".csv")],
)
def test_stems(name: str, stem: str) -> None:
    assert stem_of(name) == stem
