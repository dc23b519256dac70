import math

import pytest
import torch

from ace_agent.engines.ace.patches import unpatchify
from ace_agent.engines.mini.copy_head import HeadGroup, Mixture, head_groups
from ace_agent.engines.mini.text_encoder import WordTokenizer
from ace_agent.training.mini.objective import (
    SMALLEST,
    ObjectiveOptions,
    _absent_loss,
    _distance,
    _source_losses,
    draw_times,
    flow_loss,
    pixel_weights,
)
from ace_agent.training.mini.stream import SceneStream, StreamOptions
from tests.training.tiny import WORDS, tiny_subject


def test_times_are_stratified_over_the_batch():
    def times(**options: float) -> torch.Tensor:
        return draw_times(64, ObjectiveOptions(**options), torch.Generator().manual_seed(0)).sort().values

    even = times(time_low=0.0, time_shift=1.0, pure=0.0)
    assert ((even * 64).floor() == torch.arange(64)).all()
    assert times(time_low=0.5).min() >= 0.5 and times(time_low=0.5).max() <= 1
    half = times(time_shift=1.0, pure=0.5)
    assert (half == 1).sum() == 32 and half[:32].max() < 1
    assert times(time_shift=4.0, pure=0.0).median() > even.median() + 0.2


def test_several_draws_share_a_prefix_and_average_its_losses():
    """Two draws per prefix cost one prefix, and are the mean of the losses of their times and noises."""
    stream = SceneStream(WordTokenizer(WORDS), 0, StreamOptions(batch=3), tasks=("remove", "fuse_layers"))
    batch = stream[0]
    subject = tiny_subject()
    encoded = []
    encode = subject.model.encode_prefix

    def counted(tokens, frames, earlier=None):
        encoded.append(len(tokens))
        return encode(tokens, frames, earlier)

    subject.model.encode_prefix = counted
    losses = {}
    for draws in (1, 2):
        options = ObjectiveOptions(draws=draws, gate_weight=0, pure=0)
        generator = torch.Generator().manual_seed(1)
        losses[draws] = flow_loss(subject.model, subject.encoder, batch, options, generator)
    assert len(encoded) == 2 and encoded[0] == encoded[1]
    assert len(losses[1].flow) == 3 and len(losses[2].flow) == 6
    assert len(losses[2].flow.unique()) == 6
    options, parts = ObjectiveOptions(), losses[2].parts
    own = losses[2].flow.mean() + options.pointer_weight * parts["pointer"]
    own = own + options.mixture_weight * parts["mixture"]
    own = own + options.exact_weight * parts["exact"] + options.source_weight * parts["source"]
    torch.testing.assert_close(losses[2].total.detach(), own)


@pytest.mark.parametrize(("task", "decided"), [("segment", True), ("inpaint", True), ("remove", False)])
def test_the_root_of_the_error_weighs_more_where_the_mean_of_answers_is_wrong(task, decided):
    batch = SceneStream(WordTokenizer(WORDS), 0, StreamOptions(batch=2), tasks=(task,))[0]
    subject = tiny_subject()

    def total(weight: float) -> float:
        options = ObjectiveOptions(decided_weight=weight)
        loss = flow_loss(subject.model, subject.encoder, batch, options, torch.Generator().manual_seed(1))
        return float(loss.total.detach() - weight * loss.parts["exact"] * decided)

    assert total(0.0) == pytest.approx(total(2.0), abs=1e-5)


def test_draws_of_one_prefix_have_the_loss_of_separate_examples():
    """A prefix drawn twice is the example given twice."""
    batch = SceneStream(WordTokenizer(WORDS), 0, StreamOptions(batch=2), tasks=("remove",))[0]
    subject = tiny_subject()
    twice = type(batch)(
        tuple(example for example in batch for _ in range(2)),
        0,
        tuple(r for r in batch.rows for _ in range(2)),
    )
    one = flow_loss(
        subject.model, subject.encoder, batch, ObjectiveOptions(draws=2), torch.Generator().manual_seed(3)
    )
    two = flow_loss(
        subject.model, subject.encoder, twice, ObjectiveOptions(draws=1), torch.Generator().manual_seed(3)
    )
    torch.testing.assert_close(one.flow, two.flow)
    torch.testing.assert_close(one.total, two.total)


def one_group() -> HeadGroup:
    """One target of 2 x 2 tokens."""
    rows, nothing = torch.arange(4)[None], torch.zeros(1, 0, dtype=torch.long)
    turns = torch.zeros(1, 0, 2, dtype=torch.long)
    return HeadGroup((2, 2), (0,), torch.tensor([0]), rows, nothing, nothing.bool(), turns, None)


def test_the_mixture_loss_penalises_sources_that_err_together():
    """Two sources that err by opposite amounts mix to the answer exactly, and still pay for their errors and for not
    deciding; where one is right only its share is charged for."""
    right = torch.rand(4, 3 * 16 * 16) - 0.5
    answer = unpatchify(right[None], (2, 2), 16)

    options = ObjectiveOptions()

    def loss(shares: list[float], errors: list[float]) -> torch.Tensor:
        sources = tuple(answer + error for error in errors)
        each = torch.tensor(shares)[None, :, None, None].expand(1, 4, 32, 32)
        mixture = Mixture(each, sources, torch.ones_like(each[:, :1]), torch.tensor([True]))
        return _source_losses(right, [one_group()], [mixture], options)[0]

    together, alone = loss([0.5, 0.5, 0, 0], [0.6, -0.6, 2, 2]), loss([0.9, 0.1, 0, 0], [0.0, 0.6, 2, 2])
    assert together.shape == (4, 256)
    undecided = 0.36 + options.mixture_choice * math.log(2)
    torch.testing.assert_close(together, torch.full_like(together, undecided), atol=1e-5, rtol=0)
    little = -options.mixture_choice * math.log(0.9)
    torch.testing.assert_close(alone, torch.full_like(alone, little), atol=1e-5, rtol=0)


def test_the_mixture_loss_prefers_the_better_of_two_good_sources():
    """Of errors whose squares differ by a fortieth, the smaller draws the share to it by the odds."""
    right = torch.zeros(4, 3 * 16 * 16)
    logits = torch.zeros(1, 2, 32, 32, requires_grad=True)
    sources = tuple(torch.full((1, 3, 32, 32), error) for error in (0.01, 0.16))
    shares = torch.cat([logits, torch.full((1, 1, 32, 32), -1e4)], dim=1).softmax(1)
    mixture = Mixture(shares, (*sources, sources[1]), torch.ones(1, 1, 32, 32), torch.tensor([True]))
    _source_losses(right, [one_group()], [mixture], ObjectiveOptions())[0].mean().backward()
    assert logits.grad[:, 0].max() < 0 < logits.grad[:, 1].min()
    odds = 1 / (1 + math.exp(-(0.16**2 - 0.01**2) / 0.01))
    assert -logits.grad.sum((2, 3))[0, 0] == pytest.approx(0.15 * (odds - 0.5), rel=1e-3)


def test_unused_sources_that_copy_have_a_loss():
    """The warped picture and the recoloured base image have a loss even at a share of zero, unless they are empty."""
    right = torch.zeros(4, 3 * 16 * 16)
    sources = tuple(torch.full((1, 3, 32, 32), error, requires_grad=True) for error in (9.0, 0.6, 0.3, 9.0))
    shares = torch.tensor([1.0, 0, 0, 0])[None, :, None, None].expand(1, 4, 32, 32)
    mass = torch.ones(1, 1, 32, 32)
    mass[:, :, :16] = 0  # nothing is pointed at in the upper half

    def astray_of(based: bool) -> torch.Tensor:
        mixture = Mixture(shares, sources, mass, torch.tensor([based]))
        return _source_losses(right, [one_group()], [mixture], ObjectiveOptions())[1]

    assert astray_of(False)[:2].max() == 0
    astray = astray_of(True)
    only_base, both = astray[:2], astray[2:]
    assert only_base.mean().item() == pytest.approx(0.3, abs=0.03)
    assert both.mean().item() == pytest.approx(0.6 + 0.3, abs=0.06)
    astray.sum().backward()
    copied, recoloured = (source.grad.abs().amax((0, 1)) for source in sources[1:3])
    assert copied[:16].max() == 0 and copied[16:].min() > 0 and recoloured.min() > 0
    assert all(source.grad is None or source.grad.abs().max() == 0 for source in (sources[0], sources[3]))


def test_the_gradient_of_a_nearly_right_answer_does_not_vanish():
    """From an error of a half to a tenth the slope of the square falls five times, that of the distance hardly."""
    off = torch.tensor([0.5, 0.1], requires_grad=True)
    _distance(off.square()).sum().backward()
    assert off.grad[1] > 0.9 * off.grad[0]
    assert _distance(torch.zeros(1)).item() == 0


def test_pointing_at_an_absent_thing_has_a_loss():
    """Half the mass of every token on a frame: it costs where the frame is absent, more where it is all the mass."""
    batch = SceneStream(WordTokenizer(WORDS), 0, StreamOptions(batch=1), tasks=("edit_motion",))[0]
    example = batch.examples[0]
    layout = example.request.layout(16)
    (group,) = head_groups([layout], [0], [frame.layer for frame in example.request.frames], 16)
    absent = example.correspondence.absent
    assert 0 < absent.sum() < absent.numel()
    times = torch.zeros(1)

    def loss(mass: float) -> float:
        return float(_absent_loss(batch.examples, [0], times, group, torch.full(absent.shape, mass)))

    assert loss(0.0) == pytest.approx(0.0, abs=0.1)
    assert loss(0.5) == pytest.approx(-math.log(0.5001) * int(absent.sum()), rel=1e-4)
    assert loss(1.0) == pytest.approx(-math.log(1e-4) * int(absent.sum()), rel=1e-4)


def test_small_and_large_changes_weigh_the_same():
    options = ObjectiveOptions()
    for share in (1.0, 0.25, SMALLEST):
        changed = torch.zeros(64, 256)
        changed.view(-1)[: int(share * changed.numel())] = 1
        weights = pixel_weights(changed, options)
        torch.testing.assert_close((weights * changed).mean(), torch.tensor(1 + options.keep_weight * share))
        assert (weights[changed == 0] == options.keep_weight).all()
    assert (pixel_weights(torch.zeros(64, 256), options) == options.keep_weight).all()
