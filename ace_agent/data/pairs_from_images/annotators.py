"""Depth, segments, poses and captions from transformers models whose weights are on disk.

Nothing is downloaded: a missing model is left out, and the command that fetches it is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ace_agent.data.pairs_from_images.sources import clean_caption
from ace_agent.images.annotated_image import MissingAnnotation, Segment
from ace_agent.images.skeletons import Body, has_bone
from ace_agent.images.types import Pixels

MODELS: dict[str, str] = {
    "depth": "depth-anything/Depth-Anything-V2-Small-hf",
    "segment": "facebook/mask2former-swin-tiny-coco-panoptic",
    "detect": "PekingU/rtdetr_r18vd",
    "pose": "usyd-community/vitpose-base-simple",
    "caption": "Salesforce/blip-image-captioning-base",
}
"""The default model of each need. A pose needs ``detect`` too, which finds the people."""

_LEAST_SEGMENT = 0.003  # of the picture
_SURE = 0.5  # confidence of a person
_JOINT = 0.3  # confidence of a joint that is drawn
_COCO = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder", "left elbow",
    "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee",
    "left ankle", "right ankle",
)  # fmt: skip


@dataclass(frozen=True)
class MissingModel:
    """A model that cannot be used, and why."""

    need: str
    model: str
    reason: str


def available(wanted: Mapping[str, str]) -> tuple[dict[str, str], list[MissingModel]]:
    """The models that can be used here, and those that cannot.

    Args:
        wanted: a model's name or folder for each need; "none" for no model.
    """
    found: dict[str, str] = {}
    missing: list[MissingModel] = []
    for need, model in wanted.items():
        if model == "none":
            missing.append(MissingModel(need, model, "not wanted"))
        elif need == "segment" and find_spec("scipy") is None:
            missing.append(MissingModel(need, model, "it needs scipy; pip install 'ace-agent[data]'"))
        elif has_weights(model):
            found[need] = model
        else:
            missing.append(MissingModel(need, model, f"its weights are not on disk; hf download {model}"))
    for need, other in (("pose", "detect"), ("detect", "pose")):
        if need in found and other not in found:
            missing.append(MissingModel(need, found.pop(need), f"it needs the model of {other!r} too"))
    return found, missing


def has_weights(model: str) -> bool:
    """Whether a model's folder, or its newest snapshot in the Hugging Face cache, holds config and weights."""
    if Path(model).is_dir():
        folder = Path(model)
    else:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

        try:
            folder = Path(snapshot_download(model, local_files_only=True))
        except (LocalEntryNotFoundError, HFValidationError):
            return False
    weights = any(any(folder.glob(pattern)) for pattern in ("*.safetensors", "pytorch_model*.bin"))
    return weights and (folder / "config.json").is_file()


@lru_cache(maxsize=1)
def model_annotator(models: tuple[tuple[str, str], ...]) -> ModelAnnotator:
    """The annotator of this process; each model is loaded on first use."""
    return ModelAnnotator(dict(models))


class ModelAnnotator:
    """Annotates images by models.

    Args:
        models: the name or folder of the model for each need.
    """

    def __init__(self, models: Mapping[str, str]) -> None:
        self._models = models

    def _pipeline(self, task: str, need: str) -> Any:
        from transformers import pipeline

        opened: Any = pipeline  # its overloads do not take a task in a variable
        return opened(task, model=self._models[need], device=_device(), local_files_only=True)

    # ---- depth

    @cached_property
    def _depth(self) -> Any:
        return self._pipeline("depth-estimation", "depth")

    def depth(self, image: Pixels) -> Pixels:
        if "depth" not in self._models:
            raise MissingAnnotation("there is no depth model")
        plane = self._depth(Image.fromarray(image))["depth"]
        return np.asarray(plane.convert("L").resize(image.shape[1::-1], Image.Resampling.BILINEAR))

    # ---- segments

    @cached_property
    def _segments(self) -> Any:
        return self._pipeline("image-segmentation", "segment")

    def segments(self, image: Pixels) -> tuple[Segment, ...]:
        if "segment" not in self._models:
            raise MissingAnnotation("there is no segmentation model")
        names = self._things
        found = []
        for row in self._segments(Image.fromarray(image)):
            mask = np.asarray(row["mask"].convert("L").resize(image.shape[1::-1], Image.Resampling.NEAREST))
            mask = np.where(mask > 127, np.uint8(255), np.uint8(0))
            if (mask > 0).mean() >= _LEAST_SEGMENT:
                name = clean_caption(str(row["label"]).replace("-merged", "").replace("-", " "))
                found.append(Segment(name, mask, row["label"] in names if names else True))
        return tuple(found)

    @cached_property
    def _things(self) -> frozenset[str]:
        """Labels of countable things: in COCO models, those before the first kind of stuff."""
        labels = self._segments.model.config.id2label
        if labels.get(0) != "person" or len(labels) < 81:
            return frozenset()
        return frozenset(labels[k] for k in range(80))

    # ---- poses

    @cached_property
    def _detector(self) -> Any:
        return self._pipeline("object-detection", "detect")

    @cached_property
    def _poser(self) -> tuple[Any, Any]:
        from transformers import AutoProcessor, VitPoseForPoseEstimation

        name = self._models["pose"]
        model = VitPoseForPoseEstimation.from_pretrained(name, local_files_only=True)
        return AutoProcessor.from_pretrained(name, local_files_only=True), _ready(model)

    def bodies(self, image: Pixels) -> tuple[Body, ...]:
        import torch

        if "pose" not in self._models:
            raise MissingAnnotation("there is no pose model")
        picture = Image.fromarray(image)
        people_found = [
            row["box"] for row in self._detector(picture, threshold=_SURE) if row["label"] == "person"
        ]
        if not people_found:
            raise MissingAnnotation("nobody is in the image")
        boxes = [
            [box["xmin"], box["ymin"], box["xmax"] - box["xmin"], box["ymax"] - box["ymin"]]
            for box in people_found
        ]
        processor, model = self._poser
        inputs = processor(picture, boxes=[boxes], return_tensors="pt").to(model.device)
        with torch.inference_mode():
            outputs = model(**inputs)
        bodies = processor.post_process_pose_estimation(outputs, boxes=[boxes], threshold=_JOINT)[0]
        found = tuple(
            _with_neck(
                {
                    _COCO[int(label)]: (float(x), float(y))
                    for label, (x, y) in zip(body["labels"], body["keypoints"], strict=True)
                }
            )
            for body in bodies
        )
        if not any(has_bone(body) for body in found):
            raise MissingAnnotation("nobody's joints are seen")
        return found

    # ---- captions

    @cached_property
    def _captioner(self) -> tuple[Any, Any]:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        name = self._models["caption"]
        model = AutoModelForImageTextToText.from_pretrained(name, local_files_only=True)
        return AutoProcessor.from_pretrained(name, local_files_only=True), _ready(model)

    def caption(self, image: Pixels) -> str:
        import torch

        if "caption" not in self._models:
            return ""
        processor, model = self._captioner
        inputs = processor(images=Image.fromarray(image), return_tensors="pt").to(model.device)
        with torch.inference_mode():
            tokens = model.generate(**inputs, max_new_tokens=30, do_sample=False)
        return clean_caption(processor.batch_decode(tokens, skip_special_tokens=True)[0])


def _ready(model: Any) -> Any:
    """The model on the device, in evaluation mode."""
    return model.to(_device()).eval()


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _with_neck(joints: dict[str, tuple[float, float]]) -> Body:
    """Joints by COCO's names with those of a drawn skeleton: the neck between the shoulders, the nose as the head."""
    found = dict(joints)
    if "left shoulder" in joints and "right shoulder" in joints:
        (ax, ay), (bx, by) = joints["left shoulder"], joints["right shoulder"]
        found["neck"] = ((ax + bx) / 2, (ay + by) / 2)
    if "nose" in joints:
        found["head"] = joints["nose"]
    return found
