"""ace-mini's convolutions: whole pictures in and out, and one vector of modulation for each task."""

import pytest
import torch

from ace_agent.engines.mini.conv_unet import FINE, SEEN, Decoder, Encoder, Film, Modulation
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_agent.errors import ModelError

LEVELS = (8, 12, 16)


def film(count: int, task: int = 0) -> Film:
    return Film(torch.randn(count, 32), torch.full((count,), task))


def test_down_to_tokens_and_up_again():
    torch.manual_seed(0)
    seen, told = torch.randn(2, SEEN, 32, 48), film(2)
    features = Encoder(32, LEVELS, 4)(seen, told)
    assert features.tokens.shape == (2, 6, 32)
    assert [level.shape[1:] for level in features.levels] == [(8, 16, 24), (12, 8, 12), (16, 4, 6)]
    top = Decoder(32, LEVELS, 4)(features.tokens, (2, 3), features.levels, told)
    assert top.shape == (2, 8, 32 // FINE, 48 // FINE)


def test_tokens_stand_where_their_patch_does():
    """A bright patch changes its own token most."""
    torch.manual_seed(0)
    encoder, told = Encoder(32, LEVELS, 4), film(1)
    plain = torch.zeros(1, SEEN, 64, 64)
    bright = plain.clone()
    bright[:, :, 16:32, 32:48] = 1
    moved = (encoder(bright, told).tokens - encoder(plain, told).tokens).abs().sum(-1)
    assert moved.argmax().item() == 1 * 4 + 2


def test_a_task_modulates_by_its_own_vector_alone():
    torch.manual_seed(0)
    layer = Modulation(8, 32, 4)
    x = torch.randn(1, 8, 4, 4)
    vector = torch.randn(1, 32)
    made = [layer(x, Film(vector, torch.tensor([task]))) for task in (1, 2)]
    assert not torch.equal(*made)
    made[0].sum().backward()
    touched = layer.of_task.weight.grad.abs().sum(1)
    assert touched[1] > 0 and touched[[0, 2, 3]].sum() == 0


def test_levels_that_do_not_halve_down_to_a_patch_are_refused():
    with pytest.raises(ModelError, match="patches of 8 pixels, not 16"):
        MiniTransformer(width=64, depth=1, heads=2, text_width=32, levels=(8, 16))
