"""How the kernel and denoising benchmarks time things: methods take turns, and each number is a median."""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import time
from collections.abc import Callable, Mapping

import torch

# Dense bfloat16 TFLOP/s from the makers' data sheets (published, not measured).
PEAKS = {"A100": 312, "H100": 989, "H200": 989, "B200": 2250, "MI300X": 1307}

Method = Callable[[], object]


def add_options(parser: argparse.ArgumentParser, rounds: int) -> None:
    """What every benchmark of this kind asks for."""
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: this process's own time, for a busy machine; with --threads 1",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")


def start(options: argparse.Namespace) -> torch.dtype:
    """Check the options, say what runs where, and return the dtype to run in."""
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("--device: wanted a device of this machine, got cuda, and torch sees no GPU")
    dtype = torch.bfloat16 if options.device == "cuda" else torch.float32
    torch.set_num_threads(options.threads)
    print(
        f"torch {torch.__version__}, {options.device}, {options.threads} threads, {dtype}, "
        f"medians of {options.rounds}; ratios are time against the first line"
    )
    return dtype


def seconds(method: Method, options: argparse.Namespace) -> float:
    """One run."""
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    if options.device == "cuda":
        torch.cuda.synchronize()
    began = clock()
    method()
    if options.device == "cuda":
        torch.cuda.synchronize()
    return clock() - began


def measure(methods: Mapping[str, Method], options: argparse.Namespace) -> dict[str, float]:
    """Median seconds of each method after one run that is not counted; each round is in another order."""
    order = random.Random(1)
    times: dict[str, list[float]] = {name: [] for name in methods}
    for method in methods.values():
        seconds(method, options)
    for _ in range(options.rounds):
        for name in order.sample(list(methods), len(methods)):
            times[name].append(seconds(methods[name], options))
    return {name: statistics.median(measured) for name, measured in times.items()}


def report(title: str, taken: Mapping[str, float], flops: float = 0.0, peak: float | None = None) -> None:
    """Ratios to the first method, then times."""
    base = next(iter(taken.values()))
    print(f"\n{title}")
    for name, measured in taken.items():
        line = f"  {measured / base:6.2f} x  {name:34}{measured * 1e3:10.2f} ms"
        if flops:
            line += f"{flops / measured / 1e12:10.3f} TFLOP/s"
        if peak:
            line += f"{flops / measured / 1e12 / peak:8.1%} of peak"
        print(line, flush=True)


def device_peak(device: str) -> float | None:
    """Published TFLOP/s of the GPU, None for one that is not in the table and for a CPU."""
    if device != "cuda":
        return None
    name = torch.cuda.get_device_name()
    return next((float(peak) for key, peak in PEAKS.items() if key in name), None)


def peak_gigabytes(device: str) -> float:
    """The most memory so far: of the process, or of the GPU's tensors."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
