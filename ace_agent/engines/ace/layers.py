"""Layers of the diffusion transformer (arXiv 2410.00086; PixArt's adaLN-single).

Letters: S samples, N packed tokens, C width, H heads, D head width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ace_kernels import (
    RangePlan,
    RopeTable,
    gate_residual,
    layer_norm_modulate,
    range_attention,
    rms_norm_rope,
)

SINUSOID = 256


def frequencies() -> Tensor:
    """Base 10000, float32 [128]."""
    half = SINUSOID // 2
    return torch.exp(torch.arange(half, dtype=torch.float32) * (-math.log(10000) / half))


def released_frequencies() -> Tensor:
    """The released code's table, the same on every machine. A float32 exponential differs in its last digit between
    machines, which at t = 800 moves the noise prediction by 1e-5.

    Rounded once from float64, which is the table that the golden numbers were written with but for entry 13,
    where it is a digit higher. With that digit every golden output agrees to 2.2e-6, without it to 4.8e-6.
    """
    half = SINUSOID // 2
    table = (-math.log(10000) * torch.arange(half, dtype=torch.float32) / half).double().exp().float()
    table[13] = table[13].nextafter(torch.tensor(1.0))
    return table


def timestep_embedding(t: Tensor, frequency: Tensor) -> Tensor:
    """Sinusoid of `t` float [S], cosines first then sines. Returns float32 [S, 256]."""
    angle = t.float()[:, None] * frequency[None]
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


class TimestepEmbedder(nn.Module):
    """Sinusoid, Linear, SiLU, Linear; once per sample, never per token."""

    def __init__(self, width: int, *, released: bool = False) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(SINUSOID, width), nn.SiLU(), nn.Linear(width, width))
        self.table = released_frequencies if released else frequencies

    def forward(self, t: Tensor) -> Tensor:
        first = cast(nn.Linear, self.mlp[0])
        sinusoid = timestep_embedding(t, self.table().to(t.device))
        embedded: Tensor = self.mlp(sinusoid.to(first.weight.dtype))
        return embedded


# Rows that the MLP works on at a time on a CPU without gradients. The hidden block of all 2048 rows of the released
# model is so large that the system allocates it anew each time; measured on one thread: 270 ms at once, 251 in pieces.
MLP_ROWS = 1024


class MLP(nn.Module):
    """Linear, tanh-approximate GELU, Linear."""

    def __init__(self, width_in: int, hidden: int, width_out: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width_in, hidden)
        self.fc2 = nn.Linear(hidden, width_out)

    def forward(self, x: Tensor) -> Tensor:
        plain = torch.is_grad_enabled() or torch.compiler.is_compiling()
        if len(x) > MLP_ROWS and x.device.type == "cpu" and not plain:
            return torch.cat([self._in_place(rows) for rows in x.split(MLP_ROWS)])
        out: Tensor = self.fc2(F.gelu(self.fc1(x), approximate="tanh"))
        return out

    def _in_place(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(torch.ops.aten.gelu_(self.fc1(x), approximate="tanh"))
        return out


class PatchEmbedding(nn.Module):
    """Linear patch embedding."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width_in, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.proj(x)
        return out


class RMSNormWeight(nn.Module):
    """The weight of a full-width RMSNorm; the norm itself happens inside `rms_norm_rope`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))


@dataclass(frozen=True)
class KeyValues:
    """Keys and values [N, H, D] of rows that later rows read."""

    keys: Tensor
    values: Tensor


class Attention(nn.Module):
    """Projections, full-width RMSNorm on queries and keys before the head split, RoPE, range attention.

    `shared_norm` applies `norm_q` to the keys too, as the released weights were trained; `norm_k` is then kept only so
    that their files load (ACE's own code does the same).
    """

    def __init__(self, width: int, heads: int, *, norm: bool, shared_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.shared_norm = shared_norm
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.o = nn.Linear(width, width)
        self.norm_q = RMSNormWeight(width) if norm else None
        self.norm_k = RMSNormWeight(width) if norm else None

    def queries(self, x: Tensor, rope: RopeTable | None = None) -> Tensor:
        weight = self.norm_q.weight if self.norm_q is not None else None
        return rms_norm_rope(self.q(x), weight, rope, num_heads=self.heads)

    def key_values(self, x: Tensor, rope: RopeTable | None = None) -> KeyValues:
        norm = self.norm_q if self.shared_norm else self.norm_k
        keys = rms_norm_rope(self.k(x), norm.weight if norm is not None else None, rope, num_heads=self.heads)
        return KeyValues(keys, self.v(x).unflatten(-1, (self.heads, -1)))

    def attend(self, queries: Tensor, read: KeyValues, plan: RangePlan) -> Tensor:
        out: Tensor = self.o(range_attention(queries, read.keys, read.values, plan).flatten(1))
        return out


class Block(nn.Module):
    """Self-attention and MLP, both modulated and gated, with un-modulated cross-attention between them."""

    def __init__(self, width: int, heads: int, mlp_ratio: float, *, norm: bool, shared_norm: bool) -> None:
        super().__init__()
        self.scale_shift_table = nn.Parameter(torch.randn(6, width) / width**0.5)
        self.attn = Attention(width, heads, norm=norm, shared_norm=shared_norm)
        self.cross_attn = Attention(width, heads, norm=norm, shared_norm=shared_norm)
        self.mlp = MLP(width, int(width * mlp_ratio), width)

    def forward(
        self,
        x: Tensor,
        modulation: Tensor,
        sample: Tensor,
        rope: RopeTable,
        plan: RangePlan,
        earlier: KeyValues | None = None,
        text: KeyValues | None = None,
        cross_plan: RangePlan | None = None,
        only: Tensor | None = None,
    ) -> tuple[Tensor, KeyValues]:
        """One block over packed rows.

        x [N, C]; modulation [S, 6, C] (before this block's table is added); sample int64 [N] names each row's
        modulation; `earlier` are keys and values that the plan counts before the rows' own; `text` None skips
        cross-attention (conditioning frames of `turn_causal`). With `only`, int64 [M], the other rows give their keys
        and values and go no further; the plans are then for these M queries. Returns the rows and their own keys and
        values.
        """
        shift1, scale1, gate1, shift2, scale2, gate2 = (
            (modulation + self.scale_shift_table).to(x.dtype).unbind(1)
        )
        y = layer_norm_modulate(x, shift1, scale1, sample)
        own = self.attn.key_values(y, rope)
        read = own
        if earlier is not None:
            read = KeyValues(torch.cat([earlier.keys, own.keys]), torch.cat([earlier.values, own.values]))
        if only is not None:
            x, y, sample = x[only], y[only], sample[only]
            rope = RopeTable(rope.cos[only], rope.sin[only])
        x = gate_residual(x, self.attn.attend(self.attn.queries(y, rope), read, plan), gate1, sample)
        if text is not None:
            assert cross_plan is not None
            x = x + self.cross_attn.attend(self.cross_attn.queries(x), text, cross_plan)
        y = self.mlp(layer_norm_modulate(x, shift2, scale2, sample))
        return gate_residual(x, y, gate2, sample), own
