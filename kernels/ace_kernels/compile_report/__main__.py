"""`python -m ace_kernels.compile_report`: compile every launch for every chip, and check the machine code.

No GPU is needed. Exits 1 if a kernel traps, stores nothing, spills a register, misses its chip's matrix instruction,
loads less than 4 bytes a thread in a loop of aligned rows, or needs too much shared memory. The report shows what the
compiler made, not a speed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

import torch

from ace_kernels.compile_report.targets import FALLBACKS, QUICK, TARGETS
from ace_kernels.ops.range_attention.api import MAX_WIDTH, MIN_WIDTH
from ace_kernels.triton_support import chip_problem, is_interpreted, triton_problem

# The head widths of ACE-0.6B and ace-mini, and two more with tiles of their own.
WIDTHS = (72, 64, 32, 128)
HALF = (torch.float16, torch.bfloat16)
UNALIGNED_WIDTH = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and one summary line; the exit status."""
    options = _parse(arguments)
    problem = triton_problem()
    if problem is None and is_interpreted():
        problem = "TRITON_INTERPRET=1 is set, and an interpreted kernel cannot be compiled; unset it"
    if problem is not None:
        print(f"ace_kernels.compile_report cannot run: {problem}", file=sys.stderr)
        return 1
    import triton

    print(
        f"triton {triton.__version__}\n{'chip':8}{'kernel':26}{'variant':20}{'regs':>5}{'spill':>7}{'shared':>9}"
        f"{'matrix':>8}{'load':>6}{'TMA':>5}{'stores':>8}"
    )
    began = time.perf_counter()
    refused = count = 0
    for chip in options.chips:
        for line, problems in _rows(chip, options.widths, options.quick):
            print(f"{line}  {'; '.join(problems)}".rstrip(), flush=True)
            refused += bool(problems)
            count += 1
    for chip in FALLBACKS:
        reason = chip_problem(chip)
        refused += reason is None
        print(f"{chip:8}{'falls back: ' + reason if reason else 'is not refused'}")
    print(
        f"{count} kernels compiled for {', '.join(options.chips)} in {time.perf_counter() - began:.0f} s: "
        + (f"{refused} refused" if refused else "none refused")
    )
    return 1 if refused else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m ace_kernels.compile_report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "widths",
        nargs="*",
        type=int,
        metavar="WIDTH",
        help=f"of attention heads, {MIN_WIDTH} to {MAX_WIDTH}; default {' '.join(map(str, WIDTHS))}",
    )
    parser.add_argument("--chips", nargs="+", choices=TARGETS, metavar="CHIP", help=", ".join(TARGETS))
    parser.add_argument(
        "--quick", action="store_true", help=f"width 72 in float16 only, for {', '.join(QUICK)}"
    )
    options = parser.parse_args(arguments)
    for width in options.widths:
        if not MIN_WIDTH <= width <= MAX_WIDTH:
            parser.error(f"WIDTH: wanted {MIN_WIDTH} to {MAX_WIDTH}, got {width}")
    options.widths = options.widths or (WIDTHS[:1] if options.quick else WIDTHS)
    options.chips = options.chips or (QUICK if options.quick else tuple(TARGETS))
    return options


def _rows(chip: str, widths: Sequence[int], quick: bool) -> Iterator[tuple[str, list[str]]]:
    from ace_kernels.compile_report.disassembly import compile_launch
    from ace_kernels.compile_report.launches import SHAPES, attention_launches, fused_launches

    launches = []
    for dtype in HALF[:1] if quick else HALF:
        for width in widths:
            launches += attention_launches(chip, width, dtype)
        launches += attention_launches(chip, UNALIGNED_WIDTH, dtype, aligned=False)
        for channels, heads in SHAPES[:1] if quick else SHAPES:
            launches += fused_launches(chip, channels, heads, dtype)
    if not quick:
        launches += attention_launches(chip, 72, torch.float32)
    target = TARGETS[chip]
    compiled: set[str] = set()
    for launch in launches:
        key = repr((launch.name, *launch.signature(target.backend), launch.options))
        if key in compiled:
            continue
        compiled.add(key)
        made = compile_launch(launch, chip)
        load = "-" if made.narrowest is None else f"{made.narrowest} B"
        yield (
            f"{chip:8}{launch.name:26}{launch.variant:20}{made.registers:>5}{made.spilled:>7}"
            f"{made.shared / 1024:>7.0f} K{made.matrix:>8}{load:>6}{made.tma:>5}{made.stores:>8}",
            made.problems(launch, target),
        )


if __name__ == "__main__":
    sys.exit(main())
