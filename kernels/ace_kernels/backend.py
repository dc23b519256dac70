"""Which implementation of an operation runs."""

from __future__ import annotations

import os
import warnings
from functools import cache
from typing import Literal, cast, get_args

import torch
from torch import Tensor

from ace_kernels.errors import ArgumentError, BackendError
from ace_kernels.triton_support import device_problem, is_interpreted, triton_problem

# sdpa: torch's own attention, and plain torch for the fused operations. On any device, for GPUs without Triton.
Backend = Literal["reference", "cpu", "sdpa", "triton"]
BACKENDS: tuple[str, ...] = get_args(Backend)
VARIABLE = "ACE_KERNELS_BACKEND"


def choose_backend(x: Tensor, forced: str | None) -> Backend:
    """The backend for `x`: the argument, else the environment variable, else the fastest one that can run.

    Raises:
        ArgumentError: an unknown name, or a dtype that the forced backend does not support.
        BackendError: a forced backend that cannot run on this device or in this installation.
    """
    name, source = (forced, "backend") if forced is not None else (os.environ.get(VARIABLE), VARIABLE)
    if not name:
        return _fastest(x)
    if name not in BACKENDS:
        raise ArgumentError(f"{source}: wanted one of {', '.join(BACKENDS)}, got {name!r}")
    if name == "cpu" and x.device.type != "cpu":
        raise BackendError(f"{source}: the cpu backend needs tensors on the CPU, got {x.device}")
    if name == "triton":
        if x.dtype is torch.float64:
            raise ArgumentError(f"{source}: the triton backend does not support torch.float64, use reference")
        problem = _triton_problem(x.device)
        if problem is not None:
            raise BackendError(f"{source}: the triton backend cannot run here: {problem}")
    return cast(Backend, name)


def is_traced() -> bool:
    """Whether this call is being traced (torch.compile, export, FakeTensorMode) instead of run."""
    return torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack() > 0


def as_fake(tensor: Tensor, like: Tensor) -> Tensor:
    """`tensor`, made outside a FakeTensorMode, as an operand inside the mode of `like`."""
    mode = getattr(like, "fake_mode", None)
    return tensor if mode is None or hasattr(tensor, "fake_mode") else mode.from_tensor(tensor)


def _triton_problem(device: torch.device) -> str | None:
    if is_interpreted():
        return triton_problem()
    if device.type == "cuda":
        return device_problem(device)
    return (
        "tensors on the CPU need TRITON_INTERPRET=1"
        if device.type == "cpu"
        else f"no kernels for {device.type}"
    )


def _fastest(x: Tensor) -> Backend:
    if x.device.type == "cpu":
        return "cpu"
    if x.device.type != "cuda" or x.dtype is torch.float64:
        return "sdpa"
    problem = device_problem(x.device)
    if problem is None:
        return "triton"
    _warn_once(problem)
    return "sdpa"


@cache
def _warn_once(problem: str) -> None:
    warnings.warn(
        f"ace_kernels uses torch's own attention on this GPU, not its Triton kernels: {problem}", stacklevel=4
    )
