"""Converts a released checkpoint into one diffusers-style folder of safetensors: resumable, checksummed, all or
nothing.

This module reads the source and lists the folder's files; `converted_folder` writes them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ace_agent.engines.presets import (
    MANIFEST,
    PRESETS,
    Preset,
    check_disk,
    check_room_to_fetch,
    fetch,
    partial_of,
    preset_folder,
)
from ace_agent.engines.released.checkpoints import (
    WEIGHT_SUFFIXES,
    check_tensors,
    convert_transformer,
    read_tensors,
)
from ace_agent.engines.released.converted_folder import (
    INDEX,
    TRANSFORMER_WEIGHTS,
    Piece,
    Staging,
    another_model,
    check_destination,
    is_whole,
    read_json,
    source_of,
)
from ace_agent.errors import InputError, ModelError

SHARD_BYTES = 2_000_000_000
GUIDANCE_RESCALE = 0.5
ConversionProgress = Callable[[int, int, str], None]
"""Called with bytes done, bytes in all, and the file being written."""


@dataclass(frozen=True)
class ReleasedLayout:
    """Where the parts of a released checkpoint lie."""

    transformer: Path
    first_stage: Path
    text_encoder: Path
    tokenizer: Path

    def files(self) -> Iterator[Path]:
        yield self.transformer
        yield self.first_stage
        for folder in (self.text_encoder, self.tokenizer):
            yield from sorted(path for path in folder.iterdir() if path.is_file())


def find_layout(source: Path) -> ReleasedLayout:
    """Raises ModelError naming the parts that are missing."""
    root = source / "models" if (source / "models").is_dir() else source
    weights = {part: _weight_file(root / part) for part in ("dit", "vae")}
    folders = {part: _folder_with(root / part, "config.json") for part in ("text_encoder", "tokenizer")}
    folders["tokenizer"] = folders["tokenizer"] or _folder_with(root / "tokenizer", "tokenizer_config.json")
    missing = [part for part, path in {**weights, **folders}.items() if path is None]
    if missing:
        raise ModelError(
            f"{source} holds no ACE checkpoint: {', '.join(f'models/{part}' for part in missing)} missing",
            "it must be laid out like scepter-studio/ACE-0.6B-512px on the hub",
        )
    dit, vae, text_encoder, tokenizer = *weights.values(), *folders.values()
    assert dit is not None and vae is not None and text_encoder is not None and tokenizer is not None
    return ReleasedLayout(dit, vae, text_encoder, tokenizer)


def _weight_file(folder: Path) -> Path | None:
    if not folder.is_dir():
        return None
    found = sorted(path for path in folder.iterdir() if path.suffix in WEIGHT_SUFFIXES)
    if len(found) > 1:
        raise ModelError(f"{folder} holds {len(found)} checkpoints", "leave the one to convert")
    return found[0] if found else None


def _folder_with(folder: Path, file: str) -> Path | None:
    candidates = [folder, *sorted(folder.glob("*/"))] if folder.is_dir() else []
    return next((path for path in candidates if (path / file).is_file()), None)


def _tensor_piece(path: str, tensors: Mapping[str, Tensor], dtype: torch.dtype) -> Piece:
    def write(target: Path) -> None:
        cast = {n: (t.to(dtype) if t.is_floating_point() else t).contiguous() for n, t in tensors.items()}
        save_file(cast, target, metadata={"format": "pt"})

    return Piece(path, sum(t.numel() for t in tensors.values()) * dtype.itemsize, write)


def _json_piece(path: str, content: Mapping[str, Any]) -> Piece:
    text = json.dumps(content, indent=2, sort_keys=True) + "\n"
    return Piece(path, len(text), lambda target: _write_text(target, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _transformer_pieces(layout: ReleasedLayout, heads: int | None) -> list[Piece]:
    from ace_agent.engines.released.transformer import ReleasedTransformer

    config, state = convert_transformer(read_tensors(layout.transformer), heads)
    return [
        _json_piece("transformer/config.json", {"_class_name": ReleasedTransformer.__name__, **config}),
        _tensor_piece(TRANSFORMER_WEIGHTS, state, torch.float32),
    ]


def _first_stage_pieces(layout: ReleasedLayout) -> list[Piece]:
    from diffusers import AutoencoderKL

    from ace_agent.engines.released.autoencoder import convert_first_stage

    config, state = convert_first_stage(read_tensors(layout.first_stage))
    with torch.device("meta"):
        model: Any = AutoencoderKL(**config)
    check_tensors({n: t.shape for n, t in model.state_dict().items()}, state, "the first stage's checkpoint")
    return [
        _json_piece("vae/config.json", {"_class_name": "AutoencoderKL", **config}),
        _tensor_piece("vae/diffusion_pytorch_model.safetensors", state, torch.float32),
    ]


def _text_encoder_state(folder: Path) -> dict[str, Tensor]:
    """T5's encoder from one file or indexed shards; a decoder saved beside it is left out."""
    state: dict[str, Tensor] = {}
    for index in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        if (folder / index).is_file():
            weight_map = read_json(folder / index).get("weight_map")
            if not isinstance(weight_map, dict):
                raise ModelError(f"{folder / index} names no shards", "fetch the checkpoint again")
            shards = sorted(set(weight_map.values()))
            break
    else:
        shards = [p.name for p in sorted(folder.iterdir()) if p.suffix in WEIGHT_SUFFIXES][:1]
    if not shards:
        raise ModelError(f"{folder} holds no weights", "fetch the checkpoint again")
    for shard in shards:
        state.update(read_tensors(folder / shard))
    if "shared.weight" not in state and "encoder.embed_tokens.weight" in state:
        state["shared.weight"] = state["encoder.embed_tokens.weight"]
    unused = ("decoder.", "lm_head.", "encoder.embed_tokens.")
    return {name: tensor for name, tensor in state.items() if not name.startswith(unused)}


def _text_encoder_pieces(layout: ReleasedLayout) -> list[Piece]:
    from transformers import T5Config, T5EncoderModel

    folder = layout.text_encoder
    config = read_json(folder / "config.json")
    state = _text_encoder_state(folder)
    with torch.device("meta"):
        model = T5EncoderModel(T5Config(**config))
    expected = {n: t.shape for n, t in model.state_dict().items() if n != "encoder.embed_tokens.weight"}
    check_tensors(expected, state, "the text encoder's checkpoint")

    shards: list[dict[str, Tensor]] = [{}]
    room = SHARD_BYTES
    for name in sorted(state):
        size = state[name].numel() * torch.bfloat16.itemsize
        if size > room and shards[-1]:
            shards.append({})
            room = SHARD_BYTES
        shards[-1][name] = state[name]
        room -= size
    names = [f"model-{i + 1:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
    pieces = [
        _tensor_piece(f"text_encoder/{name}", shard, torch.bfloat16)
        for name, shard in zip(names, shards, strict=True)
    ]
    weight_map = {tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
    index = {"metadata": {"total_size": sum(piece.bytes for piece in pieces)}, "weight_map": weight_map}
    return [
        *pieces,
        _json_piece("text_encoder/model.safetensors.index.json", index),
        _json_piece("text_encoder/config.json", config),
    ]


def _tokenizer_pieces(layout: ReleasedLayout) -> list[Piece]:
    from transformers import AutoTokenizer

    folder = layout.tokenizer
    try:
        AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the tokenizer backends raise whatever they please
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{folder} holds no tokenizer that loads: {reason}", "fetch the checkpoint again"
        ) from error
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix not in WEIGHT_SUFFIXES)
    return [Piece(f"tokenizer/{f.name}", f.stat().st_size, _copier(f)) for f in files]


def _copier(source: Path) -> Callable[[Path], None]:
    def write(target: Path) -> None:
        shutil.copyfile(source, target)

    return write


def _index_piece(layout: ReleasedLayout, preset: Preset) -> Piece:
    return _json_piece(
        INDEX,
        {
            "_class_name": "ReleasedPipeline",
            "name": preset.name,
            "native_size": preset.native_size,
            "max_tokens": preset.max_tokens,
            "steps": preset.steps,
            "guidance": preset.guidance,
            "guidance_rescale": GUIDANCE_RESCALE,
            "source": layout.transformer.name,
            "transformer": ["ace_agent.engines.released.transformer", "ReleasedTransformer"],
            "vae": ["diffusers", "AutoencoderKL"],
            "text_encoder": ["transformers", "T5EncoderModel"],
            "tokenizer": ["transformers", "AutoTokenizer"],
        },
    )


def _fingerprint(layout: ReleasedLayout, preset: Preset, heads: int | None) -> str:
    """What the result depends on, without reading gigabytes: names, sizes and times of the source's files."""
    facts: list[Any] = [preset.name, heads]
    for path in layout.files():
        stat = path.stat()
        facts.append((str(path), stat.st_size, stat.st_mtime_ns))
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _preset_of(layout: ReleasedLayout) -> Preset:
    return PRESETS["ace-0.6b-1024" if "1024" in layout.transformer.name else "ace-0.6b-512"]


def convert(
    source: str | Path,
    dest: str | Path | None = None,
    *,
    heads: int | None = None,
    overwrite: bool = False,
    progress: ConversionProgress | None = None,
) -> Path:
    """Convert a preset's name (fetched first) or a local folder in the released layout; returns the folder made.

    `dest` None is the preset's own place, where `--model NAME` finds it. `heads` is needed only for a width that
    72 does not divide. An existing `dest` stays as it is until the new folder is whole.

    Raises:
        ModelError: the source is incomplete, damaged, unsafe or of another model, or the disk is too small.
        InputError: `dest` holds something else.
    """
    preset = PRESETS.get(str(source))
    if preset is not None:
        there = Path(dest) if dest is not None else preset_folder(preset.name)
        check_destination(there, overwrite, preset.name)
        if not overwrite and is_whole(there):
            return there
        check_room_to_fetch(preset, there)
        folder = fetch(preset.name)
    else:
        folder = Path(source)
        if not folder.is_dir():
            raise InputError(
                f"{folder} is not a folder", f"give one of {', '.join(PRESETS)}, or a checkpoint's folder"
            )
    layout = find_layout(folder)
    chosen = preset or _preset_of(layout)
    target = Path(dest) if dest is not None else preset_folder(chosen.name)
    fingerprint = _fingerprint(layout, chosen, heads)
    check_destination(target, overwrite, None)
    if (target / MANIFEST).is_file():
        same = source_of(target) == fingerprint
        if same and is_whole(target):
            return target
        if not same and not overwrite:
            raise another_model(target)

    pieces = [
        *_tokenizer_pieces(layout),
        *_transformer_pieces(layout, heads),
        *_first_stage_pieces(layout),
        *_text_encoder_pieces(layout),
        _index_piece(layout, chosen),
    ]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target.parent} cannot be made: {error.strerror}", "give another DEST") from error
    staging = Staging(partial_of(target), fingerprint)
    left = [piece for piece in pieces if not staging.has(piece.path)]
    needed = sum(piece.bytes for piece in left)
    check_disk(target.parent, needed, "the converted model")
    total = sum(piece.bytes for piece in pieces)
    done = total - needed
    for piece in left:
        if progress is not None:
            progress(done, total, piece.path)
        staging.add(piece)
        done += piece.bytes
    staging.finish(target)
    if progress is not None:
        progress(total, total, "")
    return target
