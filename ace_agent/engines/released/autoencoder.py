"""The released model's first stage: a KL autoencoder in diffusers' form, read from the LDM names it was saved
under.

Letters: H, W a picture's height and width in pixels, h, w its latents' (an eighth).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

LATENT_SCALE = 0.18215
LATENT_CHANNELS = 4


class FirstStage(Protocol):
    """What the pipeline needs of a first stage; latents are already scaled."""

    def encode(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """float32 [3, H, W] in -1..1 -> float32 [4, h, w]."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """float32 [4, h, w] -> float32 [3, H, W], about -1..1."""
        ...


class Autoencoder:
    """A `FirstStage` around diffusers' AutoencoderKL."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @classmethod
    def from_pretrained(
        cls, folder: Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32, tiling: bool = False
    ) -> Autoencoder:
        from diffusers import AutoencoderKL

        model = AutoencoderKL.from_pretrained(
            folder, torch_dtype=dtype, local_files_only=True, use_safetensors=True
        )
        model = model.to(device).eval()
        if tiling:
            model.enable_tiling()
        return cls(model)

    @torch.no_grad()
    def encode(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A sample of the posterior, as in the released training and inference, not its mean.

        The noise comes from the CPU: `generator`'s, or the global one as the released code has it.
        """
        posterior = self.model.encode(pixels[None].to(self.model.device, self.model.dtype)).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator).to(posterior.mean.device)
        latents = posterior.mean.float() + posterior.std.float() * noise
        return latents[0] * LATENT_SCALE

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        unscaled = (latents[None].to(self.model.device) / LATENT_SCALE).to(self.model.dtype)
        pixels: Tensor = self.model.decode(unscaled).sample
        return pixels[0].float()


def to_picture(pixels: Tensor, *, truncate: bool = False) -> Image.Image:
    """float32 [3, H, W] in -1..1 as 8-bit RGB, rounded; `truncate` rounds down, as the released inference
    does."""
    values = ((pixels.float() + 1) / 2).clamp(0, 1) * 255
    values = values if truncate else values.round()
    return Image.fromarray(values.to(torch.uint8).permute(1, 2, 0).cpu().numpy())


def from_picture(image: Image.Image) -> Tensor:
    """8-bit RGB as float32 [3, H, W] in -1..1."""
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 127.5 - 1


_RENAMES = (
    (r"^(encoder|decoder)\.mid\.block_([12])\.", lambda m: f"{m[1]}.mid_block.resnets.{int(m[2]) - 1}."),
    (r"^(encoder|decoder)\.mid\.attn_1\.", r"\1.mid_block.attentions.0."),
    (r"^encoder\.down\.(\d+)\.block\.(\d+)\.", r"encoder.down_blocks.\1.resnets.\2."),
    (r"^encoder\.down\.(\d+)\.downsample\.conv\.", r"encoder.down_blocks.\1.downsamplers.0.conv."),
    (r"^decoder\.up\.(\d+)\.block\.(\d+)\.", r"decoder.up_blocks.\1.resnets.\2."),
    (r"^decoder\.up\.(\d+)\.upsample\.conv\.", r"decoder.up_blocks.\1.upsamplers.0.conv."),
    (r"\.nin_shortcut\.", ".conv_shortcut."),
    (r"\.norm_out\.", ".conv_norm_out."),
    (r"(\.attentions\.0)\.norm\.", r"\1.group_norm."),
    (r"(\.attentions\.0)\.([qkv])\.", r"\1.to_\2."),
    (r"(\.attentions\.0)\.proj_out\.", r"\1.to_out.0."),
    (r"^conv1\.", "quant_conv."),
    (r"^conv2\.", "post_quant_conv."),
)


def diffusers_name(name: str, levels: int) -> str:
    """A first-stage parameter's name in diffusers from its LDM name; `levels` resolutions (LDM counts `up`
    from below)."""
    name = name.removeprefix("first_stage_model.")
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return re.sub(r"up_blocks\.(\d+)\.", lambda m: f"up_blocks.{levels - 1 - int(m[1])}.", name)


def _count(names: Mapping[str, Tensor], pattern: str) -> int:
    return 1 + max((int(found[1]) for name in names if (found := re.search(pattern, name))), default=-1)


def convert_first_stage(released: Mapping[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """(config of AutoencoderKL, state dict) from a state dict under LDM names. Losses saved beside it are
    left out.

    Attention's 1x1 convolutions become linear maps. A state dict already under diffusers' names passes
    through.
    """
    released = {n: t for n, t in released.items() if not n.startswith(("loss.", "first_stage_model.loss."))}
    ldm = any(".down.0." in name for name in released)
    levels = _count(released, r"encoder\.down\.(\d+)\." if ldm else r"encoder\.down_blocks\.(\d+)\.")
    state = {(diffusers_name(n, levels) if ldm else n): t for n, t in released.items()}
    for name, tensor in state.items():
        if ".attentions.0." in name and tensor.dim() == 4:
            state[name] = tensor[:, :, 0, 0]
    return _config(state, levels), state


def _config(state: Mapping[str, Tensor], levels: int) -> dict[str, Any]:
    widths = [
        state[f"encoder.down_blocks.{level}.resnets.0.conv2.weight"].shape[0]
        for level in range(levels)
        if f"encoder.down_blocks.{level}.resnets.0.conv2.weight" in state
    ]
    return {
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "block_out_channels": widths,
        "layers_per_block": _count(state, r"encoder\.down_blocks\.0\.resnets\.(\d+)\."),
        "latent_channels": LATENT_CHANNELS,
        "norm_num_groups": 32,
        "scaling_factor": LATENT_SCALE,
        "sample_size": 512,
    }
