"""The plan parser's network: a pretrained encoder, and a small decoder that writes tokens and points.

Pointer networks: arXiv 1506.03134. Encoder: MiniLM (arXiv 2002.10957), as `all-MiniLM-L6-v2`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ace_agent.planner.parser.encoding import KINDS, MOST_PICTURES
from ace_agent.planner.parser.plan_tokens import SIZE

MOST_TOKENS = 128
"""Tokens of a plan."""


class Attention(nn.Module):
    """Attention of many heads, with any lengths once exported."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, memory: Tensor, seen: Tensor) -> Tensor:
        """Float [B, T, C] over [B, L, C]; `seen` [B or 1, 1, T or 1, L] says what each may see."""
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = (
            half.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for half in self.key_value(memory).chunk(2, -1)
        )
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        result: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return result


class Block(nn.Module):
    """A decoder's block: what is written so far, then what was read, then two linear layers."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        heads = max(1, width // 64)
        self.own, self.read = Attention(width, heads), Attention(width, heads)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.think = nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, states: Tensor, causal: Tensor, real: Tensor) -> Tensor:
        normed = self.norms[0](x)
        x = x + self.dropout(self.own(normed, normed, causal))
        x = x + self.dropout(self.read(self.norms[1](x), states, real))
        out: Tensor = x + self.dropout(self.think(self.norms[2](x)))
        return out


class PlanParser(nn.Module):
    """Reads word pieces and writes a plan.

    Args:
        encoder: a BERT model of transformers without its pooler.
        layers: of the decoder.
        dropout: in the decoder.
    """

    def __init__(self, encoder: Any, layers: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        width = int(encoder.config.hidden_size)
        self.encoder = encoder
        sizes = (MOST_PICTURES + 1, MOST_PICTURES + 1, KINDS + 1)
        tables = [nn.Embedding(size, width) for size in sizes]
        for table in tables:
            nn.init.zeros_(table.weight)
        self.pictured = nn.ModuleList(tables)
        self.tokens = nn.Embedding(SIZE, width)
        self.places = nn.Embedding(MOST_TOKENS, width)
        self.pointed = nn.Linear(width, width)
        self.blocks = nn.ModuleList(Block(width, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.choose = nn.Linear(width, SIZE)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.normal_(self.tokens.weight, std=0.05)
        nn.init.normal_(self.places.weight, std=0.02)

    def read(self, ids: Tensor, places: Tensor, real: Tensor) -> Tensor:
        """Encode; the state of a picture's marker becomes the mean of its line, with its own.

        Args:
            ids: word pieces, int64 [B, L].
            places: of the pictures (`Encoded.places`), int64 [B, 3, L].
            real: which of them are no padding, bool [B, L].

        Returns:
            States, float [B, L, C].
        """
        words = self.encoder.embeddings.word_embeddings(ids)
        for row, table in enumerate(self.pictured):
            words = words + table(places[:, row])
        states: Tensor = self.encoder(inputs_embeds=words, attention_mask=real.long()).last_hidden_state
        line, marker = places[:, 0], places[:, 2] > 0
        together = (line[:, :, None] == line[:, None, :]) & marker[:, :, None] & (line > 0)[:, None, :]
        share = together / together.sum(-1, keepdim=True).clamp(min=1)
        return states + share.to(states.dtype) @ states

    def forward(self, states: Tensor, real: Tensor, written: Tensor) -> Tensor:
        """Score what comes next.

        Args:
            states: of the encoder, float [B, L, C].
            real: which of them are no padding, bool [B, L].
            written: tokens and pointers so far, int64 [B, T].

        Returns:
            Logits of the vocabulary, then of the positions, float [B, T, SIZE + L].
        """
        pointers = (written - SIZE).clamp(min=0)
        pointed = self.pointed(states.gather(1, pointers[..., None].expand(-1, -1, states.shape[-1])))
        chosen = self.tokens(written.clamp(max=SIZE - 1))
        tokens = torch.where((written >= SIZE)[..., None], pointed, chosen)
        length = written.shape[1]
        tokens = tokens + self.places.weight[:length]
        causal = torch.ones(length, length, dtype=torch.bool, device=written.device).tril()[None, None]
        for block in self.blocks:
            tokens = block(tokens, states, causal, real[:, None, None])
        out = self.norm(tokens)
        scores = self.query(out) @ self.key(states).transpose(1, 2) / states.shape[-1] ** 0.5
        scores = scores.masked_fill(~real[:, None], -1e4)
        return torch.cat((self.choose(out), scores), -1)
