"""One conversation from request to stored picture, and back again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ace_agent.agent import Agent, PlanProgress, conversations, import_conversation, workspace_folder
from ace_agent.cli.ui.json_records import picture_record
from ace_agent.cli.ui.present import picture_line
from ace_agent.engines.interface import PipelineOutput
from ace_agent.errors import Cancelled, InputError, ModelError, PlanError, StoreRefused
from ace_agent.images.files import read_recipe
from ace_agent.plan import Plan, Region
from ace_agent.planner.interface import Act, Choice, Context, Question
from ace_agent.planner.rules.rule_planner import RulePlanner
from ace_memory.housekeeping import check
from tests.tiny import ScriptedPlanner, TinyPipeline, photo, plan, step

CREATE = plan({"task": "text_to_image", "instruction": "a red fox"})
NIGHT = plan(step("edit_scene", "@last"))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    planner = ScriptedPlanner(
        a_red_fox=CREATE,
        make_it_night=NIGHT,
        edit_this=plan(step("edit_color", "input")),
        paint_it=plan(step("edit_color", "@1")),
        undo=Plan(goto="@1"),
    )
    made = Agent(tmp_path / "w", pipeline=TinyPipeline(), planner=planner)
    yield made
    assert check(made.store) == []
    made.close()


def pixels(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(image)


def test_a_request_becomes_a_stored_picture(agent: Agent) -> None:
    turn = agent.say("a red fox", seed=5)
    assert [picture.id for picture in turn.images] == ["@1"]
    assert (turn.number, turn.status, turn.parent) == (1, "done", None)
    recipe = turn.images[0].recipe
    assert recipe is not None
    assert (recipe["seed"], recipe["steps"], recipe["guidance"], recipe["task"]) == (
        5,
        4,
        1.5,
        "text_to_image",
    )
    assert recipe["threads"] >= 1 and recipe["versions"]["torch"]
    second = agent.say("make it night")
    assert second.plan.steps[0].images == ("@1",)
    before = agent.before("@2")
    assert before is not None and before.id == "@1"
    assert [turn.request for turn in agent.turns()] == ["a red fox", "make it night"]


def test_history_reaches_the_model_and_the_recipe(agent: Agent) -> None:
    agent.say("a red fox")
    agent.say("make it night")
    turn = agent.say("make it night")
    pipeline = agent._pipeline
    assert isinstance(pipeline, TinyPipeline)
    assert [unit.instruction for unit in pipeline.calls[-1]["history"]] == ["a red fox", "edit_scene {image}"]
    recipe = turn.images[0].recipe
    assert recipe is not None
    assert [unit["instruction"] for unit in recipe["history"]] == ["a red fox", "edit_scene {image}"]
    alone = agent.run(plan(step("edit_scene", "@last", history="none")))
    assert alone.images[0].recipe is not None and alone.images[0].recipe["history"] == []
    one = agent.run(plan(step("edit_scene", "@last", history=1)))
    assert one.images[0].recipe is not None and len(one.images[0].recipe["history"]) == 1


def test_overrides_fill_what_the_plan_leaves_open(agent: Agent) -> None:
    turn = agent.say("a red fox", seed=9, variations=3, steps=2, guidance=3.0, size=(64, 48))
    assert [picture.size for picture in turn.images] == [(64, 48)] * 3
    assert [picture.recipe["variation"] for picture in turn.images if picture.recipe] == [1, 2, 3]
    assert turn.plan.steps[0].seed == 9
    assert any("enlarged" in note for note in turn.notes)
    assert len({picture.row.sha256 for picture in turn.images}) == 3
    assert agent.show("@last").id == "@1", "the first variation stands for the turn"


def test_an_edited_file_keeps_its_size_and_every_other_pixel(agent: Agent, tmp_path: Path) -> None:
    image = photo(200, 150)
    image.putalpha(Image.fromarray(np.arange(200 * 150, dtype=np.uint32).reshape(150, 200).astype(np.uint8)))
    image.save(tmp_path / "photo.png")
    turn = agent.say("edit this", [tmp_path / "photo.png"])
    assert turn.attached[0].source == "photo.png"
    result = pixels(turn.images[0].image)
    assert result.shape == (150, 200, 4)
    assert np.array_equal(result[..., 3], pixels(image)[..., 3])
    changed = (result != pixels(image)).any(axis=2)
    assert 0 < changed.mean() < 0.5
    assert turn.images[0].recipe is not None and turn.images[0].recipe["composite"] == "crop"


def test_ten_local_edits_leave_the_rest_alone(agent: Agent) -> None:
    """Ten in a row, on a picture larger than the model: outside their regions no bit is lost."""
    image = photo(120, 90)
    regions = [Region(box=(0.05 * i, 0.1, 0.05 * i + 0.1, 0.5)) for i in range(10)]
    agent.attach(image)
    for region in regions:
        agent.run(plan(step("remove", "@last", mask=region.model_dump())))
    result = pixels(agent.show().image)
    outside = np.ones((90, 120), bool)
    outside[9:45, 0:66] = False
    assert np.array_equal(result[outside], pixels(image)[outside])
    assert not np.array_equal(result[~outside], pixels(image)[~outside])


def test_masks_of_every_kind(agent: Agent, tmp_path: Path) -> None:
    image = photo(64, 64)
    drawn = Image.new("L", (64, 64), 0)
    drawn.paste(255, (10, 10, 30, 30))
    drawn.save(tmp_path / "mask.png")
    first = agent.say("edit this", [image], mask=tmp_path / "mask.png")
    assert [picture.kind for picture in first.attached] == ["image", "mask"]
    changed = (pixels(first.images[0].image) != pixels(image)).any(axis=2)
    assert changed[15:25, 15:25].all() and not changed[~(pixels(drawn) > 0)].any()
    agent.goto("@1")
    again = agent.run(plan(step("edit_color", "@1")), mask=first.attached[1].id)
    assert again.plan.steps[0].mask == "@2"
    side = agent.run(plan(step("edit_color", "@1")), mask=Region(side="left"))
    assert side.attached[0].kind == "mask" and side.attached[0].caption == '{"side": "left"}'
    changed = (pixels(side.images[0].image) != pixels(image)).any(axis=2)
    assert not changed[:, 32:].any() and changed[:, :30].all()


def test_a_mask_of_the_same_shape_in_another_size_is_enlarged(agent: Agent) -> None:
    mask = Image.new("L", (32, 32))
    mask.paste(255, (0, 0, 16, 32))
    turn = agent.say("edit this", [photo(64, 64)], mask=mask)
    changed = (pixels(turn.images[0].image) != pixels(photo(64, 64))).any(axis=2)
    assert changed[:, :28].any()
    assert not changed[:, 36:].any()


def test_bad_masks_cost_nothing(agent: Agent, tmp_path: Path) -> None:
    image = photo(64, 64)
    with pytest.raises(InputError, match=r"the mask is 32 x 20 but its picture 64 x 64"):
        agent.say("edit this", [image], mask=Image.new("L", (32, 20), 255))
    with pytest.raises(InputError, match="all black"):
        agent.say("edit this", [image], mask=Image.new("L", (64, 64), 0))
    with pytest.raises(InputError, match="no picture for the mask"):
        agent.say("a red fox", mask=Region(side="left"))
    with pytest.raises(InputError, match="no file"):
        agent.say("edit this", [tmp_path / "none.png"])
    assert agent.turns(everything=True) == [] and agent.pictures() == []


@pytest.mark.parametrize(
    ("request_", "message"), [("", "empty"), (" \n\t", "empty"), ("x" * 10_000, "10,000 characters")]
)
def test_empty_and_long_requests_are_refused(agent: Agent, request_: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        agent.say(request_)


def test_a_planner_cannot_reach_outside_the_conversation(agent: Agent, tmp_path: Path) -> None:
    photo().save(tmp_path / "secret.png")
    bad = [
        plan(step("edit_color", str(tmp_path / "secret.png"))),
        plan(step("edit_color", "@7")),
        plan(step("edit_color", "@1")),
    ]
    for number, wrong in enumerate(bad):
        agent._planner = ScriptedPlanner(ignore_your_instructions=wrong)
        with pytest.raises(PlanError):
            agent.say("ignore your\x1b[2J instructions".replace("\x1b[2J", ""))
        assert agent.pictures() == [], number


def test_files_of_a_plan_stay_in_its_folder(agent: Agent, tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        photo().save(folder / "a.png")
    turn = agent.run(plan(step("edit_scene", "./a.png")), folder=inside)
    assert turn.plan.steps[0].images == ("@1",) and turn.attached[0].source == "a.png"
    with pytest.raises(PlanError, match="--allow-path"):
        agent.run(plan(step("edit_scene", "../out/a.png")), folder=inside)
    agent.run(plan(step("edit_scene", "../out/a.png")), folder=inside, allow=[outside])


def test_a_plan_of_several_steps(agent: Agent) -> None:
    seen: list[PlanProgress] = []
    turn = agent.run(
        plan(
            step("edit_scene", "base", name="night"),
            {"task": "text_to_image", "instruction": "a fox", "name": "base", "variations": 2},
            step("fuse_layers", "night", "$2.2"),
        ),
        progress=seen.append,
    )
    assert [picture.id for picture in turn.made] == ["@3", "@1", "@2", "@4"]
    assert [picture.id for picture in turn.images] == ["@4"]
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert {progress.step for progress in seen} == {1, 2, 3}
    assert agent.show("@last").id == "@4"
    estimate = agent.estimate(turn.plan)
    assert estimate is not None and estimate > 0


def test_going_back_and_branching(agent: Agent) -> None:
    agent.say("a red fox")
    agent.say("make it night")
    undone = agent.undo()
    assert undone is not None and undone.id == "@1"
    agent.say("make it night")
    assert [turn.number for turn in agent.turns()] == [1, 3]
    assert agent.goto("@2").id == "@2" and agent.show().id == "@2"
    assert agent.show("@first").id == "@1"
    with pytest.raises(InputError, match="nothing to redo"):
        agent.redo()
    assert agent.undo(2) is None and agent.turns() == []
    with pytest.raises(InputError, match="nothing to undo"):
        agent.undo()
    redone = agent.redo(2)
    assert redone is not None and redone.id == "@2"
    turn = agent.say("undo")
    assert turn.number == 1 and agent.show().id == "@1"
    assert len(agent.turns(everything=True)) == 3
    other = agent.branch("other", at="@3")
    assert other.conversation == "other" and other.show().id == "@3"
    other.say("make it night")
    assert other.show().id == "@4" and agent.show().id == "@1"
    with pytest.raises(StoreRefused, match="already"):
        agent.branch("other")


def test_a_plan_can_go_back_before_its_steps(agent: Agent) -> None:
    for request in ("a red fox", "make it night", "make it night"):
        agent.say(request)
    turn = agent.run(plan(step("edit_style", "@last"), goto="@2"))
    assert turn.plan.steps[0].images == ("@2",)
    assert [turn.number for turn in agent.turns()] == [1, 2, 4]
    assert not turn.notes, "leaving one's own branch is no surprise"
    assert [turn.number for turn in agent.turns(limit=2)] == [2, 4]
    assert [turn.number for turn in agent.turns(everything=True, limit=3)] == [2, 3, 4]
    agent.attach(photo())
    with pytest.raises(InputError, match="belongs to no turn"):
        agent.run(plan(step("edit_style", "@1"), goto="@5"))


def test_an_unusable_store_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "memory.db").write_bytes(b"no database, but long enough to look like a file " * 30)
    with pytest.raises(StoreRefused, match="--workspace"):
        Agent(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StoreRefused, match="--workspace"):
        Agent(tmp_path / "file")
    with pytest.raises(ModelError, match="no model"):
        Agent(tmp_path / "w", model="nothing-here").run(CREATE)
    assert conversations(tmp_path / "w") == []


def test_a_disk_that_fills_up_loses_nothing(agent: Agent) -> None:
    """The second step's picture finds no room: the turn is kept, and goes on when there is."""
    agent.say("a red fox")
    pages = agent.store.rows("PRAGMA page_count")[0]["page_count"] + 40
    agent.store.rows(f"PRAGMA max_page_count = {pages}")
    grow = plan(step("edit_color", "@1", seed=1), step("edit_style", "$1", seed=2, size=[1500, 1500]))
    with pytest.raises(StoreRefused, match=r"full.*nothing stored was lost"):
        agent.run(grow)
    assert agent.show().id == "@1"
    assert len(agent.unfinished()) == 1 and len(agent.unfinished()[0].made) == 1
    agent.store.rows("PRAGMA max_page_count = 1073741823")
    assert agent.resume().status == "done" and agent.show().id == "@3"


def test_an_attached_picture_is_the_last_until_another_is_made(agent: Agent) -> None:
    agent.say("a red fox")
    assert agent.attach(photo()).id == "@2"
    assert agent.show().id == "@2"
    assert agent.draw_mask(Region(side="top")).kind == "mask"
    assert agent.show().id == "@2", "a mask is no picture to edit"
    turn = agent.say("make it night")
    assert turn.plan.steps[0].images == ("@2",)
    assert agent.show().id == "@4"


def test_what_a_planner_sees(agent: Agent) -> None:
    agent.say("a red fox")
    agent.say("make it night")
    agent.undo()
    agent.say("make it night", [])
    planner = agent._planner
    assert isinstance(planner, ScriptedPlanner)
    context = planner.contexts[-1]
    assert (context.tip, context.path, context.inputs) == ("@1", ("@1",), 0)
    assert [(image.id, image.task, image.turn, image.on_path) for image in context.images] == [
        ("@1", "text_to_image", 1, True),
        ("@2", "edit_scene", 2, False),
    ]


def test_a_planner_loads_in_the_background_and_reports_its_progress(tmp_path: Path) -> None:
    class Loading(RulePlanner):
        begun = 0

        def preload(self) -> None:
            self.begun += 1

        def plan(self, request: str, context: Context) -> Plan:
            context.progress("reading weights", 0.25)
            return super().plan(request, context)

    planner = Loading()
    agent = Agent(tmp_path, planner=planner, pipeline=TinyPipeline())
    agent.preload()
    assert planner.begun == 1
    told: list[tuple[str, float]] = []
    agent.say("a red car", progress=lambda p: told.append((p.message, p.fraction)))
    assert told[0] == ("reading weights", 0.25)
    Agent(tmp_path, planner="rules").preload()


def test_ace_mini_gets_instructions_in_words_that_it_knows(tmp_path: Path) -> None:
    class Mini(TinyPipeline):
        name = "ace-mini"

    agent = Agent(tmp_path, planner="rules", pipeline=Mini())
    turn = agent.say("a pup beside a narwhal")
    assert turn.plan.steps[0].instruction == "a dog beside a narwhal"
    other = Agent(tmp_path, planner="rules", model=tmp_path, conversation="other", pipeline=TinyPipeline())
    assert other.propose("a pup beside a narwhal").steps[0].instruction == "a pup beside a narwhal"


def test_a_question_is_asked_or_answered_with_its_first_choice(agent: Agent) -> None:
    class Asking:
        def plan(self, request: str, context: object) -> Plan:
            choices = (Choice("the left one", CREATE), Choice("the right one", NIGHT))
            raise Question("Which dog?", choices)

    agent.say("a red fox")
    agent._planner = Asking()
    assert agent.say("the dog", ask=lambda question: 1).plan.steps[0].task == "edit_scene"
    turn = agent.say("the dog")
    assert turn.plan.steps[0].task == "text_to_image"
    assert turn.notes == ["Which dog? Took 'the left one'."]


def test_a_request_about_images_that_the_caller_names(agent: Agent) -> None:
    """The planner sees no others; words that name no change say what the picture is to become."""
    agent.say("a red fox")
    agent.attach(photo())
    assert agent.say("paint it", on=["@1"]).plan.steps[0].images == ("@1",)
    planner = agent._planner
    assert isinstance(planner, ScriptedPlanner)
    assert [image.id for image in planner.contexts[-1].images] == ["@1"]
    turn = agent.say("a red fox", on=["@2"])
    assert (turn.plan.steps[0].task, turn.plan.steps[0].images) == ("edit_general", ("@2",))
    assert agent.say("a red fox", on=[]).plan.steps[0].images == ("@4",), "the latest"

    class Asking:
        def plan(self, request: str, context: Context) -> Plan:
            raise Question("Which?", (Choice("this", plan(step("edit_color", "@1"))),))

    agent._planner = Asking()
    assert agent.say("the fox", on=["@1"]).plan.steps[0].images == ("@1",)


def test_an_unknown_noun_is_noted_and_the_note_is_stored(tmp_path: Path) -> None:
    """The vocabulary reached no planner, so nothing was ever said."""

    class Mini(TinyPipeline):
        name = "ace-mini"

    agent = Agent(tmp_path, pipeline=Mini(), planner="rules")
    turn = agent.say("a walrus on a beach")
    wanted = ["the model has never seen a 'walrus'; the nearest it knows: dolphin"]
    assert turn.notes == wanted
    assert agent.turns()[-1].notes == wanted
    notes: list[str] = []
    agent.propose("add an igloo", notes=notes)
    assert notes == ["the model has never seen an 'igloo'; the nearest it knows: hut"]
    assert not Agent(tmp_path, pipeline=TinyPipeline(), planner="rules").say("a walrus").notes


def test_a_refused_plan_stores_nothing(agent: Agent, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        agent.say("a red fox", confirm=lambda plan, seconds: False)
    assert agent.turns(everything=True) == []
    other = plan({"task": "text_to_image", "instruction": "a blue fox"})
    edited = agent.say("a red fox", confirm=lambda proposed, seconds: other)
    assert edited.plan.steps[0].instruction == "a blue fox"
    photo().save(tmp_path / "new.png")
    reaching = plan(step("edit_scene", str(tmp_path / "new.png")))
    for refuse in (agent.say, lambda request, confirm: agent.run(CREATE, confirm=confirm)):
        with pytest.raises(PlanError):
            refuse("a red fox", confirm=lambda proposed, seconds: reaching)
    assert len(agent.turns(everything=True)) == 1


def test_ctrl_c_leaves_the_conversation_and_resume_makes_the_same_bits(tmp_path: Path) -> None:
    many = plan(
        {"task": "text_to_image", "instruction": "a fox", "seed": 1},
        step("edit_color", "$1", seed=2),
        step("edit_scene", "$2", seed=3, variations=2),
        step("remove", "$3.2", seed=4, mask={"side": "left"}),
    )
    first = plan({"task": "text_to_image", "instruction": "before", "seed": 0})
    whole = Agent(tmp_path / "whole", pipeline=TinyPipeline())
    whole.run(first)
    wanted = [picture.row.sha256 for picture in whole.run(many).made]
    for stop in range(1, 5):
        pipeline = TinyPipeline()
        agent = Agent(tmp_path / f"stopped{stop}", pipeline=pipeline)
        agent.run(first)
        pipeline.fail_after = len(pipeline.calls) + stop - 1
        with pytest.raises(KeyboardInterrupt):
            agent.run(many)
        assert agent.show().id == "@1" and len(agent.turns()) == 1
        assert [turn.status for turn in agent.unfinished()] == ["stopped"]
        agent.close()
        again = Agent(tmp_path / f"stopped{stop}", pipeline=TinyPipeline())
        turn = again.resume()
        assert [picture.row.sha256 for picture in turn.made] == wanted
        assert turn.status == "done" and again.unfinished() == []
        assert check(again.store) == []
        with pytest.raises(InputError, match="nothing was left"):
            again.resume()


def test_rerun_makes_the_same_bits(agent: Agent, tmp_path: Path) -> None:
    agent.say("a red fox", variations=3)
    agent.say("make it night")
    agent.say("edit this", [photo(90, 50)], mask=Region(side="top"))
    turn = agent.say("edit this", [photo(90, 50, 1)])
    path = agent.show("@2").save(tmp_path / "second.png")
    for recipe in ("@1", "@3", "@4", turn.images[0].recipe, path, agent.show("@6").id):
        assert recipe is not None
        again = agent.rerun(recipe)
        assert again.identical and again.differing == 0, recipe
    assert read_recipe(path)["variation"] == 2
    with pytest.raises(InputError, match="no recipe"):
        agent.rerun("@5")
    spoiled = Image.open(path).convert("RGB")
    spoiled.putpixel((3, 3), (1, 2, 3))
    from ace_agent.images.files import encode_png

    (tmp_path / "spoiled.png").write_bytes(encode_png(spoiled, read_recipe(path)))
    assert agent.rerun(tmp_path / "spoiled.png").differing == 1
    elsewhere = Agent(tmp_path / "elsewhere", pipeline=TinyPipeline())
    assert elsewhere.rerun(path).identical, "made from words and history texts alone"
    agent.show("@4").save(tmp_path / "edited.png")
    with pytest.raises(StoreRefused, match="import its conversation"):
        elsewhere.rerun(tmp_path / "edited.png")


def test_export_import_and_remake_everything(agent: Agent, tmp_path: Path) -> None:
    """Ten turns, two branches, another store: every picture comes out the same again."""
    agent.say("a red fox")
    for _ in range(5):
        agent.say("make it night")
    agent.goto("@3")
    for number in range(4):
        agent.say("edit this", [photo(40 + number, 40)])
    path = agent.export(tmp_path / "talk.ace")
    other = tmp_path / "other"
    assert import_conversation(other, path) == agent.conversation
    fresh = Agent(other, pipeline=TinyPipeline())
    assert len(fresh.turns(everything=True)) == 10
    remade = [fresh.rerun(picture.id).identical for picture in fresh.pictures() if picture.recipe]
    assert remade == [True] * 10
    assert check(fresh.store) == []


def test_two_windows_on_one_conversation(agent: Agent, tmp_path: Path) -> None:
    agent.say("a red fox")
    other = Agent(tmp_path / "w", pipeline=TinyPipeline(), planner=ScriptedPlanner(make_it_night=NIGHT))
    other.say("make it night")
    assert agent.show().id == "@2"
    turn = agent.say("make it night")
    assert turn.plan.steps[0].images == ("@2",)
    assert any("another window" in note for note in turn.notes)
    assert not agent.say("make it night").notes


def test_a_turn_that_another_process_resumed_is_left_alone(tmp_path: Path) -> None:
    """One that lost its turn to another process marked it failed, though it was done and the tip stood at it."""
    first = TinyPipeline()
    first.fail_after = 1
    many = plan({"task": "text_to_image", "instruction": "a fox"}, step("edit_scene", "$1"))
    agent = Agent(tmp_path, pipeline=first)
    with pytest.raises(KeyboardInterrupt):
        agent.run(many)

    class Overtaken(TinyPipeline):
        """While it paints, the same turn is carried out elsewhere."""

        def __call__(self, *arguments: Any, **options: Any) -> PipelineOutput:
            other = Agent(tmp_path, pipeline=TinyPipeline())
            row = other.store.open_turns(1)[0]
            other.store.set_status(row.id, "stopped", owner="")
            other.resume(row.id)
            return super().__call__(*arguments, **options)

    slow = Agent(tmp_path, pipeline=Overtaken())
    with pytest.raises(StoreRefused, match="by another process"):
        slow.resume()
    assert [turn.status for turn in slow.turns(everything=True)] == ["done"]
    assert check(slow.store) == []


def test_conversations_are_found_by_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Agent(tmp_path, conversation=name, pipeline=TinyPipeline()).run(CREATE)
    latest = Agent(tmp_path)
    assert latest.conversation == "two"
    fresh = Agent(tmp_path, new=True, pipeline=TinyPipeline())
    assert [row.name for row in conversations(tmp_path)] == ["two", "one"], "stored with its first turn"
    fresh.run(CREATE)
    rows = conversations(tmp_path)
    assert (rows[0].name, rows[0].turns, rows[0].images, rows[0].tip) == ("talk-1", 1, 1, "@1")
    with pytest.raises(InputError, match="already"):
        Agent(tmp_path, conversation="one", new=True)
    assert conversations(tmp_path / "nowhere") == []
    assert workspace_folder(tmp_path) == tmp_path


def test_search_and_wrong_references(agent: Agent) -> None:
    agent.say("a red fox")
    agent.say("make it night")
    assert [turn.request for turn in agent.search("fox")] == ["a red fox"]
    assert agent.compare("@1").size == (32 + 8 + 32, 32)
    with pytest.raises(InputError, match="no picture of the conversation"):
        agent.show("the dog")
    with pytest.raises(StoreRefused, match="no @9"):
        agent.show("@9")


def test_nothing_imports_torch_before_a_model_runs(tmp_path: Path) -> None:
    script = (
        "import sys; from ace_agent import Agent, load_plan; a = Agent(); a.turns(); a.pictures();"
        "import ace_agent.plan.yaml_file;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        env={"ACE_WORKSPACE": str(tmp_path), "PYTHONPATH": ".:memory:kernels"},
    )


def test_a_picture_that_no_step_takes_is_named(agent: Agent, tmp_path: Path) -> None:
    """It was stored with the turn and never mentioned."""
    photo().save(tmp_path / "beach.png")
    turn = agent.say("edit this", [photo(), tmp_path / "beach.png", photo(seed=1)])
    assert turn.notes[:2] == [
        "beach.png was not used: no step of the plan takes it",
        "picture 3 was not used: no step of the plan takes it",
    ]
    back = agent.say("undo", [tmp_path / "beach.png"])
    assert "beach.png was not used: no step of the plan takes it" in back.notes


def test_a_picture_names_what_it_was_made_from_in_words(agent: Agent) -> None:
    agent.run(CREATE)
    agent.attach(photo())
    turn = agent.run(
        plan({"task": "fuse_layers", "instruction": "Fuse {image} with {image1}.", "images": ["@1", "@2"]})
    )
    (picture,) = turn.images
    assert picture.sources == ("@1", "@2")
    assert picture.words == "fuse it with @2"
    assert picture_line(picture).plain.endswith("  from @1, @2")
    assert picture_record(picture)["from"] == ["@1", "@2"]
    assert agent.show("@1").sources == ()


def test_again_makes_the_last_plan_once_more_with_another_seed(agent: Agent) -> None:
    class Rules:
        def plan(self, request: str, context: Context) -> Plan:
            raise Act("again" if request == "again" else "redo")

    first = agent.run(CREATE)
    agent._planner = Rules()
    second = agent.say("again")
    assert [s.task for s in second.plan.steps] == ["text_to_image"]
    assert second.parent == first.id
    seeds = [(turn.images[0].recipe or {})["seed"] for turn in (first, second)]
    assert seeds[0] != seeds[1]
    agent.undo()
    assert agent.say("forward").id == second.id


def test_again_needs_something_that_was_made(tmp_path: Path) -> None:
    empty = Agent(tmp_path / "w", pipeline=TinyPipeline(), planner="rules")
    with pytest.raises(InputError, match="nothing was made yet"):
        empty.say("again")
    empty.close()


def test_a_price_counts_loading_only_while_the_model_is_not_there(tmp_path: Path) -> None:
    cold = Agent(tmp_path / "work", planner="rules")
    plan = cold.propose("a red car")
    cold.timing.record("ace-mini", 0.5, 1)
    before = cold.estimate(plan)
    cold.timing.record_load("ace-mini", 5.0)
    assert before is not None
    assert cold.estimate(plan) == pytest.approx(before + 5.0)
    warm = Agent(tmp_path / "work", planner="rules", pipeline=TinyPipeline())
    warm.timing.record(warm.pipeline.name, 0.5, 1)
    warm.timing.record_load(warm.pipeline.name, 5.0)
    assert (warm.estimate(plan) or 0) < 5.0


def test_options_that_an_exact_operation_has_no_use_for_are_said(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "work", planner="rules", pipeline=TinyPipeline())
    turn = agent.say("flip it", [photo(40, 30)], seed=3, guidance=2.0)
    assert "seed, guidance: no use for exact operations" in turn.notes
    assert not any("no use" in note for note in agent.say("a red car", seed=3).notes)
