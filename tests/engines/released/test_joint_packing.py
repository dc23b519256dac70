"""The `joint` layout beyond the golden numbers, which tests/evaluation/test_parity.py holds it to."""

from copy import deepcopy
from dataclasses import replace

import torch
from pytest import fixture, raises

from ace_agent.engines.ace import layers
from ace_agent.engines.ace.layers import MLP
from ace_agent.engines.ace.patches import patchify
from ace_agent.engines.released import joint_denoiser
from ace_agent.engines.released.checkpoints import convert_transformer
from ace_agent.engines.released.joint_denoiser import JointDenoiser
from ace_agent.engines.released.joint_packing import (
    JointPack,
    JointSample,
    pack_joint,
    pad_targets,
    unpad_target,
)
from ace_agent.engines.released.transformer import ReleasedTransformer
from tests.released_checkpoint import TEXT_WIDTH, dit_tensors

GENERATOR = torch.Generator().manual_seed(3)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR)


def sample(*sizes: tuple[int, int]) -> JointSample:
    target, *edits = sizes
    texts = tuple(draw(2 + f, TEXT_WIDTH) for f in range(len(sizes)))
    return JointSample(target, None, tuple(draw(4, *e) for e in edits), (None,) * len(edits), texts)


@fixture(scope="module")
def model() -> ReleasedTransformer:
    config, state = convert_transformer(dit_tensors(depth=1))
    model = ReleasedTransformer(**config)
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)


def test_the_target_takes_the_next_indicator_and_reads_its_own_text():
    pack = pack_joint([sample((4, 4)), sample((2, 4), (4, 2), (2, 2))], 2)
    assert pack.frames.indicators.tolist() == [0] * 4 + [2] * 2 + [0] * 2 + [1]
    assert pack.frames.sample.tolist() == [0] * 4 + [1] * 5
    assert pack.frames.positions[-3:].tolist() == [[1, 0, 0], [1, 1, 0], [2, 0, 0]]
    assert pack.targets.tolist() == [0, 1, 2, 3, 4, 5]
    assert [s.k1 for s in pack.frames.plan.segments] == [(0, 4), (4, 9)]
    assert [s.k1 for s in pack.cross_plan.segments] == [(0, 2), (2, 4), (4, 7), (7, 11)]


def test_a_sample_alone_and_in_a_batch_agree(model: ReleasedTransformer):
    samples = [sample((4, 4), (2, 4)), sample((2, 2))]
    noise = [draw(4, 4, 4), draw(4, 2, 2)]
    indicators, t = draw(10, TEXT_WIDTH), torch.tensor([700, 30])
    together = JointDenoiser(model, samples, indicators)(pad_targets(noise), t)
    assert together[1, :, 4:].eq(0).all()
    for b, (own, latents) in enumerate(zip(samples, noise, strict=True)):
        alone = JointDenoiser(model, [own], indicators)(pad_targets([latents]), t[b : b + 1])
        torch.testing.assert_close(
            unpad_target(together[b], own.shape), unpad_target(alone[0], own.shape), atol=2e-6, rtol=0
        )


def test_bfloat16_autocast_stays_near(model: ReleasedTransformer):
    request, noise = sample((4, 4), (4, 4)), pad_targets([draw(4, 4, 4)])
    t = torch.tensor([500])
    exact = JointDenoiser(model, [request])(noise, t)
    with torch.autocast("cpu", torch.bfloat16):
        near = JointDenoiser(model, [request])(noise, t)
    assert (near.float() - exact).abs().mean() < 0.03 * exact.abs().mean()


def test_samples_that_do_not_hold_together_are_refused():
    text = draw(2, TEXT_WIDTH)
    with raises(ValueError, match=r"texts: wanted one per frame \(2\), got 1"):
        JointSample((4, 4), None, (draw(4, 2, 2),), (None,), (text,))
    with raises(ValueError, match=r"edits\[0\]: wanted even latent sizes, got 3x2"):
        JointSample((4, 4), None, (draw(4, 3, 2),), (None,), (text, text))


def test_a_new_model_starts_as_the_released_training_does():
    config, _ = convert_transformer(dit_tensors(depth=1))
    fresh = ReleasedTransformer(**config)
    assert fresh.output.weight.eq(0).all()
    assert fresh.blocks[0].cross_attn.o.weight.eq(0).all()
    assert fresh.y_embedder.fc1.weight.std() < 0.03


def test_the_last_block_works_on_the_targets_alone_and_changes_nothing(model: ReleasedTransformer):
    exact = deepcopy(model).double()
    samples = [sample((4, 4), (2, 4), (6, 2)), sample((2, 2))]
    denoiser = JointDenoiser(exact, samples, draw(10, TEXT_WIDTH))
    attention = exact.blocks[-1].attn
    rows = []
    for layer in (attention.k, attention.q, exact.blocks[-1].mlp):
        layer.register_forward_hook(lambda layer, inputs, output: rows.append(len(output)))
    tokens, t = denoiser._tokens(pad_targets([draw(4, 4, 4), draw(4, 2, 2)])), torch.tensor([700, 30])

    def noise(pack: JointPack) -> torch.Tensor:
        return exact(tokens, t, pack, denoiser.rope, denoiser.text, denoiser.added)

    pack = denoiser.pack
    alone = noise(pack)
    assert rows == [10, 5, 5]
    everywhere = noise(
        replace(
            pack, targets=torch.arange(10), target_plan=pack.frames.plan, target_cross_plan=pack.cross_plan
        )
    )
    assert rows[3:] == [10, 10, 10]
    torch.testing.assert_close(alone, everywhere[pack.targets], atol=1e-12, rtol=0)


def test_what_a_step_does_not_change_is_worked_out_once(model: ReleasedTransformer, monkeypatch):
    """Conditioning patches and the texts' keys and values; on a GPU each was a copy or a kernel a step."""
    denoiser = JointDenoiser(model, [sample((4, 4), (2, 4), (6, 2))], draw(10, TEXT_WIDTH))
    seen = []
    monkeypatch.setattr(model.y_embedder, "forward", lambda x: seen.append("text"))
    monkeypatch.setattr(
        joint_denoiser, "patchify", lambda x, patch: seen.append("frame") or patchify(x, patch)
    )
    for t in (700, 30):
        denoiser(pad_targets([draw(4, 4, 4)]), torch.tensor([t]))
    assert seen == ["frame"] * 2


def test_an_mlp_in_pieces_is_the_same(monkeypatch):
    mlp, x = MLP(8, 24, 8), draw(10, 8)
    with torch.no_grad():
        whole = mlp(x)
        monkeypatch.setattr(layers, "MLP_ROWS", 4)
        torch.testing.assert_close(mlp(x), whole)
    mlp(x.requires_grad_()).sum().backward()
    assert x.grad is not None
