"""The day a GPU is there: one command that checks, tunes and times the kernels, and leaves what it found.

    python benchmarks/gpu_day.py --out gpu --minutes 9            # everything that fits, in order
    python benchmarks/gpu_day.py --out gpu --stage tune           # one stage
    python benchmarks/gpu_day.py --out gpu --resume               # what is not done yet
    python benchmarks/gpu_day.py --out gpu --dry                  # on a CPU: that every stage runs; no figure counts

`results.json` and `table.md` are written after each stage, `tiles/<chip>.json` by `tune`; the table is printed last.
The exit status is 1 where any number is wrong. docs/gpu.md says what to do with the files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from attention import Attention, Batch
from denoise import released, sample
from gpu_checks import graph_faults, kernel_faults
from gpu_tiles import tune
from timing import measure, on_gpu

from ace_agent.engines.released.joint_denoiser import JointDenoiser

Facts = dict[str, Any]
Stage = Callable[[argparse.Namespace], Facts]


def facts(options: argparse.Namespace) -> Facts:
    """The card, the versions, the bandwidth of a copy and the rate of a bfloat16 product of random numbers."""
    side = 256 if options.dry else 8192
    a, b = torch.randn(2, side, side, device=options.device, dtype=torch.bfloat16).unbind()
    block = torch.empty((1 << 12 if options.dry else 1 << 28), device=options.device)
    target = torch.empty_like(block)
    seconds = measure({"copy": lambda: target.copy_(block), "product": lambda: a @ b}, options)
    found: Facts = {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(options.device) if on_gpu(options.device) else "CPU",
        "copy TB/s": round(2 * block.numel() * 4 / seconds["copy"] / 1e12, 3),
        "bfloat16 TFLOP/s": round(2 * side**3 / seconds["product"] / 1e12, 1),
    }
    if on_gpu(options.device):
        properties = torch.cuda.get_device_properties(options.device)
        found |= {"memory GB": round(properties.total_memory / 1e9, 1), "cards": torch.cuda.device_count()}
    try:
        import triton

        found["triton"] = triton.__version__
    except ImportError:
        found["triton"] = "missing"
    return found


def correct(options: argparse.Namespace) -> Facts:
    """Every kernel against float64, in both half formats, over widths and odd packs; twice the same bits; graphs."""
    faults = kernel_faults(options.device, quick=options.dry)
    if on_gpu(options.device):
        faults += graph_faults(options.device)
        if torch.cuda.device_count() > 1:
            faults += [f"cuda:1: {fault}" for fault in kernel_faults("cuda:1", quick=True)]
    return {"faults": faults}


def bench(options: argparse.Namespace) -> Facts:
    """Attention on packs of edits, beside what else runs here; medians in seconds, and TFLOP/s of ours."""
    sizes = {
        "512 px edit": (2048,),
        "1024 px edit": (8192,),
        "five frames of 512 px": (6144,),
        "eight edits of 512 px": (2048,) * 8,
    }
    packs = [Batch(name, lengths, 16, 72) for name, lengths in sizes.items()]
    if options.dry:
        packs = [Batch("dry", (48, 16), 2, 16)]
    dtype = torch.float16 if on_gpu(options.device) else torch.float32
    found: Facts = {}
    for pack in packs:
        case = Attention(pack, options.device, dtype)
        skip = ["padded", "dense"] if pack.lengths[0] > 4096 else []
        methods = {}
        for name, method in case.methods([*skip, *(["flex"] if options.dry else [])]).items():
            try:
                with torch.no_grad():
                    method()
            except (RuntimeError, ImportError, ValueError) as error:
                found[f"{pack.name}: {name}"] = f"does not run: {str(error).splitlines()[0][:80]}"
                continue
            methods[name] = method
        with torch.no_grad():
            times = measure(methods, options)
        found |= {f"{pack.name}: {name}": seconds for name, seconds in times.items()}
        found[f"{pack.name}: TFLOP/s"] = round(pack.flops / times["range_attention"] / 1e12, 1)
    return found


def step(options: argparse.Namespace) -> Facts:
    """A guided evaluation of the 0.6B shape: two calls, both branches in one pack, and that replayed as a graph."""
    model = released(options, 28)
    pair = [sample(16 if options.quick else 64, 1) for _ in range(2)]
    both, one = JointDenoiser(model, pair), JointDenoiser(model, pair[:1])
    x = torch.randn(2, 4, both.longest, device=options.device)
    t = torch.full((2,), 500, device=options.device)

    def apart() -> None:
        one(x[:1], t[:1])
        one(x[1:], t[1:])

    methods: dict[str, Callable[[], object]] = {"two calls": apart, "one pack": lambda: both(x, t)}
    found: Facts = {}
    kind = torch.device(options.device).type
    with torch.no_grad(), torch.autocast(kind, torch.float16, enabled=on_gpu(options.device)):
        if on_gpu(options.device):
            began = time.perf_counter()
            both(x, t)
            found["host seconds of one pack"] = time.perf_counter() - began  # returns before the card is done
            torch.cuda.synchronize()
            try:
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph):
                    both(x, t)
                methods["one pack, graph"] = graph.replay
            except RuntimeError as error:
                found["one pack, graph"] = f"not captured: {str(error).splitlines()[0][:120]}"
        return found | measure(methods, options)


def train(options: argparse.Namespace) -> Facts:
    """ace-mini trained further on this card, with batches from all CPU cores. Only with --train-minutes."""
    if not options.train_minutes:
        return {"skipped": "no --train-minutes"}
    run = options.out / "mini"
    command = [sys.executable, "-m", "ace_agent.training.mini", "train", str(run),
               "--minutes", str(options.train_minutes), "--workers", str(os.cpu_count() or 1)]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return {
        "exit status": done.returncode,
        "last line": (done.stdout + done.stderr).strip().splitlines()[-1:],
    }


STAGES: dict[str, Stage] = {
    "facts": facts,
    "correct": correct,
    "tune": tune,
    "bench": bench,
    "step": step,
    "train": train,
}


def table(results: Facts) -> str:
    """What was found, a row for each figure."""
    lines = ["| stage | what | found |", "|---|---|---|"]
    for stage, found in results.items():
        for name, value in found.items():
            shown = (
                f"{value * 1e3:.3f} ms"
                if isinstance(value, float) and value < 1 and "/s" not in name
                else value
            )
            lines.append(f"| {stage} | {name} | {shown} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the stages that are asked for and not done yet; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=9, help="no stage begins after these")
    parser.add_argument("--stage", choices=STAGES, action="append", help="only this one; may be repeated")
    parser.add_argument("--resume", action="store_true", help="leave out the stages that results.json has")
    parser.add_argument("--dry", action="store_true", help="tiny sizes on a CPU, to check that it runs")
    parser.add_argument("--train-minutes", type=float, default=0)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    options.device = "cpu" if options.dry else "cuda"
    options.quick, options.clock = options.dry, "wall"
    options.rounds = 1 if options.dry else options.rounds
    if not options.dry and not torch.cuda.is_available():
        print("torch sees no GPU here; --dry checks that the stages run", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "results.json"
    results: Facts = json.loads(file.read_text()) if options.resume and file.is_file() else {}
    began = time.monotonic()
    for name, stage in STAGES.items():
        if (options.stage and name not in options.stage) or (options.resume and name in results):
            continue
        if time.monotonic() - began > options.minutes * 60:
            print(f"{name}: no time left; --resume goes on", file=sys.stderr)
            continue
        print(f"{name} ...", file=sys.stderr)
        try:
            results[name] = stage(options)
        except (RuntimeError, ImportError, ValueError) as error:  # the next stage may still run
            results[name] = {
                "failed": str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            }
        file.write_text(json.dumps(results, indent=1))
        (options.out / "table.md").write_text(table(results))
    print(table(results))
    wrong = results.get("correct", {}).get("faults") or any("failed" in found for found in results.values())
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
