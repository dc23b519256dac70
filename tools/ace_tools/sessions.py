"""The studio: one workspace and one model, with as many conversations as there are threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ace_agent.agent import Agent
from ace_agent.engines.interface import Pipeline
from ace_agent.engines.runtime import Runtime
from ace_agent.planner import Planner
from ace_agent.workspace import workspace_folder
from ace_tools.directing import Directed
from ace_tools.paths import conversation_for
from ace_tools.worker import Worker, shared_worker

OPEN = 16
"""Conversations kept open when nobody uses them; each holds one connection to the store."""


@dataclass
class Room:
    """A conversation as an operation gets it."""

    name: str
    workspace: Path
    agent: Agent
    directed: Directed
    users: int = field(default=0, compare=False)


class Studio:
    """What the tools of one toolkit or server share.

    `session` is the conversation of calls that come without a thread id. `pipeline` is any object of the
    pipeline's interface; None loads `model` when the first picture must be made, to be run as `runtime` says.
    """

    def __init__(
        self,
        workspace: str | Path | None = None,
        *,
        model: str | Path = "ace-mini",
        session: str = "tools",
        planner: str | Planner = "auto",
        runtime: Runtime | None = None,
        pipeline: Pipeline | None = None,
    ) -> None:
        self.workspace = workspace_folder(None if workspace is None else Path(workspace)).absolute()
        self.session = conversation_for(session)
        self.worker = (
            shared_worker(model, runtime or Runtime()) if pipeline is None else Worker(lambda: pipeline)
        )
        self._model = model
        self._planner = planner
        self._rooms: OrderedDict[str, Room] = OrderedDict()
        self._lock = threading.Lock()

    @cached_property
    def planner(self) -> Planner:
        """Made when the first request must be planned."""
        if not isinstance(self._planner, str):
            return self._planner
        from ace_agent.planner.factory import make_planner

        return make_planner(self._planner)

    def conversation(self, thread: object = None) -> str:
        """The name of the conversation that a thread id stands for."""
        return self.session if thread is None or thread == "" else conversation_for(str(thread))

    @contextmanager
    def room(self, conversation: str) -> Iterator[Room]:
        """A conversation, opened if it is not open. Those not used for longest are closed."""
        with self._lock:
            room = self._rooms.get(conversation)
            if room is None:
                directed = Directed(self)
                agent = Agent(
                    self.workspace, model=self._model, conversation=conversation, planner=directed,
                    pipeline=self.worker.pipeline,
                )  # fmt: skip
                room = self._rooms[conversation] = Room(conversation, self.workspace, agent, directed)
            self._rooms.move_to_end(conversation)
            room.users += 1
        try:
            yield room
        finally:
            with self._lock:
                room.users -= 1
                idle = [name for name, other in self._rooms.items() if not other.users]
                for name in idle[: max(0, len(self._rooms) - OPEN)]:
                    self._rooms.pop(name).agent.close()

    def close(self) -> None:
        """Close every conversation that nobody uses."""
        with self._lock:
            for name in [name for name, room in self._rooms.items() if not room.users]:
                self._rooms.pop(name).agent.close()
