"""Calling an operation: one that runs the model or writes waits its turn, one that only reads does not. Its progress
goes to an event loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ace_agent.execution.executor import PlanProgress, ProgressCallback
from ace_tools.operations import Operation
from ace_tools.results import Result
from ace_tools.sessions import SessionPool


def call(
    pool: SessionPool,
    conversation: str,
    operation: Operation,
    arguments: Mapping[str, Any],
    report: ProgressCallback | None = None,
) -> Result:
    """Carry out an operation in a conversation. Raises an AceError for what cannot be done."""
    job = _job(pool, conversation, operation, arguments)
    return job(report) if operation.reads else pool.worker.run(job, report)


async def acall(
    pool: SessionPool,
    conversation: str,
    operation: Operation,
    arguments: Mapping[str, Any],
    report: ProgressCallback | None = None,
) -> Result:
    """`call` without blocking the event loop. Cancelling it stops the work and leaves the conversation at the turn
    before."""
    job = _job(pool, conversation, operation, arguments)
    if operation.reads:
        return await asyncio.to_thread(job, report)
    return await pool.worker.arun(job, report)


def _job(
    pool: SessionPool, conversation: str, operation: Operation, arguments: Mapping[str, Any]
) -> Callable[[ProgressCallback | None], Result]:
    checked = operation.arguments(**arguments)

    def job(report: ProgressCallback | None) -> Result:
        with pool.session(conversation) as session:
            return operation.run(session, checked, report)

    return job


class ProgressRelay:
    """Carries progress from the model's thread to a coroutine on the event loop, in order.

    `report` may be called in any thread. Await `finished` when the result is there: by then everything reported
    before it has been sent.
    """

    def __init__(self, send: Callable[[PlanProgress], Awaitable[None]]) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._last: asyncio.Task[None] | None = None

    def report(self, progress: PlanProgress) -> None:
        self._loop.call_soon_threadsafe(self._start, progress)

    async def finished(self) -> None:
        # The last report was put on the loop before the result was, so it has started by now.
        if self._last is not None:
            await self._last

    def _start(self, progress: PlanProgress) -> None:
        self._last = self._loop.create_task(self._after(self._last, progress), context=self._context)

    async def _after(self, earlier: asyncio.Task[None] | None, progress: PlanProgress) -> None:
        if earlier is not None:
            await earlier
        await self._send(progress)
