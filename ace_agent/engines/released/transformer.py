"""ReleasedTransformer: ACE-0.6B's transformer, in which every frame of a sample sees every other (arXiv 2410.00086).

Letters: S samples, N packed rows, C width, P patch side.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from ace_agent.engines.ace.layers import MLP, Block, KeyValues, PatchEmbedding, TimestepEmbedder
from ace_agent.engines.ace.saved_module import configured
from ace_agent.engines.ace.trunk import Trunk
from ace_agent.engines.released.joint_packing import JointPack
from ace_kernels import RopeTable


class ReleasedTransformer(Trunk):
    """Predicts the noise in a sample's target from its frames and their texts (the `joint` layout of
    docs/design.md)."""

    retired: ClassVar[dict[str, Any]] = {"layout": "joint", "levels": [48, 96, 160]}

    @configured
    def __init__(
        self,
        channels: int = 4,  # of a latent, without its mask
        patch: int = 2,
        width: int = 1152,
        depth: int = 28,
        heads: int = 16,
        mlp_ratio: float = 4.0,
        text_width: int = 4096,
        qk_norm: bool = True,
        shared_qk_norm: bool = True,  # the released weights norm keys with the queries' weight
        rope_theta: float = 10000.0,
        out_channels: int = 8,  # the noise, and a variance that nobody reads
    ) -> None:
        super().__init__()
        self.patch = patch
        self.channels = channels
        self.heads = heads
        pixels = patch * patch
        self.t_embedder = TimestepEmbedder(width, released=True)
        self.y_embedder = MLP(text_width, width, width)
        self.t_block = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.x_embedder = PatchEmbedding((channels + 1) * pixels, width)
        self.blocks = nn.ModuleList(
            Block(width, heads, mlp_ratio, norm=qk_norm, shared_norm=shared_qk_norm) for _ in range(depth)
        )
        self.final_table = nn.Parameter(torch.randn(2, width) / width**0.5)
        self.output = nn.Linear(width, pixels * out_channels)
        self._initialise()

    def _initialise(self) -> None:
        """As the released training starts: what PixArt leaves at torch's default is Xavier or normal here."""
        self.initialise_trunk()
        nn.init.xavier_uniform_(self.x_embedder.proj.weight)
        nn.init.zeros_(self.x_embedder.proj.bias)
        for layer in (
            *cast(nn.Sequential, self.t_embedder.mlp[::2]),
            self.y_embedder.fc1,
            self.y_embedder.fc2,
        ):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def encode_text(self, states: Tensor, added: Tensor | None) -> list[KeyValues]:
        """Keys and values per block of the frames' texts, which no step changes: states [N, text width] packed frame
        after frame, `added` [N, C] each row's frame indicator."""
        x = self.y_embedder(states)
        if added is not None:
            x = x + added
        return [block.cross_attn.key_values(x) for block in self.trunk]

    def forward(
        self,
        tokens: Tensor,
        t: Tensor,
        pack: JointPack,
        rope: RopeTable,
        text: list[KeyValues],
        added: Tensor | None,
    ) -> Tensor:
        """Noise in the targets, [target rows, P*P*out_channels], channel last.

        Args:
            tokens: [N, (channels + 1)*P*P], patches of all frames with their masks, the targets' noisy.
            t: [S] in 0..999; modulates conditioning frames too.
            pack: positions, and who reads whom.
            rope: angles of the pack's positions.
            text: what `encode_text` made of the texts.
            added: [N, C], each row's frame indicator; None for a model without them.
        """
        frames = pack.frames
        x = self.x_embedder(tokens)
        if added is not None:
            x = x + added
        embedded = self.t_embedder(t.float())
        modulation = self.modulation(embedded)
        *trunk, last = self.trunk
        for block, read in zip(trunk, text[:-1], strict=True):
            x, _ = block(x, modulation, frames.sample, rope, frames.plan, None, read, pack.cross_plan)
        # Nobody reads what the last block makes of conditioning frames.
        x, _ = last(
            x,
            modulation,
            frames.sample,
            rope,
            pack.target_plan,
            None,
            text[-1],
            pack.target_cross_plan,
            pack.targets,
        )
        out: Tensor = self.output(self.final_norm(x, embedded, frames.sample[pack.targets]))
        return out
