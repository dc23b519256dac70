"""The model that the adapter is trained in computes what transformers and peft compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from ace_agent.planner.llm.lora import PROJECTIONS, LoraLlama

RANK = 3


@pytest.fixture
def model() -> LlamaForCausalLM:
    """Three query heads to a key head, and norms that are not one."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True, rms_norm_eps=1e-5,
    )  # fmt: skip
    made = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
    return made


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(0, 97, (3, 11), generator=torch.Generator().manual_seed(1))
    wanted = ids.roll(-1, 1).clone()
    wanted[:, :4] = -100
    wanted[1, 7:] = -100
    return ids, wanted


def peft_loss(model: LlamaForCausalLM, ours: LoraLlama) -> tuple[torch.Tensor, dict[str, Any]]:
    """peft's loss with the same adapter, and peft's parameters by our names."""
    settings = LoraConfig(
        r=RANK, lora_alpha=2 * RANK, target_modules=list(PROJECTIONS), task_type="CAUSAL_LM"
    )
    wrapped = get_peft_model(model, settings)
    theirs = {
        n.removeprefix("base_model.model.").replace(".default", ""): p
        for n, p in wrapped.named_parameters()
        if p.requires_grad
    }
    assert theirs.keys() == ours.adapter.keys()
    with torch.no_grad():
        for name, parameter in theirs.items():
            parameter.copy_(ours.adapter[name])
    ids, wanted = batch()
    logits = wrapped(input_ids=ids).logits
    return F.cross_entropy(logits.reshape(-1, 97), wanted.reshape(-1)), theirs


def with_weights(model: LlamaForCausalLM, dtype: torch.dtype) -> LoraLlama:
    ours = LoraLlama(model, RANK, 2 * RANK, dtype)
    torch.manual_seed(2)
    with torch.no_grad():
        for name, parameter in ours.adapter.items():
            if "lora_B" in name:
                parameter.normal_(std=0.2)
    return ours


def test_loss_and_gradients_are_those_of_peft(model: LlamaForCausalLM) -> None:
    ours = with_weights(model, torch.float32)
    loss = ours.loss(*batch())
    loss.backward()
    wanted, theirs = peft_loss(model, ours)
    wanted.backward()
    torch.testing.assert_close(loss, wanted)
    for name, parameter in theirs.items():
        torch.testing.assert_close(ours.adapter[name].grad, parameter.grad, msg=name)


def test_bfloat16_stays_near_and_keeps_the_adapter_in_float32(model: LlamaForCausalLM) -> None:
    ours = with_weights(model, torch.bfloat16)
    loss = ours.loss(*batch())
    loss.backward()
    wanted, theirs = peft_loss(model, ours)
    wanted.backward()
    assert abs(float(loss) - float(wanted)) < 0.02 * float(wanted)
    for name, parameter in theirs.items():
        grad = ours.adapter[name].grad
        assert grad is not None and grad.dtype == torch.float32
        assert F.cosine_similarity(grad.flatten(), parameter.grad.flatten(), dim=0) > 0.99, name
