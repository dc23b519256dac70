"""LayerNorm and modulation on the CPU against its reference."""

from __future__ import annotations

import pytest
import torch

from ace_kernels import ArgumentError, layer_norm_modulate
from tests.kernels.ops.agreement import (
    C,
    N,
    S,
    assert_agrees,
    assert_compiles,
    assert_rounds_once,
    leaf,
)


def cases(dtype=torch.float64):
    torch.manual_seed(0)
    x = leaf(N, C, dtype=dtype)
    shift, scale = leaf(S, C, dtype=dtype), leaf(S, C, dtype=dtype)
    index = torch.randint(0, S, (N,), dtype=torch.int32)
    even = torch.arange(S).repeat_interleave(N // S)
    rows = len(even)
    inputs = (x, shift, scale)
    return {
        "even": (lambda b: layer_norm_modulate(x[:rows], shift, scale, even, backend=b), inputs),
        "uneven": (lambda b: layer_norm_modulate(x, shift, scale, index, backend=b), inputs),
        "int64 index": (lambda b: layer_norm_modulate(x, shift, scale, index.long(), backend=b), inputs),
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


def test_samples_of_equal_length_out_of_order_are_not_taken_as_even():
    x, shift = torch.randn(6, C), torch.randn(3, C)
    index = torch.tensor([0, 0, 2, 2, 1, 1])
    got, want = (layer_norm_modulate(x, shift, shift, index, backend=b) for b in ("cpu", "reference"))
    torch.testing.assert_close(got, want)


def test_float32_modulation_of_half_precision_tokens():
    x = torch.randn(N, C).half()
    shift, scale = torch.randn(S, C), torch.randn(S, C, requires_grad=True)
    out = layer_norm_modulate(x, shift, scale, torch.zeros(N, dtype=torch.int64))
    out.sum().backward()
    assert out.dtype is torch.float16
    assert scale.grad.dtype is torch.float32


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
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
