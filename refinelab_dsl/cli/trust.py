"""`refinec trust`: which host may receive which secret, as this user says it on this machine."""

from __future__ import annotations

import os
import re
import sys

import click

from refinelab_dsl.artifacts.trust_file import Pair, load_trust, place_trust
from refinelab_dsl.cli import consent, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.catalog import housekeeping as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.layout import align_table
from refinelab_dsl.prompts.hosts import BUILT_IN_TRUST, is_loopback, parse_host

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NO_KEY = "-"


@click.command("trust")
@click.argument("host", required=False)
@click.argument("variable", required=False)
@shared_options("text", "json")
@click.option("--list", "shown", is_flag=True, help="Show who is trusted with what.")
@click.option("--remove", is_flag=True, help="No longer trust HOST with VARIABLE; without VARIABLE, with anything.")
def trust_command(settings: Settings, host: str | None, variable: str | None, shown: bool, remove: bool) -> int:
    """Trust HOST with the value of the environment variable VARIABLE, and with text of datasets.

    Without VARIABLE: with text alone, for an endpoint that takes no key. A spec names a host and a variable, and may
    come from a stranger; what is said here stands in your own configuration, which no repository can change. This
    machine, and well-known hosts with their own variable, are trusted without it.
    """
    file = place_trust(os.environ)
    known = load_trust(file)
    if isinstance(known, Diagnostic):
        return _refuse(settings, known, ExitCode.UNAVAILABLE)
    if host is None:
        if not shown or remove:
            raise click.UsageError("name a HOST and a VARIABLE, or see what is trusted with --list")
        return _show(settings, known)
    if shown:
        raise click.UsageError("--list takes no HOST")
    pair = Pair(_parse_host(host), _check_variable(variable))
    if remove:
        gone = {each for each in known if each.host == pair.host and pair.variable in (None, each.variable)}
        if not gone:
            known_hosts = tuple(sorted({each.host for each in known}))
            return _refuse(settings, faults.pair_unknown(*pair, known_hosts), ExitCode.USAGE)
        problem = consent.write_pairs(file, known - gone)
        said = f"{pair.host} is no longer trusted with {_name(gone)}"
    else:
        gone = {pair} - known
        problem = consent.write_pairs(file, known | gone) if gone and not _is_given(pair) else None
        said = f"{pair.host} is trusted with {_name({pair})}"
        said += "" if gone and not _is_given(pair) else " already"
        if consent.is_punycode(pair.host):
            terminal.say(settings, consent.PUNYCODE.strip())
    if problem is not None:
        return _refuse(settings, problem, ExitCode.UNAVAILABLE)
    terminal.say(settings, f"{said}; your pairs stand in {terminal.near(file)}")
    return _answer(settings, load_trust(file))


def _show(settings: Settings, known: frozenset[Pair]) -> int:
    if not settings.is_json:
        rows = [("host", "variable", "")]
        rows += [(pair.host, pair.variable or _NO_KEY, "yours") for pair in _sort(known)]
        rows += [(name, variable, "built in") for name, variable in sorted(BUILT_IN_TRUST)]
        rows.append(("localhost, 127.0.0.0/8, ::1", "any", "this machine"))
        terminal.write("\n".join(align_table(rows, "<<<", room=terminal.width_of(sys.stdout), flexible=0)) + "\n")
    return _answer(settings, known)


def _answer(settings: Settings, known: frozenset[Pair] | Diagnostic) -> int:
    own = frozenset[Pair]() if isinstance(known, Diagnostic) else known
    entries = [{"host": pair.host, "variable": pair.variable, "source": "user"} for pair in _sort(own)]
    entries += [{"host": name, "variable": variable, "source": "built-in"} for name, variable in sorted(BUILT_IN_TRUST)]
    terminal.save_json(settings, entries)
    if settings.is_json:
        terminal.write_json(entries)
    return ExitCode.DONE


def _refuse(settings: Settings, found: Diagnostic, code: ExitCode) -> int:
    terminal.refuse(settings, Diagnostics((found,)))
    return code


def _parse_host(text: str) -> str:
    name = parse_host(text)
    if name is None:
        raise click.UsageError(
            f"{text!r} is no host: write its name alone, such as models.example.org, without https://, port or path, "
            "and a name of other letters in punycode"
        )
    return name


def _check_variable(text: str | None) -> str | None:
    """The value itself in place of its name is not shown again: it may be the key."""
    if text is not None and not _VARIABLE.fullmatch(text):
        raise click.UsageError("VARIABLE is the name of an environment variable, such as MY_API_KEY; never its value")
    return text


def _is_given(pair: Pair) -> bool:
    return is_loopback(pair.host) or pair in BUILT_IN_TRUST


def _sort(pairs: frozenset[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda pair: (pair.host, pair.variable or ""))


def _name(pairs: set[Pair]) -> str:
    names = sorted(pair.variable or "text of datasets, without a key" for pair in pairs)
    return ", ".join(names)
