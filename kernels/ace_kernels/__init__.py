"""Packed range attention and the fused operations around it.

Every operation has a readable `reference`, an exact CPU path and Triton kernels; `ACE_KERNELS_BACKEND` or the argument
`backend` forces one of them. Importing the package loads neither torch nor triton.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ace_kernels.errors import ArgumentError, BackendError, KernelError
    from ace_kernels.ops.gate_residual.api import gate_residual
    from ace_kernels.ops.layer_norm_modulate.api import layer_norm_modulate
    from ace_kernels.ops.range_attention.api import range_attention
    from ace_kernels.ops.range_attention.sdpa import attention_workspace
    from ace_kernels.ops.rms_norm_rope.api import rms_norm_rope
    from ace_kernels.ops.rms_norm_rope.table import RopeTable
    from ace_kernels.range_plan import RangePlan, Segment

_MODULES = {
    "ArgumentError": "ace_kernels.errors",
    "BackendError": "ace_kernels.errors",
    "KernelError": "ace_kernels.errors",
    "RangePlan": "ace_kernels.range_plan",
    "RopeTable": "ace_kernels.ops.rms_norm_rope.table",
    "Segment": "ace_kernels.range_plan",
    "attention_workspace": "ace_kernels.ops.range_attention.sdpa",
    "gate_residual": "ace_kernels.ops.gate_residual.api",
    "layer_norm_modulate": "ace_kernels.ops.layer_norm_modulate.api",
    "range_attention": "ace_kernels.ops.range_attention.api",
    "rms_norm_rope": "ace_kernels.ops.rms_norm_rope.api",
}

__all__ = [
    "ArgumentError",
    "BackendError",
    "KernelError",
    "RangePlan",
    "RopeTable",
    "Segment",
    "attention_workspace",
    "gate_residual",
    "layer_norm_modulate",
    "range_attention",
    "rms_norm_rope",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
