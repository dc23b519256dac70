from __future__ import annotations

import numpy as np
import pytest

from ace_agent.images.annotated_image import ANALYSES, AnnotatedImage, MissingAnnotation, Segment
from ace_agent.images.skeletons import Body
from ace_agent.images.types import Pixels


class Halves:
    """Annotates a dog above grass, and counts its calls."""

    def __init__(self) -> None:
        self.asked = 0

    def depth(self, pixels: Pixels) -> Pixels:
        self.asked += 1
        return np.full(pixels.shape[:2], 40, np.uint8)

    def segments(self, pixels: Pixels) -> tuple[Segment, ...]:
        mask = np.zeros(pixels.shape[:2], np.uint8)
        mask[: len(mask) // 2] = 255
        return Segment("dog", mask, True), Segment("grass", 255 - mask, False)

    def bodies(self, pixels: Pixels) -> tuple[Body, ...]:
        return ({"head": (10, 10), "neck": (10, 30)},)

    def caption(self, pixels: Pixels) -> str:
        return "a dog on grass"


@pytest.fixture
def pixels() -> Pixels:
    image = np.full((96, 128, 3), 30, np.uint8)
    image[20:70, 30:90] = (200, 60, 40)
    return image


@pytest.mark.parametrize("task", ANALYSES)
def test_every_analysis_draws_a_map_of_the_image_in_its_size(task: str, pixels: Pixels) -> None:
    drawn = ANALYSES[task](AnnotatedImage(pixels, Halves()))
    assert drawn.shape == pixels.shape and drawn.dtype == np.uint8
    assert drawn.any()


def test_an_annotation_is_computed_once(pixels: Pixels) -> None:
    annotator = Halves()
    image = AnnotatedImage(pixels, annotator)
    assert image.depth is image.depth
    assert annotator.asked == 1


def test_without_an_annotator_only_pixels_and_a_given_caption_are_known(pixels: Pixels) -> None:
    image = AnnotatedImage(pixels, caption="a red card")
    assert image.caption == "a red card"
    for name in ("depth", "segments", "pose"):
        with pytest.raises(MissingAnnotation):
            getattr(image, name)
    with pytest.raises(MissingAnnotation):
        AnnotatedImage(pixels).caption


def test_shapes_are_of_tones_where_no_segments_are_known(pixels: Pixels) -> None:
    (card,) = [shape for shape in AnnotatedImage(pixels).shapes if shape[40, 60]]
    assert not card[5, 5]
    assert len(AnnotatedImage(pixels, Halves()).shapes) == 2
    with pytest.raises(MissingAnnotation, match="stands out"):
        AnnotatedImage(np.zeros_like(pixels)).shapes
