"""The command group: `ace REQUEST` beside `ace COMMAND`, and every failure in one line."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from ace_agent.cli.command_table import COMMANDS, REQUEST, is_installed, load
from ace_agent.cli.failures import explain, fail
from ace_agent.cli.ui.plain_text import accept_any_character, say

INTERRUPTED = 130


class AceGroup(click.Group):
    """`ace REQUEST [PICTURE]...` and `ace COMMAND ...` in one group.

    Command names win, also after options; ``--`` before the words forces a request.
    """

    # click-default-group would choose the request, too. But it looks for a command only in the first place and
    # loses `--`, so `ace --json history` and `ace -- undo` would still need arrange(); what it would then save is
    # three lines of resolve_command().

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, entry in COMMANDS.items() if is_installed(entry)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
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
        """Move a command that follows options to the front; set `--` before a request, so that it stays whole."""
        if not args or args[0] in {"--help", "--version"} or args[0] in COMMANDS:
            return args
        shim = click.Command(
            "ace",
            params=[param for param in load(REQUEST).params if isinstance(param, click.Option)],
            context_settings={"allow_interspersed_args": False, "allow_extra_args": True},
        )
        words = shim.make_context("ace", list(args), resilient_parsing=True).args
        options = args[: len(args) - len(words)]
        if words and words[0] in COMMANDS and "--" not in options[-1:]:
            return [words[0], *options, *words[1:]]
        return ["--", *args]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in COMMANDS:
            return super().resolve_command(ctx, args)
        return "", load(REQUEST), args

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] REQUEST [PICTURE]...")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        params = [*load(REQUEST).params, *self.get_params(ctx)]
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
        return items + load(REQUEST).shell_complete(ctx, incomplete)

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
        accept_any_character()
        try:
            status = super().main(args, prog_name or "ace", complete_var, standalone_mode=False, **extra)
        except click.UsageError as error:
            text = io.StringIO()
            error.show(text)
            say(text.getvalue().rstrip("\n"), err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            fail(error.format_message())
        except (click.Abort, KeyboardInterrupt):
            say("ace: stopped", err=True)
            sys.exit(INTERRUPTED)
        except Exception as error:
            explain(error)
        sys.exit(status if isinstance(status, int) else 0)


def print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Show the version; a callback, so that it needs no request."""
    if value and not ctx.resilient_parsing:
        from ace_agent import __version__

        click.echo(f"ace-agent {__version__}")
        ctx.exit()
