"""What a GPU could reach at best, computed from published peaks: the tables of docs/kernels.md.

    python benchmarks/roofline.py

Nothing is run or timed. Letters: N tokens, H heads, D head width, C = H * D channels.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from ace_kernels import RangePlan, Segment

HEADS, WIDTH = 16, 72
CHANNELS = HEADS * WIDTH
BYTES = 2  # of a bfloat16
LENGTHS = (1024, 2048, 512, 4096)
MIXED = (256, 512, 256, 1024, 256, 768, 512, 512)
COLUMNS = {"64 + 16": 80, "FlashAttention-2": 96, "one power of two": 128}
EXPONENTIALS = (
    16  # per clock and multiprocessor (published: CUDA programming guide, compute capability 8.0 to 10.0)
)
TILE = 128


@dataclass(frozen=True)
class Chip:
    """Published: dense bfloat16 TFLOP/s, memory TB/s, multiprocessors, and operations per clock of one of them (a
    multiply-add is two)."""

    name: str
    tflops: float
    terabytes: float
    processors: int
    per_clock: int

    @property
    def ridge(self) -> float:
        """FLOP per byte above which multiplication and not memory is the limit."""
        return self.tflops / self.terabytes


CHIPS = (
    Chip("A100", 312, 2.0, 108, 2048),
    Chip("H100", 989, 3.35, 132, 4096),
    Chip("B200", 2250, 8.0, 148, 8192),
    Chip("MI300X", 1307, 5.3, 304, 2048),
)

# Reads and writes of N x C elements. A fused operation reads its inputs and writes its output; op by op, every
# elementwise step of the plain formula does so, and the modulation is copied to every token.
FUSED = {"LayerNorm, modulate": 2 * 2, "RMSNorm, heads, RoPE (q, k, cross q)": 3 * 2, "gate, residual": 2 * 3}
PLAIN = {
    "LayerNorm, modulate": 2 * (2 + 4 + 4),
    "RMSNorm, heads, RoPE (q, k, cross q)": 3 * 5 + 2 * 9,
    "gate, residual": 2 * (1 + 3 + 3),
}


def table(head: list[str], rows: Iterator[list[str]]) -> None:
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def attention() -> None:
    """Forward pass of the packed batch: is it bound by multiplications or by memory?"""
    squares = sum(n * n for n in LENGTHS)
    flops = 4 * CHANNELS * squares
    memory = 4 * sum(LENGTHS) * CHANNELS * BYTES
    cache = 2 * CHANNELS * BYTES * squares / TILE
    print(
        f"Forward pass of {list(LENGTHS)} x {HEADS} x {WIDTH}: {flops / 1e9:.1f} GFLOP; q, k, v and the output once: "
        f"{memory / 1e6:.1f} MB, so {flops / memory:.0f} FLOP per byte; keys and values again for every {TILE} "
        f"queries: {cache / 1e6:.0f} MB, from the cache.\n"
    )
    table(
        ["chip", "TFLOP/s", "TB/s", "ridge, FLOP/B", "multiplications, µs", "memory, µs"],
        (
            [
                chip.name,
                f"{chip.tflops:.0f}",
                f"{chip.terabytes:g}",
                f"{chip.ridge:.0f}",
                f"{flops / chip.tflops / 1e6:.0f}",
                f"{memory / chip.terabytes / 1e6:.0f}",
            ]
            for chip in CHIPS
        ),
    )


def columns() -> None:
    """Head width 72 in powers of two: work per useful column, and the ceiling that the exponentials leave."""
    table(
        ["columns", "of 72", "waste", *(f"{chip.name}: overlapped / in turn" for chip in CHIPS[:3])],
        (
            [f"{name} ({width})", f"{width / WIDTH:.2f}", f"{1 - WIDTH / width:.0%}", *_shares(width)]
            for name, width in COLUMNS.items()
        ),
    )


def _shares(width: int) -> Iterator[str]:
    """The share of peak that a tile can reach, with exponentials alongside the multiplications or after them."""
    exponentials = TILE * TILE / EXPONENTIALS
    for chip in CHIPS[:3]:
        useful, spent = (4 * TILE * TILE * w / chip.per_clock for w in (WIDTH, width))
        yield f"{useful / max(spent, exponentials):.0%} / {useful / (spent + exponentials):.0%}"


def packing() -> None:
    """Tokens and scores that padding to the longest sample wastes."""
    table(
        ["batch", "tokens", "padded", "wasted", "scores wasted"],
        (
            [
                str(list(batch)),
                str(sum(batch)),
                str(len(batch) * max(batch)),
                f"{1 - sum(batch) / (len(batch) * max(batch)):.0%}",
                f"{1 - sum(n * n for n in batch) / (len(batch) * max(batch) ** 2):.0%}",
            ]
            for batch in (LENGTHS, MIXED)
        ),
    )


def schedule() -> None:
    """Tiles assigned to multiprocessors as they become free, in the plan's order and in the batch's."""
    rows = []
    for batch in (LENGTHS, MIXED):
        ends = [sum(batch[: i + 1]) for i in range(len(batch))]
        segments = [Segment((end - n, end), (end - n, end)) for n, end in zip(batch, ends, strict=True)]
        plan = RangePlan.build(segments, ends[-1], ends[-1])
        tiles = [(q0, k1 - k0) for q0, _, k0, k1, *_ in plan.tiles.tolist() if k1 > k0]
        longest_first = [keys for _, keys in tiles for _ in range(HEADS)]
        as_packed = [keys for _, keys in sorted(tiles) for _ in range(HEADS)]
        rows.append(
            [
                str(list(batch)),
                *(
                    f"{_finish(as_packed, c.processors) / _finish(longest_first, c.processors):.2f}"
                    for c in CHIPS
                ),
            ]
        )
    table(["longest first against as packed", *(chip.name for chip in CHIPS)], iter(rows))


def _finish(tiles: list[int], processors: int) -> float:
    free = [0.0] * processors
    for keys in tiles:
        heapq.heappush(free, heapq.heappop(free) + keys)
    return max(free)


def fused() -> None:
    """Bytes that the operations between the matrix products move, per token and block."""
    unit = CHANNELS * BYTES / 1e3
    table(
        ["per token and block", "op by op, KB", "fused, KB"],
        (
            [name, f"{plain * unit:.0f}", f"{kept * unit:.1f}"]
            for name, plain, kept in (
                *((name, PLAIN[name], FUSED[name]) for name in FUSED),
                ("together", sum(PLAIN.values()), sum(FUSED.values())),
            )
        ),
    )


if __name__ == "__main__":
    for part in (attention, columns, packing, schedule, fused):
        part()
