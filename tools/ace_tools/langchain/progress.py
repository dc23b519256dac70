"""Progress for those who listen: LangChain's callbacks and LangGraph's custom stream."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event

from ace_agent.execution.executor import Progress, Report
from ace_tools.calling import Relay

EVENT = "ace_progress"
"""Name of the custom event; its data are `step`, `steps`, `fraction`, `seconds_left` and `message`."""


def announcer(listened: bool) -> Report | None:
    """Reports to whoever listens to the run that is going on in this context; None if nobody does.

    The report may come from another thread; callbacks are called there. `listened`: the run has handlers.
    """
    write = _stream_writer()
    if not listened and write is None:
        return None
    context = contextvars.copy_context()

    def report(progress: Progress) -> None:
        told = asdict(progress)
        if listened:
            context.run(dispatch_custom_event, EVENT, told)
        if write is not None:
            context.run(write, {EVENT: told})

    return report


def relay(listened: bool) -> tuple[Relay, Report | None]:
    """The same on an event loop, where async handlers expect to be called."""
    write = _stream_writer()

    async def tell(progress: Progress) -> None:
        told = asdict(progress)
        if listened:
            await adispatch_custom_event(EVENT, told)
        if write is not None:
            write({EVENT: told})

    made = Relay(tell)
    return made, made.report if listened or write is not None else None


def _stream_writer() -> Callable[[Any], None] | None:
    """The writer of LangGraph's custom stream when a graph is running, without importing LangGraph."""
    config = sys.modules.get("langgraph.config")
    if config is None:
        return None
    try:
        writer: Callable[[Any], None] = config.get_stream_writer()
    except (RuntimeError, KeyError):  # no graph is running in this context
        return None
    return writer
