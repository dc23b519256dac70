"""Reading checkpoint files safely, and the released transformer's tensors under our names."""

from __future__ import annotations

import math
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ace_agent.errors import ModelError

WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
RELEASED_HEAD_WIDTH = 72
LATENT_CHANNELS = 4
LISTED = 10
"""Tensors that an error names before it counts the rest."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """A state dict from safetensors or a pickle of tensors, memory-mapped where the format allows.

    Raises ModelError for a file that is missing, truncated or of another kind, and for a pickle with more than tensors
    in it, which could run code and is never loaded.
    """
    if not path.is_file():
        raise ModelError(f"{path} does not exist", "fetch the checkpoint again")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        if "nsupported" in str(error) or "GLOBAL" in str(error):
            raise ModelError(
                f"{path} is a pickle that wants to run code; it was not loaded",
                "use a file that holds tensors alone",
            ) from error
        raise _damaged(path) from error
    except PermissionError as error:
        raise ModelError(f"{path} may not be read", "give yourself the right to") from error
    except Exception as error:  # what damaged bytes make an unpickler raise has no common root
        raise _damaged(path) from error
    return _tensors_of(loaded, path)


def _damaged(path: Path) -> ModelError:
    return ModelError(f"{path} is truncated or damaged ({path.stat().st_size:,} bytes)", "fetch it again")


def _tensors_of(loaded: object, path: Path) -> dict[str, Tensor]:
    for wrapper in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict):
        raise ModelError(
            f"{path} holds a {type(loaded).__name__}, not tensors by name", "is it a checkpoint?"
        )
    tensors = {str(name).removeprefix("module."): t for name, t in loaded.items() if isinstance(t, Tensor)}
    if not tensors:
        raise ModelError(f"{path} holds no tensors", "is it a checkpoint?")
    return tensors


def check_tensors(expected: Mapping[str, torch.Size], found: Mapping[str, Tensor], what: str) -> None:
    """Raises ModelError that lists missing, extra and misshapen tensors, the first ten of them."""
    wrong = [f"{name} is missing" for name in expected if name not in found]
    wrong += [f"{name} is not known" for name in found if name not in expected]
    wrong += [
        f"{name} is {tuple(found[name].shape)} instead of {tuple(shape)}"
        for name, shape in expected.items()
        if name in found and found[name].shape != shape
    ]
    if wrong:
        more = f" and {len(wrong) - LISTED} more" if len(wrong) > LISTED else ""
        raise ModelError(
            f"{what} does not fit: {'; '.join(wrong[:LISTED])}{more}", "is it a checkpoint of another model?"
        )


_PIXART_UNUSED = re.compile(r"^(pos_embed|y_embedder\.y_embedding)$")


def from_pixart(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """PixArt's names as the released ones: fused projections split, a patch embedding without a mask channel widened
    by zeros. A state dict under released names passes through."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if _PIXART_UNUSED.match(name):
            continue
        name = name.replace("cross_attn.q_linear.", "cross_attn.q.").replace(
            "y_embedder.y_proj.", "y_embedder."
        )
        name = re.sub(r"(attn)\.proj\.", r"\1.o.", name)
        if ".cross_attn.kv_linear." in name:
            fused, parts = "kv_linear", "kv"
        elif ".attn.qkv." in name:
            fused, parts = "qkv", "qkv"
        else:
            renamed[name] = tensor
            continue
        for part, piece in zip(parts, tensor.chunk(len(parts)), strict=True):
            renamed[name.replace(fused, part)] = piece
    embedding = renamed.get("x_embedder.proj.weight")
    if embedding is not None and embedding.dim() == 4 and embedding.shape[1] == LATENT_CHANNELS:
        mask = torch.zeros_like(embedding[:, :1])
        renamed["x_embedder.proj.weight"] = torch.cat([embedding, mask], dim=1)
    return renamed


_OURS = {
    "final_layer.scale_shift_table": "final_table",
    "final_layer.linear.weight": "output.weight",
    "final_layer.linear.bias": "output.bias",
}


def our_name(released: str) -> str:
    """The name in ReleasedTransformer of a released parameter."""
    return _OURS.get(released, released)


def transformer_config(state: Mapping[str, Tensor], heads: int | None = None) -> dict[str, Any]:
    """ReleasedTransformer's config for a released state dict; what the tensors do not say is the number of heads.

    `heads` None takes the released head width of 72. Raises ModelError if the tensors are not of such a model, or
    the width cannot be split so.
    """
    needed = (
        "x_embedder.proj.weight",
        "blocks.0.mlp.fc1.weight",
        "y_embedder.fc1.weight",
        "final_layer.linear.weight",
    )
    missing = [name for name in needed if name not in state]
    if missing:
        raise ModelError(
            f"this is no ACE transformer: {', '.join(missing)} missing", "give the file that models/dit holds"
        )
    embedding = state["x_embedder.proj.weight"]
    width, patch = embedding.shape[0], embedding.shape[-1]
    if heads is None:
        heads = width // RELEASED_HEAD_WIDTH
        if heads * RELEASED_HEAD_WIDTH != width:
            raise ModelError(
                f"a width of {width} is not a multiple of {RELEASED_HEAD_WIDTH}", "say how many heads"
            )
    depth = 1 + max(int(m[1]) for name in state if (m := re.match(r"blocks\.(\d+)\.", name)))
    return {
        "channels": embedding.shape[1] - 1,
        "patch": patch,
        "width": width,
        "depth": depth,
        "heads": heads,
        "mlp_ratio": _ratio(state["blocks.0.mlp.fc1.weight"].shape[0], width),
        "text_width": state["y_embedder.fc1.weight"].shape[1],
        "qk_norm": "blocks.0.attn.norm_q.weight" in state,
        "shared_qk_norm": True,
        "rope_theta": 10000.0,
        "out_channels": state["final_layer.linear.weight"].shape[0] // patch**2,
    }


def _ratio(hidden: int, width: int) -> float:
    """hidden / width, such that `int(width * ratio)` is `hidden` again whatever the rounding."""
    ratio = hidden / width
    return ratio if int(width * ratio) == hidden else math.nextafter(ratio, math.inf)


def convert_transformer(
    state: Mapping[str, Tensor], heads: int | None = None
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """(config, state dict) of a ReleasedTransformer from released or PixArt tensors.

    Raises ModelError listing the tensors that do not fit.
    """
    from ace_agent.engines.released.transformer import ReleasedTransformer

    released = from_pixart(state)
    config = transformer_config(released, heads)
    ours = {our_name(name): tensor for name, tensor in released.items()}
    weight = ours["x_embedder.proj.weight"]
    ours["x_embedder.proj.weight"] = weight.flatten(1)  # (channel, y, x): the order patchify gives
    with torch.device("meta"):
        model = ReleasedTransformer(**config)
    check_tensors({n: t.shape for n, t in model.state_dict().items()}, ours, "the transformer's checkpoint")
    return config, ours
