"""Calling an operation: what runs the model or writes waits its turn, what only reads does not.

And telling its progress on an event loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ace_agent.execution.executor import Progress, Report
from ace_tools.operations import Operation
from ace_tools.results import Result
from ace_tools.sessions import Studio


def call(
    studio: Studio,
    conversation: str,
    operation: Operation,
    arguments: Mapping[str, Any],
    report: Report | None = None,
) -> Result:
    """Carry out an operation in a conversation. Raises an AceError for what cannot be done."""
    given = operation.arguments(**arguments)

    def job(tick: Report | None) -> Result:
        with studio.room(conversation) as room:
            return operation.run(room, given, tick)

    return job(report) if operation.reads else studio.worker.run(job, report)


async def acall(
    studio: Studio,
    conversation: str,
    operation: Operation,
    arguments: Mapping[str, Any],
    report: Report | None = None,
) -> Result:
    """The same without blocking the event loop. Cancelling it stops the work and leaves the conversation at
    the turn before."""
    given = operation.arguments(**arguments)

    def job(tick: Report | None) -> Result:
        with studio.room(conversation) as room:
            return operation.run(room, given, tick)

    if operation.reads:
        return await asyncio.to_thread(job, report)
    return await studio.worker.arun(job, report)


class Relay:
    """Carries progress from the model's thread to a coroutine on the event loop, in order.

    `report` may be called in any thread. Await `finished` when the result is there: what was reported before
    it has been told then.
    """

    def __init__(self, tell: Callable[[Progress], Awaitable[None]]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._last: asyncio.Task[None] | None = None

    def report(self, progress: Progress) -> None:
        self._loop.call_soon_threadsafe(self._start, progress)

    async def finished(self) -> None:
        # The last report was put on the loop before the result was, so it has started by now.
        if self._last is not None:
            await self._last

    def _start(self, progress: Progress) -> None:
        self._last = self._loop.create_task(self._after(self._last, progress), context=self._context)

    async def _after(self, earlier: asyncio.Task[None] | None, progress: Progress) -> None:
        if earlier is not None:
            await earlier
        await self._tell(progress)
