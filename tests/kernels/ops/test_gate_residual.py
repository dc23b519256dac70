"""Gate and residual on the CPU against its reference."""

from __future__ import annotations

import pytest
import torch

from ace_kernels import ArgumentError, gate_residual
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
    x, y = leaf(N, C, dtype=dtype), leaf(N, C, dtype=dtype)
    gate = leaf(S, C, dtype=dtype)
    index = torch.randint(0, S, (N,), dtype=torch.int32)
    even = torch.arange(S).repeat_interleave(N // S)
    rows = len(even)
    return {
        "even": (lambda b: gate_residual(x[:rows], y[:rows], gate, even, backend=b), (x, y, gate)),
        "one sample": (
            lambda b: gate_residual(x, y, gate[:1], torch.zeros_like(index), backend=b),
            (x, y, gate),
        ),
        "uneven": (lambda b: gate_residual(x, y, gate, index, backend=b), (x, y, gate)),
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
    x, gate = torch.randn(6, C), torch.randn(3, C)
    index = torch.tensor([0, 0, 2, 2, 1, 1])
    got, want = (gate_residual(x, x, gate, index, backend=b) for b in ("cpu", "reference"))
    torch.testing.assert_close(got, want)


X = torch.zeros(5, 12)
P = torch.zeros(2, 12)
I = torch.zeros(5, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gate_residual(X, X[:4], P, I), r"y: wanted shape \[5, 12\] like x, got \[4, 12\]"),
        (lambda: gate_residual(X, X.half(), P, I), "y: wanted torch.float32 on cpu like x"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
