"""What the tests of the fused operations share: small inputs, and comparison with the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

N, C, S, H = 37, 72, 4, 3

# Called with the name of a backend.
Run = Callable[[str | None], Tensor]


def leaf(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Random numbers that gradients are taken of."""
    return torch.randn(*shape, dtype=dtype, requires_grad=True)


def assert_agrees(run: Run, inputs: Sequence[Tensor]) -> None:
    """The CPU path agrees with the reference, forward and backward, and gives the same bits without autograd."""
    got, want = run("cpu"), run("reference")
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    grad = torch.randn_like(got)
    mine = torch.autograd.grad(got, inputs, grad)
    theirs = torch.autograd.grad(want, inputs, grad)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)
    with torch.no_grad():
        assert torch.equal(run("cpu"), got)


def assert_rounds_once(run: Run, inputs: Sequence[Tensor]) -> None:
    """With float16 inputs: one rounding, and gradients of the inputs' dtype."""
    got = run("cpu")
    assert got.dtype is torch.float16
    torch.testing.assert_close(got, run("reference"), rtol=1e-3, atol=1e-6)
    for grad, x in zip(torch.autograd.grad(got.sum(), inputs), inputs, strict=True):
        assert grad.dtype is x.dtype and grad.isfinite().all()


def assert_compiles(runs: Sequence[Run]) -> None:
    """torch.compile traces the calls without a graph break and changes no result."""
    torch._dynamo.reset()

    def step() -> list[Tensor]:
        return [run(None) * 2 for run in runs]

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    for got, run in zip(compiled(), runs, strict=True):
        torch.testing.assert_close(got, run("cpu") * 2)
