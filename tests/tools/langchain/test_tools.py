"""The tools as an agent calls them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ace_tools import open_pictures
from ace_tools.langchain.toolkit import AceToolkit
from ace_tools.operations import OPERATIONS


def test_create_edit_and_undo(tools: Any, workspace: Path) -> None:
    made = tools("create_image", description="a red car in a meadow", seed=5)
    assert made.status == "success"
    assert made.content == (
        'Made @1 (32 x 32 pixels, seed 5, file pictures/tools/1.png), text_to_image: "a red car in a meadow"'
    )
    [entry] = made.artifact["images"]
    assert Path(entry["path"]) == workspace / "pictures/tools/1.png"
    assert made.artifact["plan"]["steps"][0]["seed"] == 5
    [picture] = open_pictures(made.artifact)
    assert picture.size == (32, 32)

    edited = tools("edit_image", instruction="make the car green")
    assert edited.artifact["plan"]["steps"][0]["images"] == ["@1"]
    assert edited.artifact["images"][0]["id"] == "@2"

    back = tools("undo")
    assert back.content.startswith("Went back 1 turn; nothing was deleted. The latest picture is now @1 (")
    listed = tools("list_images")
    assert [line.split()[0] for line in listed.content.splitlines()] == ["@2", "@1"]
    assert '@1 image, 32 x 32, text_to_image: "a red car in a meadow" (this is @last)' in listed.content


def test_the_named_picture_is_edited(tools: Any) -> None:
    for word in ("red", "green", "blue"):
        tools("create_image", description=f"a {word} car")
    by_planner = tools("edit_image", instruction="make the car yellow and add a dog", image="@1")
    assert [step["images"] for step in by_planner.artifact["plan"]["steps"]] == [["@1"], ["$1"]]
    by_task = tools("edit_image", instruction="Make {image} night.", image="@2", task="edit_scene")
    assert by_task.artifact["plan"]["steps"][0] == {
        **by_task.artifact["plan"]["steps"][0],
        "task": "edit_scene",
        "images": ["@2"],
        "instruction": "Make {image} night.",
    }
    two = tools("edit_image", instruction="", image="@1", more_images=["@3"], task="fuse_layers")
    assert two.artifact["plan"]["steps"][0]["images"] == ["@1", "@3"]


def test_words_that_name_no_change_say_what_the_picture_is_to_become(tools: Any) -> None:
    tools("create_image", description="a red car")
    step = tools("edit_image", instruction="a red fox in the snow").artifact["plan"]["steps"][0]
    assert (step["task"], step["images"]) == ("edit_general", ["@1"])
    assert step["instruction"] == "a red fox in the snow: {image}."


def test_a_file_of_the_workspace_can_be_edited_and_masked(tools: Any, workspace: Path) -> None:
    (workspace / "in").mkdir()
    Image.new("RGB", (48, 40), "orange").save(workspace / "in/photo.jpg")
    mask = Image.new("L", (48, 40), 0)
    mask.paste(255, (0, 0, 10, 40))
    mask.save(workspace / "in/mask.png")
    made = tools("edit_image", instruction="make it green", image="in/photo.jpg", mask="in/mask.png")
    assert made.status == "success", made.content
    [picture] = open_pictures(made.artifact)
    assert picture.size == (48, 40)
    listed = tools("list_images").artifact["images"]
    assert {(entry["kind"], entry["made"]) for entry in listed[1:]} == {
        ("image", 'handed over, "photo.jpg"'),
        ("mask", "a mask, white = the region to change"),
    }


def test_a_region_in_words_is_a_mask(tools: Any) -> None:
    tools("create_image", description="a red car")
    made = tools("edit_image", instruction="a pond", task="inpaint", mask={"box": [0.0, 0.0, 0.5, 1.0]})
    assert made.status == "success", made.content
    step = made.artifact["plan"]["steps"][0]
    assert step["mask"] == {"box": [0.0, 0.0, 0.5, 1.0]}


def test_an_analysis_is_a_picture_of_its_own(tools: Any) -> None:
    tools("create_image", description="a red car")
    made = tools("analyze_image", kind="depth")
    assert made.artifact["plan"]["steps"][0]["task"] == "depth"
    assert "{image}" in made.artifact["plan"]["steps"][0]["instruction"]


@pytest.mark.parametrize("form", ["object", "yaml", "json"])
def test_a_plan_of_several_steps_runs(tools: Any, form: str) -> None:
    plan: dict[str, Any] | str = {
        "vars": {"colour": "red"},
        "steps": [
            {"task": "text_to_image", "instruction": "a ${colour} car", "name": "car"},
            {"task": "edit_scene", "instruction": "Make {image} night.", "images": ["car"]},
        ],
    }
    if form == "json":
        import json

        plan = json.dumps(plan)
    elif form == "yaml":
        plan = (
            "vars: {colour: red}\nsteps:\n- {task: text_to_image, instruction: 'a ${colour} car', name: car}\n"
            "- {task: edit_scene, instruction: 'Make {image} night.', images: [car]}\n"
        )
    made = tools("run_plan", plan=plan, variables={"colour": "green"})
    assert made.content.splitlines()[0].startswith("Made @2 (32 x 32 pixels, seed ")
    assert made.content.splitlines()[1] == "On the way there: @1."
    assert 'text_to_image: "a green car"' in tools("show_image", image="@1").content


def test_every_thread_has_a_conversation_of_its_own(tools: Any, workspace: Path) -> None:
    tools("create_image", thread="anna", description="a red car")
    tools("create_image", thread="../ben", description="a blue car")
    tools("create_image", thread="../ben", description="a green car")
    assert tools("list_images").content == "No picture yet. create_image makes one."
    assert len(tools("list_images", thread="anna").content.splitlines()) == 1
    assert len(tools("list_images", thread="../ben").content.splitlines()) == 2
    folders = sorted(path.name for path in (workspace / "pictures").iterdir())
    assert folders[0] == "anna" and folders[1].startswith("ben-") and len(folders) == 2


def test_pictures_reach_the_model_only_if_inline(workspace: Path, pipeline: Any, tools: Any) -> None:
    inline = AceToolkit(workspace=workspace, planner="rules", pipeline=pipeline, images="inline")
    create = next(tool for tool in inline.get_tools() if tool.name == "create_image")
    call = {"name": "create_image", "args": {"description": "a red car"}, "id": "1", "type": "tool_call"}
    message = create.invoke(call)
    assert [block["type"] for block in message.content_blocks] == ["text", "image"]
    assert message.content_blocks[1]["mime_type"] == "image/png"
    assert isinstance(tools("show_image").content, str)


def test_a_large_picture_reaches_the_model_scaled_down(workspace: Path, pipeline: Any) -> None:
    import base64
    import io

    Image.new("RGB", (1600, 900), "orange").save(workspace / "large.png")
    inline = AceToolkit(workspace=workspace, planner="rules", pipeline=pipeline, images="inline")
    edit = next(tool for tool in inline.get_tools() if tool.name == "edit_image")
    args = {"instruction": "make it night", "image": "large.png"}
    message = edit.invoke({"name": "edit_image", "args": args, "id": "1", "type": "tool_call"})
    shown = Image.open(io.BytesIO(base64.b64decode(message.content_blocks[1]["base64"])))
    assert shown.size == (1024, 576)
    assert open_pictures(message.artifact)[0].size == (1600, 900)


def test_schemas_are_plain_and_strict(tools: Any) -> None:
    for name, row in OPERATIONS.items():
        assert row.arguments.model_json_schema()["additionalProperties"] is False
        schema = tools[name].tool_call_schema.model_json_schema()
        assert "prefixItems" not in str(schema), "some providers refuse tuples"
        assert all("description" in field for field in schema["properties"].values()), name
        assert row.description == tools[name].description


def test_another_file_is_never_written_over(tools: Any, workspace: Path) -> None:
    folder = workspace / "pictures/tools"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(b"mine")
    made = tools("create_image", description="a red car")
    assert (folder / "1.png").read_bytes() == b"mine"
    assert made.artifact["images"][0]["path"].startswith(f"{folder}/1-")
    again = tools("show_image", image="@1")
    assert again.artifact["images"][0]["path"] == made.artifact["images"][0]["path"]
