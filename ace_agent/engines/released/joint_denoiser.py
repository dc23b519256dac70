"""The noise prediction of a batch of samples, as the samplers want it.

Letters: S samples, N packed rows, C width, P patch side, h, w latent sizes, L = h * w of a batch's longest target.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ace_agent.engines.ace.packing import rows_of
from ace_agent.engines.ace.patches import patchify
from ace_agent.engines.released.joint_packing import JointSample, pack_joint, unpad_target
from ace_agent.engines.released.transformer import ReleasedTransformer


class JointDenoiser:
    """Predicts the noise of a batch of samples, with the signature that the samplers call.

    What no step changes (plans, angles, conditioning patches, keys and values of the texts) is computed once. Gradients
    flow through it, so training uses it too.
    """

    def __init__(
        self, model: ReleasedTransformer, samples: Sequence[JointSample], indicators: Tensor | None = None
    ) -> None:
        """`indicators` [10, text width], or None for a model run without them."""
        self.model = model
        self.samples = samples
        self.device = model.device
        self.pack = pack_joint(samples, model.patch).to(self.device)
        self.rope = model.rope(self.pack.frames.positions)
        self.longest = max(sample.shape[0] * sample.shape[1] for sample in samples)
        texts = torch.cat([text for sample in samples for text in sample.texts]).to(self.device)
        named = None if indicators is None else indicators.to(self.device)
        self.indicators = None if named is None else model.y_embedder(named.to(model.dtype))
        self.text = model.encode_text(texts.to(model.dtype), self._added(self.pack.text_indicators))
        self.added = self._added(self.pack.frames.indicators)
        self.masks = [self._mask(sample.mask, sample.shape) for sample in samples]
        self.edits = [
            [
                self._patches(edit.to(self.device), self._mask(mask, edit.shape[-2:]))
                for edit, mask in zip(sample.edits, sample.edit_masks, strict=True)
            ]
            for sample in samples
        ]

    def _added(self, which: Tensor) -> Tensor | None:
        return None if self.indicators is None else self.indicators[which]

    def _mask(self, mask: Tensor | None, size: Sequence[int]) -> Tensor:
        """[1, h, w] on the device."""
        return (torch.ones(1, *size) if mask is None else mask).to(self.device, self.model.dtype)

    def _patches(self, latents: Tensor, mask: Tensor) -> Tensor:
        """Latents [4, h, w] with their mask as a fifth channel -> [rows, 5 * P * P]."""
        return patchify(torch.cat([latents.to(mask.dtype), mask]), self.model.patch)

    def _tokens(self, x: Tensor) -> Tensor:
        """Patches of all frames, [N, 5 * P * P], from padded targets [S, 4, L]."""
        tokens = []
        for sample, flat, mask, edits in zip(self.samples, x, self.masks, self.edits, strict=True):
            tokens += [self._patches(unpad_target(flat, sample.shape), mask), *edits]
        return torch.cat(tokens)

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        """Noise predicted in x [S, 4, L] (row-major, zero padded) at t int64 [S]; zeros where x is padding."""
        tokens = self._tokens(x.to(self.device))
        eps: Tensor = self.model(tokens, t.to(self.device), self.pack, self.rope, self.text, self.added)
        out = []
        row = 0
        for sample in self.samples:
            grid = sample.grids(self.model.patch)[0]
            own = eps[row : row + rows_of(grid)]
            row += rows_of(grid)
            flat = self._unpatchify(own, grid).flatten(1)
            out.append(F.pad(flat, (0, self.longest - flat.shape[1])))
        return torch.stack(out).to(x.device)

    def _unpatchify(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """[N, P * P * channels], channel last within a patch -> [4, h, w]; the variance half is dropped."""
        patch = self.model.patch
        pixels = tokens.view(*grid, patch, patch, -1)[..., : self.model.channels]
        return pixels.permute(4, 0, 2, 1, 3).flatten(3, 4).flatten(1, 2)
