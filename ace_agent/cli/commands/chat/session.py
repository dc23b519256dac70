"""One sitting of `ace chat`: what was set with slash commands, and what a line of input does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ace_agent.cli.commands.chat.registry import find, split
from ace_agent.cli.ui.open_agent import open_agent
from ace_agent.cli.ui.plans import Confirm, asker
from ace_agent.cli.ui.present import Notes, present
from ace_agent.cli.ui.progress import progress_bar
from ace_agent.cli.ui.saving import Destination
from ace_agent.engines.presets import MINI
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import AceError

if TYPE_CHECKING:
    from ace_agent.agent import Agent, Picture, Turn
    from ace_agent.plan import Plan


PLAIN = {"exit": "/quit", "quit": "/quit", "bye": "/quit", "help": "/help", "?": "/help"}
"""What people type in any terminal, and mean no picture by."""


class Quit(Exception):
    """The person wants to leave."""


@dataclass
class Settings:
    """What `/seed`, `/size` and `/mask` set. A mask, the id of a picture, serves one request."""

    seed: int | None = None
    size: tuple[int, int] | None = None
    mask: str | None = None


@dataclass
class Session:
    """An agent, two consoles and the settings. `output` is a folder that every picture is written to."""

    agent: Agent
    results: Console
    notices: Console
    workspace: Path | None = None
    model: str = MINI
    runtime: Runtime = field(default_factory=Runtime)
    planner: str = "auto"
    yes: bool = False
    output: Path | None = None
    settings: Settings = field(default_factory=Settings)

    def line(self, text: str) -> bool:
        """Do what one line says. An error is shown and the talk goes on; returns whether all went well.

        Raises Quit when the person wants to leave.
        """
        text = text.strip()
        try:
            text = PLAIN.get(text.lower(), text)
            if text.startswith("/"):
                name, arguments = split(text)
                find(name).run(self, arguments)
            elif text:
                self.say(text)
        except AceError as error:
            self.complain(error)
            return False
        return True

    def say(self, request: str) -> Turn:
        """Carry out a request and show what came of it."""
        settings = self.settings
        note = Notes(self.notices)
        with progress_bar(self.notices) as progress:
            turn = self.agent.say(
                request,
                mask=settings.mask,
                seed=settings.seed,
                size=settings.size,
                confirm=Confirm(self.notices, self.yes, progress, show=True),
                ask=asker(self.notices, self.yes, progress),
                note=note,
                progress=progress,
            )
        self.settings = Settings(seed=settings.seed, size=settings.size)
        self.present(turn, note)
        return turn

    def run(self, plan: Plan, request: str) -> Turn:
        """Carry out a plan that a slash command made, without showing it."""
        with progress_bar(self.notices) as progress:
            return self.agent.run(plan, request=request, progress=progress)

    def present(self, turn: Turn, note: Notes | None = None) -> None:
        """The pictures and their ids; with a folder to write to, their paths too."""
        paths = () if self.output is None else Destination(self.output).write(turn.images)
        present(turn, paths, self.results, note or Notes(self.notices))

    def use_model(self, model: str) -> None:
        """Go on with another model. Raises ModelError, and keeps this one, where it is not installed."""
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
        """Go on with another planner. Raises PlanError, and keeps this one, where there is none of that name."""
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

    def complain(self, error: AceError) -> None:
        """One line and the way out."""
        line = f"{error.message} ({error.hint})" if error.hint else error.message
        self.notices.print(Text(line, style="red"))

    def tell(self, line: str) -> None:
        """One line to the person."""
        self.results.print(Text(line))

    def images(self) -> list[tuple[str, str]]:
        """(id, caption) of every picture, the latest first, for completion."""
        pictures: list[Picture] = self.agent.pictures()
        named = [(picture.id, picture.caption) for picture in reversed(pictures)]
        return [*named, ("@last", "the latest"), ("@first", "the first")] if named else []
