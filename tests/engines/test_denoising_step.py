"""A denoising step must not make the host wait for the device: no value of a tensor may become a Python number.

FakeTensorMode has shapes and no values, so a step that asks for one fails.
"""

from collections.abc import Callable

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from ace_agent.engines.ace.trunk import Trunk
from ace_agent.engines.mini.generation import _branch, encode_request_prefix, encode_texts, noise_rows
from ace_agent.engines.mini.request_tensors import PreparedFrame, PreparedRequest, PreparedUnit
from ace_agent.engines.mini.text_encoder import MiniTextEncoder, WordTokenizer
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_agent.engines.released.joint_denoiser import JointDenoiser
from ace_agent.engines.released.joint_packing import JointSample, pad_targets
from ace_agent.engines.released.sampling import ddim_steps, guided
from ace_agent.engines.released.schedule import linear_schedule, trailing_grid
from ace_agent.engines.released.transformer import ReleasedTransformer

TOKENIZER = WordTokenizer(["make", "it", "night"])
Step = tuple[Trunk, Callable[[], torch.Tensor]]


def turn_causal() -> Step:
    """Both guidance branches of an edit."""
    model = MiniTransformer(width=64, depth=2, heads=2, text_width=32).eval()
    encoder = MiniTextEncoder(len(TOKENIZER), vector=16, width=32, depth=1, heads=2).eval()
    frame = PreparedFrame(torch.zeros(3, 128, 128), torch.ones(1, 128, 128), 0)
    request = PreparedRequest((PreparedUnit(TOKENIZER("make {image} night"), (frame,)),), 128, 128, frame)
    layouts = [request.layout(model.patch)]
    prefix = encode_request_prefix(model, request)
    texts = encode_texts(model, encoder, [request], TOKENIZER(""))
    branch = _branch(model, [request], layouts, [0], texts.lengths, prefix, guided=True)
    x = torch.cat([noise_rows(128, 128, 16, 1)] * 2)

    def run() -> torch.Tensor:
        t = torch.full((2,), 0.5)
        out = branch.denoise(model, x, t, texts, prefix)
        return out.clean

    return model, run


def joint() -> Step:
    """Both guidance branches of two samples of other sizes, and the sampler's step."""
    model = ReleasedTransformer(width=64, depth=2, heads=2, text_width=32).eval()
    samples = [
        JointSample((8, 8), None, (torch.zeros(4, 4, 6),), (None,), (torch.randn(3, 32), torch.randn(5, 32))),
        JointSample((4, 4), None, (), (), (torch.randn(2, 32),)),
    ]
    denoiser = JointDenoiser(model, samples, torch.randn(10, 32))
    predict = guided(denoiser, JointDenoiser(model, samples), 4.5, 0.5)
    step = ddim_steps(trailing_grid(4), linear_schedule(), torch.device("cpu"))[1]
    x, t = pad_targets([torch.randn(4, 8, 8), torch.randn(4, 4, 4)]), torch.tensor([500, 500])
    return model, lambda: step(x, predict(x, t))


@pytest.fixture(scope="module", params=[turn_causal, joint], ids=["turn_causal", "joint"])
@torch.no_grad()
def step(request: pytest.FixtureRequest) -> Step:
    torch.manual_seed(0)
    made: Step = request.param()
    return made


@torch.no_grad()
def test_a_step_runs_without_any_value(step):
    _, run = step
    want = run()
    with FakeTensorMode(allow_non_fake_inputs=True):
        out = run()
    assert out.shape == want.shape and type(out) is not type(want)


@pytest.mark.parametrize(
    "peek",
    [lambda x: x.sum().item(), lambda x: x[0].tolist(), lambda x: float(x.max())],
    ids=["item", "tolist", "max"],
)
@torch.no_grad()
def test_the_check_sees_a_planted_peek(step, peek):
    model, run = step
    handle = model.blocks[1].mlp.register_forward_hook(lambda module, inputs, output: peek(output) and None)
    try:
        run()
        with FakeTensorMode(allow_non_fake_inputs=True), pytest.raises(DataDependentOutputException):
            run()
    finally:
        handle.remove()
