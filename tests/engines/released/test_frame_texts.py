import json

from PIL import Image
from pytest import mark

from ace_agent.engines.ace.condition_unit import ConditionUnit
from ace_agent.engines.released.frame_texts import (
    frame_texts,
    null_prompts,
    number_history,
    renumber,
    turn_prompts,
)
from tests.golden import golden_metadata

PICTURE = Image.new("RGB", (16, 16))


def unit(instruction: str, images: int) -> ConditionUnit:
    return ConditionUnit(instruction, (PICTURE,) * images, (None,) * images)


@mark.parametrize("case", ["t2i", "single", "multi_ref", "history"])
def test_frames_read_what_the_released_code_gave_them(case: str):
    metadata = golden_metadata(f"g_inference_{case}")
    encoded = json.loads(metadata["encoded"])
    prompts, images = encoded[0], 0 if case == "t2i" else len(encoded[0])
    assert null_prompts(prompts) == encoded[-1]
    assert [[text] for text in frame_texts(prompts, images)] == json.loads(metadata["frame_texts"])
    assert [[t] for t in frame_texts(null_prompts(prompts), images)] == json.loads(
        metadata["null_frame_texts"]
    )


def test_history_is_numbered_from_the_second_prompt_on():
    plain = ["{image} add a tree", "then {image} at night", "now make {image} blue"]
    numbered = ["{image} add a tree", "then {image1} at night", "now make {image2} blue"]
    assert number_history(plain) == numbered
    assert turn_prompts([unit(prompt, 1) for prompt in plain]) == numbered


def test_turns_of_several_images_are_numbered_through():
    units = [
        unit("fuse {image} with {image1}", 2),
        unit("a hill", 0),
        unit("{image1} in the style of {image}", 2),
    ]
    assert turn_prompts(units) == [
        "fuse {image} with {image1}",
        "fuse {image} with {image1}",
        "{image3} in the style of {image2}",
        "{image3} in the style of {image2}",
    ]


def test_a_turn_without_images_is_text_alone():
    assert turn_prompts([unit("a hill", 0), unit("a fox", 0)]) == ["a fox"]
    assert frame_texts(["a fox"], 0) == ["a fox"]


def test_an_indicator_that_wraps_back_to_the_first_has_no_number():
    assert renumber("{image}{image2}", 0) == "{image}{image2}"
