"""The `turn_causal` layout: packing changes nothing, and a prefix depends on nothing that comes after it."""

import pytest
import torch
import torch.nn.functional as F

from ace_agent.engines.ace.packing import pack_prefix
from ace_agent.engines.ace.patches import patchify, unpatchify
from ace_agent.engines.mini.generation import SamplingOptions, encode_request_prefix, generate
from ace_agent.engines.mini.request_tensors import (
    PreparedFrame,
    PreparedRequest,
    PreparedUnit,
    frame_pictures,
)
from ace_agent.engines.mini.text_encoder import MiniTextEncoder, WordTokenizer
from ace_agent.engines.mini.transformer import MiniTransformer

TOKENIZER = WordTokenizer(["red", "car", "make", "it", "night", "a", "put", "back"])


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    model = MiniTransformer(width=64, depth=3, heads=2, text_width=32).eval()
    encoder = MiniTextEncoder(len(TOKENIZER), vector=16, width=32, depth=1, heads=2).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model, encoder


def frame(height: int, width: int, indicator: int, seed: int) -> PreparedFrame:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 8, width // 8, generator=generator) * 2 - 1
    pixels = F.interpolate(coarse, size=(height, width), mode="bilinear")[0]
    mask = (torch.rand(1, height, width, generator=generator) > 0.5).float()
    return PreparedFrame(pixels, mask, indicator)


def unit(text: str, *frames: PreparedFrame) -> PreparedUnit:
    return PreparedUnit(TOKENIZER(text), frames)


def requests() -> list[PreparedRequest]:
    first = frame(128, 128, 0, 1)
    wide = frame(96, 160, 0, 2)
    card = frame(64, 64, 10, 3)
    second = frame(128, 128, 1, 4)
    return [
        PreparedRequest((unit("a red car"),), 128, 128, None),
        PreparedRequest((unit("make {image} red", wide, card),), 96, 160, wide),
        PreparedRequest(
            (unit("a car"), unit("make it night", first), unit("put car back", first, second)),
            128,
            128,
            first,
        ),
        PreparedRequest((unit("make {image} night", first),), 128, 128, first),
    ]


ROUNDING = 5e-5
"""What sums in another order may change of a picture in -1..1, a two-hundredth of a grey level; 1e-5 to 3e-5 over six
sets of random weights."""
OPTIONS = SamplingOptions(steps=2, guidance=2.0, guided=(0.0, 1.0))


def test_a_packed_batch_agrees_with_each_request_alone(models):
    model, encoder = models
    seeds = [[1], [2, 3], [4], [5]]
    together = generate(model, encoder, requests(), seeds, TOKENIZER(""), OPTIONS)
    for request, own, pictures in zip(requests(), seeds, together, strict=True):
        alone = generate(model, encoder, [request], [own], TOKENIZER(""), OPTIONS)[0]
        assert len(alone) == len(pictures) == len(own)
        for a, b in zip(alone, pictures, strict=True):
            assert a.pixels.shape == (3, request.height, request.width)
            assert (a.pixels - b.pixels).abs().max() < ROUNDING
            assert (a.kept - b.kept).abs().max() < 1e-5


@torch.no_grad()
def test_appending_a_turn_changes_no_earlier_row(models):
    model, _ = models
    request = requests()[2]
    more = PreparedRequest((*request.units, unit("make {image} red", frame(128, 128, 0, 9))), 128, 128, None)
    before = encode_request_prefix(model, request)
    after = encode_request_prefix(model, more)
    rows = len(before.hidden)
    assert torch.equal(after.hidden[:rows], before.hidden)
    for a, b in zip(after.key_values, before.key_values, strict=True):
        assert torch.equal(a.keys[:rows], b.keys)
        assert torch.equal(a.values[:rows], b.values)


@torch.no_grad()
def test_the_prefix_reads_neither_texts_nor_the_target(models):
    model, _ = models
    request = requests()[2]
    renamed = tuple(PreparedUnit(TOKENIZER("a car"), u.frames) for u in request.units)
    other = PreparedRequest(renamed, 96, 160, None)
    assert torch.equal(
        encode_request_prefix(model, request).hidden, encode_request_prefix(model, other).hidden
    )


@torch.no_grad()
def test_packing_all_prefixes_freely_agrees_with_a_call_per_turn(models):
    model, _ = models
    every = requests()
    packed = pack_prefix([request.layout(16) for request in every])
    frames = [frame for request in every for frame in request.frames]
    free = model.encode_prefix(frame_pictures(frames), packed)
    row = 0
    for request in every:
        own = encode_request_prefix(model, request)
        if own is None:
            continue
        rows = len(own.hidden)
        assert (free.hidden[row : row + rows] - own.hidden).abs().max() < 1e-5
        row += rows
    assert row == len(free.hidden)


def test_a_picture_is_the_same_whatever_other_variations_are_made(models):
    model, encoder = models
    request = requests()[1]
    alone = generate(model, encoder, [request], [[7]], TOKENIZER(""), OPTIONS)[0][0]
    beside = generate(model, encoder, [request], [[6, 7, 8]], TOKENIZER(""), OPTIONS)[0][1]
    assert (alone.pixels - beside.pixels).abs().max() < ROUNDING


def test_the_seed_text_mask_and_history_all_matter(models):
    model, encoder = models
    request = requests()[2]

    def picture(request: PreparedRequest, seed: int = 1) -> torch.Tensor:
        return generate(model, encoder, [request], [[seed]], TOKENIZER(""), OPTIONS)[0][0].pixels

    reference = picture(request)
    assert torch.equal(reference, picture(request))
    assert not torch.equal(reference, picture(request, seed=2))
    without_history = PreparedRequest(request.units[-1:], 128, 128, request.base)
    assert (reference - picture(without_history)).abs().max() > 1e-4
    current = PreparedUnit(TOKENIZER("make it red"), request.units[-1].frames)
    other_text = PreparedRequest((*request.units[:-1], current), 128, 128, request.base)
    assert (reference - picture(other_text)).abs().max() > 1e-4
    no_base = PreparedRequest(request.units, 128, 128, None)
    assert (reference - picture(no_base)).abs().max() > 1e-3


def test_texts_are_encoded_once_per_request(models, monkeypatch):
    """Steps with and without the null branch read the same keys and values."""
    model, encoder = models
    calls = []
    encode = model.encode_text
    monkeypatch.setattr(model, "encode_text", lambda *args: calls.append(len(args[0])) or encode(*args))
    some = SamplingOptions(steps=4, guidance=2.0, guided=(0.3, 0.8))
    generate(model, encoder, requests()[1:2], [[1]], TOKENIZER(""), some)
    words = len(TOKENIZER("make {image} red").ids)
    assert calls == [words + len(TOKENIZER("").ids)]


def test_patches_survive_a_round_trip():
    pixels = torch.randn(3, 96, 160)
    tokens = patchify(pixels, 16)
    assert tokens.shape == (60, 768)
    assert torch.equal(unpatchify(tokens, (6, 10), 16), pixels)


def test_the_model_survives_a_round_trip(models, tmp_path):
    model, encoder = models
    model.save_pretrained(tmp_path)
    again = MiniTransformer.from_pretrained(tmp_path).eval()
    request = requests()[1]
    a = generate(model, encoder, [request], [[7]], TOKENIZER(""), OPTIONS)[0][0]
    b = generate(again, encoder, [request], [[7]], TOKENIZER(""), OPTIONS)[0][0]
    for (name, ours), theirs in zip(model.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name
    assert (a.pixels - b.pixels).abs().max() < ROUNDING
