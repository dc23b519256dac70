"""Every Triton kernel against its reference, on a GPU or in Triton's interpreter.

Whether a kernel is interpreted is fixed when it is decorated, so without a GPU this file needs a process of its own
with TRITON_INTERPRET=1, which `tests/kernels/test_interpreter.py` starts.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ace_kernels import (
    ArgumentError,
    RangePlan,
    RopeTable,
    Segment,
    gate_residual,
    layer_norm_modulate,
    range_attention,
    rms_norm_rope,
)
from ace_kernels.ops.range_attention import triton as launch
from ace_kernels.ops.range_attention.tiles import Tile
from ace_kernels.triton_support import is_interpreted

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cpu" and not is_interpreted():
    pytest.skip("needs a GPU or TRITON_INTERPRET=1", allow_module_level=True)

SIZES = (1, 17, 63, 65, 130)
# Relative to the largest number of the reference; measured in the interpreter: 6e-7, 7e-4 and 6e-3.
TOLERANCE = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}


@pytest.fixture(autouse=True)
def bfloat16_products(monkeypatch):
    """The interpreter keeps bfloat16 as its bits and multiplies those (triton issue 11584); here it multiplies the
    numbers."""
    if not is_interpreted():
        return
    from triton.runtime import interpreter

    builder, handle = interpreter.InterpreterBuilder, interpreter.TensorHandle
    create_dot = builder.create_dot

    def widened(x):
        if x.dtype.scalar.name != "bf16":
            return x
        return handle((x.data.astype(np.uint32) << 16).view(np.float32), interpreter.tl.float32)

    def multiply(self, a, b, *rest):
        return create_dot(self, widened(a), widened(b), *rest)

    monkeypatch.setattr(builder, "create_dot", multiply)


def self_attention() -> RangePlan:
    """One sample of every size."""
    segments, row = [], 0
    for size in SIZES:
        segments.append(Segment((row, row + size), (row, row + size)))
        row += size
    return RangePlan.build(segments, row, row, block=128, device=DEVICE)


def turn_causal(frames: int, tokens: int = 7) -> RangePlan:
    """Each frame sees itself and the frames before it; two targets share all of them as a prefix."""
    ends = [tokens * (i + 1) for i in range(frames)]
    segments = [Segment((end - tokens, end), (0, end)) for end in ends]
    prefix = ends[-1]
    for target in range(2):
        own = (prefix + 9 * target, prefix + 9 * target + 9)
        segments.append(Segment(own, (0, prefix), own))
    return RangePlan.build(segments, prefix + 18, prefix + 18, block=32, device=DEVICE)


def cross_attention() -> RangePlan:
    """Frames and their texts: one empty, two overlapping, one that nothing reads."""
    texts = [(0, 20), (20, 20), (10, 41), (41, 58)]
    segments = [Segment((13 * i, 13 * i + 13), text, (30, 50)) for i, text in enumerate(texts)]
    segments.append(Segment((52, 60), (5, 5), (9, 9)))
    return RangePlan.build(segments, 60, 64, block=32, device=DEVICE)


def assert_close(got: list[Tensor], want: list[Tensor], dtype: torch.dtype) -> None:
    for mine, theirs in zip(got, want, strict=True):
        assert mine.isfinite().all(), "an output was not written"
        error = (mine.double() - theirs).abs().max() / theirs.abs().max().clamp(min=1e-3)
        assert error < TOLERANCE[dtype]


def assert_attention_agrees(plan: RangePlan, width: int, dtype: torch.dtype, heads: int = 1) -> None:
    torch.manual_seed(0)
    rows = (plan.num_queries, plan.num_keys, plan.num_keys)
    inputs = [torch.randn(n, heads, width, device=DEVICE).to(dtype).requires_grad_() for n in rows]
    exact = [x.detach().double().requires_grad_() for x in inputs]
    out = range_attention(*inputs, plan, backend="triton")
    want = range_attention(*exact, plan, backend="reference")
    grad = torch.randn(out.shape, device=DEVICE).to(dtype)
    grads = torch.autograd.grad(out, inputs, grad)
    again = torch.autograd.grad(range_attention(*inputs, plan, backend="triton"), inputs, grad)
    assert all(torch.equal(a, b) for a, b in zip(grads, again, strict=True)), (
        "gradients are not deterministic"
    )
    assert_close([out, *grads], [want, *torch.autograd.grad(want, exact, grad.double())], dtype)


# Few in bfloat16 without a GPU: the interpreter is slow, and only the conversions differ from float16.
WIDTHS = [(width, dtype) for dtype in TOLERANCE for width in (18, 20, 24, 64, 72, 128)]
SHAPES = [(17, 36), (1, 64), (65, 144), (37, 1152)]
if DEVICE == "cpu":
    WIDTHS = [(width, dtype) for width, dtype in WIDTHS if dtype is not torch.bfloat16 or width in (18, 72)]


@pytest.mark.parametrize(("width", "dtype"), WIDTHS, ids=str)
def test_attention_at_odd_sizes(width, dtype):
    assert_attention_agrees(self_attention(), width, dtype)


@pytest.mark.parametrize("frames", range(1, 10))
def test_attention_to_a_shared_prefix(frames):
    assert_attention_agrees(turn_causal(frames), 18, torch.float32, heads=2)


@pytest.mark.parametrize("width", [24, 72])
def test_attention_to_empty_and_overlapping_ranges(width):
    assert_attention_agrees(cross_attention(), width, torch.float16, heads=2)


@pytest.mark.parametrize(
    "tile",
    [
        Tile(64, 64, 4, 1, tma=True),
        Tile(32, 64, 4, 1, tma=True, ones=True),
        Tile(16, 32, 4, 1, ones=True),
    ],
    ids=["tma", "tma-ones", "ones"],
)
def test_variants_of_the_forward_kernel(tile, monkeypatch):
    """Those of sm_90 and sm_100. NaN in one segment must not reach the next through a tile that both share."""
    monkeypatch.setattr(launch, "tile_for", lambda *_, **__: tile)
    torch.manual_seed(0)
    plan = RangePlan.build(
        [Segment((0, 70), (0, 70)), Segment((70, 80), (70, 75), (3, 68))], 80, 80, block=64, device=DEVICE
    )
    q, k, v = torch.randn(3, 80, 2, 72, device=DEVICE).unbind()
    v[75:] = float("nan")
    out = range_attention(q, k, v, plan, backend="triton")
    want = range_attention(*(x.double() for x in (q, k, v)), plan, backend="reference")
    assert_close([out], [want], torch.float32)


def test_addresses_beyond_32_bits():
    """The last row of each tensor lies 2**31 elements from the first; only the pages in use exist."""
    apart = 2**24
    storage = [
        torch.from_numpy(np.empty(131 * apart, np.float16)) if DEVICE == "cpu"
        else torch.zeros(131 * apart, dtype=torch.float16, device=DEVICE)
        for _ in range(2)
    ]  # fmt: skip
    torch.manual_seed(0)
    q, k = (x.as_strided((130, 1, 18), (apart, 18, 1)) for x in storage)
    q.copy_(torch.randn(130, 1, 18))
    k.copy_(torch.randn(130, 1, 18))
    plan = RangePlan.build(
        [Segment((0, 128), (0, 4)), Segment((128, 130), (120, 130))], 130, 130, block=32, device=DEVICE
    )
    out = range_attention(q, k, k, plan, backend="triton")
    want = range_attention(*(x.double() for x in (q, k, k)), plan, backend="reference")
    assert_close([out], [want], torch.float16)


def fused(dtype: torch.dtype, count: int, channels: int) -> dict[str, tuple]:
    torch.manual_seed(0)
    x, y = (torch.randn(count, channels, device=DEVICE).to(dtype) for _ in range(2))
    shift, scale = (torch.randn(3, channels, device=DEVICE).to(dtype) for _ in range(2))
    weight = torch.randn(channels, device=DEVICE).to(dtype)
    index = torch.randint(0, 3, (count,), dtype=torch.int32, device=DEVICE)
    rope = RopeTable.build(torch.randint(0, 50, (count, 3)), channels // 2).to(DEVICE)
    return {
        "modulate": (lambda b, *t: layer_norm_modulate(*t, index, backend=b), (x, shift, scale)),
        "gate": (lambda b, *t: gate_residual(*t, index.long(), backend=b), (x, y, shift)),
        "norm_rope": (lambda b, *t: rms_norm_rope(*t, rope, num_heads=2, backend=b), (x, weight)),
        "norm": (lambda b, *t: rms_norm_rope(*t, None, num_heads=2, backend=b), (x, weight)),
        "rope": (lambda b, x: rms_norm_rope(x, None, rope, num_heads=2, backend=b), (x,)),
    }


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(("count", "channels"), SHAPES)
@pytest.mark.parametrize("name", fused(torch.float32, 1, 8))
def test_fused_operations(name, count, channels, dtype):
    run, tensors = fused(dtype, count, channels)[name]
    inputs = [x.requires_grad_() for x in tensors]
    exact = [x.detach().double().requires_grad_() for x in tensors]
    got, want = run("triton", *inputs), run("reference", *exact)
    grad = torch.randn(got.shape, device=DEVICE).to(dtype)
    mine = torch.autograd.grad(got, inputs, grad)
    assert_close([got, *mine], [want, *torch.autograd.grad(want, exact, grad.double())], dtype)


def test_registered_operations_compile_without_a_graph_break():
    """torch.compile on a GPU: every operation is one node of the graph, forward and backward."""
    torch._dynamo.reset()
    plan, dtype = cross_attention(), torch.float32
    rows = (plan.num_queries, plan.num_keys, plan.num_keys)
    qkv = [torch.randn(n, 2, 16, device=DEVICE) for n in rows]
    runs = [
        (lambda b, *t: range_attention(*t, plan, backend=b), qkv),
        *fused(dtype, 9, 36).values(),
    ]
    inputs = [[x.requires_grad_() for x in tensors] for _, tensors in runs]

    def step(inputs: list[list[Tensor]]) -> list[Tensor]:
        return [run("triton", *tensors) * 2 for (run, _), tensors in zip(runs, inputs, strict=True)]

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    everything = [x for tensors in inputs for x in tensors]
    results = []
    for function in (compiled, step):
        out = function(inputs)
        loss = torch.stack([x.square().sum() for x in out]).sum()
        results.append([*out, *torch.autograd.grad(loss, everything)])
    for mine, theirs in zip(*results, strict=True):
        assert torch.equal(mine, theirs)


def test_float64_is_refused():
    with pytest.raises(ArgumentError, match=r"the triton backend does not support torch\.float64"):
        tokens = torch.zeros(3, 2, 4, dtype=torch.float64, device=DEVICE)
        gate_residual(*tokens, torch.zeros(2, dtype=torch.int32, device=DEVICE), backend="triton")


gpu = pytest.mark.skipif(DEVICE == "cpu", reason="needs a GPU")


@gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_a_gpu_that_is_not_the_current_one():
    """Triton launched on the current device whatever its operands: with `cuda:1` on the wrong card."""
    second = torch.device("cuda:1")
    plan = self_attention().to(second)
    q, k, v = torch.randn(3, plan.num_queries, 2, 72, dtype=torch.float16, device=second).unbind()
    got = range_attention(q, k, v, plan, backend="triton")
    assert torch.cuda.current_device() == 0
    assert_close(
        [got], [range_attention(*(x.double() for x in (q, k, v)), plan, backend="reference")], q.dtype
    )


@gpu
def test_a_captured_graph_reads_the_plan_of_the_current_batch():
    rows = 256
    plans = [
        RangePlan.build(
            [Segment((0, cut), (0, cut)), Segment((cut, rows), (cut, rows))], rows, rows, device=DEVICE
        )
        for cut in (100, 160)
    ]
    assert plans[0].tiles.shape == plans[1].tiles.shape
    fixed = plans[0].to(DEVICE)
    q, k, v = torch.randn(3, rows, 2, 72, dtype=torch.float16, device=DEVICE).unbind()
    range_attention(q, k, v, fixed, backend="triton")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = range_attention(q, k, v, fixed, backend="triton")
    for plan in plans:
        fixed.tiles.copy_(plan.tiles)
        graph.replay()
        want = range_attention(q, k, v, plan, backend="triton")
        assert torch.equal(out, want)
