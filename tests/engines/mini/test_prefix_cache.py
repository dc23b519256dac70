"""Rows kept between the requests of a conversation: the same bits, found again, forgotten when the weights change."""

from dataclasses import replace

import pytest
import torch

from ace_agent.engines.mini.generation import encode_request_prefix
from ace_agent.engines.mini.prefix_cache import PrefixCache
from ace_agent.engines.mini.request_tensors import PreparedRequest, PreparedUnit
from ace_agent.engines.mini.states import PrefixState
from ace_agent.engines.mini.transformer import MiniTransformer
from tests.engines.mini.test_generation import TOKENIZER, frame


@pytest.fixture
def model():
    torch.manual_seed(0)
    return MiniTransformer(width=64, depth=2, heads=2, text_width=32).eval()


@pytest.fixture
def encoded(model, monkeypatch):
    """How many frames each call of `encode_prefix` had."""
    calls = []
    encode = model.encode_prefix

    def counted(pictures, *rest):
        calls.append(len(pictures))
        return encode(pictures, *rest)

    monkeypatch.setattr(model, "encode_prefix", counted)
    return calls


def conversation(turns: int) -> PreparedRequest:
    units = tuple(
        PreparedUnit(TOKENIZER("make it night"), (frame(128, 128, 0, seed),)) for seed in range(turns)
    )
    return PreparedRequest(units, 128, 128, units[-1].frames[0])


def equal(one: PrefixState, other: PrefixState) -> bool:
    pairs = zip(one.key_values, other.key_values, strict=True)
    assert len(one.mattes) == len(other.mattes)
    same = all(torch.equal(a, b) for a, b in zip(one.mattes, other.mattes, strict=True))
    return (
        same
        and torch.equal(one.hidden, other.hidden)
        and all(torch.equal(a.keys, b.keys) and torch.equal(a.values, b.values) for a, b in pairs)
    )


@torch.no_grad()
def test_a_conversation_that_goes_on_computes_its_last_turn_alone(model, encoded):
    prefixes = PrefixCache()
    for turns in (1, 2, 3):
        kept = encode_request_prefix(model, conversation(turns), prefixes)
        assert encoded == [1] and len(prefixes) == turns
        encoded.clear()
        assert equal(kept, encode_request_prefix(model, conversation(turns)))
        encoded.clear()


@torch.no_grad()
def test_another_picture_mask_or_place_is_computed_anew(model, encoded):
    prefixes = PrefixCache()
    request = conversation(2)
    encode_request_prefix(model, request, prefixes)
    encoded.clear()
    first, last = request.units
    masked = replace(last.frames[0], mask=last.frames[0].mask.flip(2) * 0)
    for units, calls in (
        ((first, replace(last, frames=(masked,))), 1),  # its history is known
        ((last, first), 2),
        ((last,), 0),  # the picture that came first just now
        ((replace(first, frames=(replace(first.frames[0], indicator=3),)),), 1),
    ):
        encode_request_prefix(model, PreparedRequest(units, 128, 128, None), prefixes)
        assert len(encoded) == calls
        encoded.clear()


@torch.no_grad()
def test_changed_weights_forget(model, encoded):
    prefixes = PrefixCache()
    before = encode_request_prefix(model, conversation(1), prefixes)
    model.encoder.enter.weight.mul_(1.5)
    after = encode_request_prefix(model, conversation(1), prefixes)
    assert len(encoded) == 2 and not equal(before, after)


@torch.no_grad()
def test_the_longest_unused_go_first(model, encoded):
    prefixes = PrefixCache(turns=2)
    encode_request_prefix(model, conversation(4), prefixes)
    assert len(prefixes) == 2
    encoded.clear()
    encode_request_prefix(model, conversation(4), prefixes)
    assert len(encoded) == 2  # the first two of the chain; the last two were kept


@torch.inference_mode()
def test_weights_loaded_for_inference_alone_are_kept_too():
    inferring = MiniTransformer(width=64, depth=1, heads=2, text_width=32).eval()
    prefixes = PrefixCache()
    kept = [encode_request_prefix(inferring, conversation(1), prefixes) for _ in range(2)]
    assert equal(*kept) and len(prefixes) == 1
