"""`refinec trust`, and the question that a new pair of host and variable asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from refinelab_dsl.artifacts.trust_file import Pair, load_trust
from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec, talk

HOST = "models.example.invalid"
MODEL = f"""model small {{
  provider = openai
  id = "small"
  base_url = "https://{HOST}/v1"
  api_key = env("MY_KEY")
  price = {{ input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }}
}}
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose model is at a host that nobody trusts yet."""
    folder = tmp_path / "project"
    folder.mkdir()
    assert refinec("init", cwd=folder).code == 0
    spec = folder / "quickstart.refine"
    lines = spec.read_text(encoding="utf-8").splitlines(keepends=True)
    start = next(at for at, line in enumerate(lines) if line.startswith("model small"))
    end = next(at for at in range(start, len(lines)) if lines[at].startswith("}"))
    spec.write_text("".join([*lines[:start], MODEL, *lines[end + 1 :]]), encoding="utf-8")
    return folder


def _pairs(environ: dict[str, str]) -> frozenset[Pair]:
    found = load_trust(Path(environ["XDG_CONFIG_HOME"], "refinec", "trust.toml"))
    assert isinstance(found, frozenset)
    return found


def test_a_pair_is_said_shown_and_taken_back(tmp_path: Path, environ: dict[str, str]) -> None:
    said = refinec("trust", "Models.Example.org", "MY_KEY", cwd=tmp_path, environ=environ, fresh=True)
    assert (said.code, said.out) == (0, "")
    assert "models.example.org is trusted with MY_KEY" in said.err
    assert "already" in refinec("trust", "models.example.org", "MY_KEY", cwd=tmp_path, environ=environ).err
    assert refinec("trust", "models.example.org", cwd=tmp_path, environ=environ).code == 0
    assert _pairs(environ) == {("models.example.org", "MY_KEY"), ("models.example.org", None)}
    shown = refinec("trust", "--list", "--format", "json", cwd=tmp_path, environ=environ).json
    assert {"host": "models.example.org", "variable": "MY_KEY", "source": "user"} in shown
    assert {"host": "api.openai.com", "variable": "OPENAI_API_KEY", "source": "built-in"} in shown
    text = refinec("trust", "--list", cwd=tmp_path, environ=environ).out.split()
    assert text.index("models.example.org") < text.index("api.openai.com")
    gone = refinec("trust", "--remove", "models.example.org", "MY_KEY", cwd=tmp_path, environ=environ)
    assert gone.code == 0
    assert _pairs(environ) == {("models.example.org", None)}
    assert refinec("trust", "--remove", "models.example.org", cwd=tmp_path, environ=environ).code == 0
    assert _pairs(environ) == frozenset()
    again = refinec("trust", "--remove", "models.example.org", cwd=tmp_path, environ=environ)
    assert again.code == ExitCode.USAGE
    assert "RF6702" in again.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--list"),
        (("https://models.example.org/v1", "MY_KEY"), "is no host"),
        (("models.example.org:443", "MY_KEY"), "is no host"),
        (("m\u043edels.example.org", "MY_KEY"), "punycode"),
        (("models.example.org", "sk-planted"), "never its value"),
        (("--list", "models.example.org"), "--list"),
        (("--remove",), "--list"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], said: str, tmp_path: Path, environ: dict[str, str]) -> None:
    answer = refinec("trust", *arguments, cwd=tmp_path, environ=environ)
    assert answer.code == ExitCode.USAGE
    assert said in answer.err
    assert "planted" not in answer.err  # it may be the key
    assert not (tmp_path / "config").exists()


def test_a_damaged_file_is_left_alone(tmp_path: Path, environ: dict[str, str]) -> None:
    path = tmp_path / "config" / "refinec" / "trust.toml"
    path.parent.mkdir(parents=True)
    path.write_text("trust = everybody", encoding="utf-8")
    for arguments in (("--list",), ("models.example.org", "MY_KEY"), ("--remove", "models.example.org")):
        answer = refinec("trust", *arguments, cwd=tmp_path, environ=environ)
        assert answer.code == ExitCode.UNAVAILABLE
        assert "RF6701" in answer.err
    assert path.read_text(encoding="utf-8") == "trust = everybody"


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file in the way", encoding="utf-8")
    answer = refinec("trust", HOST, "K", cwd=tmp_path, environ={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert answer.code == ExitCode.UNAVAILABLE
    assert "RF6700" in answer.err


@pytest.mark.parametrize("arguments", [("apply", "--auto-approve")])
def test_without_a_terminal_a_new_pair_stops_and_names_the_command(
    arguments: tuple[str, ...], project: Path, environ: dict[str, str]
) -> None:
    answer = refinec(*arguments, cwd=project, environ={**environ, "MY_KEY": "sk-planted"})
    assert answer.code == ExitCode.UNAVAILABLE
    assert "error[RF5202]" in answer.err
    assert f"refinec trust {HOST} MY_KEY" in answer.err
    assert "planted" not in answer.out + answer.err
    assert not _pairs(environ)
    # What it names helps: the next thing that is missing is the key.
    assert refinec("trust", HOST, "MY_KEY", cwd=project, environ=environ).code == 0
    answer = refinec(*arguments, cwd=project, environ=environ)
    assert "RF6200" in answer.err
    assert "RF5202" not in answer.err


def test_on_a_terminal_a_new_pair_asks_once_whatever_is_approved(project: Path, environ: dict[str, str]) -> None:
    code, screen = talk(project, b"no\n", "apply", "--auto-approve", environ=environ)
    assert f"would send text of the dataset and the value of MY_KEY to {HOST}" in screen.replace("\r\n", "\n")
    assert (code, "RF5202" in screen) == (ExitCode.UNAVAILABLE, True)
    assert not _pairs(environ)
    code, screen = talk(project, b"yes\n", "apply", "--auto-approve", environ=environ)
    assert _pairs(environ) == {(HOST, "MY_KEY")}
    assert "error[RF5202]" not in screen
    assert (code, "RF6200" in screen) == (ExitCode.UNAVAILABLE, True)  # trusted now; the key is not set
    _, screen = talk(project, b"", "apply", "--auto-approve", environ=environ)
    assert "Enter a value" not in screen
    assert "RF5202" not in screen


def test_an_evaluation_asks_about_a_new_pair_too(project: Path, environ: dict[str, str]) -> None:
    asked = ("evaluate", "quickstart.refine", "--models", "small", "--budget", "9k", "--auto-approve")
    answer = refinec(*asked, cwd=project, environ={**environ, "MY_KEY": "sk-planted"})
    assert answer.code == ExitCode.UNAVAILABLE
    assert f"refinec trust {HOST} MY_KEY" in answer.err
    code, screen = talk(project, b"yes\n", *asked, environ=environ)
    assert (code, "RF6200" in screen) == (ExitCode.UNAVAILABLE, True)
    assert _pairs(environ) == {(HOST, "MY_KEY")}


def test_a_pair_does_not_stand_for_another_host_or_variable(project: Path, environ: dict[str, str]) -> None:
    assert refinec("trust", HOST, "MY_KEY", cwd=project, environ=environ).code == 0
    spec = project / "quickstart.refine"
    text = spec.read_text(encoding="utf-8")
    for changed in (text.replace(HOST, f"{HOST}.evil.invalid"), text.replace("MY_KEY", "GITHUB_TOKEN")):
        spec.write_text(changed, encoding="utf-8")
        answer = refinec(
            "apply", "--auto-approve", cwd=project, environ={**environ, "MY_KEY": "sk-1", "GITHUB_TOKEN": "ghp-1"}
        )
        assert answer.code == ExitCode.UNAVAILABLE
        assert "error[RF5202]" in answer.err
