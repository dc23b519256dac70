"""What ace-mini's and the released transformer have in common."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ace_agent.engines.ace.layers import MLP, Block, TimestepEmbedder
from ace_agent.engines.ace.saved_module import SavedModule
from ace_kernels import RopeTable


class Trunk(SavedModule):
    """A stack of modulated blocks under a time and a text embedder.

    A subclass builds the parts in its `__init__`, in the order in which its weights were first drawn, because seeds
    and optimizer states depend on it.
    """

    patch: int
    heads: int
    t_embedder: TimestepEmbedder
    y_embedder: MLP
    t_block: nn.Sequential
    blocks: nn.ModuleList
    final_table: nn.Parameter

    @property
    def trunk(self) -> list[Block]:
        """The blocks, typed."""
        return cast(list[Block], list(self.blocks))

    def rope(self, positions: Tensor) -> RopeTable:
        """Angles of packed rows; positions int64 [N, 3]. Built once per request and shared by all blocks."""
        head_width = self.config["width"] // self.heads
        return RopeTable.build(positions, head_width, theta=self.config["rope_theta"])

    def modulation(self, embedded: Tensor) -> Tensor:
        """Shifts, scales and gates of all blocks, [S, 6, C], from embedded times [S, C]."""
        out: Tensor = self.t_block(embedded).unflatten(-1, (6, -1))
        return out

    def final_norm(self, x: Tensor, embedded: Tensor, sample: Tensor) -> Tensor:
        """The last layer norm over packed rows [N, C], modulated by embedded times [S, C]; `sample` int64 [N]."""
        shift, scale = (self.final_table + embedded[:, None]).unbind(1)
        x = torch.nn.functional.layer_norm(x, x.shape[-1:], eps=1e-6)
        return x * (1 + scale[sample]) + shift[sample]

    def initialise_trunk(self) -> None:
        """Xavier for the blocks; cross-attention starts by adding nothing."""
        for block in self.trunk:
            for attention in (block.attn, block.cross_attn):
                for layer in (attention.q, attention.k, attention.v, attention.o):
                    nn.init.xavier_uniform_(layer.weight)
                    nn.init.zeros_(layer.bias)
            nn.init.zeros_(block.cross_attn.o.weight)
            for layer in (block.mlp.fc1, block.mlp.fc2):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        modulation = cast(nn.Linear, self.t_block[1])
        nn.init.normal_(modulation.weight, std=0.02)
        nn.init.zeros_(modulation.bias)
