"""Seconds and memory per picture of ace-mini, where they go, and what packing saves.

    python benchmarks/pictures.py            # cold process, warm picture and edit, shares, packed against padded

Every figure is a median over runs; run it on idle cores.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ace_agent.engines.mini.pipeline import ACEPipeline

COLD = [sys.executable, "-m", "ace_agent.cli", "a red car in a meadow", "--yes", "--json"]


def median_seconds(action: Callable[[], object], runs: int) -> float:
    """Median wall clock of `action`, after one run that is not counted."""
    action()
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def cold(runs: int) -> dict[str, float]:
    """A whole process from the command line to the PNG: wall clock and the largest resident set of any child so far."""
    taken = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            command = [*COLD, "--workspace", folder, "-o", str(Path(folder) / "out.png")]
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            taken.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"cold picture, s": statistics.median(taken), "cold peak memory, MiB": peak}


@contextmanager
def counted(owner: Any, name: str, spent: dict[str, float]) -> Any:
    """Add the time spent in a method to `spent[name]`."""
    original = getattr(owner, name)

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - start

    setattr(owner, name, timed)
    try:
        yield
    finally:
        setattr(owner, name, original)


def mini() -> ACEPipeline:
    from ace_agent.engines.mini.pipeline import ACEPipeline

    return ACEPipeline.from_pretrained()


def warm(runs: int) -> dict[str, float]:
    """A loaded pipeline: a picture, an edit, four variations, and the edit's time by part (the trunk works for the
    frames too)."""
    from ace_agent.engines.mini.prefix_cache import PrefixCache

    pipeline = mini()
    made = pipeline("a red car in a meadow", task="text_to_image", seed=1).images[0]

    def edit(variations: int = 1) -> object:
        pipeline.prefixes = PrefixCache()  # of a picture that was not met before
        return pipeline("make it night", [made], task="edit_scene", seed=2, num_images_per_prompt=variations)

    figures = {
        "warm picture, s": median_seconds(lambda: pipeline("a red car in a meadow", seed=1), runs),
        "warm 128 px edit, s": median_seconds(edit, runs),
        "four variations of the edit, s": median_seconds(lambda: edit(4), runs),
    }
    model = pipeline.transformer
    spent: dict[str, float] = {}
    parts = ("_blocks", "_seen", "_head", "encode_prefix", "denoise")
    with ExitStack() as counting:
        for part in parts:
            counting.enter_context(counted(model, part, spent))
        start = time.perf_counter()
        edit()
        whole = time.perf_counter() - start
    figures["evaluations of an edit"] = float(evaluations(pipeline.default_steps))
    figures["share of an edit in the trunk"] = spent["_blocks"] / whole
    figures["share of an edit in the convolutions down"] = spent["_seen"] / whole
    figures["share of an edit in the head"] = spent["_head"] / whole
    figures["share of an edit in its frames"] = spent["encode_prefix"] / whole
    figures["share of an edit in denoising"] = spent["denoise"] / whole
    figures["resident memory, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def evaluations(steps: int) -> int:
    """Targets evaluated per picture: one a step, two where guidance acts."""
    from ace_agent.engines.mini.generation import SamplingOptions
    from ace_agent.engines.mini.sampling import shifted_times

    low, high = SamplingOptions().guided
    return sum(2 if low <= t <= high else 1 for t in shifted_times(steps)[:-1])


def packing(runs: int) -> dict[str, float]:
    """A mixed batch of eight requests (no picture, one, two, a history of four turns) in one packed pass, against the
    same batch in which every request is padded to the longest prefix with frames that are masked out of nothing: the
    work that padding would do."""
    import torch

    from ace_agent.engines.mini.generation import SamplingOptions, generate
    from ace_agent.engines.mini.request_tensors import PreparedFrame, PreparedRequest, PreparedUnit

    pipeline = mini()
    tokens = pipeline.tokenizer("make it night")
    frame = PreparedFrame(torch.zeros(3, 128, 128), torch.ones(1, 128, 128), 0)

    def request(frames: int) -> PreparedRequest:
        units = tuple(PreparedUnit(tokens, (frame,)) for _ in range(frames)) or (PreparedUnit(tokens, ()),)
        return PreparedRequest(units, 128, 128, frame if frames else None)

    counts = [0, 0, 1, 1, 1, 2, 2, 5]
    options = SamplingOptions(steps=4)

    def run(frames: list[int]) -> Callable[[], object]:
        requests = [request(n) for n in frames]
        return lambda: generate(
            pipeline.transformer, pipeline.text_encoder, requests, [[1]] * len(requests), tokens, options
        )

    packed = median_seconds(run(counts), runs)
    padded = median_seconds(run([max(counts)] * len(counts)), runs)
    rows = sum(64 + 64 * n for n in counts)
    padded_rows = len(counts) * (64 + 64 * max(counts))
    return {
        "mixed batch of eight, packed, s": packed,
        "the same padded, s": padded,
        "padded / packed": padded / packed,
        "rows padded / rows packed": padded_rows / rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures = {**cold(options.runs), **warm(options.runs), **packing(options.runs)}
    figures["threads"] = float(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:40} {value:10.3f}")


if __name__ == "__main__":
    main()
