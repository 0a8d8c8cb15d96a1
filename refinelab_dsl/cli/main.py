"""`refinec`: the table of commands and the frame around them. A command's module is imported when it is called."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from refinelab_dsl import __version__
from refinelab_dsl.cli import crash, terminal
from refinelab_dsl.cli.options import global_options
from refinelab_dsl.exit_codes import ExitCode

# section -> command -> (module under refinelab_dsl.cli, one line). Each module has a click command of the same name.
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Specs": {
        "init": ("init", "start a project: spec, sample data, settings for git and CI"),
        "fmt": ("fmt", "lay specs out; --check and --diff write nothing"),
        "check": ("check", "parse and check specs; no network, no data, no solver"),
        "diff": ("diff", "two specs, or git revisions of one, by meaning"),
        "fix": ("fix", "repair what has one sure way out; --diff writes nothing"),
        "compile": ("compile", "print the value after a stage of the compiler"),
        "docs": ("docs", "documentation of a spec from its ## comments"),
        "graph": ("graph", "what of a spec refers to what: a tree, Mermaid, Graphviz"),
        "render": ("render", "the exact text that a model would get, and its tokens"),
    },
    "Plans and runs": {
        "lock": ("lock", "pin data, prompts, models and prices in refine.lock, or check the pins"),
        "plan": ("plan", "solve and show mix, actions and cost; spends nothing"),
        "pilot": ("pilot", "learn labels, rates and costs; priced first, bounded, paid"),
        "compare": ("compare", "strategies against budgets on one spec; spends nothing"),
        "show": ("show", "a saved plan or a run, stale or not"),
        "apply": ("apply", "execute a plan"),
        "runs": ("runs", "the runs of this project"),
        "logs": ("logs", "prompts, replies, verdicts and costs of a run"),
    },
    "Results": {
        "review": ("review", "every edit of a run: what was, what is, verdicts, price; and a file to decide in"),
        "evaluate": ("evaluate", "models on the original and the refined set: accuracy, spread, order"),
        "audit": ("audit", "a blind sample for reviewers, and their verdicts put together"),
    },
    "Provenance": {
        "trace": ("trace", "where one output row comes from"),
        "replay": ("replay", "rebuild a run's output without a call; fails unless it is the same, byte by byte"),
        "verify": ("verify", "check a log's hash chain, and outputs against it"),
    },
    "Housekeeping": {
        "cache": ("cache", "what the store of replies holds, and how it is made smaller"),
        "trust": ("trust", "which host may receive which secret, as you say it"),
    },
    "Help": {
        "explain": ("explain", "what an error means"),
        "doctor": ("doctor", "what is installed, what is missing, and the line that installs it"),
        "serve-simulated": ("serve_simulated", "an OpenAI-shaped endpoint that is simulated, with faults on request"),
        "version": ("version", "versions of refinec and its formats"),
    },
}


class LazyGroup(click.Group):
    """Finds a command in `COMMANDS` and imports its module; the help page needs no import at all."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in COMMANDS.values():
            if cmd_name in section:
                module, line = section[cmd_name]
                command: click.Command = getattr(import_module(f"refinelab_dsl.cli.{module}"), f"{module}_command")
                command.short_help = line
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from refinelab_dsl.diagnostics.suggest import nearest

            near = nearest(args[0], self.list_commands(ctx))
            hint = f" (nearest: {', '.join(near)})" if near else ""
            ctx.fail(f"no command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in section.items()], col_max=16)


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        terminal.write(f"refinec {__version__}\n")
        ctx.exit()


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@global_options
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
              help="Show the version and exit.")  # fmt: skip
@click.pass_context
def refinec(context: click.Context, /, **options: Any) -> None:
    """Refine datasets from specs under version control.

    A spec (*.refine) says what a question-answering dataset is, what it should be, what may be done to it, and what
    that may cost. `plan` decides what to do within those limits and shows it; `apply` does it and keeps a record of
    every call, verdict and cost.
    """
    context.obj = options


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs `refinec` and ends the process with one of `ExitCode`."""
    terminal.prepare_streams()
    code = run(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            terminal.discard(stream)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The exit code of one call. No exception leaves it."""
    try:
        result = refinec.main(arguments, prog_name="refinec", standalone_mode=False)
        return int(result) if isinstance(result, int) else ExitCode.DONE
    except click.exceptions.NoArgsIsHelpError as error:
        terminal.complain(error.format_message())
        return ExitCode.USAGE
    except click.ClickException as error:
        _show_usage(error)
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        terminal.complain("interrupted")
        return ExitCode.INTERRUPTED
    except SystemExit as error:  # click's answer to a reader of --help that went away
        return error.code if isinstance(error.code, int) and error.code != 1 else ExitCode.DONE
    except terminal.OutputRefused as error:
        return crash.report_refusal("write", error.name, error.reason)
    except BaseException as error:
        return crash.report_crash(error, arguments)


def _show_usage(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    lines = []
    if context is not None:
        lines.append(context.get_usage())
    lines.append(f"error: {error.format_message()}")
    if context is not None:
        lines.append(f"help: {context.command_path} --help")
    terminal.complain("\n".join(lines))


if __name__ == "__main__":
    main()
