"""Files of instruction templates."""

import json
from pathlib import Path

import pytest

from ace_agent.evaluation.errors import TemplateError
from ace_agent.evaluation.instruction_templates import kinds_of, parse_templates, read_templates, slots_of


def test_templates_go_to_the_kinds_that_fill_their_slots(tmp_path: Path) -> None:
    path = tmp_path / "wording.json"
    path.write_text(
        json.dumps(
            {
                "edit_scene": ["Let {image} be seen <time>.", "Have <falling> in {image}."],
                "grayscale": ["Drain {image} of colour."],
                "scene_time": ["<time>, {image}"],
            }
        )
    )
    assert read_templates(path) == {
        "scene_time": ("Let {image} be seen <time>.", "<time>, {image}"),
        "scene_weather": ("Have <falling> in {image}.",),
        "scene_clear": ("Have <falling> in {image}.",),
        "grayscale": ("Drain {image} of colour.",),
    }


def test_kinds_of_a_task_are_its_own() -> None:
    assert kinds_of("add") == ["add", "add_where", "add_wear"]
    assert kinds_of("remove") == ["remove"]
    assert {"color", "the"} <= slots_of("edit_color")
    assert kinds_of("style_reference") == ["style_reference", "style_reference_caption"]


def test_an_error_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="no task or kind of request is called 'paint'"):
        parse_templates({"paint": ["x"]}, "here")
    with pytest.raises(TemplateError, match=r"fits no request.*scene_time"):
        parse_templates({"edit_scene": ["Make {image} <colour>."]}, "here")
    with pytest.raises(TemplateError, match="wanted a list"):
        parse_templates({"remove": "Remove <the>."}, "here")
    with pytest.raises(TemplateError, match="No such file"):
        read_templates(tmp_path / "absent.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(TemplateError, match="not JSON"):
        read_templates(tmp_path / "bad.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(TemplateError, match="wanted an object"):
        read_templates(tmp_path / "list.json")
