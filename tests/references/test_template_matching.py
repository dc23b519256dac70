"""Drawings as templates tell things apart that the reader's network confuses."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ace_agent.data.scenes.render import Renderer
from ace_agent.data.scenes.scene import Background, Scene
from ace_agent.evaluation.reader import Reader
from ace_agent.evaluation.reader_network import ReaderNetwork, Readings
from ace_agent.references.objects import Object
from ace_agent.references.sprites import Sprites
from ace_agent.references.template_matching import DrawingMatcher
from ace_agent.references.vocabulary import STYLES
from ace_agent.training.scene_reader.scenes import scene_words

WORDS = scene_words()
SPRITES = Sprites.load()
LOOKS = [
    (noun, style)
    for noun in ("chair", "cat", "goat", "jeep", "car", "shoe", "sneaker")
    for style in STYLES
    if SPRITES.has(noun, style)
]


@pytest.fixture(scope="module")
def matcher() -> DrawingMatcher:
    return DrawingMatcher(SPRITES)


def drawn(thing: Object, time: str = "day") -> Tensor:
    """``[1, 3, 128, 128]`` of a scene of one thing."""
    scene = Scene(Background("meadow", seed=1, time=time), (thing,))
    image = Renderer(SPRITES, 128).render(scene).pixels
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize(
    ("noun", "style"), [look for look in LOOKS if look[0] in ("chair", "jeep", "sneaker")]
)
def test_similar_things_are_told_apart_whatever_their_tint(
    matcher: DrawingMatcher, noun: str, style: str
) -> None:
    """Yellow, at night, mirrored, and four pixels beside the place given."""
    thing = Object(noun, style, x=0.4, y=0.9, size=0.37, color="yellow", flip=True)
    edges = matcher.edges(drawn(thing, "night"))
    sure = matcher.sure(edges, (0.43, 0.9 - 0.37 / 2), LOOKS, torch.zeros(len(LOOKS)))
    assert LOOKS[int(sure.argmax())] == (noun, style)
    assert float(sure.sum()) == pytest.approx(1)


def test_pictures_of_any_shape_are_matched_to_their_edges(matcher: DrawingMatcher) -> None:
    """A place in the corner of a wide picture has windows with pixels too."""
    picture = Image.effect_noise((192, 96), 60).convert("RGB")
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
    for place in ((0.0, 0.0), (0.999, 0.999)):
        sure = matcher.sure(matcher.edges(pixels), place, [("cat", "noto"), ("dog", "noto")], torch.zeros(2))
        assert sure.isfinite().all()


def said(center: tuple[int, int], first: str, second: str) -> Readings:
    """Logits of one thing: the first noun a little likelier than the second, and no style."""
    counts = WORDS.counts()
    centers = torch.full((1, 1, 16, 16), -9.0)
    centers[0, 0, center[0], center[1]] = 9.0
    nouns = torch.full((1, counts["nouns"], 16, 16), -20.0)
    nouns[:, WORDS.nouns.index(first)], nouns[:, WORDS.nouns.index(second)] = 1.0, 0.0
    grids = (torch.zeros(1, counts[name], 16, 16) for name in ("colors", "styles"))
    wholes = (torch.zeros(1, counts[name]) for name in ("places", "times", "weathers", "filters"))
    return Readings(centers, nouns, *grids, *wholes)


def test_the_reader_decides_between_likely_things_by_their_sprites() -> None:
    """The network alone says "cat". Unlikely nouns are not considered, and people are not matched."""
    network = ReaderNetwork(**WORDS.counts())
    alone, with_sprites = Reader(network, WORDS), Reader(network, WORDS, sprites=SPRITES)
    picture = drawn(Object("chair", "flat", x=0.5, y=0.9, size=0.37, color="yellow"))
    center = (int((0.9 - 0.37 / 2) * 16), 8)

    def noun_and_style(reader: Reader, first: str, second: str) -> tuple[str, str]:
        (seen,) = reader.interpret(said(center, first, second), picture)[0].objects
        assert 0 < seen.sure <= 1
        return seen.noun, seen.style

    assert noun_and_style(alone, "cat", "chair")[0] == "cat"
    assert noun_and_style(with_sprites, "cat", "chair") == ("chair", "flat")
    assert noun_and_style(with_sprites, "cat", "goat")[0] in ("cat", "goat")
    assert noun_and_style(with_sprites, "person", "chair")[0] == "person"
