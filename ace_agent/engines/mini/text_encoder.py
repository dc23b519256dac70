"""ace-mini's text encoder: word vectors initialised from a language model's, and letters for everything else.

Letters: M texts, L tokens of the longest, W vector width, C width.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ace_agent.engines.ace.condition_unit import indicator_number
from ace_agent.engines.ace.packing import REFERENCE_INDICATOR
from ace_agent.engines.ace.saved_module import SavedModule, configured
from ace_agent.plan.tasks import TASKS
from ace_agent.quotes import is_caption

SPECIAL = ("<pad>", "<end>", "<image>", "<quote>")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:;!?'-+&%#@/()$*=\"_ "
MAX_TOKENS = 64
"""Longest text in tokens; the rest is cut off, which `Tokens.cut` notes."""
TASK_NUMBERS = {task: number for number, task in enumerate(TASKS, 1)}
_PIECE = re.compile(r"\{image\d*\}|\"[^\"]*\"|[a-z]+(?:-[a-z]+)*|\d+|[^\sa-z\d]", re.IGNORECASE)


@dataclass(frozen=True)
class Tokens:
    """ids of one text, the indicator of each token (-1: none), and the number of the task that it asks for (0:
    unknown)."""

    ids: tuple[int, ...]
    indicators: tuple[int, ...]
    cut: bool
    task: int = 0

    def asking(self, task: str | None) -> Tokens:
        """The same text, known to ask for a task of the catalogue."""
        return replace(self, task=0 if task is None else TASK_NUMBERS[task])


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    """The pieces of `text`, each with its start; a quoted caption gives its words, between quotes."""
    for found in _PIECE.finditer(text):
        piece, start = found.group(), found.start()
        if piece.startswith('"') and is_caption(piece[1:-1]):
            yield '"', start
            yield from ((word, start + 1 + at) for word, at in _pieces(piece[1:-1]))
            yield '"', found.end() - 1
        else:
            yield piece, start


class WordTokenizer:
    """Whole words; unknown words and quoted lettering go letter by letter, quoted captions word by word. `{imageK}` is
    one token that carries K."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self.vocabulary = (*SPECIAL, *LETTERS, *self.words)
        self._word = {word: len(SPECIAL) + len(LETTERS) + i for i, word in enumerate(self.words)}
        self._letter = {letter: len(SPECIAL) + i for i, letter in enumerate(LETTERS)}

    def __len__(self) -> int:
        return len(self.vocabulary)

    @classmethod
    def load(cls, folder: Path) -> WordTokenizer:
        return cls(json.loads((folder / "words.json").read_text()))

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "words.json").write_text(json.dumps(self.words))

    def _ids(self, piece: str) -> list[int]:
        if piece.startswith('"'):
            spelled = [self._letter[letter] for letter in piece[1:-1] if letter in self._letter]
            return [SPECIAL.index("<quote>"), *spelled, *([SPECIAL.index("<quote>")] if piece[1:] else [])]
        if piece in self._word:
            return [self._word[piece]]
        if "-" in piece and all(part in self._word for part in piece.split("-")):
            return [self._word[part] for part in piece.split("-")]
        for ending, back in (("ies", "y"), ("es", ""), ("s", "")):
            stem = piece.removesuffix(ending) + back
            if piece.endswith(ending) and stem in self._word:
                return [self._word[stem], self._letter["s"]]
        return [self._letter[letter] for letter in piece if letter in self._letter]

    def __call__(self, text: str, named: Sequence[tuple[int, int, int]] = ()) -> Tokens:
        """Tokens of `text`; `named` are `(start, stop, k)`: characters that reference picture k belongs to."""
        ids: list[int] = []
        indicators: list[int] = []
        for piece, start in _pieces(text):
            number = indicator_number(piece)
            if number is not None:
                new, mark = [SPECIAL.index("<image>")], number
            else:
                mark = next((REFERENCE_INDICATOR + k for a, b, k in named if a <= start < b), -1)
                new = self._ids(piece.lower())
            ids += new
            indicators += [mark] * len(new)
        cut = len(ids) > MAX_TOKENS - 1
        ids, indicators = ids[: MAX_TOKENS - 1], indicators[: MAX_TOKENS - 1]
        return Tokens((*ids, SPECIAL.index("<end>")), (*indicators, -1), cut)


def pad_tokens(texts: Sequence[Tokens]) -> Tensor:
    """int64 [M, L], padded with zeros."""
    longest = max(len(text.ids) for text in texts)
    return torch.tensor([[*text.ids, *([0] * (longest - len(text.ids)))] for text in texts])


class MiniTextEncoder(SavedModule):
    """A small pre-norm transformer encoder over word vectors; each text is encoded alone."""

    @configured
    def __init__(
        self, vocabulary: int, vector: int = 128, width: int = 256, depth: int = 3, heads: int = 4
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, vector)
        self.enter = nn.Linear(vector, width)
        self.position = nn.Parameter(torch.randn(MAX_TOKENS, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor) -> Tensor:
        """ids int64 [M, L], 0 = padding. Returns [M, L, C]; padded rows are to be ignored."""
        x = self.enter(self.words(ids)) + self.position[: ids.shape[1]]
        out: Tensor = self.norm(self.layers(x, src_key_padding_mask=ids == 0))
        return out


def build_words(
    model_file: Path, extra: Sequence[str], size: int = 8000, vector: int = 128
) -> tuple[list[str], Any]:
    """Word list and start vectors from a language model's GGUF file.

    The words are `extra` and then the model's own whole words in the order of its merges (frequent first). A word's
    vector is the mean of its tokens' embeddings, reduced by PCA to `vector` numbers and scaled to unit variance.
    Returns `(words, float32 [size, vector])`.
    """
    import numpy as np
    from gguf import GGUFReader, dequantize

    reader = GGUFReader(str(model_file))
    field = reader.fields["tokenizer.ggml.tokens"]
    tokens = [bytes(field.parts[i]).decode() for i in field.data]
    tensor = next(t for t in reader.tensors if t.name == "token_embd.weight")
    table = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    by_text = {token: i for i, token in enumerate(tokens)}
    words = list(dict.fromkeys(word.lower() for word in extra))
    known = set(words)
    for token in tokens:
        word = token[1:]
        if token.startswith("Ġ") and len(word) > 1 and re.fullmatch(r"[a-z]+", word) and word not in known:
            if len(words) >= size:
                break
            words.append(word)
            known.add(word)

    def embed(word: str) -> Any:
        rest, first, rows = word, True, []
        while rest:
            for stop in range(len(rest), 0, -1):
                index = by_text.get(("Ġ" if first else "") + rest[:stop])
                if index is not None:
                    rows.append(table[index])
                    rest, first = rest[stop:], False
                    break
            else:
                rest = rest[1:]
        return np.mean(rows, axis=0) if rows else np.zeros(table.shape[1], np.float32)

    full = np.stack([embed(word) for word in words])
    full = full - full.mean(0)
    _, _, axes = np.linalg.svd(full, full_matrices=False)
    reduced = full @ axes[:vector].T
    return words, (reduced / reduced.std()).astype(np.float32)
