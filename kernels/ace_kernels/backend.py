"""Which implementation of an operation runs."""

from __future__ import annotations

import os
import warnings
from functools import cache
from typing import Literal, cast, get_args

import torch
from torch import Tensor

from ace_kernels.errors import ArgumentError, BackendError

Backend = Literal["reference", "cpu", "triton"]
BACKENDS: tuple[str, ...] = get_args(Backend)
VARIABLE = "ACE_KERNELS_BACKEND"
OLDEST_TRITON = (3, 4)


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
        problem = triton_problem()
        if problem is None and x.device.type == "cpu" and not is_interpreted():
            problem = "tensors on the CPU need TRITON_INTERPRET=1"
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


def is_interpreted() -> bool:
    """Whether Triton's interpreter runs the kernels, as in tests."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def _fastest(x: Tensor) -> Backend:
    if x.device.type != "cuda" or x.dtype is torch.float64:
        return "cpu" if x.device.type == "cpu" else "reference"
    problem = triton_problem()
    if problem is None:
        return "triton"
    _warn_once(problem)
    return "reference"


@cache
def _warn_once(problem: str) -> None:
    warnings.warn(f"ace_kernels runs its slow reference on this GPU: {problem}", stacklevel=4)


def triton_problem() -> str | None:
    """Why Triton cannot be used, or None."""
    try:
        import triton
    except ImportError as error:
        return f"triton is missing ({error}); pip install 'triton>=3.4'"
    found = tuple(int(part) for part in triton.__version__.split(".")[:2])
    if found < OLDEST_TRITON:
        return f"triton {triton.__version__} is too old; pip install 'triton>=3.4'"
    return None
