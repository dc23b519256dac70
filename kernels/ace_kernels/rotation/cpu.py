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
        if gain is not None:
            length = torch.linalg.vector_norm(y, dim=1, keepdim=True)
            inverse[part] = length.square_().div_(channels).add_(eps).rsqrt_()
            y = y * gain
        elif cos is not None:
            y = y.clone()  # a complex view wants even strides, which rows of a wider tensor need not have
        if cos is not None and sin is not None:
            turn = torch.complex(cos[part].to(to) * inverse[part], sin[part].to(to) * inverse[part])
            y = _turned(y, turn, num_heads)
        elif gain is not None:
            y *= inverse[part]
        out[part] = y
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
            y = _turned(y, torch.complex(cos[part].to(to), -sin[part].to(to)), heads)
        if gain is not None and dgain is not None:
            normal = x[part].to(to) * inverse[part].unsqueeze(1)
            dgain += torch.linalg.vecdot(y, normal, dim=0)
            y = y * gain
            along = torch.linalg.vecdot(y, normal).div_(channels).unsqueeze(1)
            y = y.addcmul_(normal, along, value=-1).mul_(inverse[part].unsqueeze(1))
        dx[part] = y
    return dx, dgain


def _turned(y: Tensor, turn: Tensor, num_heads: int) -> Tensor:
    """Pairs of `y`, `[N, C]`, times the complex `turn`, `[N, D/2]`, in every head."""
    pairs = torch.view_as_complex(y.unflatten(1, (num_heads, -1, 2)))
    return torch.view_as_real(pairs * turn.unsqueeze(1)).flatten(1)
