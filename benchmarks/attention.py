"""Range attention and the fused operations compared with their alternatives, in one run on one machine.

Methods take turns, and each number is a median, so a slow moment of the machine hits all of them; read the ratios
first. On a CUDA or ROCm machine the script adds the GPU's own kernels, TFLOP/s and the share of peak.

    python benchmarks/attention.py                 # on idle cores
    python benchmarks/attention.py --quick         # to check that it runs; the numbers mean nothing
    python benchmarks/attention.py --list          # which methods run on this machine, and why others do not
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import accumulate, pairwise

import torch
import torch.nn.functional as F
from timing import add_options, device_peak, measure, on_gpu, report, start
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from ace_kernels import (
    RangePlan,
    RopeTable,
    Segment,
    gate_residual,
    layer_norm_modulate,
    range_attention,
    rms_norm_rope,
)

Method = Callable[[], Tensor]

CHUNK = 256
"""Query rows per chunk of "chunked products"."""


@dataclass(frozen=True)
class Batch:
    """Samples packed end to end; every token of a sample sees the whole sample."""

    name: str
    lengths: tuple[int, ...]
    heads: int
    width: int

    @property
    def flops(self) -> float:
        """Of the forward pass: the scores, and their product with the values."""
        return 4.0 * self.heads * self.width * sum(n * n for n in self.lengths)

    @property
    def spans(self) -> list[tuple[int, int]]:
        return list(pairwise([0, *accumulate(self.lengths)]))


def batches(shrink: int) -> list[Batch]:
    draw = random.Random(0)
    small = tuple(draw.randrange(64, 321) // shrink for _ in range(16))
    return [
        Batch(
            "[1024, 2048, 512, 4096] x 16 x 72", tuple(n // shrink for n in (1024, 2048, 512, 4096)), 16, 72
        ),
        Batch("16 samples of 64 to 320 x 8 x 32", small, 8, 32),
        Batch("[256, 512, 128, 1024] x 16 x 72", tuple(n // shrink for n in (256, 512, 128, 1024)), 16, 72),
    ]


class Attention:
    """One batch and every way to attend to it; results are packed `[N, H, D]`, or padded where the method pads."""

    def __init__(self, batch: Batch, device: str, dtype: torch.dtype) -> None:
        torch.manual_seed(0)
        self.batch = batch
        self.total = sum(batch.lengths)
        self.longest = max(batch.lengths)
        shape = (3, self.total, batch.heads, batch.width)
        self.q, self.k, self.v = torch.randn(shape, dtype=dtype, device=device).unbind()
        segments = [Segment(span, span) for span in batch.spans]
        self.plan = RangePlan.build(segments, self.total, self.total, device=device)
        lengths = torch.tensor(batch.lengths, device=device)
        self.sample = torch.arange(len(batch.lengths), device=device).repeat_interleave(lengths)
        self.real = torch.arange(self.longest, device=device) < lengths[:, None]
        self.offsets = F.pad(lengths.cumsum(0), (1, 0)).int()
        self.padded = [self._pad(x) for x in (self.q, self.k, self.v)]
        self.mask = self.real[:, None, None, :]

    def _pad(self, x: Tensor) -> Tensor:
        out = x.new_zeros(len(self.batch.lengths), self.longest, *x.shape[1:])
        out[self.real] = x
        return out.transpose(1, 2)

    def ranges(self) -> Tensor:
        return range_attention(self.q, self.k, self.v, self.plan)

    def loop(self) -> Tensor:
        parts = []
        for a, b in self.batch.spans:
            q, k, v = (x[a:b].transpose(0, 1).unsqueeze(0) for x in (self.q, self.k, self.v))
            parts.append(F.scaled_dot_product_attention(q, k, v)[0].transpose(0, 1))
        return torch.cat(parts)

    def products(self) -> Tensor:
        """Both products by batched matrix multiplication over heads, a chunk of query rows at a time."""
        out = torch.empty_like(self.q)
        scaled = self.q * self.batch.width**-0.5
        for a, b in self.batch.spans:
            keys, values = self.k[a:b].permute(1, 2, 0), self.v[a:b].transpose(0, 1)
            for i in range(a, b, CHUNK):
                rows = slice(i, min(i + CHUNK, b))
                shares = torch.bmm(scaled[rows].transpose(0, 1), keys).softmax(-1)
                out[rows] = torch.bmm(shares, values).transpose(0, 1)
        return out

    def padded_mask(self) -> Tensor:
        q, k, v = self.padded
        return F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)

    def dense_mask(self) -> Tensor:
        allowed = self.sample[:, None] == self.sample
        q, k, v = self._whole()
        return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)[0].transpose(0, 1)

    def _whole(self) -> list[Tensor]:
        return [x.transpose(0, 1).unsqueeze(0) for x in (self.q, self.k, self.v)]

    def flex(self) -> Method:
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention

        sample = self.sample

        def same(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return sample[query] == sample[key]

        block = create_block_mask(same, None, None, self.total, self.total, device=sample.device.type)
        compiled: Callable[..., Tensor] = torch.compile(flex_attention, dynamic=False)
        q, k, v = self._whole()
        return lambda: compiled(q, k, v, block_mask=block)[0].transpose(0, 1)

    def cudnn(self) -> Tensor:
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
            return self.padded_mask()

    def torch_varlen(self) -> Tensor:
        from torch.nn.attention.varlen import varlen_attn

        result: Tensor = varlen_attn(  # type: ignore[assignment]
            self.q, self.k, self.v, self.offsets, self.offsets, self.longest, self.longest
        )
        return result

    def flash(self) -> Tensor:
        from flash_attn import flash_attn_varlen_func  # type: ignore[import-not-found]

        result: Tensor = flash_attn_varlen_func(
            self.q, self.k, self.v, self.offsets, self.offsets, self.longest, self.longest
        )
        return result

    def availability(self) -> list[tuple[str, str]]:
        """Every method, and why it cannot run here, or an empty string."""
        gpu = on_gpu(self.q.device.type)
        nvidia = gpu and torch.version.hip is None
        return [
            ("range_attention", ""),
            ("loop of SDPA", ""),
            ("chunked products", ""),
            ("padded + mask", ""),
            ("dense block mask", ""),
            ("flex_attention, compiled", ""),
            ("torch varlen", "" if gpu else "no CPU implementation"),
            ("cuDNN, padded", "" if nvidia else "needs an NVIDIA GPU"),
            ("flash-attn varlen", unavailable("flash_attn") if gpu else "needs a GPU"),
        ]

    def methods(self, skip: list[str]) -> dict[str, Method]:
        make: dict[str, Callable[[], Method]] = {
            "range_attention": lambda: self.ranges,
            "loop of SDPA": lambda: self.loop,
            "chunked products": lambda: self.products,
            "padded + mask": lambda: self.padded_mask,
            "dense block mask": lambda: self.dense_mask,
            "flex_attention, compiled": self.flex,
            "torch varlen": lambda: self.torch_varlen,
            "cuDNN, padded": lambda: self.cudnn,
            "flash-attn varlen": lambda: self.flash,
        }
        return {
            name: make[name]()
            for name, missing in self.availability()
            if not missing and not any(word in name for word in skip)
        }


def unavailable(module: str) -> str:
    return "" if find_spec(module) else f"{module} is not installed"


def run_attention(options: argparse.Namespace, dtype: torch.dtype) -> None:
    for batch in batches(8 if options.quick else 1):
        case = Attention(batch, options.device, dtype)
        methods = case.methods(options.skip)
        with torch.no_grad():
            want = case.loop().float()
            for name, method in methods.items():
                got = method().float()
                if got.dim() == 4:
                    got = got.transpose(1, 2)[case.real]
                error = (got - want).abs().max().item()
                if error > (1e-4 if dtype is torch.float32 else 3e-2):
                    raise SystemExit(f"{name} is wrong by {error:.1e} on {batch.name}")
            seconds = measure(methods, options)
        report(f"attention, {batch.name}", seconds, batch.flops, device_peak(options.device))
        if options.backward:
            run_backward(case, options)


# Methods that differentiate packed tensors; the others would differentiate their padding too.
PACKED = ("range_attention", "loop of SDPA", "flex_attention, compiled", "torch varlen", "flash-attn varlen")


def run_backward(case: Attention, options: argparse.Namespace) -> None:
    """Forward and backward of everything that works on packed tensors here."""
    inputs = case.q, case.k, case.v = [x.detach().clone().requires_grad_() for x in (case.q, case.k, case.v)]
    grad = torch.randn_like(case.q)

    def both(forward: Method) -> Tensor:
        return torch.autograd.grad(forward(), inputs, grad)[0]

    # flex_attention has no backward pass on a CPU.
    names = [name for name in PACKED if on_gpu(options.device) or "flex" not in name]
    methods = {name: partial(both, run) for name, run in case.methods(options.skip).items() if name in names}
    # Two products forward, five backward.
    peak = device_peak(options.device)
    report(
        f"forward and backward, {case.batch.name}", measure(methods, options), 3.5 * case.batch.flops, peak
    )


def run_fused(options: argparse.Namespace, dtype: torch.dtype) -> None:
    """The fused operations compared with the same formulas in plain torch."""
    torch.manual_seed(0)
    rows, channels, heads = (256 if options.quick else 2048), 1152, 16
    x, y = torch.randn(2, rows, channels, device=options.device, dtype=dtype).unbind()
    shift, scale = torch.randn(2, 2, channels, device=options.device, dtype=dtype).unbind()
    weight = torch.randn(channels, device=options.device, dtype=dtype)
    index = (torch.arange(rows, device=options.device) >= rows // 2).int()
    place = torch.arange(rows)
    rope = RopeTable.build(torch.stack([place // 256, place // 16 % 16, place % 16], 1), 72).to(
        options.device
    )

    def modulate(backend: str | None) -> Tensor:
        return layer_norm_modulate(x, shift, scale, index, backend=backend)

    def rotate(backend: str | None) -> Tensor:
        return rms_norm_rope(x, weight, rope, num_heads=heads, backend=backend)

    def gate(backend: str | None) -> Tensor:
        return gate_residual(x, y, shift, index, backend=backend)

    for name, operation in (
        ("LayerNorm, modulate", modulate),
        ("RMSNorm, heads, RoPE", rotate),
        ("gate, residual", gate),
    ):
        methods: dict[str, Method] = {
            "ace_kernels": partial(operation, None),
            "plain torch": partial(operation, "reference"),
        }
        with torch.no_grad():
            report(f"{name}, {rows} x {channels}", measure(methods, options))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, rounds=15)
    parser.add_argument("--backward", action="store_true", help="also time forward and backward together")
    parser.add_argument(
        "--skip", nargs="*", default=[], metavar="WORD", help="skip methods whose name contains a word"
    )
    parser.add_argument("--list", action="store_true", help="list the methods that run on this machine")
    options = parser.parse_args()
    if options.list:
        print_methods(options.device)
        return
    dtype = start(options)
    run_attention(options, dtype)
    run_fused(options, dtype)


def print_methods(device: str) -> None:
    case = Attention(Batch("tiny", (8, 4), 2, 16), device, torch.float32)
    for name, missing in case.availability():
        print(f"{name:28}{missing or 'available'}")


if __name__ == "__main__":
    main()
