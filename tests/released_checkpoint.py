"""A checkpoint in the released layout at reduced width, written from scratch: random weights, real file
formats."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from tests.golden import FOLDER

WIDTH, DEPTH, TEXT_WIDTH = 144, 2, 64  # two heads of 72, the released head width


def dit_tensors(
    width: int = WIDTH,
    depth: int = DEPTH,
    text_width: int = TEXT_WIDTH,
    *,
    mlp_ratio: float = 4,
    qk_norm: bool = True,
    sigma_half: bool = True,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Random parameters under the released names, none of them zero and `norm_k` unlike `norm_q`."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int, scale: float | None = None) -> Tensor:
        spread = (
            scale if scale is not None else (shape[1:] and 1 / torch.Size(shape[1:]).numel() ** 0.5) or 0.1
        )
        return torch.randn(*shape, generator=generator) * spread

    tensors: dict[str, Tensor] = {}

    def linear(name: str, rows: int, columns: int) -> None:
        tensors[f"{name}.weight"] = draw(rows, columns)
        tensors[f"{name}.bias"] = draw(rows)

    hidden = int(width * mlp_ratio)
    tensors["x_embedder.proj.weight"] = draw(width, 5, 2, 2)
    tensors["x_embedder.proj.bias"] = draw(width)
    linear("t_embedder.mlp.0", width, 256)
    linear("t_embedder.mlp.2", width, width)
    linear("y_embedder.fc1", width, text_width)
    linear("y_embedder.fc2", width, width)
    linear("t_block.1", 6 * width, width)
    for block in range(depth):
        tensors[f"blocks.{block}.scale_shift_table"] = draw(6, width)
        for kind in ("attn", "cross_attn"):
            for part in "qkvo":
                linear(f"blocks.{block}.{kind}.{part}", width, width)
            if qk_norm:
                for part in "qk":
                    tensors[f"blocks.{block}.{kind}.norm_{part}.weight"] = 1 + draw(width, scale=0.2)
        linear(f"blocks.{block}.mlp.fc1", hidden, width)
        linear(f"blocks.{block}.mlp.fc2", width, hidden)
    tensors["final_layer.scale_shift_table"] = draw(2, width)
    linear("final_layer.linear", 4 * 4 * (2 if sigma_half else 1), width)
    return tensors


def ldm_first_stage() -> dict[str, Tensor]:
    """A small KL autoencoder under the released names (`first_stage_names.json` maps them to diffusers')."""
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    model = AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[32, 32, 64, 64],
        layers_per_block=2,
    )
    names = {t: r for r, t in json.loads((FOLDER / "first_stage_names.json").read_text()).items()}
    released = {}
    for name, tensor in model.state_dict().items():
        convolution = ".attentions.0.to_" in name and name.endswith("weight")
        released[names[name]] = tensor[:, :, None, None].clone() if convolution else tensor
    return released


def write_tokenizer(folder: Path) -> None:
    """A SentencePiece T5 tokenizer trained on a handful of instructions."""
    import sentencepiece

    folder.mkdir(parents=True)
    corpus = folder / "corpus.txt"
    lines = ["a red fox in the snow", "put {image1} and {image2} into {image}", "make the car green"]
    corpus.write_text("\n".join(lines * 20))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(folder / "spiece"),
        vocab_size=60,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        user_defined_symbols=["{image}", *(f"{{image{i}}}" for i in range(1, 10))],
        minloglevel=2,
    )
    corpus.unlink()
    (folder / "spiece.vocab").unlink()
    config = {
        "tokenizer_class": "T5Tokenizer",
        "extra_ids": 0,
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def write_text_encoder(folder: Path, width: int = TEXT_WIDTH) -> None:
    """A T5 v1.1 of two layers, saved as the pickled shards that the hub holds."""
    from transformers import T5Config, T5EncoderModel

    folder.mkdir(parents=True)
    torch.manual_seed(1)
    config = T5Config(
        vocab_size=80,
        d_model=width,
        d_kv=16,
        d_ff=96,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )
    model = T5EncoderModel(config)
    config.architectures = ["T5EncoderModel"]
    config.save_pretrained(folder)
    state = dict(model.state_dict())
    state["encoder.embed_tokens.weight"] = state["shared.weight"]
    names = sorted(state)
    shards = {
        "pytorch_model-00001-of-00002.bin": names[: len(names) // 2],
        "pytorch_model-00002-of-00002.bin": names[len(names) // 2 :],
    }
    for shard, held in shards.items():
        torch.save({name: state[name] for name in held}, folder / shard)
    weight_map = {name: shard for shard, held in shards.items() for name in held}
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def write_released_checkpoint(root: Path) -> Path:
    """`root` laid out as the hub repository is."""
    models = root / "models"
    (models / "dit").mkdir(parents=True)
    (models / "vae").mkdir()
    torch.save({"state_dict": dit_tensors()}, models / "dit" / "ace_0.6b_512px.pth")
    torch.save(ldm_first_stage(), models / "vae" / "vae.bin")
    write_text_encoder(models / "text_encoder" / "t5-v1_1-xxl")
    write_tokenizer(models / "tokenizer" / "t5-v1_1-xxl")
    return root
