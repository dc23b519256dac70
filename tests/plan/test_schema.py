"""The plan's form, its references, and what keeps it from running."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from ace_agent.errors import PlanError
from ace_agent.plan import Plan, Region, Step, allowed_file, check, parse_reference, plan_schema, problems


def edit(*images: str, **fields: object) -> dict[str, object]:
    return {"task": "edit_scene", "instruction": "make it night in {image}", "images": images, **fields}


@pytest.mark.parametrize(
    ("text", "kind", "number", "variation"),
    [
        ("@3", "image", 3, 1),
        ("@last", "last", 0, 1),
        ("@first", "first", 0, 1),
        ("$2", "step", 2, 1),
        ("$2.3", "step", 2, 3),
        ("input", "input", 0, 1),
        ("input1", "input", 1, 1),
        ("./photo", "file", 0, 1),
        ("photo.JPG", "file", 0, 1),
        ("sky", "name", 0, 1),
        ("sky.2", "name", 0, 2),
    ],
)
def test_references_are_parsed(text: str, kind: str, number: int, variation: int) -> None:
    reference = parse_reference(text)
    assert (reference.kind, reference.number, reference.variation) == (kind, number, variation)


@pytest.mark.parametrize("text", ["", "@", "@x", "$", "$0x", "Sky", "the dog", "@1 ", "$1.999"])
def test_a_wrong_reference_is_refused_with_the_right_forms(text: str) -> None:
    with pytest.raises(PlanError, match="write @3"):
        parse_reference(text)


def test_json_round_trip_is_canonical() -> None:
    plan = Plan.parse({"steps": [edit("@1", mask={"side": "left"}, size=[64, 32], seed=7)]})
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.to_json() == plan.to_json()
    assert json.loads(plan.to_json())["steps"][0]["mask"] == {"side": "left"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"steps": [{"task": "edit_colour"}]}, "did you mean 'edit_color'"),
        ({"steps": [edit("@1", strength=3)]}, "unknown key 'strength'"),
        ({"steps": [edit("@1")], "owner": 1}, "unknown key 'owner'"),
        ({"steps": [edit("@1", size=[7, 64])]}, "16 to 4096"),
        ({"steps": [edit("@1", size=[64, 5000])]}, "16 to 4096"),
        ({"steps": [edit("@1", variations=17)]}, "variations"),
        ({"steps": [edit("@1", seed=-1)]}, "seed"),
        ({"steps": [edit("@1", seed="often")]}, "seed: input should be a valid integer"),
        ({"steps": [edit("@1", name="Sky")]}, "small letters"),
        ({"steps": [edit("@1", name="input")]}, "not input"),
        ({"steps": [edit("@1", instruction="a\x1b[2Jb")]}, "control characters"),
        ({"steps": [edit("@1", instruction="a" * 10_000)]}, "at most 2000"),
        ({"steps": [edit("@1", mask={"box": [0, 0, 1, 2]})]}, "less than or equal to 1"),
        ({"steps": [edit("@1", mask={"box": [0.5, 0, 0.5, 1]})]}, "x0 < x1"),
        (
            {"steps": [edit("@1", mask={"side": "left", "box": [0, 0, 1, 1]})]},
            "one of box, ellipse, side and words",
        ),
        ({"steps": [edit("@1")] * 10_000}, "at most 100 steps"),
        ({"steps": []}, "at least one step"),
        ({"goto": "$1", "steps": []}, "goto wants an image"),
        ({"version": 2, "steps": [edit("@1")]}, "version"),
    ],
)
def test_a_malformed_plan_is_refused_in_one_line(data: dict[str, object], message: str) -> None:
    with pytest.raises(PlanError, match=message) as error:
        Plan.parse(data)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([edit()], "edit_scene takes 1 images, got 0"),
        ([edit("@1", "@1")], "takes 1 images, got 2"),
        ([edit("@9")], "no picture @9.*it has @1, @2"),
        ([edit("input")], "0 pictures were handed over"),
        ([edit("$2")], "no step.*\\$1 to \\$1"),
        ([edit("$1")], "wait for each other"),
        ([edit("$2"), edit("$1")], "steps 1, 2 wait for each other"),
        ([edit("sky")], "neither a picture nor a step's name"),
        ([edit("@1", name="a"), edit("@1", name="a")], "two steps are called 'a'"),
        ([edit("@1", variations=2), edit("$1.3")], "variation 3 of step 1.*it makes 2"),
        ([{"task": "inpaint", "images": ["@1"]}], "inpaint needs a mask"),
        ([{"task": "text_to_image"}], "needs an instruction"),
        ([{"task": "text_to_image", "instruction": "x", "mask": "@1"}], "takes no mask"),
        ([edit("@1", instruction="like {image1}")], "not among the step's 1 images"),
        ([edit("/etc/passwd.png")], "is a file, which this plan may not open"),
    ],
)
def test_a_plan_that_cannot_run_is_refused_before_any_work(
    steps: list[dict[str, object]], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        check(Plan.parse({"steps": steps}), images=["@1", "@2"], inputs=0, files=False)


def test_goto_must_be_known() -> None:
    assert problems(Plan(goto="@2"), images=["@1"])
    assert not problems(Plan(goto="@1"), images=["@1"])
    assert problems(Plan(goto="@last"), images=[])


def test_steps_run_after_what_they_use_and_else_as_written() -> None:
    plan = Plan.parse({"steps": [edit("later"), edit("@1"), edit("$2", name="later"), edit("@1")]})
    check(plan, images=["@1"])
    assert plan.order() == [1, 2, 0, 3]


def test_variables_are_filled_in_and_typos_refused() -> None:
    plan = Plan.parse(
        {
            "vars": {"place": "a beach", "file": "a.png"},
            "steps": [edit("${file}", instruction="put {image} on ${place}")],
        }
    )
    filled = plan.with_variables({"file": "./b.png"})
    assert filled.steps[0].images == ("./b.png",)
    assert filled.steps[0].instruction == "put {image} on a beach"
    assert filled.vars == {}
    with pytest.raises(PlanError, match=r"no variable 'plce'.*place, file"):
        plan.with_variables({"plce": "x"})
    with pytest.raises(PlanError, match="names no picture"):
        plan.with_variables({"file": "two words"})
    with pytest.raises(PlanError, match=r"\$\{gone\} has no value"):
        Plan.parse({"steps": [edit("@1", instruction="${gone}")]}).with_variables()


def test_files_outside_the_folder_need_permission(tmp_path: Path) -> None:
    inside = tmp_path / "work"
    other = tmp_path / "other"
    inside.mkdir()
    other.mkdir()
    (inside / "link.png").symlink_to(other / "a.png")
    assert allowed_file("./a.png", inside) == (inside / "a.png").resolve()
    for text in ("../other/a.png", str(other / "a.png"), "./link.png", "~/a.png"):
        with pytest.raises(PlanError, match="--allow-path"):
            allowed_file(text, inside)
    assert allowed_file("../other/a.png", inside, [other]) == (other / "a.png").resolve()


def test_the_schema_accepts_what_the_model_accepts() -> None:
    schema = plan_schema()
    plan = Plan.parse({"steps": [edit("@1", mask={"box": [0, 0, 0.5, 1]}, history=3)]})
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(json.loads(plan.to_json()))
    assert list(validator.iter_errors({"steps": [{"task": "nothing"}]}))
    assert list(validator.iter_errors({"steps": [edit("@1", strength=3)]}))


def test_a_region_knows_its_shape() -> None:
    assert Region(side="left").side == "left"
    assert Step(task="inpaint", images=("@1",), mask=Region(box=(0, 0, 1, 1))).references[0].number == 1
