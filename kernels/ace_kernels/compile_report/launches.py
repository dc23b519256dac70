"""What the operations launch: their own launch code runs on tensors without memory, and the launches are recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from triton.runtime.jit import JITFunction

from ace_kernels import RangePlan, Segment
from ace_kernels.ops.gate_residual import triton as gate_residual
from ace_kernels.ops.layer_norm_modulate import triton as layer_norm_modulate
from ace_kernels.ops.range_attention import triton as range_attention
from ace_kernels.ops.rms_norm_rope import triton as rms_norm_rope

META = torch.device("meta")
ROWS = 2048
# Channels and heads of ACE-0.6B and ace-mini.
SHAPES = ((1152, 16), (256, 4))

TYPES = {
    torch.float16: "fp16",
    torch.bfloat16: "bf16",
    torch.float32: "fp32",
    torch.int32: "i32",
    torch.int64: "i64",
}


@dataclass(frozen=True)
class Launch:
    """One launch of a kernel: what it was called with, by parameter, and the compiler's options."""

    kernel: Any
    arguments: dict[str, Any]
    options: dict[str, Any]
    variant: str
    aligned: bool

    @property
    def name(self) -> str:
        return str(self.kernel.__name__).removesuffix("_kernel")

    @property
    def descriptors(self) -> int:
        """How many operands come through TMA."""
        return sum(hasattr(value, "block_shape") for value in self.arguments.values())

    @property
    def multiplies(self) -> bool:
        """Whether the kernel must use matrix instructions."""
        q = self.arguments.get("Q")
        return q is not None and q.dtype is not torch.float32

    def signature(self, backend: str) -> tuple[dict[str, str], dict[tuple[int], Any], dict[tuple[int], Any]]:
        """Types, constants and attributes as Triton derives them from the arguments of a launch."""
        types: dict[str, str] = {}
        constants: dict[tuple[int], Any] = {}
        attributes: dict[tuple[int], Any] = {}
        for place, parameter in enumerate(self.kernel.params):
            value = self.arguments[parameter.name]
            kind, hints = _describe(value, backend)
            if parameter.is_constexpr or kind == "constexpr":
                kind, constants[(place,)] = "constexpr", value
            elif hints:
                attributes[(place,)] = hints
            types[parameter.name] = kind
        return types, constants, attributes


def _describe(value: Any, backend: str) -> tuple[str, list[list[Any]]]:
    aligned = [["tt.divisibility", 16]]
    if isinstance(value, Tensor):
        hints = aligned if value.storage_offset() * value.element_size() % 16 == 0 else []
        if backend == "hip" and value.untyped_storage().nbytes() < 2**31:
            hints = [*hints, ["tt.pointer_range", 32]]
        return f"*{TYPES[value.dtype]}", hints
    if hasattr(value, "block_shape"):
        block = ",".join(map(str, value.block_shape))
        return f"tensordesc<{TYPES[value.base.dtype]}[{block}]>", []
    if isinstance(value, int) and not isinstance(value, bool) and value != 1:
        return ("i32" if -(2**31) <= value < 2**31 else "i64"), aligned if value % 16 == 0 else []
    return ("fp32", []) if isinstance(value, float) else ("constexpr", [])


@contextmanager
def _recorded(chip: str, variant: str, aligned: bool) -> Iterator[list[Launch]]:
    launches: list[Launch] = []

    def record(kernel: Any, *arguments: Any, grid: Any, warmup: bool, **named: Any) -> None:
        values = dict(zip(kernel.arg_names, arguments, strict=False))
        values |= {name: named.pop(name) for name in kernel.arg_names if name in named}
        launches.append(Launch(kernel, values, named, variant, aligned))

    with (
        mock.patch.object(JITFunction, "run", record),
        mock.patch.object(range_attention, "chip_name", lambda device: chip),
    ):
        yield launches


def attention_launches(
    chip: str, width: int, dtype: torch.dtype, *, aligned: bool = True, backward: bool = True
) -> list[Launch]:
    """Range attention of 16 heads; not `aligned`: of 3, in rows and at addresses that are no multiple of 16 bytes."""
    heads, rows, skipped = (16, ROWS, 0) if aligned else (3, ROWS - 1, 1)
    plan = RangePlan.build(
        [Segment((0, rows), (0, rows // 2), (rows // 2 + 1, rows))], rows, rows, device=META
    )
    q, k, v, grad = (
        torch.empty((rows + skipped, heads, width), dtype=dtype, device=META)[skipped:] for _ in range(4)
    )
    variant = f"{width}, {TYPES[dtype]}" + ("" if aligned else ", unaligned")
    with _recorded(chip, variant, aligned) as launches:
        out, lse = range_attention.forward(q, k, v, 0.1, *plan.tables)
        if backward:
            range_attention.backward(grad, q, k, v, out, lse, 0.1, *plan.tables)
    return launches


def fused_launches(chip: str, channels: int, heads: int, dtype: torch.dtype) -> list[Launch]:
    """The fused operations as a block of the transformer calls them, with float32 weights as under autocast."""
    x, y, grad = (torch.empty((ROWS, channels), dtype=dtype, device=META) for _ in range(3))
    shift, scale, gate, *_ = torch.empty((2, 6, channels), dtype=dtype, device=META).unbind(1)
    index = torch.empty(ROWS, dtype=torch.int64, device=META)
    weight = torch.empty(channels, dtype=torch.float32, device=META)
    cos, sin = (torch.empty((ROWS, channels // heads // 2), device=META) for _ in range(2))
    with _recorded(chip, f"{channels}, {TYPES[dtype]}", True) as launches:
        _, mean, inverse = layer_norm_modulate.forward(x, shift, scale, index, 1e-6)
        layer_norm_modulate.backward(grad, x, shift, scale, index, mean, inverse)
        gate_residual.forward(x, y, gate, index)
        gate_residual.backward(grad, y, gate, index)
        # Self-attention, then the queries and keys of cross-attention, which have no rotation.
        for c, s in ((cos, sin), (None, None)):
            out, inverse = rms_norm_rope.forward(x, weight, c, s, heads, 1e-6)
            rms_norm_rope.backward(torch.empty_like(out), x, weight, c, s, inverse)
    return launches
