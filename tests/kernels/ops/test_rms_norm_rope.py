"""RMSNorm, head split and rotation on the CPU against the reference; the rotary table against the released code."""

from __future__ import annotations

import pytest
import torch

from ace_kernels import ArgumentError, RopeTable, rms_norm_rope
from tests.kernels.ops.agreement import (
    C,
    H,
    N,
    assert_agrees,
    assert_compiles,
    assert_rounds_once,
    leaf,
)


def table(count=N):
    return RopeTable.build(torch.randint(0, 50, (count, 3)), C // H)


def cases(dtype=torch.float64):
    torch.manual_seed(0)
    x, weight = leaf(N, C, dtype=dtype), leaf(C, dtype=dtype)
    rope = table()
    return {
        "norm and rope": (lambda b: rms_norm_rope(x, weight, rope, num_heads=H, backend=b), (x, weight)),
        "norm": (lambda b: rms_norm_rope(x, weight, None, num_heads=H, backend=b), (x, weight)),
        "rope": (lambda b: rms_norm_rope(x, None, rope, num_heads=H, backend=b), (x,)),
        "head split": (lambda b: rms_norm_rope(x, None, None, num_heads=H, backend=b), (x,)),
    }


NAMES = list(cases())


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_reference(name):
    assert_agrees(*cases()[name])


@pytest.mark.parametrize("name", NAMES)
def test_rounds_half_precision_once(name):
    assert_rounds_once(*cases(torch.float16)[name])


def test_compiles_without_a_graph_break():
    assert_compiles([run for run, _ in cases().values()])


def test_rows_of_a_wider_tensor_are_read_in_place():
    wider = torch.randn(N, C + 3)
    x, rope = wider[:, 1 : C + 1], table()
    for weight in (None, torch.randn(C)):
        got = rms_norm_rope(x, weight, rope, num_heads=H)
        want = rms_norm_rope(x.contiguous(), weight, rope, num_heads=H, backend="reference")
        torch.testing.assert_close(got, want)


def released_rope(x, positions):
    """The released model's rotation, written out in complex128."""
    d = x.shape[-1]
    widths = (d - 4 * (d // 6), 2 * (d // 6), 2 * (d // 6))
    rotations = []
    for axis, width in enumerate(widths):
        inverse = 1.0 / torch.pow(10000.0, torch.arange(0, width, 2, dtype=torch.float64) / width)
        angles = torch.outer(torch.arange(1024, dtype=torch.float64), inverse)
        rotations.append(torch.polar(torch.ones_like(angles), angles)[positions[:, axis]])
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.cat(rotations, -1).unsqueeze(1)).flatten(-2)


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
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
