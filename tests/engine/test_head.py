"""The copy head: maps of colours, what it sees of noise, and where a target knows its place and its base image from."""

import torch

from ace_agent.engine.conditions import target_inputs, text_batch
from ace_agent.engine.head import STEM, TINT, CopyHead, input_scale, tinted
from ace_agent.engine.text import TASK_NUMBERS
from ace_agent.engine.transformer import TASK_VECTORS, ACETransformer
from ace_agent.tasks import TASKS
from tests.engine.test_generation import TOKENIZER, requests


def test_a_map_of_zeros_keeps_colours_and_others_recolour_their_cell():
    pixels = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    maps = torch.zeros(2, TINT, 16 // STEM, 24 // STEM)
    assert torch.equal(tinted(pixels, maps), pixels)
    luminance = torch.tensor([0.3, 0.6, 0.1])
    maps[0, :9, 1, 2] = (luminance.repeat(3, 1) - torch.eye(3)).flatten()
    maps[0, 9:, 1, 2] = 0.25
    changed = tinted(pixels, maps)
    cell = (slice(STEM, 2 * STEM), slice(2 * STEM, 3 * STEM))
    grey = (pixels[0] * luminance[:, None, None]).sum(0) + 0.25
    torch.testing.assert_close(changed[0][:, *cell], grey[cell].expand(3, -1, -1))
    others = torch.ones(16, 24, dtype=torch.bool)
    others[cell] = False
    assert torch.equal(changed[0][:, others], pixels[0][:, others]) and torch.equal(changed[1], pixels[1])


def test_pure_noise_is_not_seen():
    assert input_scale(torch.tensor([0.0, 0.75, 1.0])).tolist() == [1.0, 0.5, 0.0]
    torch.manual_seed(0)
    head = CopyHead(32, 16).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    grid = (2, 3)
    tokens, vector = torch.randn(1, 6, 32), torch.randn(1, 32)
    base, warped, noise, other = torch.rand(4, 1, 3, 32, 48)
    mask = mass = torch.ones(1, 1, 32, 48)

    def picture(noisy: torch.Tensor, t: float) -> torch.Tensor:
        known = torch.tensor([True])
        return head(
            tokens, vector, torch.tensor([t]), noisy, base, known, mask, warped, mass, grid
        )[0]  # fmt: skip

    torch.testing.assert_close(picture(noise, 1.0), picture(other, 1.0))
    assert (picture(noise, 0.5) - picture(other, 0.5)).abs().max() > 1e-2


def test_base_rows_are_those_of_the_base_image():
    asked = requests()
    frames = [one for request in asked for one in request.frames]
    owners = torch.cat([torch.full((one.grid(16)[0] * one.grid(16)[1],), n) for n, one in enumerate(frames)])
    inputs = target_inputs(asked, [3, 0, 2, 1], 16)
    night, none, back, red = inputs.base_rows.split([64, 64, 64, 60])
    assert not none.any()
    assert (owners[night] == 5).all() and (night.diff() == 1).all()
    assert (owners[back] == 3).all()  # of the last turn, though an earlier one shows the same picture
    assert (owners[red] == 0).all()


def test_equal_patches_differ_by_their_place():
    model = ACETransformer(width=64, depth=1, heads=2, text_width=32)
    rows = model._placed(torch.zeros(3, 64), torch.tensor([[0, 1, 2], [5, 1, 2], [0, 2, 1]]))
    assert torch.equal(rows[0], rows[1]) and not torch.equal(rows[0], rows[2])


def test_a_named_task_stands_for_its_words():
    model = ACETransformer(width=64, depth=1, heads=2, text_width=32)
    states = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    run = (states, torch.full((3,), -1), torch.zeros(3, dtype=torch.long), torch.full((2, 3), 1 / 3))
    known = model.encode_text(*run, torch.tensor([0, TASK_NUMBERS["grayscale"]]))
    unknown = model.encode_text(*run, torch.tensor([0, 0]))
    assert torch.equal(known.pooled[0], unknown.pooled[0])
    assert torch.equal(known.pooled[1], model.task.weight[TASK_NUMBERS["grayscale"]])
    assert torch.equal(known.key_values[0].values, unknown.key_values[0].values)


def test_every_task_has_a_vector_of_its_own():
    assert sorted(TASK_NUMBERS.values()) == list(range(1, len(TASKS) + 1))
    assert len(TASKS) < TASK_VECTORS
    asked = TOKENIZER("make it night").asking("edit_scene")
    batch = text_batch([(TOKENIZER("a car"), asked), (TOKENIZER(""),)])
    assert batch.tasks.tolist() == [TASK_NUMBERS["edit_scene"], 0]
