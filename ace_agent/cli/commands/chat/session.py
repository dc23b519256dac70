"""A session of `ace chat`: its settings, and what one line of input does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ace_agent.cli.commands.chat.registry import find, split
from ace_agent.cli.commands.request import mistyped
from ace_agent.cli.ui.acts import carry_out
from ace_agent.cli.ui.named_files import files_in
from ace_agent.cli.ui.open_agent import open_agent
from ace_agent.cli.ui.plans import Confirm, asker
from ace_agent.cli.ui.present import Notes, present
from ace_agent.cli.ui.progress import progress_bar
from ace_agent.cli.ui.saving import Destination
from ace_agent.engines.presets import MINI
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import AceError, PlanError
from ace_agent.planner.interface import Act
from ace_agent.planner.rules.acts import without_save

if TYPE_CHECKING:
    from ace_agent.agent import Agent, Picture, Turn
    from ace_agent.plan import Plan


ALIASES = {"exit": "/quit", "quit": "/quit", "bye": "/quit", "help": "/help", "?": "/help"}
"""Words that people type to leave, or for help, in any terminal."""


class Quit(Exception):
    """Raised by /quit."""


@dataclass
class ChatSettings:
    """What `/seed`, `/size` and `/mask` set. The mask, a picture's id, serves one request."""

    seed: int | None = None
    size: tuple[int, int] | None = None
    mask: str | None = None


@dataclass
class Session:
    """An agent, two consoles and the settings. Every picture is also written to the folder `output`."""

    agent: Agent
    results: Console
    notices: Console
    workspace: Path | None = None
    model: str = MINI
    runtime: Runtime = field(default_factory=Runtime)
    planner: str = "auto"
    yes: bool = False
    output: Path | None = None
    settings: ChatSettings = field(default_factory=ChatSettings)

    def run_line(self, text: str) -> bool:
        """Carry out a request or slash command; whether it succeeded. An error is printed and the chat goes on.

        Raises Quit for /quit.
        """
        text = text.strip()
        try:
            text = ALIASES.get(text.lower(), text)
            if text.startswith("/"):
                name, arguments = split(text)
                find(name).run(self, arguments)
            elif text:
                if near := mistyped(text):
                    raise PlanError(f"there is no command {text!r}", f"did you mean: /{near}")
                request, file = without_save(text)
                self.say(request)
                if file:
                    raise Act("save", file=file)
        except Act as act:
            return self._act(act, files_in(text))
        except AceError as error:
            self.print_error(error)
            return False
        return True

    def _act(self, act: Act, files: Sequence[Path]) -> bool:
        try:
            carry_out(act, self.agent, self.results, Destination(self.output), files)
        except AceError as error:
            self.print_error(error)
            return False
        return True

    def say(self, request: str) -> Turn:
        """Carry out a request and show its result."""
        settings = self.settings
        note = Notes(self.notices)
        with progress_bar(self.notices) as progress:
            turn = self.agent.say(
                request,
                files_in(request),
                mask=settings.mask,
                seed=settings.seed,
                size=settings.size,
                confirm=Confirm(self.notices, self.yes, progress, show=True),
                ask=asker(self.notices, self.yes, progress),
                note=note,
                progress=progress,
            )
        self.settings = ChatSettings(seed=settings.seed, size=settings.size)
        self.present(turn, note)
        return turn

    def run(self, plan: Plan, request: str) -> Turn:
        """Run the plan of a slash command, without showing it."""
        with progress_bar(self.notices) as progress:
            return self.agent.run(plan, request=request, progress=progress)

    def present(self, turn: Turn, note: Notes | None = None) -> None:
        """Show the pictures with their ids, and their paths if there is a folder to write to."""
        paths = () if self.output is None else Destination(self.output).write(turn.images)
        present(turn, paths, self.results, note or Notes(self.notices))

    def use_model(self, model: str) -> None:
        """Switch to another model. Raises ModelError, and keeps this one, where it is not installed."""
        from ace_agent.engines.presets import model_folder

        if not Path(model).is_dir():
            model_folder(model)
        self.agent = open_agent(
            self.workspace,
            self.agent.conversation,
            model=model,
            runtime=self.runtime,
            planner=self.planner,
        )
        self.model = model

    def use_planner(self, planner: str) -> None:
        """Switch to another planner. Raises PlanError, and keeps this one, for an unknown name."""
        from ace_agent.planner.factory import make_planner

        self.agent = open_agent(
            self.workspace,
            self.agent.conversation,
            model=self.model,
            runtime=self.runtime,
            planner=make_planner(planner),
            pipeline=self.agent.pipeline,
        )
        self.planner = planner
        self.agent.preload()

    def print_error(self, error: AceError) -> None:
        """One line and the way out."""
        line = f"{error.message} ({error.hint})" if error.hint else error.message
        self.notices.print(Text(line, style="red"))

    def print_line(self, line: str) -> None:
        self.results.print(Text(line))

    def images(self) -> list[tuple[str, str]]:
        """(id, words) of every picture, latest first, for completion."""
        pictures: list[Picture] = self.agent.pictures()
        named = [(picture.id, picture.words) for picture in reversed(pictures)]
        return [*named, ("@last", "the latest"), ("@first", "the first")] if named else []
