"""The loss; its numbers and gradients are held to the released ones by tests/evaluation/test_parity.py."""

import torch

from ace_agent.engines.released.checkpoints import convert_transformer
from ace_agent.engines.released.joint_packing import JointSample, pad_targets
from ace_agent.engines.released.objective import drop_prompts, released_loss
from ace_agent.engines.released.transformer import ReleasedTransformer
from tests.released_checkpoint import TEXT_WIDTH, dit_tensors

GENERATOR = torch.Generator().manual_seed(5)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR)


def sample(shape: tuple[int, int], images: int) -> JointSample:
    turns = [draw(3, TEXT_WIDTH) for _ in range(max(images, 1))]
    texts = (turns[-1], *turns) if images else (turns[0],)
    return JointSample(shape, None, tuple(draw(4, 2, 2) for _ in range(images)), (None,) * images, texts)


def test_padding_counts_only_when_faithful():
    config, state = convert_transformer(dit_tensors(depth=1))
    model = ReleasedTransformer(**config)
    model.load_state_dict(state)
    short, long = sample((2, 2), 1), sample((4, 4), 0)
    clean = pad_targets([draw(4, 2, 2), draw(4, 4, 4)])
    noise, t = draw(*clean.shape), torch.tensor([10, 600])
    ours = released_loss(model, [short, long], None, clean, noise, t)
    theirs = released_loss(model, [short, long], None, clean, noise, t, faithful=True)
    valid = (ours.predicted[0, :, :4] - noise[0, :, :4]).square().mean()
    padding = noise[0, :, 4:].square().mean()
    torch.testing.assert_close(ours.per_sample[0], valid)
    torch.testing.assert_close(theirs.per_sample[0], 0.25 * valid + 0.75 * padding)
    torch.testing.assert_close(ours.per_sample[1], theirs.per_sample[1])


def test_dropping_a_prompt_leaves_earlier_turns_their_text():
    null = draw(1, TEXT_WIDTH)
    samples = [sample((2, 2), images) for images in (0, 1, 3)]
    dropped = drop_prompts(samples, null, 1.0, torch.Generator())
    assert [len(s.texts) for s in dropped] == [1, 2, 4]
    assert all(s.texts[0] is null and s.texts[-1] is null for s in dropped)
    assert dropped[2].texts[1] is samples[2].texts[1] and dropped[2].texts[2] is samples[2].texts[2]
    assert drop_prompts(samples, null, 0.0, torch.Generator()) == samples
    many = drop_prompts(samples[:1] * 400, null, 0.25, torch.Generator().manual_seed(0))
    assert 70 < sum(s.texts[0] is null for s in many) < 130
