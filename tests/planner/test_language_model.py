"""The embedded model writes under the grammar, here a tiny untrained one: whatever it would say, a script comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ace_agent.errors import PlanError
from ace_agent.planner import weights
from ace_agent.planner.language import grammar, parse
from ace_agent.planner.language_model import LanguageModel


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LanguageModel:
    vocabulary = {c: n for n, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    fast.save_pretrained(tmp_path)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=288, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=2048,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    monkeypatch.setattr(weights, "base_folder", lambda *_: tmp_path)
    return LanguageModel(None)


def test_an_untrained_model_still_writes_the_language(model: LanguageModel) -> None:
    written = model.write("request: make it red\n", grammar(images=1), most=120)
    assert written
    head = written.splitlines()[0]
    assert head == "refuse" or head.startswith("goto @") or parse(head.split(":")[0] + ":").lines


def test_a_prompt_that_is_too_long_is_refused(model: LanguageModel) -> None:
    with pytest.raises(PlanError, match="too long"):
        model.write("x" * 2000, grammar(images=1))
