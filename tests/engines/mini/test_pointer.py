"""The pointer: what it means in pixels, and what is copied through it."""

import torch

from ace_agent.engines.ace.packing import REFERENCE_INDICATOR, TURNS, RequestLayout, layout_turns, turns_of
from ace_agent.engines.mini.pointer import (
    PREFERENCE,
    FrameTable,
    Pointer,
    Pointing,
    agreed,
    frame_table,
    pointed,
    warp,
)
from ace_agent.engines.mini.request_tensors import PreparedFrame


def test_tokens_that_nearly_agree_share_a_map_and_others_keep_theirs():
    centre = torch.tensor([[8.0, 8.0], [24.0, 8.0], [40.0, 8.0], [56.0, 8.0]])
    scale = torch.tensor([[2.0, 1.0]]).expand(1, 4, 2)
    exact = scale * centre + torch.tensor([5.0, -3.0])
    mass = torch.tensor([[0.9, 0.5, 0.7, 0.8]])
    torch.testing.assert_close(agreed(mass, exact, scale, centre), (exact, scale))
    wrong = exact.clone()
    wrong[0, :3, 1] += torch.tensor([-2.0, 2.0, 0.0])
    wrong[0, 3] += 200  # of another thing
    position, _ = agreed(mass, wrong, scale, centre)
    off = (position - exact).abs().amax(-1)[0]
    assert off[:3].max() < 1 and torch.isclose(off[3], torch.tensor(200.0))


@torch.no_grad()
def test_pointers_shift_in_pixels():
    pointer = Pointer(8)
    rows, valid = torch.arange(4)[None], torch.ones(1, 4, dtype=torch.bool)
    turns = torch.zeros(1, 4, 2, dtype=torch.long)
    target, prefix = torch.randn(1, 2, 8), torch.randn(4, 8)
    table = FrameTable(
        torch.tensor([0]), (0,), torch.zeros(1, 4, 32, 32), torch.tensor([[32.0, 32.0]]), rows, valid,
        torch.tensor([[[8.0, 8.0], [24.0, 8.0], [8.0, 24.0], [24.0, 24.0]]]),
    )  # fmt: skip
    before = pointed(pointer(target, prefix, rows, valid, turns), table)
    pointer.shift.bias.copy_(torch.tensor([0.5, -0.25]))
    after = pointed(pointer(target, prefix, rows, valid, turns), table)
    off = torch.tensor([[8.0, -4.0], [-8.0, -4.0]])  # a mirrored copy runs the other way
    torch.testing.assert_close(after.position - before.position, off[None, :, None].expand(1, 2, 2, 2))


@torch.no_grad()
def test_one_token_looks_at_two_frames_at_two_magnifications():
    """What the frames say of their things' size and what the target says of its own make the scale, frame by frame."""
    pointer = Pointer(8)
    torch.nn.init.normal_(pointer.extents.weight)
    pointer.extent.bias.copy_(torch.tensor([0.5, -0.5]))
    rows, valid = torch.arange(2)[None], torch.ones(1, 2, dtype=torch.bool)
    turns = torch.zeros(1, 2, 2, dtype=torch.long)
    target, prefix = torch.randn(1, 3, 8), torch.randn(2, 8)
    table = FrameTable(
        torch.tensor([0, 0]), (0, 1), torch.zeros(2, 4, 16, 16), torch.full((2, 2), 16.0), torch.tensor([[0], [1]]),
        torch.ones(2, 1, dtype=torch.bool), torch.full((2, 1, 2), 8.0),
    )  # fmt: skip
    looked = pointed(pointer(target, prefix, rows, valid, turns), table)
    said = pointer.extents(torch.nn.functional.layer_norm(prefix, (8,), eps=1e-6))
    for frame in (0, 1):
        wanted = (said[frame] - torch.tensor([0.5, -0.5])).clamp(-3, 3).exp()
        torch.testing.assert_close(looked.scale[frame, 0], wanted.expand(3, 2))
        torch.testing.assert_close(looked.scale[frame, 1], (wanted * torch.tensor([-1.0, 1.0])).expand(3, 2))
    assert (looked.mass.sum((0, 1)) < 1).all() and (looked.mass[:, 1] < looked.mass[:, 0]).all()


@torch.no_grad()
def test_one_picture_shown_in_two_turns_can_be_told_apart_by_its_turn():
    frame = (((2, 1), 0),)
    request = RequestLayout(layout_turns([frame, [], frame, [((1, 1), 0), ((1, 1), 1)]]), (1, 1), 1)
    turns = turns_of(request)
    assert turns.tolist() == [[3, 0], [3, 0], [1, 2], [1, 2], [0, 3], [0, 3]]
    long = RequestLayout(layout_turns([frame] * (TURNS + 2)), (1, 1), 1)
    assert turns_of(long)[[0, -1]].tolist() == [[TURNS - 1, 0], [0, TURNS - 1]]

    pointer = Pointer(8)
    target, prefix = torch.randn(1, 1, 8), torch.randn(1, 8).expand(6, 8)
    rows, valid = torch.arange(6)[None], torch.ones(1, 6, dtype=torch.bool)

    def weights() -> torch.Tensor:
        return pointer(target, prefix, rows, valid, turns[None]).weight[0, 0, 0]

    assert weights().max() == weights().min()
    wanted = pointer.q(target)[0, 0, : pointer.turns.embedding_dim]
    pointer.turns.weight[1] = 100 * wanted  # one turn ago
    assert weights()[2:4].sum() > 0.8
    pointer.turns.weight[TURNS] = 200 * wanted  # the oldest turn
    assert weights()[:2].sum() > 0.8


def looking_at(tokens: torch.Tensor, *, mirrored: bool = False) -> Pointing:
    """Sixteen target tokens that look at these of a frame of sixteen, at its own size."""
    weight = torch.zeros(1, 16, 2, 16)
    weight[0, torch.arange(16), int(mirrored), tokens] = 0.9
    return Pointing(weight, torch.zeros(1, 16, 2), torch.zeros(1, 16, 2), torch.zeros(1, 16, 2))


@torch.no_grad()
def test_what_is_looked_at_mirrored_is_copied_mirrored():
    across, down = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="xy")
    picture = torch.stack([across, down, across * down])
    request = RequestLayout((tuple(layout_turns([[((4, 4), 0)]])[0]),), (4, 4), 1)
    table = frame_table([request], [0], [PreparedFrame(picture, torch.ones(1, 64, 64), 0).layer], 16)
    assert table is not None
    turned = torch.arange(16).unflatten(0, (4, 4)).flip(1).flatten()
    seen, mass, matte = warp(looking_at(turned, mirrored=True), table, [across[None]], (4, 4), 16, 1)
    torch.testing.assert_close(mass, torch.full_like(mass, 0.9))
    torch.testing.assert_close(seen[0], picture.flip(2))
    torch.testing.assert_close(matte[0, 0], across.flip(1))


@torch.no_grad()
def test_a_reference_is_copied_without_its_paper():
    """A square of one colour with half-covered borders on white paper: borders keep its colour, paper has no mass."""
    colour = torch.tensor([0.5, -0.5, 0.25])[:, None, None]
    cover = torch.zeros(1, 64, 64)
    cover[:, 20:44, 20:44] = 0.5
    cover[:, 21:43, 21:43] = 1.0
    on_paper = colour * cover + (1 - cover)
    tokens = torch.arange(16)[None]
    request = RequestLayout((tuple(layout_turns([[((4, 4), REFERENCE_INDICATOR)]])[0]),), (4, 4), 1)
    straight = looking_at(torch.arange(16))

    def copied(frame: PreparedFrame) -> tuple[torch.Tensor, torch.Tensor]:
        """And of a matte of fives, half covered or not, comes five."""
        table = frame_table([request], [0], [frame.layer], 16)
        assert table is not None and torch.equal(table.columns, tokens)
        colour, mass, matte = warp(straight, table, [torch.full((1, 64, 64), 5.0)], (4, 4), 16, 1)
        torch.testing.assert_close(matte[mass > 0.1], torch.full_like(matte[mass > 0.1], 5.0))
        return colour, mass

    seen, mass = copied(PreparedFrame(on_paper, cover, REFERENCE_INDICATOR))
    torch.testing.assert_close(mass, 0.9 * cover[None])
    there = cover[0] > 0
    torch.testing.assert_close(seen[0][:, there], colour[:, :, 0].expand(3, int(there.sum())))

    # Of a picture, what its mask leaves out is shown too.
    seen, mass = copied(PreparedFrame(on_paper, cover, 0))
    torch.testing.assert_close(mass, torch.full_like(mass, 0.9))
    torch.testing.assert_close(seen[0], on_paper)


@torch.no_grad()
def test_the_likelier_of_two_frames_is_shown_more_than_its_mass_says():
    light, dark = (
        PreparedFrame(torch.full((3, 64, 64), value), torch.ones(1, 64, 64), 0) for value in (1.0, -1.0)
    )
    request = RequestLayout((tuple(layout_turns([[((4, 4), 0), ((4, 4), 1)]])[0]),), (4, 4), 1)
    table = frame_table([request], [0], [light.layer, dark.layer], 16)
    weight = torch.zeros(1, 16, 2, 32)
    weight[0, torch.arange(16), 0, torch.arange(16)] = 0.6
    weight[0, torch.arange(16), 0, torch.arange(16, 32)] = 0.3
    pointing = Pointing(weight, torch.zeros(1, 16, 2), torch.zeros(1, 16, 2), torch.zeros(1, 32, 2))
    mattes = [torch.zeros(1, 64, 64)] * 2
    for preference, share in ((1.0, 2 / 3), (PREFERENCE, 0.8)):
        seen, mass, _ = warp(pointing, table, mattes, (4, 4), 16, 1, preference)
        torch.testing.assert_close(seen, torch.full_like(seen, 2 * share - 1))
        torch.testing.assert_close(mass, torch.full_like(mass, 0.9))
