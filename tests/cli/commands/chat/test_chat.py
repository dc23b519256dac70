"""`ace chat` from a pipe, and its slash commands on a drawn screen."""

from __future__ import annotations

import json
import os
import sys
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from ace_agent.agent import Agent
from ace_agent.cli.commands.chat import slash_commands  # noqa: F401  (fills the registry)
from ace_agent.cli.commands.chat.prompt import completer, read_lines
from ace_agent.cli.commands.chat.session import Quit, Session
from ace_agent.engines.experts.regions import FoundRegion
from tests.cli.conftest import Ace
from tests.tiny import TinyPipeline


class Screen:
    """A session whose two consoles write to one text."""

    def __init__(self, agent: Agent, *, width: int = 60, terminal: bool = False) -> None:
        self.file = StringIO()
        console = Console(
            file=self.file, width=width, force_terminal=terminal, color_system="truecolor" if terminal else None,
            _environ={}, highlight=False,
        )  # fmt: skip
        self.session = Session(agent, console, console, workspace=agent.workspace, planner="rules", yes=True)

    def __call__(self, *typed: str) -> str:
        start = self.file.tell()
        for line in typed:
            self.session.run_line(line)
        return self.file.getvalue()[start:]


@pytest.fixture
def agent(own_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Agent:
    monkeypatch.chdir(tmp_path)
    return Agent(own_workspace, planner="rules", pipeline=TinyPipeline())


@pytest.fixture
def screen(agent: Agent) -> Screen:
    return Screen(agent)


def test_a_pipe_is_a_conversation(ace: Ace, here: Path) -> None:
    typed = "a red car\n\nmake it night\n/undo\n/history all\n/save @2 night.png\n"
    result = ace("chat", "--yes", input=typed)
    assert "@1  32 x 32" in result.stdout
    assert "○" in result.stdout
    assert (here / "night.png").exists()
    assert "\x1b" not in result.output
    assert len(json.loads(ace("history", "--json").stdout)["turns"]) == 1


TINY = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin without one
from types import ModuleType
from tests.cli.conftest import Loaded
sys.modules["ace_agent.engines.mini.pipeline"] = ModuleType("pipeline")
sys.modules["ace_agent.engines.mini.pipeline"].ACEPipeline = Loaded
from ace_agent.cli import main
main(["chat"])
"""


def test_ctrl_c_at_a_question_cancels_the_request_and_not_the_chat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """click turns Ctrl-C at its prompts into an exception of its own, which ended the chat."""
    pytest.importorskip("pty", reason="POSIX only")
    from ace_agent.cli import record_session
    from ace_agent.cli.record_session import Terminal

    monkeypatch.setattr(record_session, "PATIENCE", 120.0)
    environment = os.environ | {"TERM": "dumb", "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    terminal = Terminal([sys.executable, "-c", TINY], environment, tmp_path)
    for line in ("a red car", "make it snow, then make it night"):
        terminal.read()
        terminal.type(line)
    terminal.read()
    assert terminal.text().endswith("[e]dit: ")
    terminal.interrupt()
    for line in ("/history", "/quit"):
        terminal.read()
        terminal.type(line)
    assert terminal.finish() == 0
    after = terminal.text().partition("[e]dit: ")[2]
    assert "stopped; the conversation is as it was" in after
    assert "a red car" in after and "make it snow" not in after


def test_a_mistake_in_a_pipe_is_reported_and_does_not_end_it(ace: Ace, here: Path) -> None:
    result = ace("chat", "--yes", "-o", "out", input="/dance\na red car\n/quit\na cat\n", status=1)
    assert "there is no /dance" in result.stderr
    assert [path.name for path in (here / "out").iterdir()] == ["ace-1.png"]
    assert "./out" in result.stdout or "out/ace-1.png" in result.stdout


def test_leaving_early_does_not_close_the_pipe(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = tmp_path / "typed"
    typed.write_text("/quit\na cat\n")
    with typed.open() as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        read = read_lines(screen.session, tmp_path / "history")
        assert next(read) == "/quit\n"
        read.close()
        assert not pipe.closed


def test_help_lists_every_command_and_explains_one(screen: Screen) -> None:
    assert "/undo [N]" in screen("/help")
    assert max(map(len, screen("/help").splitlines())) <= 60
    assert screen("/help undo").count("/") == 1


def test_what_is_known_with_the_plan_is_said_before_the_work_and_once(agent: Agent) -> None:
    class Mini(TinyPipeline):
        name = "ace-mini"

    agent._pipeline = Mini()
    text = Screen(agent)("an igloo in the snow")
    assert text.count("never seen an 'igloo'") == 1
    assert text.index("nearest") < text.index("$1") < text.index("@1")


def test_moving(screen: Screen) -> None:
    screen("a red car", "make it night")
    assert "@1" in screen("/undo")
    assert "@2" in screen("/redo")
    assert "@1" in screen("/goto @1")
    assert "nothing to undo" in screen("/undo 7")
    assert "not a number" in screen("/undo two")
    assert "now in days" in screen("/branch days")
    assert screen.session.agent.conversation == "days"
    assert "already" in screen("/branch days")


def test_seed_and_size_hold_until_they_are_set_off(screen: Screen) -> None:
    assert "seed 7" in screen("/seed 7")
    assert "64 x 48" in screen("/size 64x48")
    assert "64 x 48  seed 7" in screen("a red car")
    assert "a new seed" in screen("/seed off")
    assert "not a seed" in screen("/seed -1")
    assert "not a size" in screen("/size large")


def test_a_mask_in_words_serves_one_request(screen: Screen) -> None:
    screen("a red car")
    assert "masks the next request" in screen("/mask left")
    screen("replace the car with a cat")
    made = screen.session.agent.turns()[-1]
    assert made.plan.steps[0].mask == "@2"
    assert screen.session.settings.mask is None
    assert "no mask" in screen("/mask off")
    assert "four numbers" in screen("/mask box 1 2 3")


def test_a_mask_of_a_thing_is_looked_for_in_the_picture(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen("a red car")
    monkeypatch.setattr(
        screen.session.agent.engines, "find_region",
        lambda picture, region: FoundRegion(Image.new("L", picture.size, 255), region.words, 1.0),
    )  # fmt: skip
    assert "masks the next request" in screen("/mask the car")
    picture = screen.session.agent.show(screen.session.settings.mask or "")
    assert (picture.kind, picture.size, picture.caption) == ("mask", (32, 32), '{"words": "the car"}')


def test_what_is_not_in_the_picture_is_no_mask(screen: Screen) -> None:
    """A segmentation took nearly everything for anything."""
    screen("a red car")
    turns = len(screen.session.agent.turns())
    assert "no giraffe was found" in screen("/mask the giraffe")
    assert screen.session.settings.mask is None
    assert len(screen.session.agent.turns()) == turns


def test_compare_shows_both_in_60_columns(agent: Agent) -> None:
    screen = Screen(agent, terminal=True)
    screen("a red car", "make it night")
    text = screen("/compare")
    rows = [line for line in text.splitlines() if "▀" in line]
    assert {row.count("▀") for row in rows} == {58}
    assert "made from no other picture" in screen("/compare @1")
    assert "@2" in screen("/compare @2 @1")


def test_attach_save_show_rerun_export(screen: Screen, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "green").save(tmp_path / "photo.png")
    assert "photo.png" in screen("/attach photo.png")
    assert "40 x 30" in screen("make it night")
    assert "ace-2.png" in screen("/save")
    assert (tmp_path / "ace-2.png").exists()
    assert "from" in screen("/show @1")
    assert "identical" in screen("/rerun")
    assert "no recipe" in screen("/rerun @1")
    assert "talk.ace" in screen("/export talk.ace")
    assert "exists already" in screen("/export talk.ace")
    assert "gone.png" in screen("/attach gone.png")


def test_another_planner_or_model_can_fail_without_losing_this_one(screen: Screen) -> None:
    agent = screen.session.agent
    assert "no planner" in screen("/planner nobody")
    assert "no model" in screen("/model nothing")
    assert "ace models convert" in screen("/model ace-0.6b-512")
    assert screen.session.agent is agent
    assert "planner rules" in screen("/planner rules")
    assert "model ace-mini" in screen("/model ace-mini")
    assert screen.session.agent is not agent


@pytest.mark.parametrize("typed", ["/quit", "exit", "Quit", "/q"])
def test_quit(screen: Screen, typed: str) -> None:
    with pytest.raises(Quit):
        screen(typed)
    assert "/undo [N]" in screen("help")


def test_completion_knows_the_pictures(screen: Screen) -> None:
    assert screen.session.images() == []
    screen("a red car")
    assert [image for image, _ in screen.session.images()] == ["@1", "@last", "@first"]


def test_tab_completes_the_word_before_the_cursor(screen: Screen) -> None:
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    screen("a red car")
    found = list(completer(screen.session).get_completions(Document("/goto @1"), CompleteEvent()))
    assert [(item.text, item.start_position) for item in found] == [("@1", -2)]
    found = list(completer(screen.session).get_completions(Document("/und"), CompleteEvent()))
    assert [(item.text, item.start_position) for item in found] == [("/undo", -4)]


def test_the_prompt_keeps_its_history_between_sessions(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines typed on a terminal that prompt_toolkit plays; Ctrl-C gives up a line, Ctrl-D ends."""
    from prompt_toolkit.application import create_app_session
    from prompt_toolkit.input import create_pipe_input
    from prompt_toolkit.output import DummyOutput

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    history = tmp_path / "history"
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text("a red car\r")
        keys.send_bytes(b"a caf\xe9\r")  # Latin-1, as an old terminal sends it
        keys.send_text("half a line\x03")
        keys.send_text("\x04")
        assert list(read_lines(screen.session, history)) == ["a red car", "a caf\udce9"]
    assert "a red car" in history.read_text(encoding="utf-8")
