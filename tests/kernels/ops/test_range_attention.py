"""Range attention on the CPU against its reference, eager and compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

import ace_kernels
from ace_kernels import ArgumentError, BackendError, RangePlan, Segment, range_attention
from ace_kernels.ops.range_attention import cpu, sdpa
from ace_kernels.ops.range_attention.groups import groups_of

UNEVEN = RangePlan.build(
    [
        Segment((0, 5), (0, 7)),
        Segment((5, 6), (3, 9), (20, 31)),
        Segment((6, 23), (9, 9)),
        Segment((23, 40), (2, 12), (8, 30)),
        Segment((40, 45), (0, 7), (7, 13)),
        Segment((45, 50), (0, 7), (20, 26)),
        Segment((50, 55), (1, 8), (20, 26)),
    ],
    55,
    31,
)
SAME_SHAPE = RangePlan.build([Segment((8 * i, 8 * i + 8), (5 * i, 5 * i + 5)) for i in range(4)], 32, 20)
SHARED_KEYS = RangePlan.build([Segment((8 * i, 8 * i + 8), (2, 12)) for i in range(4)], 32, 12)
SHARED_PREFIX = RangePlan.build(
    [Segment((8 * i, 8 * i + 8), (0, 12), (20 + 4 * i, 24 + 4 * i)) for i in range(4)], 32, 40
)
SLIDING = RangePlan.build([Segment((3 * i, 3 * i + 3), (2 * i, 2 * i + 5)) for i in range(6)], 18, 20)
PLANS = {
    "uneven": UNEVEN,
    "same_shape": SAME_SHAPE,
    "shared_keys": SHARED_KEYS,
    "shared_prefix": SHARED_PREFIX,
    "sliding": SLIDING,
    "one_segment": RangePlan.build([Segment((0, 21), (0, 9), (11, 30))], 21, 30),
}


def tensors(plan: RangePlan, dtype=torch.float64, heads: int = 3, width: int = 18) -> list[Tensor]:
    torch.manual_seed(0)
    rows = (plan.num_queries, plan.num_keys, plan.num_keys)
    return [torch.randn(n, heads, width, dtype=dtype).requires_grad_() for n in rows]


def with_gradients(plan: RangePlan, inputs: list[Tensor], **options) -> list[Tensor]:
    out = range_attention(*inputs, plan, **options)
    torch.manual_seed(1)
    grad = torch.randn(out.shape, dtype=torch.float32).to(out.dtype)
    return [out, *torch.autograd.grad(out, inputs, grad)]


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_forward_and_gradients_agree_with_the_reference(plan):
    inputs = tensors(plan)
    got = with_gradients(plan, inputs, scale=0.3)
    want = with_gradients(plan, inputs, scale=0.3, backend="reference")
    for mine, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("score_bytes", [sdpa.SCORE_BYTES, 800])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_torchs_attention_agrees_with_the_reference(plan, score_bytes, monkeypatch):
    """The fallback of GPUs without Triton, which had the quadratic reference: 2.1 GB of scores for an edit at 1024 px.
    Also with query rows split so that no call has more than `score_bytes` of scores."""
    calls = []
    attention = F.scaled_dot_product_attention

    def recorded(q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
        calls.append((q.shape[2], 4 * q.shape[:3].numel() * k.shape[2]))
        return attention(q, k, v, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", recorded)
    monkeypatch.setattr(sdpa, "SCORE_BYTES", score_bytes)
    inputs = tensors(plan)
    got = with_gradients(plan, inputs, scale=0.3, backend="sdpa")
    assert all(rows == 1 or scores <= score_bytes for rows, scores in calls)
    want = with_gradients(plan, inputs, scale=0.3, backend="reference")
    for mine, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-11)


def test_the_result_of_a_lone_segment_is_not_copied(monkeypatch):
    results = []
    flash = cpu._flash

    def recorded(*arguments: Any, **options: Any) -> Any:
        results.append(flash(*arguments, **options))
        return results[-1]

    monkeypatch.setattr(cpu, "_flash", recorded)
    plan = PLANS["one_segment"]
    out = range_attention(*(x.detach() for x in tensors(plan)), plan)
    assert out.data_ptr() == results[0][0].data_ptr()


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_float32_is_exact_to_its_rounding(plan):
    inputs = tensors(plan, torch.float32, heads=2, width=72)
    got = with_gradients(plan, inputs)
    want = with_gradients(plan, [x.detach().double().requires_grad_() for x in inputs], backend="reference")
    for mine, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_gradients_in_bfloat16_lose_no_more_than_their_inputs_and_outputs(plan):
    inputs = tensors(plan, torch.bfloat16, heads=2, width=64)
    got = with_gradients(plan, inputs)
    want = with_gradients(plan, [x.detach().double().requires_grad_() for x in inputs], backend="reference")
    for mine, theirs in zip(got, want, strict=True):
        assert mine.dtype is torch.bfloat16
        torch.testing.assert_close(mine.double(), theirs, rtol=2**-7, atol=2**-6)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_result_is_the_same_with_and_without_gradients(plan):
    inputs = tensors(plan)
    want = range_attention(*inputs, plan)
    with torch.no_grad():
        got = range_attention(*inputs, plan)
    assert torch.equal(got, want)
    assert got.is_contiguous()


def test_rows_without_keys_are_zero():
    out = range_attention(*tensors(UNEVEN), UNEVEN)
    assert (out[6:23] == 0).all()
    assert out.isfinite().all()
    nothing = RangePlan.build([Segment((0, 3), (0, 0))], 3, 0)
    assert (range_attention(*tensors(nothing), nothing) == 0).all()


def test_gradients_are_deterministic():
    inputs = tensors(SLIDING, torch.float32)
    first = with_gradients(SLIDING, inputs)
    for _ in range(3):
        assert all(torch.equal(a, b) for a, b in zip(first, with_gradients(SLIDING, inputs), strict=True))


def test_segments_of_one_shape_take_one_call_without_copies():
    (group,) = groups_of(SAME_SHAPE.layout)
    x = torch.randn(20, 3, 18)
    assert group.gather_keys(x).data_ptr() == x.data_ptr()
    assert group.gather_keys(x).shape == (4, 3, 5, 18)
    assert len(groups_of(SHARED_KEYS.layout)) == 1
    assert len(groups_of(SHARED_PREFIX.layout)) == 1


def test_long_segments_copy_their_keys(monkeypatch):
    """Head by head: only the memory layout changes, not the numbers."""
    inputs = tensors(UNEVEN)
    want = range_attention(*inputs, UNEVEN)
    monkeypatch.setattr(cpu, "CONTIGUOUS_ROWS", 10)
    seen = []
    flash = cpu._flash

    def recorded(q: Tensor, k: Tensor, *rest: Any, **more: Any) -> Any:
        seen.append((min(q.shape[2], k.shape[2]) >= 10, k.is_contiguous()))
        return flash(q, k, *rest, **more)

    monkeypatch.setattr(cpu, "_flash", recorded)
    torch.testing.assert_close(range_attention(*inputs, UNEVEN), want, rtol=1e-12, atol=1e-12)
    assert any(long for long, _ in seen)
    assert all(contiguous for long, contiguous in seen if long)


def test_slices_of_a_joint_projection_are_read_in_place():
    joint = torch.randn(20, 3, 2, 16)
    q, k, v = joint.unbind(1)
    plan = RangePlan.build([Segment((0, 9), (0, 9)), Segment((9, 20), (9, 20))], 20, 20)
    got = range_attention(q, k, v, plan)
    want = range_attention(q.contiguous(), k.contiguous(), v.contiguous(), plan, backend="reference")
    torch.testing.assert_close(got, want)


def test_a_compiled_function_has_no_graph_break_and_is_not_recompiled_for_each_length():
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")

    def step(q: Tensor, k: Tensor, v: Tensor, plan: RangePlan) -> Tensor:
        return range_attention(q * 2, k, v, plan).sin()

    compiled = torch.compile(step, fullgraph=True, backend=counter, dynamic=True)
    for plan in PLANS.values():
        inputs = tensors(plan)
        out = compiled(*inputs, plan)
        want = step(*inputs, plan)
        assert torch.equal(out, want)
        grads = torch.autograd.grad(out.sum(), inputs)
        for mine, theirs in zip(grads, torch.autograd.grad(want.sum(), inputs), strict=True):
            assert torch.equal(mine, theirs)
    assert counter.frame_count == 1


def test_the_registered_operation_passes_torchs_own_checks():
    q, k, v = tensors(UNEVEN)
    torch.library.opcheck(
        torch.ops.ace_kernels.range_attention.default,
        (q, k, v, 0.2, *UNEVEN.tables, "cpu"),
        test_utils=("test_schema", "test_autograd_registration", "test_faketensor"),
    )


def test_shapes_are_inferred_without_reading_data():
    with torch._subclasses.FakeTensorMode() as mode:
        q, k, v = (mode.from_tensor(x) for x in tensors(UNEVEN))
        assert range_attention(q, k, v, UNEVEN).shape == (55, 3, 18)


Q = torch.zeros(55, 3, 18)
K = torch.zeros(31, 3, 18)


@pytest.mark.parametrize(
    ("q", "k", "v", "plan", "message"),
    [
        (Q[0], K, K, UNEVEN, r"q: wanted shape \[Nq, H, D\] with D from 8 to 128, got \[3, 18\]"),
        (Q[..., :0], K, K, UNEVEN, r"q: wanted .* D from 8 to 128, got \[55, 3, 0\]"),
        (torch.zeros(55, 3, 200), K, K, UNEVEN, r"q: wanted .* got \[55, 3, 200\]"),
        (Q.int(), K, K, UNEVEN, "q: wanted float16, bfloat16, float32 or float64, got torch.int32"),
        (Q, K.double(), K, UNEVEN, "k: wanted torch.float32 on cpu like q, got torch.float64 on cpu"),
        (Q, K, K.to("meta"), UNEVEN, "v: wanted torch.float32 on cpu like q, got torch.float32 on meta"),
        (Q, K[:, :2], K, UNEVEN, r"k: wanted shape \[Nk, 3, 18\], got \[31, 2, 18\]"),
        (Q, K, K[:30], UNEVEN, r"v: wanted shape \[Nk, 3, 18\], got \[30, 3, 18\] beside k of \[31, 3, 18\]"),
        (Q, K.mT.contiguous().mT, K, UNEVEN, r"k: wanted heads and their channels contiguous"),
        (Q, K, K, SAME_SHAPE, "plan: wanted one for 55 queries and 31 keys, got one for 32 and 20"),
    ],
)
def test_wrong_arguments_are_named(q, k, v, plan, message):
    with pytest.raises(ArgumentError, match=message):
        range_attention(q, k, v, plan)


def test_a_backend_can_be_forced_if_it_can_run(monkeypatch):
    inputs = tensors(UNEVEN, torch.float32)
    monkeypatch.setenv("ACE_KERNELS_BACKEND", "reference")
    assert torch.equal(
        range_attention(*inputs, UNEVEN), range_attention(*inputs, UNEVEN, backend="reference")
    )
    monkeypatch.setenv("ACE_KERNELS_BACKEND", "cudnn")
    with pytest.raises(
        ArgumentError, match="ACE_KERNELS_BACKEND: wanted one of reference, cpu, sdpa, triton, got 'cudnn'"
    ):
        range_attention(*inputs, UNEVEN)
    with pytest.raises(BackendError, match="TRITON_INTERPRET=1"):
        range_attention(*inputs, UNEVEN, backend="triton")


def test_importing_the_package_loads_neither_torch_nor_triton():
    code = "import sys, ace_kernels; assert not {'torch', 'triton', 'numpy'} & set(sys.modules)"
    root = Path(ace_kernels.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(root)})
