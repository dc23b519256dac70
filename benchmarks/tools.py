"""What the tool layer adds to `Agent.say`: ``python benchmarks/tools.py``.

Both make the same picture with a pipeline that takes no time, by turns in two conversations, so that whatever
else the machine does hits both. The tool's share includes its own PNG file. It should be under 5 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from PIL import Image

from ace_agent.agent import Agent
from ace_agent.engines.interface import Pipeline
from ace_agent.plan import Plan
from ace_agent.planner.interface import Context
from ace_tools.langchain.toolkit import AceToolkit

DESCRIPTION = "a red car in a meadow"


@dataclass
class Output:
    """What a pipeline gives."""

    images: list[Image.Image]
    regions: list[None]


class Instant:
    """A pipeline that paints one flat colour at once."""

    name = "instant"
    weights_sha256 = "0" * 64
    native_size = 128
    default_steps = 16
    default_guidance = 2.0

    def __call__(self, prompt: str, *args: Any, **kwargs: Any) -> Output:
        return Output([Image.new("RGB", (128, 128), (200, 30, 40))], [None])


class Ready:
    """A planner that has its plan already, as `create_image` does."""

    def plan(self, request: str, context: Context) -> Plan:
        return Plan.parse({"steps": [{"task": "text_to_image", "instruction": request}]})


def spent(work: Any) -> float:
    """Milliseconds of one call."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the tool layer.")
    parser.add_argument("--runs", type=int, default=60)
    runs = parser.parse_args().runs
    pipeline = cast(Pipeline, Instant())
    with tempfile.TemporaryDirectory() as folder:
        agent = Agent(Path(folder), conversation="alone", planner=Ready(), pipeline=pipeline)
        toolkit = AceToolkit(workspace=folder, planner=Ready(), pipeline=pipeline)
        create = toolkit.get_tools()[0]
        call = {"name": "create_image", "args": {"description": DESCRIPTION}, "id": "1", "type": "tool_call"}
        alone, through = [], []
        for _ in range(runs):
            alone.append(spent(lambda: agent.say(DESCRIPTION)))
            through.append(spent(lambda: create.invoke(call)))
        best, middle = min(through) - min(alone), statistics.median(through) - statistics.median(alone)
        print(f"Agent.say       best {min(alone):6.2f} ms   median {statistics.median(alone):6.2f} ms")
        print(f"create_image    best {min(through):6.2f} ms   median {statistics.median(through):6.2f} ms")
        print(f"the tool layer  best {best:6.2f} ms   median {middle:6.2f} ms   ({runs} calls each)")

        async def together() -> None:
            await asyncio.gather(*(create.ainvoke(call) for _ in range(8)))

        eight = spent(lambda: asyncio.run(together()))
        print(f"8 calls at once {eight:6.2f} ms, {eight / 8:.2f} ms each")
        agent.close()
        toolkit.pool.close()


if __name__ == "__main__":
    main()
