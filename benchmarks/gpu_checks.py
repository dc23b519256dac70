"""Range attention on the machine's own backend against float64, for `gpu_day.py`."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from ace_kernels import RangePlan, Segment, range_attention

WIDTHS = (8, 16, 32, 40, 64, 72, 80, 96, 128)
BOUNDS = {torch.float16: 4e-3, torch.bfloat16: 3e-2, torch.float32: 2e-5}
"""Largest error of an output, of values of about 1."""


def packs(quick: bool) -> list[list[Segment]]:
    """Even and odd lengths, a shared prefix, a segment without keys, one row."""
    draw = random.Random(3)
    scale = 1 if quick else 8
    odd = [draw.randrange(1, 40 * scale) for _ in range(5)]
    spans, at = [], 0
    for length in odd:
        spans.append((at, at + length))
        at += length
    prefix = spans[0]
    return [
        [Segment((0, 64 * scale), (0, 64 * scale))],
        [Segment(span, span) for span in spans],
        [Segment(spans[0], spans[0]), *(Segment(span, prefix, span) for span in spans[1:])],
        [Segment(spans[0], (0, 0)), *(Segment(span, span) for span in spans[1:])],
        [Segment((0, 1), (0, 1))],
    ]


def _rows(segments: list[Segment]) -> int:
    return max(segment.q[1] for segment in segments)


def _inputs(
    segments: list[Segment], width: int, dtype: torch.dtype, device: str, *, aligned: bool
) -> list[Tensor]:
    """q, k and v; unaligned ones are a slice of a wider projection, as a fused linear layer gives them."""
    torch.manual_seed(1)
    extra = 0 if aligned else 3
    wide = torch.randn(_rows(segments), 3 * 2 * width + extra, dtype=torch.float32, device=device).to(dtype)
    parts = wide[:, extra:].split(2 * width, dim=1)
    return [part.unflatten(1, (2, width)) for part in parts]


def kernel_faults(device: str, quick: bool) -> list[str]:
    """What is wrong, a line for each: an output or a gradient off, other bits the second time, poison read."""
    dtypes = [torch.float32] if torch.device(device).type == "cpu" else [torch.float16, torch.bfloat16]
    faults = []
    for dtype in dtypes:
        for width in WIDTHS[::4] if quick else WIDTHS:
            for number, segments in enumerate(packs(quick)):
                for aligned in (True, False):
                    where = f"{dtype}, width {width}, pack {number}, {'aligned' if aligned else 'unaligned'}"
                    faults += [
                        f"{where}: {fault}"
                        for fault in _faults(segments, width, dtype, device, aligned=aligned)
                    ]
    return faults


def _faults(
    segments: list[Segment], width: int, dtype: torch.dtype, device: str, *, aligned: bool
) -> list[str]:
    rows = _rows(segments)
    plan = RangePlan.build(segments, rows, rows, device=device)
    given = _inputs(segments, width, dtype, device, aligned=aligned)
    q, k, v = (x.detach().requires_grad_() for x in given)
    # What the allocator hands out next holds NaN: a kernel that leaves an element unwritten shows it.
    for _ in range(4):
        torch.full_like(q, float("nan"), requires_grad=False)
    out = range_attention(q, k, v, plan)
    weight = torch.randn_like(out)
    gradients = torch.autograd.grad(out, (q, k, v), weight)
    exact = [x.detach().double().cpu().requires_grad_() for x in given]
    host = RangePlan.build(segments, rows, rows)
    want = range_attention(exact[0], exact[1], exact[2], host, backend="reference")
    right = torch.autograd.grad(want, exact, weight.double().cpu())
    bound = BOUNDS[dtype]
    faults = []
    for name, got, truth in zip(("output", "dq", "dk", "dv"), (out, *gradients), (want, *right), strict=True):
        allowed = bound * max(1.0, float(truth.detach().abs().max()))
        error = float((got.detach().double().cpu() - truth.detach()).abs().max()) if got.numel() else 0.0
        if not error <= allowed:  # NaN is no error that is small enough
            faults.append(f"{name} is off by {error:.2e}, more than {allowed:.2e}")
    again = range_attention(q, k, v, plan)
    repeated = torch.autograd.grad(again, (q, k, v), weight)
    if not all(torch.equal(a, b) for a, b in zip((out, *gradients), (again, *repeated), strict=True)):
        faults.append("the second time gives other bits")
    return faults


def graph_faults(device: str) -> list[str]:
    """A captured call, replayed with another pack's tables and inputs of the same shape."""
    first = [Segment((0, 128), (0, 128)), Segment((128, 256), (128, 256))]
    second = [Segment((0, 192), (0, 192)), Segment((192, 256), (192, 256))]
    plans = [RangePlan.build(segments, 256, 256, device=device) for segments in (first, second)]
    if any(a.shape != b.shape for a, b in zip(plans[0].tables[1:4], plans[1].tables[1:4], strict=True)):
        return []  # the packs have tables of other sizes, which a graph cannot take
    q, k, v = torch.randn(3, 256, 4, 72, device=device, dtype=torch.float16).unbind()
    with torch.no_grad():
        range_attention(q, k, v, plans[0])
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = range_attention(q, k, v, plans[0])
        for mine, other in zip(plans[0].tables[1:4], plans[1].tables[1:4], strict=True):
            mine.copy_(other)
        graph.replay()
        want = range_attention(q, k, v, plans[1], backend="reference")
    error = float((out - want).abs().max())
    return (
        []
        if error <= BOUNDS[torch.float16]
        else [f"a graph replayed with another pack is off by {error:.2e}"]
    )
