"""Packed range attention and the fused operations around it.

Every operation has a readable `reference`, an exact CPU path and a Triton path; `ACE_KERNELS_BACKEND` or the
`backend` argument forces one. Importing the package loads neither torch nor triton.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ace_kernels.attention.api import range_attention
    from ace_kernels.errors import ArgumentError, BackendError, KernelError
    from ace_kernels.plan import RangePlan, Segment

_HOME = {
    "ArgumentError": "ace_kernels.errors",
    "BackendError": "ace_kernels.errors",
    "KernelError": "ace_kernels.errors",
    "RangePlan": "ace_kernels.plan",
    "Segment": "ace_kernels.plan",
    "range_attention": "ace_kernels.attention.api",
}

__all__ = [
    "ArgumentError",
    "BackendError",
    "KernelError",
    "RangePlan",
    "Segment",
    "range_attention",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
