"""How the kernel and denoising benchmarks measure time: methods take turns, and each number is a median."""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import time
from collections.abc import Callable, Mapping

import torch

# Dense bfloat16 and float16 TFLOP/s from the vendors' data sheets (published, not measured).
PEAKS = {"A100": 312, "H100": 989, "H200": 989, "B200": 2250, "MI300X": 1307}

Method = Callable[[], object]

# Calls between two events on a GPU: about this long, so that the gaps at both ends do not count.
GPU_SECONDS = 0.02
MOST_CALLS = 1000


def add_options(parser: argparse.ArgumentParser, rounds: int) -> None:
    """The options of every benchmark of this kind."""
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: the CPU time of this process, for a busy machine; use with --threads 1",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to check that it runs")


def start(options: argparse.Namespace) -> torch.dtype:
    """Check the options, print what runs where, and return the dtype to run in: the product's own default."""
    if on_gpu(options.device) and not torch.cuda.is_available():
        raise SystemExit(
            f"--device: wanted a device of this machine, got {options.device}, and torch sees no GPU"
        )
    dtype = torch.float16 if on_gpu(options.device) else torch.float32
    torch.set_num_threads(options.threads)
    print(
        f"torch {torch.__version__}, {options.device}, {options.threads} threads, {dtype}, "
        f"medians of {options.rounds}; ratios are time against the first line"
    )
    return dtype


def seconds(method: Method, options: argparse.Namespace, calls: int = 1) -> float:
    """The time of one call, the mean of `calls`.

    On a GPU all calls are queued between two events: with a synchronisation after each, launching would count too.
    """
    if on_gpu(options.device):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(calls):
            method()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1e3 / calls
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    began = clock()
    for _ in range(calls):
        method()
    return (clock() - began) / calls


def measure(methods: Mapping[str, Method], options: argparse.Namespace) -> dict[str, float]:
    """Median seconds of each method after an uncounted warm-up; the methods take turns in a random order."""
    order = random.Random(1)
    times: dict[str, list[float]] = {name: [] for name in methods}
    calls = {name: _calls(method, options) for name, method in methods.items()}
    for _ in range(options.rounds):
        for name in order.sample(list(methods), len(methods)):
            times[name].append(seconds(methods[name], options, calls[name]))
    return {name: statistics.median(measured) for name, measured in times.items()}


def _calls(method: Method, options: argparse.Namespace) -> int:
    """Warm up; how many calls to time at once: on a GPU enough for GPU_SECONDS, one on a CPU."""
    taken = seconds(method, options)
    if not on_gpu(options.device):
        return 1
    return max(1, min(MOST_CALLS, round(GPU_SECONDS / min(taken, seconds(method, options)))))


def on_gpu(device: str) -> bool:
    """Whether a device string names a CUDA or ROCm device."""
    return device.startswith("cuda")


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
    """Published TFLOP/s of a GPU in the table, otherwise None."""
    if not on_gpu(device):
        return None
    name = torch.cuda.get_device_name(device)
    return next((float(peak) for key, peak in PEAKS.items() if key in name), None)


def peak_gigabytes(device: str) -> float:
    """The peak of memory so far: of the process, or of the tensors on the GPU."""
    if on_gpu(device):
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
