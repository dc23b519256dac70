"""How a command line is read: requests, commands, exit statuses."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from ace_agent.cli import main
from ace_agent.cli.command_table import COMMANDS, REQUEST, load


def resolved(*args: str) -> tuple[click.Command | None, list[str]]:
    """The command that runs, and the arguments that it is given."""
    ctx = click.Context(main)
    _, rest, _ = main.make_parser(ctx).parse_args(main.arrange(ctx, list(args)))
    _, command, left = main.resolve_command(ctx, rest)
    return command, left


@pytest.mark.parametrize(
    "args",
    [
        ["a red car"],
        ["make it night", "-o", "x.png"],
        ["-n", "4", "a cat"],
        ["-n4", "a cat", "photo.jpg"],
        ["--", "undo"],
        ["--", "--json"],
        ["--seed", "3", "--", "undo"],
        ["--no-such-option", "a cat"],
        ["histroy"],
        ["request"],
        ["--json"],
    ],
)
def test_what_names_no_command_is_a_request_with_every_argument_in_place(args: list[str]) -> None:
    assert resolved(*args) == (load(REQUEST), args)


@pytest.mark.parametrize(
    ("args", "name", "left"),
    [
        (["undo"], "undo", []),
        (["undo", "--json"], "undo", ["--json"]),
        (["undo", "--", "2"], "undo", ["--", "2"]),
        (["--json", "history"], "history", ["--json"]),
        (["--workspace", "w", "history", "--limit", "3"], "history", ["--workspace", "w", "--limit", "3"]),
    ],
)
def test_command_names_win_also_after_options(args: list[str], name: str, left: list[str]) -> None:
    assert resolved(*args) == (load(COMMANDS[name]), left)


def test_help_lists_the_request_options_and_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert "--variations" in result.output
    for name, entry in COMMANDS.items():
        if not entry.optional:
            assert f"  {name} " in result.output


def test_a_command_whose_package_is_missing_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = COMMANDS["mcp"]._replace(where="no_such_package.server:command")
    monkeypatch.setitem(COMMANDS, "mcp", gone)
    ctx = click.Context(main)
    assert "mcp" not in main.list_commands(ctx)
    assert main.get_command(ctx, "mcp") is None


def test_usage_errors_exit_with_2() -> None:
    result = CliRunner().invoke(main, ["a cat", "-n", "0"])
    assert result.exit_code == 2
    assert "not in the range" in result.stderr
    assert CliRunner().invoke(main, ["a cat", "--size", "big"]).exit_code == 2


def test_ctrl_c_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(ctx: click.Context) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "invoke", interrupted)
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 130
