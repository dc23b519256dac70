"""A Llama with a LoRA adapter (arXiv 2106.09685), written for training on a CPU's bfloat16 matrix units.

transformers and peft compute the same numbers (the tests compare them). On a core with AMX their matrix products take
a tenth of the step: the rest goes to casts and to elementwise passes over whole activations. Here the frozen
projections that read the same rows are one product, their norm's weights are folded into them, and each piece has the
few passes of a backward written by hand. Attention is computed in float32, whose backward is faster on CPUs than
bfloat16's.

Shapes: B requests, L tokens of the longest, N = B L, D width of the model, R rank.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class _Linear(torch.autograd.Function):
    """y = x W^T + (x A^T) B^T with W frozen; x [N, in], W [out, in], A [R, in], B [out, R]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, down: Tensor, up: Tensor) -> Tensor:
        down, up = down.to(x.dtype), up.to(x.dtype)
        inner = x @ down.t()
        ctx.save_for_backward(x, weight, down, up, inner)
        return torch.mm(x, weight.t()).addmm_(inner, up.t())

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:  # type: ignore[override]
        x, weight, down, up, inner = ctx.saved_tensors
        narrow = grad @ up
        return (
            torch.mm(grad, weight).addmm_(narrow, down),
            None,
            (narrow.t() @ x).float(),
            (grad.t() @ inner).float(),
        )


class _Norm(torch.autograd.Function):
    """x / rms(x) over the last axis, without weights; x [N, D]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, epsilon: float) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        scale = (norm.square() / x.shape[-1] + epsilon).rsqrt().to(x.dtype)
        y = x * scale
        ctx.save_for_backward(y, scale)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        y, scale = ctx.saved_tensors
        along = (grad * y).mean(-1, keepdim=True)
        return torch.addcmul(grad, y, along, value=-1).mul_(scale), None


class _Gated(torch.autograd.Function):
    """silu(gate) * up of [N, 2 H], gate first."""

    @staticmethod
    def forward(ctx: Any, both: Tensor) -> Tensor:
        ctx.save_for_backward(both)
        gate, up = both.chunk(2, -1)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        (both,) = ctx.saved_tensors
        gate, up = both.chunk(2, -1)
        out = torch.empty_like(both)
        torch.mul(grad, F.silu(gate), out=out[:, gate.shape[1] :])
        out[:, : gate.shape[1]] = torch.ops.aten.silu_backward(grad * up, gate)
        return out


class _Turned(torch.autograd.Function):
    """Rotary positions (arXiv 2104.09864) on halves of the last axis; cosines and sines [L, 1, half]."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        ctx.save_for_backward(cosines, sines)
        return _turn(x, cosines, sines)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        cosines, sines = ctx.saved_tensors
        return _turn(grad, cosines, -sines), None, None


def _turn(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat((a * cosines - b * sines, b * cosines + a * sines), -1)


@dataclass(frozen=True)
class _Group:
    """Frozen projections of the same rows as one weight [out, in], and the norm [in] folded into it, if any."""

    names: tuple[str, ...]
    weight: Tensor
    norm: Tensor | None


class LoraLlama:
    """A frozen Llama and the adapter's float32 parameters.

    Args:
        model: transformers' LlamaForCausalLM, without biases and with unscaled rotary positions (SmolLM2's kind).
        rank: of the adapter.
        alpha: the adapter's products count ``alpha / rank``.
        dtype: of the frozen weights and of the activations, but for attention and the loss: float32 or bfloat16.
    """

    def __init__(self, model: Any, rank: int, alpha: float, dtype: torch.dtype) -> None:
        config = model.config
        self.rank, self.scale, self.dtype = rank, alpha / rank, dtype
        self.heads, self.groups = config.num_attention_heads, config.num_key_value_heads
        self.width = config.head_dim
        self.epsilon = config.rms_norm_eps
        half = torch.arange(0, self.width, 2, dtype=torch.float32) / self.width
        self.rates = 1.0 / config.rope_parameters["rope_theta"] ** half
        self.embedding = model.model.embed_tokens.weight.detach().to(dtype)
        self.head = model.lm_head.weight.detach().to(dtype)
        self.last_norm = model.model.norm.weight.detach().to(dtype)
        self.adapter: dict[str, torch.nn.Parameter] = {}
        self.layers = [
            (
                self._group(at, layer.self_attn, PROJECTIONS[:3], layer.input_layernorm),
                self._group(at, layer.self_attn, PROJECTIONS[3:4]),
                self._group(at, layer.mlp, PROJECTIONS[4:6], layer.post_attention_layernorm),
                self._group(at, layer.mlp, PROJECTIONS[6:]),
            )
            for at, layer in enumerate(model.model.layers)
        ]

    def _group(self, at: int, room: Any, projections: tuple[str, ...], norm: Any = None) -> _Group:
        part = "self_attn" if "q_proj" in dict(room.named_children()) else "mlp"
        names = tuple(f"model.layers.{at}.{part}.{p}" for p in projections)
        weights = [getattr(room, p).weight.detach() for p in projections]
        for name, weight in zip(names, weights, strict=True):
            down = torch.empty(self.rank, weight.shape[1])
            torch.nn.init.kaiming_uniform_(down, a=math.sqrt(5))
            self.adapter[f"{name}.lora_A.weight"] = torch.nn.Parameter(down)
            self.adapter[f"{name}.lora_B.weight"] = torch.nn.Parameter(
                torch.zeros(weight.shape[0], self.rank)
            )
        folded = None if norm is None else norm.weight.detach()
        joined = torch.cat(weights) if folded is None else torch.cat(weights) * folded
        return _Group(names, joined.to(self.dtype), folded)

    def _project(self, x: Tensor, group: _Group) -> Tensor:
        down = torch.cat([self.adapter[f"{n}.lora_A.weight"] for n in group.names])
        if group.norm is not None:
            down = down * group.norm
        up = torch.block_diag(*(self.adapter[f"{n}.lora_B.weight"] for n in group.names)) * self.scale
        out: Tensor = _Linear.apply(x, group.weight, down, up)
        return out

    def _attend(self, rows: Tensor, size: int, cosines: Tensor, sines: Tensor) -> Tensor:
        split = rows.view(size, -1, self.heads + 2 * self.groups, self.width).float()
        turned = _Turned.apply(split[:, :, : self.heads + self.groups], cosines, sines).transpose(1, 2)
        values = split[:, :, self.heads + self.groups :].transpose(1, 2)
        seen = F.scaled_dot_product_attention(
            turned[:, : self.heads], turned[:, self.heads :], values, is_causal=True, enable_gqa=True
        )
        return seen.transpose(1, 2).reshape(rows.shape[0], -1).to(self.dtype)

    def hidden(self, ids: Tensor) -> Tensor:
        """The last layer's normed states [N, D] of token ids [B, L], padded on the right."""
        angles = torch.outer(torch.arange(ids.shape[1], dtype=torch.float32), self.rates).unsqueeze(1)
        cosines, sines = angles.cos(), angles.sin()
        x = F.embedding(ids.reshape(-1), self.embedding)
        for queries, outward, gates, downward in self.layers:
            rows = self._project(_Norm.apply(x, self.epsilon), queries)
            x = x + self._project(self._attend(rows, ids.shape[0], cosines, sines), outward)
            both = self._project(_Norm.apply(x, self.epsilon), gates)
            x = x + self._project(_Gated.apply(both), downward)
        normed: Tensor = _Norm.apply(x, self.epsilon)
        return normed * self.last_norm

    def loss(self, ids: Tensor, wanted: Tensor) -> Tensor:
        """Mean cross entropy of the wanted next tokens, -100 where none is; ids and wanted [B, L]."""
        wanted = wanted.reshape(-1)
        chosen = (wanted != -100).nonzero().squeeze(1)
        logits = self.hidden(ids)[chosen] @ self.head.t()
        return F.cross_entropy(logits.float(), wanted[chosen])
