"""The thread that a model runs in: calls queue for it, and each can be stopped."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from ace_agent.engines.interface import Pipeline
from ace_agent.engines.registry import load_pipeline
from ace_agent.engines.runtime import Runtime
from ace_agent.execution.executor import PlanProgress, ProgressCallback

T = TypeVar("T")
Job = Callable[[ProgressCallback], T]


class Stopped(KeyboardInterrupt):
    """Raised inside a job whose caller has gone. The agent marks the turn as stopped, as for Ctrl-C."""


class StoppedError(Exception):
    """The error of a stopped job; unlike an interrupt, it may cross threads and event loops."""


class LazyPipeline:
    """A pipeline that is loaded on first use, so that a refused call never waits for it."""

    def __init__(self, load: Callable[[], Pipeline]) -> None:
        self._load = load

    @cached_property
    def _loaded(self) -> Pipeline:
        return self._load()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._loaded, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._loaded(*args, **kwargs)


@dataclass(frozen=True)
class Queued(Generic[T]):
    """A job that is waiting, running or done."""

    future: Future[T]
    stopped: threading.Event

    def stop(self) -> None:
        """Remove it from the queue, or end it at its next denoising step; a finished job stays."""
        self.stopped.set()
        self.future.cancel()


class Worker:
    """A model and its thread. Jobs run one at a time, in the order in which they arrive.

    One thread for all, and not a lock: torch keeps a pool of threads for every thread that computes.
    """

    def __init__(self, load: Callable[[], Pipeline]) -> None:
        self.pipeline = cast(Pipeline, LazyPipeline(load))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ace-model")

    def run(self, job: Job[T], report: ProgressCallback | None = None) -> T:
        """Wait for a job's result. Interrupting the waiting thread stops the job."""
        queued = self.start(job, report)
        try:
            return queued.future.result()
        finally:
            queued.stop()

    async def arun(self, job: Job[T], report: ProgressCallback | None = None) -> T:
        """`run` without blocking the event loop. A job that is cancelled while it runs ends at its next denoising
        step; until then the jobs behind it wait."""
        queued = self.start(job, report)
        try:
            return await asyncio.wrap_future(queued.future)
        finally:
            queued.stop()

    def start(self, job: Job[T], report: ProgressCallback | None = None) -> Queued[T]:
        """Put a job at the end of the queue."""
        stopped = threading.Event()

        def tick(progress: PlanProgress) -> None:
            if stopped.is_set():
                raise Stopped
            if report is not None:
                report(progress)

        def work() -> T:
            if stopped.is_set():
                raise StoppedError("the call was stopped before it began")
            try:
                return job(tick)
            except KeyboardInterrupt:
                raise StoppedError("the call was stopped") from None

        return Queued(self._thread.submit(work), stopped)


_shared: weakref.WeakValueDictionary[tuple[str, Runtime], Worker] = weakref.WeakValueDictionary()
_sharing = threading.Lock()


def shared_worker(model: str | Path, runtime: Runtime) -> Worker:
    """The worker of a model. Toolkits of one process that use the same model share its weights and queue."""

    def load() -> Pipeline:
        return load_pipeline(model, runtime)

    with _sharing:
        key = (str(model), runtime)
        worker = _shared.get(key)
        if worker is None:
            worker = _shared[key] = Worker(load)
        return worker
