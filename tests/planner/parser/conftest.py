from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """Letter by letter, but for a few words and the markers."""
    letters = [chr(c) for c in range(33, 127)]
    words = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *(f"[unused{n}]" for n in range(1, 9)), *letters]
    words += [*(f"##{letter}" for letter in letters), "the", "hat", "cat", "remove"]
    made = Tokenizer(models.WordPiece({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made
