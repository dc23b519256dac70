import pickle
import random
from pathlib import Path

import torch
from pytest import raises

from ace_agent.engines.released.checkpoints import convert_transformer, from_pixart, read_tensors
from ace_agent.errors import ModelError
from tests.released_checkpoint import dit_tensors


class Payload:
    def __reduce__(self):
        return (print, ("run",))


def test_tensors_are_read_from_pickles_and_safetensors(tmp_path: Path):
    from safetensors.torch import save_file

    wanted = {"a.weight": torch.arange(4.0)}
    torch.save({"state_dict": {f"module.{n}": t for n, t in wanted.items()}}, tmp_path / "new.pth")
    torch.save(wanted, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(wanted, tmp_path / "safe.safetensors")
    for name in ("new.pth", "old.pth", "safe.safetensors"):
        assert torch.equal(read_tensors(tmp_path / name)["a.weight"], wanted["a.weight"])


def test_a_pickle_that_wants_to_run_code_is_refused(tmp_path: Path, capsys):
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": {"a": torch.zeros(1)}, "payload": Payload()}, path)
    with raises(ModelError, match="wants to run code"):
        read_tensors(path)
    path.write_bytes(pickle.dumps(Payload(), protocol=2))
    with raises(ModelError):
        read_tensors(path)
    assert capsys.readouterr().out == ""


def test_truncated_and_missing_files_are_named(tmp_path: Path):
    for name in ("cut.pth", "cut.safetensors"):
        path = tmp_path / name
        if name.endswith("pth"):
            torch.save(dit_tensors(depth=1), path)
        else:
            from safetensors.torch import save_file

            save_file(dit_tensors(depth=1), path)
        path.write_bytes(path.read_bytes()[:5000])
        with raises(ModelError, match="truncated or damaged"):
            read_tensors(path)
    with raises(ModelError, match="does not exist"):
        read_tensors(tmp_path / "nowhere.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with raises(ModelError, match="holds a list"):
        read_tensors(tmp_path / "list.pth")


def test_the_config_is_read_off_the_tensors():
    config, state = convert_transformer(
        dit_tensors(width=144, depth=3, text_width=32, mlp_ratio=2, sigma_half=False)
    )
    assert (config["width"], config["depth"], config["heads"], config["text_width"]) == (144, 3, 2, 32)
    assert (config["mlp_ratio"], config["out_channels"], config["qk_norm"]) == (2, 4, True)
    assert state["x_embedder.proj.weight"].shape == (144, 20)
    with raises(ModelError, match=r"a width of 100 is not a multiple of 72: say how many heads"):
        convert_transformer(dit_tensors(width=100))
    assert convert_transformer(dit_tensors(width=100, depth=1), heads=5)[0]["heads"] == 5


def test_wrong_tensors_are_listed_the_first_ten_of_them():
    tensors = dit_tensors(depth=1)
    del tensors["blocks.0.attn.q.bias"]
    tensors["lora.weight"] = torch.zeros(1)
    tensors["t_block.1.bias"] = torch.zeros(7)
    with raises(ModelError) as caught:
        convert_transformer(tensors)
    message = str(caught.value)
    assert "blocks.0.attn.q.bias is missing" in message
    assert "lora.weight is not known" in message
    assert "t_block.1.bias is (7,) instead of (864,)" in message
    with raises(ModelError, match="and 15 more"):
        convert_transformer(dit_tensors(depth=1) | {f"extra.{i}": torch.zeros(1) for i in range(25)})
    with raises(ModelError, match=r"this is no ACE transformer: x_embedder.proj.weight"):
        convert_transformer({"model.diffusion_model.in": torch.zeros(1)})


def test_pixart_names_are_translated():
    released = dit_tensors(depth=1, qk_norm=False)
    pixart = {}
    for name, tensor in released.items():
        if name == "x_embedder.proj.weight":
            tensor = tensor[:, :4]
        pixart[name.replace(".o.", ".proj.").replace("y_embedder.", "y_embedder.y_proj.")] = tensor
    for end in ("weight", "bias"):
        own = [pixart.pop(f"blocks.0.attn.{part}.{end}") for part in "qkv"]
        pixart[f"blocks.0.attn.qkv.{end}"] = torch.cat(own)
        crossed = [pixart.pop(f"blocks.0.cross_attn.{part}.{end}") for part in "kv"]
        pixart[f"blocks.0.cross_attn.kv_linear.{end}"] = torch.cat(crossed)
        pixart[f"blocks.0.cross_attn.q_linear.{end}"] = pixart.pop(f"blocks.0.cross_attn.q.{end}")
    pixart["pos_embed"] = torch.zeros(1, 4, 144)
    translated = from_pixart(pixart)
    released["x_embedder.proj.weight"] = released["x_embedder.proj.weight"].clone()
    released["x_embedder.proj.weight"][:, 4] = 0
    assert translated.keys() == released.keys()
    assert all(torch.equal(translated[name], tensor) for name, tensor in released.items())
    assert convert_transformer(pixart)[0]["qk_norm"] is False


def test_whatever_the_damage_it_is_one_error(tmp_path: Path):
    """Damaged bytes make an unpickler raise anything: KeyError, struct.error, AssertionError ..."""
    rng = random.Random(0)
    refused = 0
    for zipped in (True, False):
        whole = tmp_path / "whole.pth"
        torch.save({"a": torch.ones(4, 3)}, whole, _use_new_zipfile_serialization=zipped)
        raw = whole.read_bytes()
        for _ in range(150):
            spoilt = bytearray(raw)
            for _ in range(3):
                spoilt[rng.randrange(min(len(raw), 600))] = rng.randrange(256)
            (tmp_path / "spoilt.pth").write_bytes(spoilt)
            try:
                read_tensors(tmp_path / "spoilt.pth")
            except ModelError:
                refused += 1
    assert refused > 100


def test_any_number_of_hidden_channels_comes_out_again():
    """int(44 * (120 / 44)) is 119."""
    config, _ = convert_transformer(dit_tensors(width=44, depth=1, mlp_ratio=2.73), heads=2)
    assert int(config["width"] * config["mlp_ratio"]) == 120
