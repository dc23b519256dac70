"""Progress for those who listen: LangChain's callbacks and LangGraph's custom stream."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event

from ace_agent.execution.executor import PlanProgress, ProgressCallback
from ace_tools.calling import ProgressRelay

EVENT = "ace_progress"
"""Name of the custom event; its data are `step`, `steps`, `fraction`, `seconds_left` and `message`."""


def progress_report(listened: bool) -> ProgressCallback | None:
    """A report that reaches whoever listens to the run of this context; None if nobody does.

    The report may come from another thread; callbacks are called there. `listened`: the run has handlers.
    """
    write = _stream_writer()
    if not listened and write is None:
        return None
    context = contextvars.copy_context()

    def report(progress: PlanProgress) -> None:
        data = asdict(progress)
        if listened:
            context.run(dispatch_custom_event, EVENT, data)
        if write is not None:
            context.run(write, {EVENT: data})

    return report


def progress_relay(listened: bool) -> tuple[ProgressRelay, ProgressCallback | None]:
    """The same on an event loop, where async handlers expect to be called."""
    write = _stream_writer()

    async def send(progress: PlanProgress) -> None:
        data = asdict(progress)
        if listened:
            await adispatch_custom_event(EVENT, data)
        if write is not None:
            write({EVENT: data})

    relay = ProgressRelay(send)
    return relay, relay.report if listened or write is not None else None


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
