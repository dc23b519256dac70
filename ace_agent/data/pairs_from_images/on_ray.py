"""Running jobs on a Ray cluster, through Ray Data.

Every node must see the folders of pictures and shards under the same paths (a shared file system). Each value is one
task: if a worker dies, Ray gives its task to another, and since shards appear atomically under fixed names, none is
lost or made twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ace_agent.data.errors import RunStopped

if TYPE_CHECKING:
    from ace_agent.data.pairs_from_images.workers import UnorderedMap

LOCAL = "local"

_S = TypeVar("_S")
_T = TypeVar("_T")


@contextmanager
def on_ray(address: str) -> Iterator[UnorderedMap]:
    """The cluster at ``address`` ("auto", "host:6379", or "local" to start one on this machine).

    An existing connection is reused.

    Raises:
        RunStopped: Ray is not installed, or the cluster is unreachable or fails.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise RunStopped("Ray is not installed", 'pip install "ace-agent[ray]"') from error
    ours = not ray.is_initialized()
    if ours:
        try:
            ray.init(
                address=address, include_dashboard=None, log_to_driver=False, logging_level=logging.ERROR
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            hint = "start one with: ray start --head"
            raise RunStopped(f"no Ray cluster at {address!r}: {reason}", hint) from error
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield _each
    except ray.exceptions.RayError as error:
        raise _stopped(error) from error
    finally:
        if ours:
            ray.shutdown()


def _each(function: Callable[[_S], _T], values: Sequence[_S]) -> Iterator[_T]:
    import ray.data

    def apply(row: dict[str, Any]) -> dict[str, Any]:
        return {"result": function(row["value"])}

    # One block per value, so that each is a task that another worker can take over.
    rows = ray.data.from_items([{"value": value} for value in values], override_num_blocks=len(values))
    for row in rows.map(apply).iter_rows():
        yield row["result"]


def _stopped(error: BaseException) -> RunStopped:
    """The error inside a task, unwrapped from Ray's own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RunStopped):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    return RunStopped(f"the Ray cluster failed: {last}", "finished shards are kept; run it again")
