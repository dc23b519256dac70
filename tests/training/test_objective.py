import torch

from ace_agent.engine.text import WordTokenizer
from ace_agent.training.objective import SMALLEST, ObjectiveOptions, draw_times, flow_loss, pixel_weights
from ace_agent.training.stream import SceneStream, StreamOptions
from tests.training.tiny import WORDS, tiny_subject


def test_times_are_spread_over_the_batch():
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
    own = losses[2].flow.mean() + ObjectiveOptions().pointer_weight * losses[2].parts["pointer"]
    torch.testing.assert_close(losses[2].total.detach(), own)


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


def test_a_small_change_counts_as_much_as_a_large_one():
    options = ObjectiveOptions()
    for share in (1.0, 0.25, SMALLEST):
        changed = torch.zeros(64, 256)
        changed.view(-1)[: int(share * changed.numel())] = 1
        weights = pixel_weights(changed, options)
        torch.testing.assert_close((weights * changed).mean(), torch.tensor(1 + options.keep_weight * share))
        assert (weights[changed == 0] == options.keep_weight).all()
    assert (pixel_weights(torch.zeros(64, 256), options) == options.keep_weight).all()
