"""The copy head: maps of colours, what it sees of noise, and where a target knows its place and its base image from."""

import pytest
import torch

from ace_agent.engines.ace.packing import RequestLayout, layout_turns
from ace_agent.engines.mini.conv_unet import FINE, Film
from ace_agent.engines.mini.copy_head import (
    NEAR,
    TINT,
    CopyHead,
    bounded,
    committed,
    head_groups,
    input_scale,
    precondition,
    tinted,
)
from ace_agent.engines.mini.generation import _branch, encode_request_prefix, encode_texts, noise_rows
from ace_agent.engines.mini.request_tensors import target_inputs, text_batch
from ace_agent.engines.mini.text_encoder import TASK_NUMBERS, MiniTextEncoder
from ace_agent.engines.mini.transformer import TASK_VECTORS, MiniTransformer
from ace_agent.plan.tasks import TASKS
from tests.engines.mini.test_generation import TOKENIZER, requests


def test_a_map_of_zeros_keeps_colours_and_others_recolour_their_cell():
    pixels = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    maps = torch.zeros(2, TINT, 16 // FINE, 24 // FINE)
    assert torch.equal(tinted(pixels, maps), pixels)
    luminance = torch.tensor([0.3, 0.6, 0.1])
    maps[0, :9, 1, 2] = (luminance.repeat(3, 1) - torch.eye(3)).flatten()
    maps[0, 9:, 1, 2] = 0.25
    changed = tinted(pixels, maps)
    cell = (slice(FINE, 2 * FINE), slice(2 * FINE, 3 * FINE))
    grey = (pixels[0] * luminance[:, None, None]).sum(0) + 0.25
    torch.testing.assert_close(changed[0][:, *cell], grey[cell].expand(3, -1, -1))
    others = torch.ones(16, 24, dtype=torch.bool)
    others[cell] = False
    assert torch.equal(changed[0][:, others], pixels[0][:, others]) and torch.equal(changed[1], pixels[1])


def test_what_overshoots_is_held_in_range_and_can_come_back():
    """The value is clamped and the slope is that of the value before."""
    pixels = torch.tensor([-3.0, 0.25, 1.5], requires_grad=True)
    held = bounded(pixels)
    assert held.tolist() == [-1.0, 0.25, 1.0]
    held.sum().backward()
    assert pixels.grad.tolist() == [1.0, 1.0, 1.0]


@torch.no_grad()
def test_the_correction_reaches_what_changes_and_leaves_the_base_image_alone():
    """x0 moves by (1 - share of the base image) * gain * correction, and by nothing else."""
    torch.manual_seed(0)
    head = CopyHead(32, (8, 16, 16), 4).eval()
    grid, side = (2, 2), 32
    levels = [torch.randn(1, c, side // n, side // n) for c, n in ((8, 2), (16, 4), (16, 8))]
    noisy, base, warped = (torch.rand(1, 3, side, side) for _ in range(3))
    torch.nn.init.normal_(head.leave.weight, std=0.5)
    torch.nn.init.normal_(head.tint.weight, std=9.0)
    head.leave.weight[6 * FINE**2 :] = 0  # the correction's own rows
    given = (
        torch.randn(1, 4, 32), levels, Film(torch.randn(1, 32), torch.zeros(1, dtype=torch.long)), torch.ones(1),
        noisy, base, torch.ones(1, 1, side, side), torch.zeros(1, dtype=torch.bool),
        torch.ones(1, dtype=torch.bool), warped,
        torch.full((1, 1, side, side), 0.5), torch.zeros(1, 1, side, side), grid,
    )  # fmt: skip
    before, mixture = head(*given)
    shares = mixture.shares
    head.leave.bias[6 * FINE**2 :] = 0.25
    after, same = head(*given)
    for source in mixture.sources[:3]:
        assert source.abs().max() <= 1
    assert torch.equal(shares, same.shares) and shares[:, :1].max() - shares[:, :1].min() > 0.5
    _, gain = precondition(torch.ones(1))
    torch.testing.assert_close(after - before, ((1 - shares[:, :1]) * gain * 0.25).expand_as(base))


def test_where_many_answers_are_right_the_likelier_source_counts_more():
    """And where a thing of an earlier turn may come from there or from its reference picture."""
    names = ("inpaint", "text_to_image", "remove", "add", "add")
    task = torch.tensor([*(TASK_NUMBERS[name] for name in names), 0])
    recalls = torch.tensor([False, False, True, False, True, True])
    logits = torch.tensor([0.6, 0.4]).log()[None, :, None, None].expand(len(task), -1, 2, 2)
    shares = committed(logits, task, recalls).softmax(1)[:, 0, 0, 0]
    sure = 0.36 / (0.36 + 0.16)
    torch.testing.assert_close(shares, torch.tensor([sure, sure, 0.6, 0.6, sure, 0.6]))


@torch.no_grad()
@pytest.mark.parametrize(("task", "holed"), [("outpaint", True), ("remove", False)])
def test_nothing_is_kept_of_a_hole_that_is_to_be_repainted(task, holed):
    """Its grey comes neither through nor into what is grown over it, once pictures are made."""
    torch.manual_seed(0)
    head = CopyHead(32, (8, 16, 16), len(TASK_NUMBERS) + 1).eval()
    head.leave.bias[3 * FINE**2 : 4 * FINE**2] = 5  # all wants to be kept
    grid, side = (6, 6), 96
    levels = [torch.zeros(1, c, side // n, side // n) for c, n in ((8, 2), (16, 4), (16, 8))]
    film = Film(torch.randn(1, 32), torch.tensor([TASK_NUMBERS[task]]))
    zeros = torch.zeros(1, 3, side, side)
    mask = zeros[:, :1].clone()
    mask[..., 32:64, 32:64] = 1
    base = torch.where(mask > 0, 0.0, 0.75).expand_as(zeros)
    given = (
        torch.randn(1, 36, 32), levels, film, torch.ones(1), zeros, base, mask,
        torch.zeros(1, dtype=torch.bool), torch.ones(1, dtype=torch.bool), zeros, zeros[:, :1], zeros[:, :1], grid,
    )  # fmt: skip
    _, mixture = head(*given)
    inside = mask[0, 0] > 0
    share = mixture.shares[0, [0, 2]].sum(0)
    assert bool(share[inside].max() == 0) is holed and share[~inside].min() > 0.9
    grown = mixture.sources[4][0][:, inside]
    assert bool(((grown - 0.75).abs() < 1e-3).all()) is holed
    _, learning = head.train()(*given)
    assert learning.shares[0, 0, inside].min() > 0.9


@torch.no_grad()
def test_in_a_new_picture_paint_is_grown_over_what_is_copied():
    """Where a thing is copied, and `NEAR` pixels around, the grown sources are of the paint farther away."""
    torch.manual_seed(0)
    head = CopyHead(32, (8, 16, 16), 4).eval()
    grid, side = (6, 6), 96
    levels = [torch.randn(1, c, side // n, side // n) for c, n in ((8, 2), (16, 4), (16, 8))]
    torch.nn.init.normal_(head.leave.weight, std=0.5)
    mass = torch.zeros(1, 1, side, side)
    mass[..., 40:56, 40:56] = 1
    zeros = torch.zeros(1, 3, side, side)
    film = Film(torch.randn(1, 32), torch.zeros(1, dtype=torch.long))
    _, mixture = head(
        torch.randn(1, 36, 32), levels, film, torch.ones(1), zeros, zeros + 7, zeros[:, :1] + 1,
        *torch.zeros(2, 1, dtype=torch.bool), zeros, mass, zeros[:, :1], grid,
    )  # fmt: skip
    paint = mixture.sources[3]
    near = torch.zeros(side, side, dtype=torch.bool)
    near[40 - NEAR : 56 + NEAR, 40 - NEAR : 56 + NEAR] = True
    for grown in mixture.sources[4:]:
        torch.testing.assert_close(grown[..., ~near], paint[..., ~near])
        assert grown[..., near].std() < 0.7 * paint[..., near].std()
        assert grown.abs().max() <= paint.abs().max()
    assert mixture.shares[:, [0, 2]].max() == 0


@torch.no_grad()
def test_pure_noise_is_not_seen():
    assert input_scale(torch.tensor([0.0, 0.75, 1.0])).tolist() == [1.0, 0.5, 0.0]
    torch.manual_seed(0)
    model = MiniTransformer(width=64, depth=1, heads=2, text_width=32).eval()
    encoder = MiniTextEncoder(len(TOKENIZER), vector=16, width=32, depth=1, heads=2).eval()
    for parameter in model.head.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.05)
    asked = requests()[:1]
    layouts = [request.layout(16) for request in asked]
    prefix = encode_request_prefix(model, asked[0])
    texts = encode_texts(model, encoder, asked, None)
    branch = _branch(model, asked, layouts, [0], texts.lengths, prefix, guided=False)

    def picture(seed: int, t: float) -> torch.Tensor:
        noise = noise_rows(asked[0].height, asked[0].width, 16, seed)
        return branch.denoise(model, noise, torch.tensor([t]), texts, prefix).clean

    torch.testing.assert_close(picture(1, 1.0), picture(2, 1.0))
    assert (picture(1, 0.5) - picture(2, 0.5)).abs().max() > 1e-2


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
    model = MiniTransformer(width=64, depth=1, heads=2, text_width=32)
    rows = model._placed(torch.zeros(3, 64), torch.tensor([[0, 1, 2], [5, 1, 2], [0, 2, 1]]))
    assert torch.equal(rows[0], rows[1]) and not torch.equal(rows[0], rows[2])


def test_a_named_task_stands_for_its_words():
    model = MiniTransformer(width=64, depth=1, heads=2, text_width=32)
    states = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    run = (states, torch.full((3,), -1), torch.zeros(3, dtype=torch.long), torch.full((2, 3), 1 / 3))
    known = model.encode_text(*run, torch.tensor([0, TASK_NUMBERS["grayscale"]]))
    unknown = model.encode_text(*run, torch.tensor([0, 0]))
    assert torch.equal(known.pooled[0], unknown.pooled[0])
    assert torch.equal(known.pooled[1], model.task.weight[TASK_NUMBERS["grayscale"]])
    assert torch.equal(known.key_values[0].values, unknown.key_values[0].values)


@torch.no_grad()
def test_words_are_heard_beside_the_task_that_is_named():
    model = MiniTransformer(width=64, depth=1, heads=2, text_width=32)
    model.said.weight.copy_(torch.eye(64))
    rows = (torch.full((1,), -1), torch.zeros(1, dtype=torch.long), torch.ones(1, 1))
    task = torch.tensor([TASK_NUMBERS["edit_color"]])
    red, blue = (model.encode_text(torch.randn(1, 32), *rows, task).pooled for _ in range(2))
    assert (red - blue).abs().max() > 0.1


def test_every_task_has_a_vector_of_its_own():
    assert sorted(TASK_NUMBERS.values()) == list(range(1, len(TASKS) + 1))
    assert len(TASKS) < TASK_VECTORS
    asked = TOKENIZER("make it night").asking("edit_scene")
    batch = text_batch([(TOKENIZER("a car"), asked), (TOKENIZER(""),)])
    assert batch.tasks.tolist() == [TASK_NUMBERS["edit_scene"], 0]


def test_a_group_knows_which_targets_have_earlier_turns():
    base = [((2, 2), 0)]
    requests = [
        RequestLayout(layout_turns(turns), (2, 2), 1) for turns in ([base], [base, base], [[]], [base, []])
    ]
    layers = [torch.zeros(5, 32, 32)] * 4
    (group,) = head_groups(requests, [0, 1, 2, 3, 1], layers, 16)
    assert group.recalls.tolist() == [False, True, False, True, True]
