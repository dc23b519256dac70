"""A denoising step must not make the host wait for the device: no value of a tensor may become a Python number."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from ace_agent.engine.conditions import PreparedFrame, PreparedRequest, PreparedUnit
from ace_agent.engine.generation import _branch, encode_request_prefix, noise_rows
from ace_agent.engine.text import MiniTextEncoder, WordTokenizer
from ace_agent.engine.transformer import ACETransformer

TOKENIZER = WordTokenizer(["make", "it", "night"])


@pytest.fixture(scope="module")
@torch.no_grad()
def step():
    torch.manual_seed(0)
    model = ACETransformer(width=64, depth=2, heads=2, text_width=32).eval()
    encoder = MiniTextEncoder(len(TOKENIZER), vector=16, width=32, depth=1, heads=2).eval()
    frame = PreparedFrame(torch.zeros(3, 128, 128), torch.ones(1, 128, 128), 0)
    request = PreparedRequest((PreparedUnit(TOKENIZER("make {image} night"), (frame,)),), 128, 128, frame)
    layouts = [request.layout(model.patch)]
    prefix = encode_request_prefix(model, request)
    branch = _branch(model, encoder, [request], layouts, [0], TOKENIZER(""))
    x = torch.cat([noise_rows(128, 128, 16, 1)] * 2)

    def run() -> torch.Tensor:
        t = torch.full((2,), 0.5)
        out = model.denoise(
            x, t, branch.targets, branch.rope, branch.text, prefix, branch.inputs, branch.groups
        )
        return out.clean

    return model, run


@torch.no_grad()
def test_a_step_runs_without_any_value(step):
    _, run = step
    with FakeTensorMode(allow_non_fake_inputs=True):
        out = run()
    assert out.shape == (128, 768)


@pytest.mark.parametrize(
    "peek", [lambda x: x.sum().item(), lambda x: x[0].tolist(), lambda x: float(x.max())]
)
@torch.no_grad()
def test_the_check_sees_a_planted_peek(step, peek):
    model, run = step
    handle = model.blocks[1].mlp.register_forward_hook(lambda module, inputs, output: peek(output) and None)
    try:
        with (
            FakeTensorMode(allow_non_fake_inputs=True),
            pytest.raises((DataDependentOutputException, RuntimeError)),
        ):
            run()
    finally:
        handle.remove()
