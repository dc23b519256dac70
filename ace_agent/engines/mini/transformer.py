"""MiniTransformer: ace-mini's transformer, whose conditioning frames are computed once per request (docs/design.md).

Letters: S samples, T targets, R requests, N packed rows, C width, H heads, D head width, P patch side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ace_agent.engines.ace.layers import MLP, Block, KeyValues, TimestepEmbedder
from ace_agent.engines.ace.packing import PackedFrames, PackedTargets
from ace_agent.engines.ace.patches import patchify, unpatchify
from ace_agent.engines.ace.saved_module import configured
from ace_agent.engines.ace.trunk import Trunk
from ace_agent.engines.mini.conv_unet import FINE, Encoder, Features, Film, Matte
from ace_agent.engines.mini.copy_head import CopyHead, HeadGroup, Mixture, input_scale
from ace_agent.engines.mini.pointer import PREFERENCE, Pointing, warp
from ace_agent.engines.mini.states import Denoised, PrefixState, Seen, TargetInputs, TextState
from ace_agent.errors import ModelError
from ace_kernels import RopeTable

TARGET_INDICATOR = 16
TURN_TAGS = 8
TASK_VECTORS = 64
"""Size of the tasks' table; the catalogue has 44, and 0 stands for an unknown task."""
SIDES = 16
"""Rows and columns of tokens that have their own vector; further ones share the last."""


class MiniTransformer(Trunk):
    """Predicts clean pictures: a prefix of conditioning frames and the texts are encoded once, then every step denoises
    the targets, which read both (the `turn_causal` layout of docs/design.md)."""

    retired: ClassVar[dict[str, Any]] = {
        "layout": "turn_causal",
        "channels": 3,
        "qk_norm": True,
        "shared_qk_norm": False,
        "out_channels": 0,
    }

    @configured
    def __init__(
        self,
        patch: int = 16,
        width: int = 256,
        depth: int = 6,
        heads: int = 4,
        mlp_ratio: float = 4.0,
        text_width: int = 256,
        rope_theta: float = 100.0,  # grids here are 8 to 12 tokens a side
        levels: Sequence[int] = (48, 96, 160),  # channels of the convolutions, finest first
    ) -> None:
        super().__init__()
        self.patch = patch
        self.heads = heads
        self.t_embedder = TimestepEmbedder(width)
        self.y_embedder = MLP(text_width, width, width)
        self.t_block = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        reached = FINE * 2 ** len(levels)
        if patch != reached:
            raise ModelError(
                f"levels {tuple(levels)} halve pictures to patches of {reached} pixels, not {patch}",
                "give a level for every power of two between",
            )
        self.encoder = Encoder(width, levels, TASK_VECTORS)
        self.matte = Matte(width, levels)
        self.pooled = nn.Linear(width, width)
        self.said = nn.Linear(width, width)
        self.base_embedder = nn.Linear(width, width)
        self.indicator = nn.Embedding(TARGET_INDICATOR + 1, width)
        self.turn_tag = nn.Embedding(TURN_TAGS, width)
        self.task = nn.Embedding(TASK_VECTORS, width)
        self.places = nn.ModuleList(nn.Embedding(SIDES, width) for _ in range(2))
        self.blocks = nn.ModuleList(
            Block(width, heads, mlp_ratio, norm=True, shared_norm=False) for _ in range(depth)
        )
        self.final_table = nn.Parameter(torch.randn(2, width) / width**0.5)
        self.head = CopyHead(width, levels, TASK_VECTORS)
        self._initialise()

    def _initialise(self) -> None:
        self.initialise_trunk()
        for layer in (self.pooled, self.said, self.base_embedder):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.indicator.weight, std=0.02)
        nn.init.normal_(self.turn_tag.weight, std=0.02)
        nn.init.normal_(self.task.weight, std=0.1)
        for places in self.places:
            nn.init.normal_(cast(nn.Embedding, places).weight, std=0.02)

    def _placed(self, x: Tensor, positions: Tensor) -> Tensor:
        """Rows with a vector of their row and column added; positions int64 [N, 3].

        RoPE encodes distances only: without these vectors, pictures made from noise had no sky above and no ground
        below after 48,000 samples.
        """
        for places, axis in zip(self.places, positions[:, 1:].unbind(1), strict=True):
            x = x + places(axis.clamp_max(SIDES - 1))
        return x

    def _blocks(
        self,
        x: Tensor,
        modulation: Tensor,
        frames: PackedFrames,
        rope: RopeTable,
        earlier: list[KeyValues] | None,
        text: list[KeyValues] | None,
        targets: PackedTargets | None,
    ) -> tuple[Tensor, list[KeyValues]]:
        kept = []
        dtype = (
            torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else x.dtype
        )
        x, modulation = x.to(dtype), modulation.to(dtype)
        for number, block in enumerate(self.trunk):
            x, own = block(
                x,
                modulation,
                frames.sample,
                rope,
                frames.plan,
                earlier[number] if earlier is not None else None,
                text[number] if text is not None else None,
                targets.cross_plan if targets is not None else None,
            )
            kept.append(own)
        return x, kept

    def _frame_rows(
        self, pictures: Sequence[Tensor], embedded: Tensor
    ) -> tuple[Tensor, list[tuple[list[int], Features]]]:
        """Encode conditioning frames [4, h, w] to packed rows [N, C]. Frames of one size go through the convolutions
        together; their features are returned with the frames' numbers."""
        numbers: dict[torch.Size, list[int]] = {}
        for number, picture in enumerate(pictures):
            numbers.setdefault(picture.shape, []).append(number)
        rows: dict[int, Tensor] = {}
        seen = []
        for own in numbers.values():
            frames = torch.stack([pictures[number] for number in own])
            noise, known = torch.zeros_like(frames[:, :3]), torch.ones_like(frames[:, :1])
            unnamed = torch.zeros(len(own), dtype=torch.long, device=frames.device)
            film = Film(embedded.expand(len(own), -1), unnamed)
            made = self.encoder(torch.cat([noise, frames, known], dim=1), film)
            rows |= dict(zip(own, made.tokens.unbind(), strict=True))
            seen.append((own, made))
        return torch.cat([rows[number] for number in range(len(pictures))]), seen

    def _mattes(
        self, rows: Tensor, pictures: Sequence[Tensor], seen: Sequence[tuple[list[int], Features]]
    ) -> tuple[Tensor, ...]:
        """Mattes of frames, each [1, h, w], by their packed rows [N, C]."""
        grids = [(one.shape[1] // self.patch, one.shape[2] // self.patch) for one in pictures]
        tokens = F.layer_norm(rows, rows.shape[-1:], eps=1e-6).split([h * w for h, w in grids])
        mattes: dict[int, Tensor] = {}
        for own, features in seen:
            made = self.matte(torch.stack([tokens[number] for number in own]), grids[own[0]], features.levels)
            mattes |= dict(zip(own, made.unbind(), strict=True))
        return tuple(mattes[number] for number in range(len(pictures)))

    def encode_prefix(
        self, pictures: Sequence[Tensor], frames: PackedFrames, earlier: PrefixState | None = None
    ) -> PrefixState:
        """Conditioning rows at timestep 0; pictures [4, h, w] of pixels in -1..1 and a mask in 0..1.

        `earlier` are rows of earlier turns that the plan of `frames` counts first.
        """
        embedded = self.t_embedder(torch.zeros(1, device=pictures[0].device))
        rows, seen = self._frame_rows(pictures, embedded)
        x = self._placed(rows + self.indicator(frames.indicators), frames.positions)
        modulation = self.modulation(embedded)
        x, kept = self._blocks(
            x,
            modulation,
            frames,
            self.rope(frames.positions),
            earlier.key_values if earlier else None,
            None,
            None,
        )
        return PrefixState(kept, x, self._mattes(x, pictures, seen))

    def encode_text(
        self, states: Tensor, indicators: Tensor, tags: Tensor, current: Tensor, tasks: Tensor
    ) -> TextState:
        """Text rows of all runs: states [N, text width] from the text encoder, indicators int64 [N] (-1: none), tags
        int64 [N] (turns ago), current float [runs, N] (averages the current turn's rows of a run), tasks int64 [runs]
        (the current turn's, 0: unknown)."""
        x = self.y_embedder(states)
        # At initialisation the embedder shrinks the states to a twentieth, which delays learning to read the text.
        x = F.layer_norm(x, x.shape[-1:], eps=1e-6)
        named = self.indicator(indicators.clamp_min(0)) * (indicators >= 0)[:, None]
        x = x + named + self.turn_tag(tags.clamp_max(TURN_TAGS - 1))
        # A known task is not read from the words, because unusual words were taken for another task's. What else they
        # say, such as colours and times of day, reaches every block directly, beside attention.
        mean = current @ x
        asked = torch.where((tasks > 0)[:, None], self.task(tasks), self.pooled(mean)) + self.said(mean)
        return TextState([block.cross_attn.key_values(x) for block in self.trunk], asked, tasks)

    def target_rows(self, frames: PackedFrames, inputs: TargetInputs, prefix: PrefixState | None) -> Tensor:
        """The targets' input rows apart from noise and mask, [N, C]: their own vector, their places, and the trunk's
        output for the base image at the same place, so that attention need not find it."""
        x = self._placed(
            self.indicator.weight[TARGET_INDICATOR].expand(len(frames.positions), -1), frames.positions
        )
        if prefix is None:
            return x
        base = F.embedding(inputs.base_rows, prefix.hidden)
        base = self.base_embedder(F.layer_norm(base, base.shape[-1:], eps=1e-6))
        return x + base * inputs.has_base[frames.sample][:, None]

    def forward(
        self,
        noisy: Tensor,
        t: Tensor,
        targets: PackedTargets,
        rope: RopeTable,
        known: Tensor,
        text: TextState,
        prefix: PrefixState | None,
        inputs: TargetInputs,
        groups: Sequence[HeadGroup],
    ) -> Denoised:
        """Clean estimate of every target: one denoising step.

        Args:
            noisy: [N, 3*P*P], packed rows.
            t: float [T] in 0..1 (1 = noise).
            targets: positions of the targets' rows, and who reads what.
            rope: angles of these positions; like `known`, built once per request.
            known: what `target_rows` gives.
            text: what `encode_text` gives.
            prefix: what `encode_prefix` gives; None for a request without frames.
            inputs: masks and base images.
            groups: targets of one grid, for the convolutions.
        """
        frames = targets.frames
        embedded = self.t_embedder(t * 1000) + text.pooled[targets.runs]
        tasks = text.tasks[targets.runs]
        x = torch.zeros_like(known)
        seen = []
        for group in groups:
            seen.append(self._seen(noisy, t, embedded, tasks, inputs, group))
            rows = seen[-1].features.tokens.flatten(0, 1).to(x.dtype)
            x = x.index_copy(0, group.rows.flatten(), rows)
        x = x + known
        modulation = self.modulation(embedded)
        x, prefix = self._read_context(x, modulation, targets, rope, text, prefix)
        x = self.final_norm(x, embedded, frames.sample)
        clean = torch.empty_like(noisy)
        mixtures, pointing = [], []
        for group, own in zip(groups, seen, strict=True):
            picture, mixture, pointed = self._head(x[group.rows], own, t, inputs, prefix, group)
            clean = clean.index_copy(0, group.rows.flatten(), patchify(picture, self.patch).flatten(0, 1))
            mixtures.append(mixture)
            pointing.append(pointed)
        return Denoised(clean, x, mixtures, pointing)

    def _read_context(
        self,
        x: Tensor,
        modulation: Tensor,
        targets: PackedTargets,
        rope: RopeTable,
        text: TextState,
        prefix: PrefixState | None,
    ) -> tuple[Tensor, PrefixState | None]:
        """Run targets through the trunk, where they read the prefix, themselves and their texts. Returns their rows and
        the prefix for the pointer."""
        earlier = prefix.key_values if prefix is not None else None
        x, _ = self._blocks(x, modulation, targets.frames, rope, earlier, text.key_values, targets)
        return x, prefix

    def _seen(
        self,
        noisy: Tensor,
        t: Tensor,
        embedded: Tensor,
        tasks: Tensor,
        inputs: TargetInputs,
        group: HeadGroup,
    ) -> Seen:
        def pixels(packed: Tensor) -> Tensor:
            return unpatchify(packed[group.rows], group.grid, self.patch)

        noise, base, mask = pixels(noisy), pixels(inputs.base), pixels(inputs.mask)
        film = Film(embedded[group.members], tasks[group.members])
        known = inputs.has_base[group.members][:, None, None, None].to(mask).expand_as(mask)
        shown = noise * input_scale(t[group.members])[:, None, None, None]
        features = self.encoder(torch.cat([shown, base, mask, known], dim=1), film)
        return Seen(noise, base, mask, film, features)

    def _head(
        self,
        tokens: Tensor,
        seen: Seen,
        t: Tensor,
        inputs: TargetInputs,
        prefix: PrefixState | None,
        group: HeadGroup,
    ) -> tuple[Tensor, Mixture, Pointing | None]:
        pointed = None
        warped = torch.zeros_like(seen.base)
        mass = matte = torch.zeros_like(seen.base[:, :1])
        if prefix is not None and group.table is not None:
            # Coordinates need more digits than bfloat16 has.
            with torch.autocast(tokens.device.type, enabled=False):
                pointed = self.head.pointer(
                    tokens.float(), prefix.hidden.float(), group.prefix, group.prefix_valid, group.turns
                )
                warped, mass, matte = warp(
                    pointed,
                    group.table,
                    prefix.mattes,
                    group.grid,
                    self.patch,
                    len(tokens),
                    1.0 if self.training else PREFERENCE,
                )
        clean, mixture = self.head(
            tokens,
            seen.features.levels,
            seen.film,
            t[group.members],
            seen.noise,
            seen.base,
            seen.mask,
            group.recalls,
            inputs.has_base[group.members],
            warped,
            mass,
            matte,
            group.grid,
        )
        return clean, mixture, pointed
