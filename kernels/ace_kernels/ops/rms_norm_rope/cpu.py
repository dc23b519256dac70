"""RMSNorm, head split and rotation on a CPU: the rotation is one complex product."""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.chunking import chunk_rows
from ace_kernels.dtypes import accumulation_dtype


def forward(
    x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, num_heads: int, eps: float
) -> tuple[Tensor, Tensor]:
    """Returns the output `[N, H, D]` and the inverse root mean square of each row `[N]`, ones without a weight."""
    wide = accumulation_dtype(x.dtype)
    rows, channels = x.shape
    out = torch.empty((rows, channels), dtype=x.dtype, device=x.device)
    inverse = torch.ones((rows, 1), dtype=wide, device=x.device)
    wide_weight = None if weight is None else weight.to(wide)
    for start in range(0, rows, chunk_rows(x)):
        chunk = slice(start, start + chunk_rows(x))
        y = x[chunk].to(wide)
        result = out[chunk] if out.dtype is wide else torch.empty(y.shape, dtype=wide)
        if wide_weight is not None:
            norm = torch.linalg.vector_norm(y, dim=1, keepdim=True)
            inverse[chunk] = norm.square_().div_(channels).add_(eps).rsqrt_()
            torch.mul(y, wide_weight, out=result)
        else:
            result.copy_(y)
        if cos is not None and sin is not None:
            rotation = torch.complex(
                cos[chunk].to(wide) * inverse[chunk], sin[chunk].to(wide) * inverse[chunk]
            )
            _complex_heads(result, num_heads).mul_(rotation.unsqueeze(1))
        elif wide_weight is not None:
            result *= inverse[chunk]
        if out.dtype is not wide:
            out[chunk] = result
    return out.unflatten(1, (num_heads, -1)), inverse.squeeze(1)


def backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    cos: Tensor | None,
    sin: Tensor | None,
    inverse_rms: Tensor,
) -> tuple[Tensor, Tensor | None]:
    """Gradients of x and weight; `grad` is `[N, H, D]`, contiguous."""
    wide = accumulation_dtype(x.dtype)
    rows, channels = x.shape
    heads = grad.shape[1]
    dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    wide_weight = None if weight is None else weight.to(wide)
    dweight = None if weight is None else torch.zeros(channels, dtype=wide, device=x.device)
    for start in range(0, rows, chunk_rows(x)):
        chunk = slice(start, start + chunk_rows(x))
        y = grad[chunk].flatten(1).to(wide)
        if cos is not None and sin is not None:
            rotation = torch.complex(cos[chunk].to(wide), -sin[chunk].to(wide)).unsqueeze(1)
            y = torch.view_as_real(_complex_heads(y, heads) * rotation).flatten(1)
        if wide_weight is not None and dweight is not None:
            inverse = inverse_rms[chunk].unsqueeze(1)
            normalized = x[chunk].to(wide) * inverse
            dweight += torch.linalg.vecdot(y, normalized, dim=0)
            y = y * wide_weight
            projection = torch.linalg.vecdot(y, normalized).div_(channels).unsqueeze(1)
            y = y.addcmul_(normalized, projection, value=-1).mul_(inverse)
        dx[chunk] = y
    return dx, None if weight is None or dweight is None else dweight.to(weight.dtype)


def _complex_heads(y: Tensor, num_heads: int) -> Tensor:
    """A view of `y`, contiguous `[N, C]`, as complex numbers `[N, H, D/2]`."""
    return torch.view_as_complex(y.unflatten(1, (num_heads, -1, 2)))
