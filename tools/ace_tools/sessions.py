"""The open conversations of one workspace, which share one model."""

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
from ace_agent.plan import Plan
from ace_agent.planner.interface import Context, Planner
from ace_agent.workspace import workspace_folder
from ace_tools.paths import conversation_for
from ace_tools.worker import Worker, shared_worker

KEPT_OPEN = 16
"""Conversations kept open when nobody uses them; each holds one connection to the store."""


class LazyPlanner:
    """A planner by name, made when the first request must be planned; conversations share it."""

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _planner(self) -> Planner:
        from ace_agent.planner.factory import make_planner

        return make_planner(self._name)

    def plan(self, request: str, context: Context) -> Plan:
        return self._planner.plan(request, context)


@dataclass
class Session:
    """An open conversation, as an operation gets it."""

    name: str
    workspace: Path
    agent: Agent
    users: int = field(default=0, compare=False)


class SessionPool:
    """What the tools of one toolkit or server share: a workspace, a model and its worker, the open conversations.

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
        self.default = conversation_for(session)
        self.worker = (
            shared_worker(model, runtime or Runtime()) if pipeline is None else Worker(lambda: pipeline)
        )
        self.planner = LazyPlanner(planner) if isinstance(planner, str) else planner
        self._model = model
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def conversation(self, thread: object = None) -> str:
        """The name of the conversation that a thread id stands for."""
        return self.default if thread is None or thread == "" else conversation_for(str(thread))

    @contextmanager
    def session(self, conversation: str) -> Iterator[Session]:
        """A conversation, opened if it is not open. Those that have been unused for longest are closed."""
        with self._lock:
            session = self._open.get(conversation)
            if session is None:
                agent = Agent(
                    self.workspace, model=self._model, conversation=conversation, planner=self.planner,
                    pipeline=self.worker.pipeline,
                )  # fmt: skip
                session = self._open[conversation] = Session(conversation, self.workspace, agent)
            self._open.move_to_end(conversation)
            session.users += 1
        try:
            yield session
        finally:
            with self._lock:
                session.users -= 1
                idle = [name for name, other in self._open.items() if not other.users]
                for name in idle[: max(0, len(self._open) - KEPT_OPEN)]:
                    self._open.pop(name).agent.close()

    def close(self) -> None:
        """Close every conversation that nobody uses."""
        with self._lock:
            for name in [name for name, session in self._open.items() if not session.users]:
                self._open.pop(name).agent.close()
