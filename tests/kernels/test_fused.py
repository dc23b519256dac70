"""The fused operations on the CPU against their references, the rotary table against the released code."""

from __future__ import annotations

import pytest
import torch

from ace_kernels import (
    ArgumentError,
    RopeTable,
    arithmetic,
    gate_residual,
    layer_norm_modulate,
    rms_norm_rope,
)

N, C, S, H = 37, 72, 4, 3


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Several pieces, the last of them short."""
    monkeypatch.setattr(arithmetic, "NUMBERS", 10 * C)


def table(count=N):
    return RopeTable.build(torch.randint(0, 50, (count, 3)), C // H)


def cases(dtype=torch.float64):
    torch.manual_seed(0)
    x, y = (torch.randn(N, C, dtype=dtype, requires_grad=True) for _ in range(2))
    shift, scale = (torch.randn(S, C, dtype=dtype, requires_grad=True) for _ in range(2))
    weight = torch.randn(C, dtype=dtype, requires_grad=True)
    index = torch.randint(0, S, (N,), dtype=torch.int32)
    even = torch.arange(S).repeat_interleave(N // S)
    rows = len(even)
    rope = table()
    return {
        "modulate_even": (
            lambda b: layer_norm_modulate(x[:rows], shift, scale, even, backend=b),
            (x, shift, scale),
        ),
        "gate_even": (
            lambda b: gate_residual(x[:rows], y[:rows], shift, even, backend=b),
            (x, y, shift),
        ),
        "gate_one": (
            lambda b: gate_residual(x, y, shift[:1], torch.zeros_like(index), backend=b),
            (x, y, shift),
        ),
        "modulate": (lambda b: layer_norm_modulate(x, shift, scale, index, backend=b), (x, shift, scale)),
        "modulate_long": (
            lambda b: layer_norm_modulate(x, shift, scale, index.long(), backend=b),
            (x, shift, scale),
        ),
        "gate": (lambda b: gate_residual(x, y, shift, index, backend=b), (x, y, shift)),
        "norm_rope": (lambda b: rms_norm_rope(x, weight, rope, num_heads=H, backend=b), (x, weight)),
        "norm": (lambda b: rms_norm_rope(x, weight, None, num_heads=H, backend=b), (x, weight)),
        "rope": (lambda b: rms_norm_rope(x, None, rope, num_heads=H, backend=b), (x,)),
        "split": (lambda b: rms_norm_rope(x, None, None, num_heads=H, backend=b), (x,)),
    }


NAMES = list(cases())


@pytest.mark.parametrize("name", NAMES)
def test_forward_and_gradients_agree_with_the_reference(name):
    run, inputs = cases()[name]
    got, want = run("cpu"), run("reference")
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    grad = torch.randn_like(got)
    mine = torch.autograd.grad(got, inputs, grad)
    theirs = torch.autograd.grad(want, inputs, grad)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)
    with torch.no_grad():
        assert torch.equal(run("cpu"), got)


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_rounded_once(name):
    run, inputs = cases(torch.float16)[name]
    got = run("cpu")
    assert got.dtype is torch.float16
    torch.testing.assert_close(got, run("reference"), rtol=1e-3, atol=1e-6)
    for grad, x in zip(torch.autograd.grad(got.sum(), inputs), inputs, strict=True):
        assert grad.dtype is x.dtype and grad.isfinite().all()


def test_samples_of_equal_length_in_another_order_are_not_taken_for_even():
    x, shift = torch.randn(6, C), torch.randn(3, C)
    index = torch.tensor([0, 0, 2, 2, 1, 1])
    for name, run in (
        ("gate", lambda b: gate_residual(x, x, shift, index, backend=b)),
        ("modulate", lambda b: layer_norm_modulate(x, shift, shift, index, backend=b)),
    ):
        torch.testing.assert_close(run("cpu"), run("reference"), msg=name)


def test_compiled_without_graph_break():
    torch._dynamo.reset()
    runs = [run for run, _ in cases().values()]

    def step():
        return [run(None) * 2 for run in runs]

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    for got, run in zip(compiled(), runs, strict=True):
        torch.testing.assert_close(got, run("cpu") * 2)


def test_float32_modulation_of_half_precision_tokens():
    x = torch.randn(N, C).half()
    shift, scale = torch.randn(S, C), torch.randn(S, C, requires_grad=True)
    out = layer_norm_modulate(x, shift, scale, torch.zeros(N, dtype=torch.int64))
    out.sum().backward()
    assert out.dtype is torch.float16
    assert scale.grad.dtype is torch.float32


def test_rows_of_a_wider_tensor_are_taken_as_they_are():
    wider = torch.randn(N, C + 3)
    x, rope = wider[:, 1 : C + 1], table()
    for weight in (None, torch.randn(C)):
        got = rms_norm_rope(x, weight, rope, num_heads=H)
        want = rms_norm_rope(x.contiguous(), weight, rope, num_heads=H, backend="reference")
        torch.testing.assert_close(got, want)


def released_rope(x, positions):
    """Section 1.4 of the released model, spelled out in complex128."""
    d = x.shape[-1]
    widths = (d - 4 * (d // 6), 2 * (d // 6), 2 * (d // 6))
    turns = []
    for axis, width in enumerate(widths):
        inverse = 1.0 / torch.pow(10000.0, torch.arange(0, width, 2, dtype=torch.float64) / width)
        angles = torch.outer(torch.arange(1024, dtype=torch.float64), inverse)
        turns.append(torch.polar(torch.ones_like(angles), angles)[positions[:, axis]])
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.cat(turns, -1).unsqueeze(1)).flatten(-2)


@pytest.mark.parametrize("head_dim", [18, 64, 72])
def test_rotation_is_as_exact_as_the_released_float64_for_1024_positions(head_dim):
    """Angles in float32 would be off by 1e-4 at position 1000."""
    torch.manual_seed(0)
    positions = torch.stack([torch.randperm(1024) for _ in range(3)], 1)
    x = torch.randn(1024, 2 * head_dim)
    got = rms_norm_rope(x, None, RopeTable.build(positions, head_dim), num_heads=2)
    want = released_rope(x.unflatten(1, (2, head_dim)), positions)
    assert (got - want).abs().max() < 1e-6


def test_rope_of_no_tokens_and_of_uneven_sections():
    assert RopeTable.build(torch.zeros(0, 3, dtype=torch.int64), 72).cos.shape == (0, 36)
    assert RopeTable.build(torch.ones(2, 3, dtype=torch.int32), 12, (0, 8, 4)).sin.shape == (2, 6)


X = torch.zeros(5, 12)
P = torch.zeros(2, 12)
I = torch.zeros(5, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layer_norm_modulate(X[0], P, P, I), r"x: wanted shape \[N, C\].*got \[12\]"),
        (lambda: layer_norm_modulate(X.int(), P, P, I), "x: wanted float16.*got torch.int32"),
        (lambda: layer_norm_modulate(X, P[:, :6], P, I), r"shift: wanted shape \[S, 12\], got \[2, 6\]"),
        (lambda: layer_norm_modulate(X, P, P[:1], I), r"scale: wanted shape \[2, 12\], got \[1, 12\]"),
        (lambda: layer_norm_modulate(X, P.half(), P, I), "shift: wanted torch.float32.*got torch.float16"),
        (lambda: layer_norm_modulate(X, P, P, I[:4]), r"index: wanted shape \[5\], got \[4\]"),
        (lambda: layer_norm_modulate(X, P, P, I.float()), "index: wanted torch.int32 or torch.int64"),
        (
            lambda: layer_norm_modulate(torch.zeros(12, 5).t()[:, :4], P, P, I),
            "x: wanted contiguous channels",
        ),
        (lambda: gate_residual(X, X[:4], P, I), r"y: wanted shape \[5, 12\] like x, got \[4, 12\]"),
        (lambda: gate_residual(X, X.half(), P, I), "y: wanted torch.float32 on cpu like x"),
        (
            lambda: rms_norm_rope(X, P[0], None, num_heads=5),
            "num_heads: wanted heads of an even width from 12",
        ),
        (lambda: rms_norm_rope(X, P, None, num_heads=2), r"weight: wanted shape \[12\], got \[2, 12\]"),
        (lambda: rms_norm_rope(X, None, table(4), num_heads=1), r"rope.cos: wanted contiguous \[5, 6\]"),
        (lambda: RopeTable.build(torch.zeros(4, 2).long(), 72), r"positions: wanted integers \[N, 3\]"),
        (lambda: RopeTable.build(torch.zeros(4, 3).long(), 72, (24, 24, 20)), "sections: wanted even widths"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
