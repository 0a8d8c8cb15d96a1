"""Asks the user, once, whether a host may receive a variable's value; the answer is kept in the user's own file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from refinelab_dsl.artifacts.trust_file import Pair, load_trust, place_trust, save_trust
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.declarations import Embedding, Model
from refinelab_dsl.diagnostics.catalog import housekeeping as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.prompts.hosts import check_endpoint, host, parse_host

QUESTION = """
{title} of {spec} would send {what} to {host}.{warning}
  May this host have it, now and in later runs? What you say is kept in {file}.
  Whoever wrote the spec chose the host. Only `yes` is accepted."""
PUNYCODE = "\n  This name is in punycode: shown decoded, it may look like another."


def ask_trust(
    settings: Settings, endpoints: Iterable[Model | Embedding], spec: str, environ: Mapping[str, str]
) -> None:
    """On a terminal, asks about each pair of host and variable that nobody trusts yet, and keeps a `yes`.

    It only widens what is trusted: without a terminal, and after any other answer, it does nothing, and who makes the
    calls refuses them. No option stands for the answer; `--auto-approve` is about money.
    """
    if not terminal.can_ask(settings):
        return
    asked: set[Pair] = set()
    for endpoint in endpoints:
        refused = check_endpoint(endpoint, environ)
        name = parse_host(host(endpoint) or "")
        if refused is None or refused.code != "RF5202" or name is None:
            continue
        pair = Pair(name, endpoint.api_key)
        if pair in asked:
            continue
        asked.add(pair)
        question = render_question(endpoint.title, spec, pair, place_trust(environ))
        if terminal.ask(settings, question):
            problem = add_pair(pair, place_trust(environ))
            if isinstance(problem, Diagnostic):
                terminal.report_one(settings, problem)


def render_question(title: str, spec: str, pair: Pair, file: Path) -> str:
    """What a person is asked before a new pair is trusted."""
    what = "text of the dataset, without a key"
    if pair.variable is not None:
        what = f"text of the dataset and the value of {pair.variable}"
    return QUESTION.format(
        title=title, spec=escape(spec), what=what, host=pair.host, file=terminal.near(file),
        warning=PUNYCODE if is_punycode(pair.host) else "",
    )  # fmt: skip


def add_pair(pair: Pair, file: Path) -> bool | Diagnostic:
    """Trusts a host with a variable from now on. False: it was trusted already."""
    known = load_trust(file)
    if isinstance(known, Diagnostic):
        return known
    if pair in known:
        return False
    return write_pairs(file, {*known, pair}) or True


def write_pairs(file: Path, pairs: Iterable[Pair]) -> Diagnostic | None:
    """Writes the user's file, or says what the operating system refused."""
    try:
        save_trust(file, pairs)
    except OSError as error:
        return faults.trust_unreadable(str(file), error.strerror or type(error).__name__, writing=True)
    return None


def is_punycode(name: str) -> bool:
    """Whether a host's name stands for letters that are not ASCII."""
    return any(part.startswith("xn--") for part in name.split("."))
