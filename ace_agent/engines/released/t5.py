"""The released model's text encoder: T5, loaded only for new texts, with its outputs cached on disk.

Letters: n valid tokens of a text, C the encoder's width (4096 for T5 v1.1 XXL).
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ace_agent.build_lock import building
from ace_agent.engines.memory_budget import free_memory
from ace_agent.files import write_atomic

MAX_TOKENS = 120
INDICATORS = ("{image}", *(f"{{image{i}}}" for i in range(1, 10)))


class TextEncoder(Protocol):
    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        """Valid rows [n, C] of each text."""
        ...


def clean_text(text: str) -> str:
    """The released cleaning: ftfy, HTML unescaped twice, whitespace collapsed."""
    import ftfy

    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return re.sub(r"\s+", " ", text.strip())


def indicator_vectors(encoder: TextEncoder) -> Tensor:
    """[10, C]: the first token's state of `{image}` ... `{image9}`."""
    return torch.stack([states[0] for states in encoder.encode(INDICATORS)]).float()


class TextCache:
    """Encoded texts as files, named by a hash of the text and of the encoder that read it."""

    def __init__(self, folder: Path, encoder: str) -> None:
        self.folder = folder
        self.encoder = encoder

    def path(self, text: str) -> Path:
        key = hashlib.sha256(f"{self.encoder}\0{text}".encode()).hexdigest()
        return self.folder / key[:2] / f"{key}.safetensors"

    def read(self, text: str) -> Tensor | None:
        """None for a new text, or for a damaged file, whose text is encoded again."""
        try:
            return load_file(self.path(text))["states"]
        except (OSError, SafetensorError, KeyError):
            return None

    def write(self, text: str, states: Tensor) -> None:
        """Does nothing where the cache cannot be written, on a full disk for example."""
        path = self.path(text)
        with suppress(OSError, SafetensorError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, lambda part: save_file({"states": states.contiguous()}, part))


class T5TextEncoder:
    """A `TextEncoder` that loads T5 for texts that the cache lacks, and unloads it again.

    Each text is encoded alone, padded to 120 tokens and masked, as released. The tokenizer must be the
    checkpoint's own: it may hold indicator tokens that the stock T5 lacks.
    """

    def __init__(
        self,
        model_folder: Path,
        tokenizer_folder: Path,
        *,
        cache: TextCache | None = None,
        device: str = "cpu",
        dtype: torch.dtype = torch.bfloat16,
        offload: bool = False,
    ) -> None:
        """`offload` lets accelerate spread the model over device, memory and disk, as much as fits on each."""
        self.model_folder = model_folder
        self.tokenizer_folder = tokenizer_folder
        self.cache = cache
        self.device = device
        self.dtype = dtype
        self.offload = offload

    def missing(self, texts: Sequence[str]) -> list[str]:
        """The texts for which the model would have to be loaded."""
        cleaned = dict.fromkeys(clean_text(text) for text in texts)
        return [text for text in cleaned if self.cache is None or self.cache.read(text) is None]

    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        """Valid rows [n, C] of each text, in the encoder's dtype, on the CPU."""
        states = self._encode_new(self.missing(texts))
        result = []
        for text in map(clean_text, texts):
            cached = states[text] if text in states else self.cache.read(text) if self.cache else None
            assert cached is not None
            result.append(cached)
        return result

    @torch.no_grad()
    def _encode_new(self, texts: Sequence[str]) -> dict[str, Tensor]:
        if not texts:
            return {}
        from transformers import AutoTokenizer, T5EncoderModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        tokenizer: Any = AutoTokenizer.from_pretrained(
            self.tokenizer_folder, local_files_only=True, trust_remote_code=False
        )
        states = {}
        with TemporaryDirectory() as spill:
            with building:
                model: Any = T5EncoderModel.from_pretrained(
                    self.model_folder,
                    dtype=self.dtype,
                    local_files_only=True,
                    device_map="auto" if self.offload else self.device,
                    offload_folder=spill,
                ).eval()
            for text in texts:
                tokens = tokenizer(
                    text, max_length=MAX_TOKENS, padding="max_length", truncation=True, return_tensors="pt"
                )
                # On the meta device the model lies on disk, and accelerate's hooks move the tokens.
                if model.device.type != "meta":
                    tokens = tokens.to(model.device)
                hidden = model(tokens.input_ids, attention_mask=tokens.attention_mask).last_hidden_state[0]
                states[text] = hidden[: int(tokens.attention_mask.sum())].cpu()
                if self.cache is not None:
                    self.cache.write(text, states[text])
        del model
        free_memory()  # for the transformer, which runs next
        return states
