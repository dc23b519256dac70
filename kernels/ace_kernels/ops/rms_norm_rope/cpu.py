"""RMSNorm, head split and rotation on a CPU: a rotation is one complex product."""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.arithmetic import piece, wide


def forward(
    x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, num_heads: int, eps: float
) -> tuple[Tensor, Tensor]:
    """Returns the output `[N, H, D]` and the inverse root mean square of each row `[N]`, or ones."""
    to = wide(x.dtype)
    rows, channels = x.shape
    out = torch.empty((rows, channels), dtype=x.dtype, device=x.device)
    inverse = torch.ones((rows, 1), dtype=to, device=x.device)
    gain = None if weight is None else weight.to(to)
    for start in range(0, rows, piece(x)):
        part = slice(start, start + piece(x))
        y = x[part].to(to)
        turned = out[part] if out.dtype is to else torch.empty(y.shape, dtype=to)
        if gain is not None:
            length = torch.linalg.vector_norm(y, dim=1, keepdim=True)
            inverse[part] = length.square_().div_(channels).add_(eps).rsqrt_()
            torch.mul(y, gain, out=turned)
        else:
            turned.copy_(y)
        if cos is not None and sin is not None:
            turn = torch.complex(cos[part].to(to) * inverse[part], sin[part].to(to) * inverse[part])
            _pairs(turned, num_heads).mul_(turn.unsqueeze(1))
        elif gain is not None:
            turned *= inverse[part]
        if out.dtype is not to:
            out[part] = turned
    return out.unflatten(1, (num_heads, -1)), inverse.squeeze(1)


def backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    cos: Tensor | None,
    sin: Tensor | None,
    inverse: Tensor,
) -> tuple[Tensor, Tensor | None]:
    """Gradients of x and weight; `grad` is `[N, H, D]`, contiguous."""
    to = wide(x.dtype)
    rows, channels = x.shape
    heads = grad.shape[1]
    dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    gain = None if weight is None else weight.to(to)
    dgain = None if weight is None else torch.zeros(channels, dtype=to, device=x.device)
    for start in range(0, rows, piece(x)):
        part = slice(start, start + piece(x))
        y = grad[part].flatten(1).to(to)
        if cos is not None and sin is not None:
            back = torch.complex(cos[part].to(to), -sin[part].to(to)).unsqueeze(1)
            y = torch.view_as_real(_pairs(y, heads) * back).flatten(1)
        if gain is not None and dgain is not None:
            normal = x[part].to(to) * inverse[part].unsqueeze(1)
            dgain += torch.linalg.vecdot(y, normal, dim=0)
            y = y * gain
            along = torch.linalg.vecdot(y, normal).div_(channels).unsqueeze(1)
            y = y.addcmul_(normal, along, value=-1).mul_(inverse[part].unsqueeze(1))
        dx[part] = y
    return dx, dgain


def _pairs(y: Tensor, num_heads: int) -> Tensor:
    """`y`, contiguous `[N, C]`, as the complex numbers `[N, H, D/2]` that it holds."""
    return torch.view_as_complex(y.unflatten(1, (num_heads, -1, 2)))
