"""Where jobs run: this process, a pool of processes, or a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import Protocol, TypeVar

from ace_agent.data.errors import RunStopped

_S = TypeVar("_S")
_T = TypeVar("_T")


class UnorderedMap(Protocol):
    """Maps a function over values, and yields results as they come, in any order.

    Function, values and results must be picklable.
    """

    def __call__(self, function: Callable[[_S], _T], values: Sequence[_S]) -> Iterator[_T]: ...


def map_in_process(function: Callable[[_S], _T], values: Sequence[_S]) -> Iterator[_T]:
    """Map in this process."""
    return map(function, values)


@contextmanager
def worker_pool(workers: int, ray: str | None = None) -> Iterator[UnorderedMap]:
    """Workers for all stages of a run.

    Args:
        workers: processes on this machine; 1 for this process.
        ray: address of a Ray cluster, "local" to start one on this machine, None for no Ray.

    Raises:
        RunStopped: a worker died, or the cluster is unreachable.
    """
    if ray is not None:
        from ace_agent.data.pairs_from_images.on_ray import on_ray

        with on_ray(ray) as each:
            yield each
    elif workers > 1:
        # Spawned, because torch's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread)
        try:
            yield _Pooled(pool, workers)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    else:
        yield map_in_process


class _Pooled:
    def __init__(self, pool: ProcessPoolExecutor, workers: int) -> None:
        self._pool = pool
        self._workers = workers

    def __call__(self, function: Callable[[_S], _T], values: Sequence[_S]) -> Iterator[_T]:
        if len(values) == 1:
            yield function(values[0])
            return
        waiting = iter(values)
        running: set[Future[_T]] = set()
        try:
            while True:
                # Two jobs per worker are queued, so that a failure does not wait behind thousands.
                room = 2 * self._workers - len(running)
                running |= {self._pool.submit(function, value) for value in islice(waiting, room)}
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        except BrokenProcessPool as error:
            raise RunStopped(
                "a worker process died (out of memory?)",
                "finished shards are kept; run the same command again with fewer --workers",
            ) from error
        finally:
            for future in running:
                future.cancel()


def _one_thread() -> None:
    """Processes that each use all cores would be many times slower than one."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
