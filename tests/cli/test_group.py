"""How a command line is read: requests, commands, and the one line of a failure."""

from __future__ import annotations

import errno

import click
import pytest
from click.testing import CliRunner

from ace_agent.cli import main
from ace_agent.cli.group import COMMANDS, REQUEST, explain, fail
from ace_agent.errors import InputError


def arranged(*args: str) -> list[str]:
    return main.arrange(click.Context(main), list(args))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["a red car"], [REQUEST, "a red car"]),
        (["make it night", "-o", "x.png"], [REQUEST, "make it night", "-o", "x.png"]),
        (["-n", "4", "a cat"], [REQUEST, "-n", "4", "a cat"]),
        (["--", "undo"], [REQUEST, "--", "undo"]),
        (["--seed", "3", "--", "undo"], [REQUEST, "--seed", "3", "--", "undo"]),
        (["undo"], ["undo"]),
        (["undo", "--json"], ["undo", "--json"]),
        (["--json", "history"], ["history", "--json"]),
        (["--workspace", "w", "history", "--limit", "3"], ["history", "--workspace", "w", "--limit", "3"]),
        (["--no-such-option", "a cat"], [REQUEST, "--no-such-option", "a cat"]),
        (["--help"], ["--help"]),
        ([], []),
    ],
)
def test_command_names_win_and_everything_else_is_a_request(args: list[str], expected: list[str]) -> None:
    assert arranged(*args) == expected


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


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("x.jpg is empty", hint="give another file"), "ace: x.jpg is empty (give another file)"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/memory.db"),
            "ace: No space left on device: /x/memory.db (free some space, or choose another folder)",
        ),
        (
            ValueError("two\nlines"),
            "ace: ValueError: two lines (this is a bug; ACE_DEBUG=1 shows where)",
        ),
    ],
)
def test_a_failure_is_one_line_and_status_1(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        explain(error)
    assert stop.value.code == 1
    assert capsys.readouterr().err == line + "\n"


def test_fail_without_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fail("it did not work")
    assert capsys.readouterr().err == "ace: it did not work\n"


def test_ctrl_c_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(ctx: click.Context) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "invoke", interrupted)
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 130
