"""The command group: requests beside commands, commands loaded when named, errors in one line."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import click
from click.shell_completion import CompletionItem

INTERRUPTED = 130
# What stands for the request command inside the argument list. No shell can pass a NUL.
REQUEST = "\0request"


class Entry(NamedTuple):
    """Where a command lives and what `ace --help` says of it without loading it."""

    where: str  # "module:attribute"
    help: str
    optional: bool = False  # listed only where its module is installed


COMMANDS: dict[str, Entry] = {
    "branch": Entry("ace_agent.cli.commands.navigate:branch", "Start another conversation from this point."),
    "chat": Entry("ace_agent.cli.commands.chat:command", "Talk in the terminal."),
    "check": Entry(
        "ace_agent.cli.commands.maintenance:check", "Verify every picture and pointer that is stored."
    ),
    "completion": Entry(
        "ace_agent.cli.commands.completion:command", "Print the completion script of a shell."
    ),
    "conversations": Entry("ace_agent.cli.commands.conversations:command", "List the conversations."),
    "data": Entry(
        "ace_agent.cli.commands.data:group", "Make training pairs from your own pictures.", optional=True
    ),
    "doctor": Entry(
        "ace_agent.cli.commands.doctor:command", "Say what is installed and how to mend what is missing."
    ),
    "eval": Entry("ace_agent.cli.commands.eval:command", "Measure a model.", optional=True),
    "export": Entry("ace_agent.cli.commands.archive:export", "Write a conversation to one file."),
    "forget": Entry(
        "ace_agent.cli.commands.maintenance:forget", "Erase a conversation or a picture for good."
    ),
    "gallery": Entry("ace_agent.cli.commands.gallery:command", "Write a conversation as one HTML page."),
    "goto": Entry("ace_agent.cli.commands.navigate:goto", "Go back to the turn that made a picture."),
    "history": Entry("ace_agent.cli.commands.history:command", "Show what was said and made."),
    "import": Entry("ace_agent.cli.commands.archive:import_", "Read a conversation from a file."),
    "mcp": Entry("ace_tools.mcp.command:command", "Serve the tools over MCP.", optional=True),
    "models": Entry("ace_agent.cli.commands.models:command", "List the models."),
    "plan": Entry("ace_agent.cli.commands.plan:command", "Show the plan of a request, or check a plan file."),
    "prune": Entry("ace_agent.cli.commands.maintenance:prune", "Remove what no conversation can reach."),
    "redo": Entry("ace_agent.cli.commands.navigate:redo", "Go forward again after an undo."),
    "rerun": Entry("ace_agent.cli.commands.rerun:command", "Make a picture again from the recipe inside it."),
    "run": Entry("ace_agent.cli.commands.run:command", "Run a plan file, over one picture or many."),
    "search": Entry("ace_agent.cli.commands.search:command", "Find turns by their words."),
    "show": Entry("ace_agent.cli.commands.show:command", "Show one picture and how it was made."),
    "train": Entry(
        "ace_agent.cli.commands.train:command", "Fine-tune a model on pairs of your own.", optional=True
    ),
    "train-planner": Entry(
        "ace_agent.cli.commands.train_planner:command", "Train the planner.", optional=True
    ),
    "undo": Entry("ace_agent.cli.commands.navigate:undo", "Go back one turn."),
}
REQUEST_ENTRY = Entry("ace_agent.cli.commands.request:command", "")


def load(entry: Entry) -> click.Command:
    """Import the command that an entry points at."""
    module, _, attribute = entry.where.partition(":")
    command: click.Command = getattr(importlib.import_module(module), attribute)
    return command


def is_installed(entry: Entry) -> bool:
    """Whether the module of an entry can be found, without running it."""
    if not entry.optional:
        return True
    try:
        return importlib.util.find_spec(entry.where.partition(":")[0]) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


class AceGroup(click.Group):
    """`ace REQUEST [PICTURE]...` and `ace COMMAND ...` in one group.

    Command names win; ``--`` before the words forces a request.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, entry in COMMANDS.items() if is_installed(entry)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = REQUEST_ENTRY if cmd_name == REQUEST else COMMANDS.get(cmd_name)
        return load(entry) if entry and is_installed(entry) else None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        version = click.Option(
            ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=print_version,
            help="Show the version and exit.",
        )  # fmt: skip
        return [version, *super().get_params(ctx)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self.arrange(ctx, args))

    def arrange(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command first: the one that is named, else the request."""
        if not args or args[0] in {"--help", "--version"} or args[0] in COMMANDS:
            return args
        shim = click.Command(
            "ace",
            params=[param for param in load(REQUEST_ENTRY).params if isinstance(param, click.Option)],
            context_settings={"allow_interspersed_args": False, "allow_extra_args": True},
        )
        words = shim.make_context("ace", list(args), resilient_parsing=True).args
        options = args[: len(args) - len(words)]
        if words and words[0] in COMMANDS and "--" not in options[-1:]:
            return [words[0], *options, *words[1:]]
        return [REQUEST, *args]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] == REQUEST:
            return "", self.get_command(ctx, REQUEST), args[1:]
        return super().resolve_command(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] REQUEST [PICTURE]...")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        params = [*load(REQUEST_ENTRY).params, *self.get_params(ctx)]
        records = [record for param in params if (record := param.get_help_record(ctx))]
        with formatter.section("Options of a request"):
            formatter.write_dl(records)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        items = [
            CompletionItem(name, help=COMMANDS[name].help)
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return items + load(REQUEST_ENTRY).shell_complete(ctx, incomplete)

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and turn every failure into one line and an exit status (1, usage 2, Ctrl-C 130)."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            status = super().main(args, prog_name or "ace", complete_var, standalone_mode=False, **extra)
        except click.UsageError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            fail(error.format_message())
        except (click.Abort, KeyboardInterrupt):
            click.echo("ace: stopped", err=True)
            sys.exit(INTERRUPTED)
        except Exception as error:
            explain(error)
        sys.exit(status if isinstance(status, int) else 0)


def explain(error: Exception) -> NoReturn:
    """End with the one line that a failure deserves; ACE_DEBUG=1 shows where it came from."""
    if os.environ.get("ACE_DEBUG"):
        traceback.print_exception(error)
    from ace_agent.errors import AceError
    from ace_memory import StoreError

    if isinstance(error, (AceError, StoreError)):
        fail(error.message, error.hint)
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        where = f": {error.filename}" if error.filename else ""
        hint = "free some space, or choose another folder" if error.errno == errno.ENOSPC else ""
        fail(f"{reason}{where}", hint)
    fail(f"{type(error).__name__}: {' '.join(str(error).split())}", "this is a bug; ACE_DEBUG=1 shows where")


def fail(message: str, hint: str = "") -> NoReturn:
    """Print one line and exit with status 1."""
    line = f"{message} ({hint})" if hint else message
    click.echo(f"ace: {' '.join(line.split())}", err=True)
    sys.exit(1)


def print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Show the version; a callback, so that it needs no request."""
    if value and not ctx.resilient_parsing:
        from ace_agent import __version__

        click.echo(f"ace-agent {__version__}")
        ctx.exit()
