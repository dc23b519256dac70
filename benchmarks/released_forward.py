"""One forward pass of ACE-0.6B with random weights, beside this machine's matrix multiplication in the same run.

    python benchmarks/released_forward.py --side 512 --images 1

Time is the process's own CPU time on one thread, so that other work on the machine does not show.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import torch

from ace_agent.engine.joint import JointDenoiser, JointSample
from ace_agent.engine.transformer import ACETransformer

RELEASED = {
    "layout": "joint",
    "channels": 4,
    "patch": 2,
    "patch_waist": 0,
    "width": 1152,
    "depth": 28,
    "heads": 16,
    "mlp_ratio": 4.0,
    "text_width": 4096,
    "shared_qk_norm": True,
    "rope_theta": 10000.0,
    "out_channels": 8,
}
TEXT_ROWS = 30


def seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def gemm_rate(rows: int) -> float:
    """FLOP/s of the MLP's own multiplication, the largest of a block."""
    a, b = torch.randn(rows, 1152), torch.randn(1152, 4608)
    a @ b
    return 2 * rows * 1152 * 4608 * 5 / seconds(lambda: [a @ b for _ in range(5)])


def forward_flops(tokens: int, text_rows: int, width: int = 1152, depth: int = 28) -> float:
    """Multiplications and additions of one sample, as the model's tensors have them."""
    linear = tokens * 14 * width**2 + 2 * text_rows * width**2  # q k v o, cross q o, MLP; cross k v
    attention = 2 * tokens**2 * width + 2 * tokens * TEXT_ROWS * width
    return 2.0 * depth * (linear + attention)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=512, help="of every picture, in pixels")
    parser.add_argument("--images", type=int, default=1, help="conditioning pictures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = ACETransformer(**RELEASED).eval()
    size, images = options.side // 8, options.images
    sample = JointSample(
        (size, size),
        None,
        tuple(torch.randn(4, size, size) for _ in range(images)),
        (None,) * images,
        tuple(torch.randn(TEXT_ROWS, 4096) for _ in range(images + 1)),
    )
    tokens = (images + 1) * (size // 2) ** 2
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters:,} parameters, {tokens} tokens, peak {peak_megabytes():.0f} MB before the pass")
    before = gemm_rate(tokens)
    denoiser = JointDenoiser(model, [sample], torch.randn(10, 4096))
    x, t = torch.randn(1, 4, size * size), torch.tensor([500])
    taken = seconds(lambda: denoiser(x, t))
    after = gemm_rate(tokens)
    flops = forward_flops(tokens, TEXT_ROWS * (images + 1))
    limit = (before + after) / 2
    print(
        f"forward pass: {taken:.1f} s of CPU time for {flops / 1e12:.2f} TFLOP, {flops / taken / 1e9:.1f} GFLOP/s"
    )
    print(
        f"matrix multiplication alone: {limit / 1e9:.1f} GFLOP/s, so {100 * flops / taken / limit:.0f} % of it"
    )
    print(f"peak {peak_megabytes():.0f} MB")


if __name__ == "__main__":
    main()
