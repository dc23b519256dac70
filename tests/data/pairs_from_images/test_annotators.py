"""Depth, segments, poses and captions from transformers, by tiny models with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

from ace_agent.data.pairs_from_images import annotators
from ace_agent.data.pairs_from_images.annotators import ModelAnnotator, available, has_weights
from ace_agent.images.annotated_image import AnnotatedImage, MissingAnnotation

IMAGE = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)


def saved(folder: Path, *parts: Any) -> str:
    for part in parts:
        part.save_pretrained(folder)
    assert has_weights(str(folder))
    return str(folder)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_depth(tmp_path: Path) -> None:
    config = hf.DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16, image_size=32,
        patch_size=8, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8] * 4, fusion_hidden_size=8,
    )  # fmt: skip
    processor = hf.DPTImageProcessor(size={"height": 32, "width": 32})
    model = saved(tmp_path, hf.DPTForDepthEstimation(config), processor)
    depth = ModelAnnotator({"depth": model}).depth(IMAGE)
    assert depth.shape == (96, 128) and depth.dtype == np.uint8 and depth.std() > 0


def test_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swin = hf.SwinConfig(
        image_size=64, embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = hf.Mask2FormerConfig(
        backbone_config=swin, feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=16,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, dim_feedforward=16, num_queries=5, num_labels=3,
    )  # fmt: skip
    processor = hf.Mask2FormerImageProcessor(size={"height": 64, "width": 64})
    model = saved(tmp_path, hf.Mask2FormerForUniversalSegmentation(config), processor)
    models = ModelAnnotator({"segment": model})
    half = np.zeros((96, 128), np.uint8)
    half[:48] = 255
    speck = np.zeros((96, 128), np.uint8)
    speck[0, 0] = 255
    opened = models._segments  # models with random weights find nothing, so the pipeline's answer is faked
    assert isinstance(opened(_picture()), list)
    rows = [{"mask": _picture(half), "label": "wall-other-merged"}, {"mask": _picture(speck), "label": "cat"}]
    monkeypatch.setitem(models.__dict__, "_segments", _Answers(rows, opened.model))
    (wall,) = models.segments(IMAGE)
    assert (wall.name, wall.mask.shape) == ("wall other", (96, 128)) and (wall.mask == half).all()


def _picture(pixels: np.ndarray = IMAGE) -> Any:
    from PIL import Image

    return Image.fromarray(pixels)


class _Answers:
    def __init__(self, rows: list[dict[str, Any]], model: Any) -> None:
        self.rows, self.model = rows, model

    def __call__(self, picture: Any, **options: Any) -> list[dict[str, Any]]:
        return self.rows


def test_poses_of_detected_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resnet = hf.RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8] * 4, depths=[1] * 4, layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = hf.RTDetrConfig(
        backbone_config=resnet, encoder_hidden_dim=16, encoder_in_channels=[8] * 3, encoder_ffn_dim=16, d_model=16,
        decoder_in_channels=[16] * 3, decoder_ffn_dim=16, decoder_layers=1, decoder_attention_heads=2,
        encoder_attention_heads=2, num_queries=4, num_denoising=0, num_labels=2,
    )  # fmt: skip
    finder = saved(
        tmp_path / "detect",
        hf.RTDetrForObjectDetection(config),
        hf.RTDetrImageProcessor(size={"height": 64, "width": 64}),
    )
    backbone = hf.VitPoseBackboneConfig(
        image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, out_indices=[1],
    )  # fmt: skip
    posing = hf.VitPoseConfig(backbone_config=backbone, num_labels=17, use_simple_decoder=True)
    processor = hf.VitPoseImageProcessor(size={"height": 64, "width": 48})
    poser = saved(tmp_path / "pose", hf.VitPoseForPoseEstimation(posing), processor)
    models = ModelAnnotator({"detect": finder, "pose": poser})
    with pytest.raises(MissingAnnotation, match="nobody"):  # an untrained model finds nobody
        models.bodies(IMAGE)
    box = {"xmin": 10, "ymin": 5, "xmax": 80, "ymax": 90}
    people = [{"label": "person", "box": box}, {"label": "dog", "box": box}]
    monkeypatch.setitem(models.__dict__, "_detector", _Answers(people, None))
    monkeypatch.setattr(annotators, "_JOINT", -1.0)  # every joint, however uncertain
    (body,) = models.bodies(IMAGE)
    assert {"neck", "head", "left knee"} <= set(body)
    pose = AnnotatedImage(IMAGE, models).pose
    assert pose.shape == IMAGE.shape and (pose > 0).any()


def test_captions(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "a", "cat", "on", "the", "sofa"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    tokens = {"bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    config = hf.BlipConfig(
        text_config={**sizes, **tokens, "vocab_size": len(words), "encoder_hidden_size": 16},
        vision_config={**sizes, "image_size": 32, "patch_size": 16},
        projection_dim=16,
    )
    processor = hf.BlipProcessor(
        hf.BlipImageProcessor(size={"height": 32, "width": 32}), hf.BertTokenizer(str(tmp_path / "vocab.txt"))
    )
    model = saved(tmp_path / "caption", hf.BlipForConditionalGeneration(config), processor)
    caption = ModelAnnotator({"caption": model}).caption(IMAGE)
    assert isinstance(caption, str) and set(caption.split()) <= set(words)
    assert ModelAnnotator({}).caption(IMAGE) == ""


def test_missing_weights_and_scipy_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, missing = available({"depth": str(tmp_path), "caption": "none"})
    assert not found and [one.need for one in missing] == ["depth", "caption"]
    assert "hf download" in missing[0].reason
    monkeypatch.setattr(annotators, "find_spec", lambda name: None)
    _, (lacking,) = available({"segment": str(tmp_path)})
    assert "pip install 'ace-agent[data]'" in lacking.reason
