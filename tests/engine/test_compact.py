"""Weights as 4-bit integers."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ace_agent.engine import compact
from ace_agent.engine.text import MiniTextEncoder
from ace_agent.engine.transformer import ACETransformer
from tests.training.tiny import tiny_subject


def test_large_matrices_lose_no_more_than_by_plain_rounding_and_others_half_precision() -> None:
    torch.manual_seed(0)
    state = {"large": torch.randn(300, 16, 3, 5) * torch.logspace(-3, 1, 300)[:, None, None, None]}
    state |= {"small": torch.randn(8, 9), "row": torch.randn(70_000), "none": torch.zeros(300, 300)}
    written, shapes = compact.packed(state)
    assert written["large"].dtype == torch.uint8 and written["large"].shape == (300, 128)
    assert written["small"].dtype == written["row"].dtype == torch.float16
    read = compact.unpacked(written, shapes)
    assert read.keys() == state.keys() and read["large"].shape == state["large"].shape
    rows, again = state["large"].flatten(1), read["large"].flatten(1)
    for start in range(0, 240, compact.GROUP):
        group, off = rows[:, start : start + 64], (again - rows)[:, start : start + 64]
        plain = group.abs().amax(1)[:, None] / 7
        rounded = (group / plain).round() * plain
        # a scale has eleven bits
        assert (off.square().sum(1) <= (rounded - group).square().sum(1) * 1.02).all()
    assert 0.05 < ((again - rows).norm() / rows.norm()) < 0.12
    for name in ("small", "row"):
        assert torch.equal(read[name], state[name].half().float())
    assert read["none"].abs().max() == 0


def test_models_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both layouts, smaller in this one; a damaged file and another architecture's are one line."""
    monkeypatch.setattr(compact, "LARGE", 2**8)  # tiny models have no large matrices
    subject = tiny_subject()
    for name, model in (("transformer", subject.model), ("text", subject.encoder)):
        compact.write(model, tmp_path / name)
        model.save_pretrained(tmp_path / f"{name}-whole")
        again, whole = (compact.read(type(model), tmp_path / f"{name}{end}") for end in ("", "-whole"))
        assert dict(again.config) | {"_name_or_path": ""} == dict(whole.config) | {"_name_or_path": ""}
        for key, value in model.state_dict().items():
            assert torch.equal(whole.state_dict()[key], value)
            large = value.ndim > 1 and value.numel() >= compact.LARGE
            assert (again.state_dict()[key] - value).norm() <= (0.12 if large else 1e-3) * value.norm()
            assert again.state_dict()[key].dtype == torch.float32
        sizes = [(tmp_path / f"{name}{end}" / compact.FILE).stat().st_size for end in ("", "-whole")]
        assert sizes[0] < 0.3 * sizes[1]
    assert isinstance(subject.encoder, MiniTextEncoder)
    (tmp_path / "text" / compact.FILE).replace(tmp_path / "transformer" / compact.FILE)
    with pytest.raises(ValueError, match=r"describes, by \w+"):
        compact.read(ACETransformer, tmp_path / "transformer")
    save_file(
        {"a": torch.zeros(2)}, tmp_path / "transformer" / compact.FILE, {"format": "pt", "large": "int8"}
    )
    with pytest.raises(ValueError, match="earlier version"):
        compact.read(ACETransformer, tmp_path / "transformer")
    (tmp_path / "transformer" / compact.FILE).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="transformer"):
        compact.read(ACETransformer, tmp_path / "transformer")
