"""Every operation as torch sees it: schema, fake tensors, autograd."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from ace_kernels import (
    RangePlan,
    RopeTable,
    Segment,
    gate_residual,
    layer_norm_modulate,
    range_attention,
    registration,
    rms_norm_rope,
)
from ace_kernels.ops.gate_residual import cpu
from ace_kernels.ops.range_attention import api as range_attention_api

# Importing an operation registers it.
OPERATIONS = (gate_residual, layer_norm_modulate, range_attention, rms_norm_rope)

N, C, S = 5, 12, 2


def leaf(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def operands():
    torch.manual_seed(0)
    index = torch.tensor([0, 1, 1, 0, 1])
    rope = RopeTable.build(torch.randint(0, 9, (N, 3)), C // 2)
    plan = RangePlan.build([Segment((0, 2), (0, 3)), Segment((2, N), (1, 2), (3, 4))], N, 4)
    return {
        "gate_residual": (leaf(N, C), leaf(N, C), leaf(S, C), index),
        "layer_norm_modulate": (leaf(N, C), leaf(S, C), leaf(S, C), index, 1e-6),
        "rms_norm_rope": (leaf(N, C), leaf(C), rope.cos, rope.sin, 2, 1e-6),
        "rms_norm_rope without a norm": (leaf(N, C), None, rope.cos, rope.sin, 2, 1e-6),
        "range_attention": (leaf(N, 2, 8), leaf(4, 2, 8), leaf(4, 2, 8), 0.3, *plan.tables),
    }


@pytest.mark.parametrize("name", operands())
def test_registered_operations_pass_torchs_own_checks(name):
    torch.library.opcheck(
        getattr(torch.ops.ace_kernels, name.split()[0]).default,
        (*operands()[name], "cpu"),
        test_utils=(
            "test_schema",
            "test_autograd_registration",
            "test_faketensor",
            "test_aot_dispatch_dynamic",
        ),
    )


def test_a_missing_input_has_no_gradient():
    """Without a weight the backward pass yields nothing for it, eager and registered alike."""
    x, _, cos, sin, heads, eps = operands()["rms_norm_rope without a norm"]
    eager = rms_norm_rope(x, None, RopeTable(cos, sin), num_heads=heads, eps=eps, backend="cpu")
    registered, _ = torch.ops.ace_kernels.rms_norm_rope(x, None, cos, sin, heads, eps, "cpu")
    assert torch.equal(eager, registered)
    grad = torch.randn_like(eager)
    assert torch.equal(*(torch.autograd.grad(out, x, grad)[0] for out in (eager, registered)))


def test_the_gradient_of_the_residual_stream_passes_through():
    x, y, gate, index = operands()["gate_residual"]
    grad = torch.randn_like(x)
    (dx,) = torch.autograd.grad(gate_residual(x, y, gate, index), x, grad)
    assert torch.equal(dx, grad)


def test_the_gpu_of_the_operands_becomes_the_current_one(monkeypatch):
    """Triton launches on the current device: with `cuda:1` every kernel ran on the wrong card."""
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "device", lambda device: f"guard of {device}")
    guards = [
        registration.device_guard(SimpleNamespace(device=torch.device(name)))
        for name in ("cuda:1", "cuda:0", "cpu")
    ]
    assert guards[0] == "guard of cuda:1"
    with guards[1], guards[2]:
        pass


def test_every_pass_runs_inside_the_guard(monkeypatch):
    inside = []

    @contextmanager
    def guard(x):
        inside.append(True)
        yield
        inside.pop()

    def recorded(function):
        def run(*arguments):
            passes.append((function.__name__, bool(inside)))
            return function(*arguments)

        return run

    passes = []
    monkeypatch.setattr(registration, "device_guard", guard)
    for name in ("forward", "backward"):
        monkeypatch.setattr(cpu, name, recorded(getattr(cpu, name)))
    inputs = operands()["gate_residual"]
    gate_residual(*(x.detach() for x in inputs))
    gate_residual(*inputs).sum().backward()
    torch.ops.ace_kernels.gate_residual(*inputs, "cpu").sum().backward()
    names = ["forward", "forward", "backward", "forward", "backward"]
    assert passes == [(name, True) for name in names]


def test_no_cpu_tensor_is_an_operand_on_a_gpu(monkeypatch):
    """The plan's layout stays on the CPU; as an operand it kept torch.compile from using CUDA graphs."""
    calls = []
    monkeypatch.setattr(range_attention_api, "choose_backend", lambda *_: "triton")
    monkeypatch.setattr(range_attention_api, "_operation", lambda *call: calls.append(call))
    q, k, v, *_ = operands()["range_attention"]
    plan = RangePlan.build([Segment((0, N), (0, 4))], N, 4)
    range_attention(q, k, v, plan)
    (call,) = calls
    assert not any(x is plan.layout for x in call)
