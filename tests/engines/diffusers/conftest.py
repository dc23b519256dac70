"""Tiny pipelines with random weights, saved as folders once a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch


def _parts(channels: int) -> dict[str, Any]:
    from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    vocabulary = {"<|startoftext|>": 0, "<|endoftext|>": 1}
    vocabulary |= {
        end: 2 + 2 * i + j
        for i, c in enumerate("abcdefghijklmnopqrstuvwxyz")
        for j, end in enumerate((c, c + "</w>"))
    }
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=16)
    return {
        "unet": UNet2DConditionModel(
            sample_size=16,
            in_channels=channels,
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=4,
        ),
        "vae": AutoencoderKL(
            block_out_channels=(8, 16),
            norm_num_groups=4,
            latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
        ),
        "scheduler": PNDMScheduler(skip_prk_steps=True),
        "text_encoder": CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(vocabulary),
                hidden_size=16,
                intermediate_size=16,
                num_attention_heads=2,
                num_hidden_layers=1,
                max_position_embeddings=16,
                bos_token_id=0,
                eos_token_id=1,
                pad_token_id=1,
            )
        ),
        "tokenizer": tokenizer,
        "safety_checker": None,
        "feature_extractor": None,
    }


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders by what their pipeline does: `create`, `instruct` and `fill`."""
    import diffusers

    kinds = {
        "create": (diffusers.StableDiffusionPipeline, 4),
        "instruct": (diffusers.StableDiffusionInstructPix2PixPipeline, 8),
        "fill": (diffusers.StableDiffusionInpaintPipeline, 9),
    }
    home = tmp_path_factory.mktemp("diffusers")
    for name, (kind, channels) in kinds.items():
        kind(**_parts(channels), requires_safety_checker=False).save_pretrained(home / name)
    return {name: home / name for name in kinds}
