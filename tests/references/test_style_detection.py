"""Reference pictures take the drawing style of things in the user's pictures."""

import numpy as np
import pytest
from PIL import Image

from ace_agent.data.scenes.render import Renderer
from ace_agent.data.scenes.scene import Background, Scene
from ace_agent.engines.ace.condition_unit import ConditionUnit
from ace_agent.engines.mini.pipeline import ACEPipeline
from ace_agent.references.descriptions import Description
from ace_agent.references.library import ReferenceLibrary, default_library
from ace_agent.references.objects import Object
from ace_agent.references.sprites import Sprites
from ace_agent.references.style_detection import DrawnStyles
from ace_agent.references.vocabulary import STYLES

RENDERER = Renderer(Sprites.load(), 128)


def scene(name: str, style: str, color: str = "") -> Image.Image:
    thing = Object(name, style, x=0.6, y=0.9, size=0.4, color=color)
    return Image.fromarray(RENDERER.render(Scene(Background("forest", seed=2), (thing,))).pixels)


@pytest.fixture(scope="module")
def pictures() -> ReferenceLibrary:
    return default_library()


@pytest.fixture(scope="module")
def styles(pictures: ReferenceLibrary) -> DrawnStyles:
    return DrawnStyles(pictures)


@pytest.mark.parametrize("style", STYLES)
def test_a_things_style_is_found_whatever_its_colour_and_the_pictures_size(
    styles: DrawnStyles, style: str
) -> None:
    picture = scene("tent", style, "purple").resize((300, 300))
    wide = Image.new("RGB", (600, 300), "teal")
    wide.paste(picture, (200, 0))
    assert styles.seen(picture, ["tent"]) == styles.seen(wide, ["tent"]) == style


def test_absent_things_have_no_style(styles: DrawnStyles) -> None:
    assert styles.seen(scene("tent", "flat"), ["cat", "banana"]) is None
    assert styles.seen(scene("tent", "flat"), ["nothing of ours"]) is None
    assert styles.seen(Image.new("RGB", (128, 128), "teal"), ["tent"]) is None


def test_an_edit_keeps_the_style_of_the_edited_thing_only(styles: DrawnStyles) -> None:
    style_of = styles.asked("cover the tent with moss and add a cat", [scene("tent", "fluent")], ())
    assert (style_of("tent"), style_of("cat")) == ("fluent", None)


def test_a_new_picture_takes_the_style_of_the_last_one_only_on_request(styles: DrawnStyles) -> None:
    """A turn's picture shows what it or the turn before names, and later pictures take precedence."""
    first = ConditionUnit("turn the tent gray", (scene("tent", "flat"),), (None,))
    second = ConditionUnit("make it bigger", (scene("guitar", "blob"),), (None,))
    swapped = ConditionUnit("swap the tent for a guitar", (scene("tent", "flat"),), (None,))

    def style(prompt: str, *history: ConditionUnit) -> str | None:
        return styles.asked(prompt, (), history)("key")

    assert style("a key by the sea, keep the style", first) == "flat"
    assert style("a key by the sea", first) is None
    assert style("a key in the same style", swapped, second) == "blob"
    assert style("a key in the same style") is None


def test_the_pipeline_looks_things_up_in_the_style_of_the_picture(pictures: ReferenceLibrary) -> None:
    """A style that the words name takes precedence over the picture's."""
    pipeline = ACEPipeline.from_pretrained("ace-mini")
    picture = scene("tent", "fluent")

    def reference(prompt: str, *image: Image.Image) -> Image.Image:
        (found,) = pipeline.find_references(prompt, image)
        return found.image

    def of(style: str, color: str) -> np.ndarray:
        return pictures._frame(Description("tent", style, color)).image

    assert np.array_equal(reference("dye the tent red", picture), of("fluent", "red"))
    assert np.array_equal(reference("dye the tent red"), of("noto", "red"))
    assert np.array_equal(reference("dye the flat tent red", picture), of("flat", "red"))
