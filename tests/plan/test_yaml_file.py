"""Plan files: line numbers, comments kept, bombs refused."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from ace_agent.errors import PlanError
from ace_agent.plan import Plan
from ace_agent.plan.yaml_file import PlanFile, check_text, load_plan

TEXT = """\
# night over the town
version: 1
vars:
  place: a beach   # where to
steps:
  # first the place
  - task: edit_scene
    instruction: Change the background of {image} to ${place}.
    images: [input]
    name: moved
  - task: edit_scene   # then the night
    instruction: Make it night in {image}.
    images: [moved]
    mask: {side: top}
"""


def test_reading_fills_variables(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(TEXT)
    plan = load_plan(path, {"place": "a forest"})
    assert plan.steps[0].instruction.endswith("to a forest.")
    assert plan.steps[1].images == ("moved",)
    assert check_text(TEXT) == []


def test_comments_survive_a_rewrite(tmp_path: Path) -> None:
    file = PlanFile.parse(TEXT)
    seeded = Plan.parse(
        file.plan.model_dump()
        | {"steps": [step.model_dump() | {"seed": index} for index, step in enumerate(file.plan.steps)]}
    )
    file.update(seeded)
    file.write(tmp_path / "plan.yaml")
    text = (tmp_path / "plan.yaml").read_text()
    for comment in ("# night over the town", "# where to", "# first the place", "# then the night"):
        assert comment in text
    assert "images: [input]" in text
    assert PlanFile.parse(text).plan == seeded
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]


def test_a_new_document_reads_back() -> None:
    plan = Plan.parse(
        {"steps": [{"task": "text_to_image", "instruction": "yes: no # a fox", "size": [64, 64]}]}
    )
    text = PlanFile.new(plan).text()
    assert "size: [64, 64]" in text
    assert PlanFile.parse(text).plan == plan


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("name: moved", "nmae: moved", 10, "unknown key 'nmae'"),
        ("task: edit_scene   #", "task: edit_seen   #", 11, "unknown task 'edit_seen'"),
        ("images: [moved]", "images: [moed]", 13, "did you mean 'moved'"),
        ("{side: top}", "{side: up}", 14, "side"),
        ("images: [moved]", "images: [input, moved]", 13, "takes 1 images, got 2"),
        ("version: 1", "version: 3", 2, "version"),
        ("${place}", "${plce}", 3, "plce"),
        ("images: [input]", "images: [input", 10, ""),
        ("version: 1", "version: 1\nversion: 1", 3, "duplicate key"),
    ],
)
def test_errors_name_their_line(old: str, new: str, line: int, message: str) -> None:
    found = check_text(TEXT.replace(old, new))
    assert found[0].line == line
    assert message in found[0].message + found[0].hint
    assert "\n" not in str(found[0])


def test_the_plan_of_the_docs_has_nothing_wrong() -> None:
    page = (Path(__file__).parents[2] / "docs/conversation.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    assert check_text(block, inputs=1) == []


def test_an_unquoted_picture_says_how_to_write_it() -> None:
    (found,) = check_text(TEXT.replace("[moved]", "[@3]"))
    assert str(found).endswith('(write "@3" in quotes)')


def test_files_outside_the_folder_are_found_with_their_line(tmp_path: Path) -> None:
    text = TEXT.replace("images: [input]", "images: [../photo.png]")
    assert check_text(text) == []
    (found,) = check_text(text, folder=tmp_path)
    assert found.line == text.splitlines().index("    images: [../photo.png]") + 1
    assert "outside" in found.message and "--allow-path" in found.hint
    assert check_text(text, folder=tmp_path, allow=[tmp_path.parent]) == []


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nsteps: [*b]\n",
        "steps: !!python/object/apply:os.system ['true']\n",
        "steps: " + "[" * 2000 + "]" * 2000,
        "- 1\n- 2\n",
        "",
        "x: " + "a" * 1_000_001,
    ],
)
def test_bombs_and_oddities_are_refused(text: str) -> None:
    found = check_text(text)
    assert len(found) == 1
    assert "\n" not in str(found[0])


def test_an_unreadable_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no file"):
        load_plan(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01" * 10)
    with pytest.raises(PlanError, match="not a text file"):
        load_plan(tmp_path / "binary.yaml")
    with pytest.raises(PlanError, match="cannot be read"):
        load_plan(tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("seed: " + "9" * 5000, "a value cannot be read"),
        ("seed: 0x_", "a value cannot be read"),
        ("name: 2024-02-31", "a value cannot be read"),
        ('instruction: "\\ud800 car"', "no control characters"),
        ('mask: {words: "\\ud800"}', "unicode string"),
        ('images: ["a\\0b.png"]', "is no file name"),
        ('images: ["~nosuchuser/x.png"]', "there is no user"),
    ],
)
def test_whatever_a_value_is_the_answer_is_a_line(fields: str, message: str, tmp_path: Path) -> None:
    text = 'steps:\n- task: grayscale\n  images: [input]\n  instruction: "grey {image}"\n'
    name = fields.partition(":")[0]
    rows = [row for row in text.splitlines() if f"{name}:" not in row]
    found = check_text("\n".join([*rows, f"  {fields}"]), inputs=1, folder=tmp_path)
    assert any(message in str(problem) for problem in found), found


def test_a_plan_of_very_many_entries_is_refused_at_once() -> None:
    began = time.process_time()
    (found,) = check_text("".join(f"b{number}: []\n" for number in range(90_000)))
    assert "fewer entries" in str(found)
    assert time.process_time() - began < 5
