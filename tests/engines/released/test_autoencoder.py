import json

import torch
from PIL import Image
from pytest import approx

from ace_agent.engines.released.autoencoder import (
    LATENT_SCALE,
    Autoencoder,
    convert_first_stage,
    diffusers_name,
    from_picture,
    to_picture,
)
from tests.golden import FOLDER

NAMES = json.loads((FOLDER / "first_stage_names.json").read_text())


def ldm_name(name: str) -> str:
    return {theirs: ours for ours, theirs in NAMES.items()}[name]


def small_first_stage():
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    return AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[32, 32, 64, 64],
        layers_per_block=2,
    ).eval()


def test_all_248_released_names_are_mapped():
    assert len(NAMES) == 248
    assert {name: diffusers_name(name, 4) for name in NAMES} == NAMES
    assert diffusers_name("first_stage_model.conv1.weight", 4) == "quant_conv.weight"
    assert diffusers_name("conv2.bias", 4) == "post_quant_conv.bias"


def test_a_first_stage_in_the_released_layout_comes_back_whole():
    model = small_first_stage()
    released = {}
    for name, tensor in model.state_dict().items():
        squeezed = ".attentions.0.to_" in name and name.endswith("weight")
        # 32, 32 channels need no shortcut where the released 128, 256 do; the names tell anyway.
        released[f"first_stage_model.{ldm_name(name)}"] = tensor[:, :, None, None] if squeezed else tensor
    released["loss.logvar"] = torch.zeros(())
    config, state = convert_first_stage(released)
    assert config["block_out_channels"] == [32, 32, 64, 64]
    assert config["layers_per_block"] == 2
    again = type(model)(**config)
    again.load_state_dict(state, strict=True)
    pixels = torch.rand(1, 3, 32, 48) * 2 - 1
    assert torch.equal(again.eval().encode(pixels).latent_dist.mean, model.encode(pixels).latent_dist.mean)


def test_the_posterior_is_sampled_from_the_given_generator():
    stage = Autoencoder(small_first_stage())
    pixels = torch.rand(3, 32, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def encode(seed: int) -> torch.Tensor:
        return stage.encode(pixels, torch.Generator().manual_seed(seed))

    assert encode(1).shape == (4, 4, 6)
    assert torch.equal(encode(1), encode(1))
    assert not torch.equal(encode(1), encode(2))
    with torch.no_grad():
        posterior = stage.model.encode(pixels[None]).latent_dist
    noise = torch.randn(1, 4, 4, 6, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(encode(1), (posterior.mean + posterior.std * noise)[0] * LATENT_SCALE)
    assert stage.decode(encode(1)).shape == (3, 32, 48)


def test_pictures_are_rounded_and_the_released_ones_rounded_down():
    value = torch.full((3, 2, 2), 100.7 / 127.5 - 1)
    assert to_picture(value).getpixel((0, 0)) == (101, 101, 101)
    assert to_picture(value, truncate=True).getpixel((0, 0)) == (100, 100, 100)
    picture = Image.new("RGB", (4, 2), (0, 128, 255))
    assert to_picture(from_picture(picture)).tobytes() == picture.tobytes()
    assert float(from_picture(picture)[2].mean()) == approx(1.0)
