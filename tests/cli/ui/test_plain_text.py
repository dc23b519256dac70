"""Nothing that a stranger wrote drives the terminal, and no encoding ends a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from ace_agent.agent import Agent
from ace_agent.cli import main
from ace_agent.cli.ui.console import output, print_json
from ace_agent.cli.ui.plain_text import clip, plain
from ace_agent.images.files import encode_png
from tests.cli.conftest import Ace
from tests.tiny import TinyPipeline

ESCAPE = "\x1b]0;owned\x07\x1b[31m\x9b2J"


def test_text_keeps_what_people_write() -> None:
    text = "un café\u00a0noir, 寿司\u3000です, 👩\u200d🚀 family\nnext\tline"
    assert plain(text) == text


@pytest.mark.parametrize(
    "wild", ["\x1b[2J", "\x9b2J", "\r", "\x08", "\u202e", "\u2028", "\ufeff", "\udcff", "\0"]
)
def test_what_drives_or_confuses_a_terminal_is_replaced(wild: str) -> None:
    assert plain(f"a{wild}b").startswith("a\N{REPLACEMENT CHARACTER}")
    plain(wild).encode()


def test_clipped_text_is_one_line() -> None:
    assert clip("a\nb" + "c" * 20, 8) == "a bcccc…"


def test_everything_that_a_console_prints_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("head" + ESCAPE)
    table.add_row(ESCAPE, Text(ESCAPE))
    for renderable in (ESCAPE, Text(ESCAPE), table):
        output().print(renderable)
    printed = capsys.readouterr().out
    assert not set(printed) & set("\x1b\x07\x9b")
    assert "owned" in printed


def test_a_name_between_colons_is_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    """rich turned `photos:cat:1.png` into a picture of a cat."""
    output().print("photos:cat:1.png")
    assert capsys.readouterr().out == "photos:cat:1.png\n"


def test_json_is_escaped_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"caption": f"寿司 {ESCAPE} \udcff"}
    print_json(value)
    printed = capsys.readouterr().out
    assert not set(printed) & set("\x1b\x07\x9b\udcff")
    assert json.loads(printed) == value
    print_json({"caption": "寿司"})
    assert "寿司" in capsys.readouterr().out


def test_a_recipe_from_a_stranger_does_not_drive_the_terminal(ace: Ace, here: Path) -> None:
    """The `model` of a forged recipe was printed as it was, in the line that says who made the picture."""
    ace("a red car")
    from ace_agent.images.files import read_recipe

    recipe = read_recipe(here / "ace-1.png") | {"model": f"nice{ESCAPE}"}
    (here / "forged.png").write_bytes(encode_png(Image.open(here / "ace-1.png"), recipe))
    result = ace("rerun", "forged.png", status=1)
    assert "nice" in result.stderr
    assert not set(result.stderr) & set("\x1b\x07\x9b")


def test_a_file_name_does_not_drive_the_terminal(ace: Ace, here: Path) -> None:
    ace("a red car")
    name = f"x{ESCAPE}.png"
    for args in (
        ("make it night", name),
        ("plan", "--check", name),
        ("run", name),
        ("import", name),
        ("gallery", "-c", name),
        (name, "--size", name),
    ):
        result = ace(*args, status=2 if args[0] in ("import", name) else 1)
        assert "owned" in result.stderr
        assert not set(result.output) & set("\x1b\x07\x9b"), args


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_no_encoding_of_the_output_ends_a_command(own_workspace: Path, encoding: str) -> None:
    """`ace history` ended with a UnicodeEncodeError where output was cp1252: its bullets are not in there."""
    agent = Agent(own_workspace, planner="rules", pipeline=TinyPipeline())
    agent.say("une voiture « 寿司 »")
    agent.say("a red car")
    agent.undo()
    agent.close()
    runner = CliRunner(charset=encoding)
    for arguments in (["history", "--all"], ["search", "car"], ["show"]):
        result = runner.invoke(main, arguments)
        assert result.exit_code == 0, repr(result.exception)
        result.stdout_bytes.decode(encoding)
    history = runner.invoke(main, ["history", "--all"]).stdout.splitlines()
    assert [line[0] for line in history[1:]] == ["*", "-"]
    record = json.loads(runner.invoke(main, ["history", "--json"]).stdout)
    assert "寿司" in record["turns"][0]["request"]
