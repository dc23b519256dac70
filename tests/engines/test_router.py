"""Who does a step: the engine that the plan names, an expert, or the model."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ace_agent import Agent
from ace_agent.engines.router import Engines
from ace_agent.errors import ModelError
from ace_agent.images.photograph import looks_like_a_photograph
from ace_agent.plan import Plan, Step
from ace_agent.plan.operations import OPERATIONS
from tests.tiny import TinyPipeline

ROOT = Path(__file__).parents[2]
PHOTOGRAPH = Image.open(ROOT / "docs/photographs/coffee.jpg").convert("RGB")
SCENE = Image.open(ROOT / "docs/pictures/red-car.png").convert("RGB")


class Mini(TinyPipeline):
    """Stands for ace-mini, which is known by its name."""

    name = "ace-mini"


def engines(pipeline: TinyPipeline) -> Engines:
    return Engines(lambda: pipeline, lambda: pipeline.name)


def step(task: str, instruction: str = "", **fields: object) -> Step:
    images = () if task == "text_to_image" else ("@1",)
    return Step.model_validate({"task": task, "instruction": instruction, "images": images, **fields})


def test_photographs_and_drawings_are_told_apart() -> None:
    for path in (ROOT / "docs/photographs").glob("*.jpg"):
        assert looks_like_a_photograph(Image.open(path)), path.name
    for path in (ROOT / "docs/pictures").glob("*.png"):
        assert not looks_like_a_photograph(Image.open(path)), path.name


@pytest.mark.parametrize(
    ("task", "instruction", "image", "engine"),
    [
        ("remove", "Remove the cup from {image}.", PHOTOGRAPH, "photo-edits"),
        ("edge", "Edges of {image}.", PHOTOGRAPH, "analysis"),
        ("remove", "Remove the car from {image}.", SCENE, "ace-mini"),
        ("edge", "Edges of {image}.", SCENE, "ace-mini"),
        ("flip", "", SCENE, "exact"),
        ("flip", "", PHOTOGRAPH, "exact"),
    ],
)
def test_with_the_model_of_scenes_experts_edit_photographs(
    task: str, instruction: str, image: Image.Image, engine: str
) -> None:
    assert engines(Mini()).choose(step(task, instruction), [image]).name == engine


def test_every_operation_has_an_expert() -> None:
    for task in OPERATIONS:
        options = {"filter": {"name": "sepia"}, "rotate": {"degrees": 90}, "resize": {"scale": 2}}.get(
            task, {}
        )
        options = {"canvas": {"margin": 0.1}, "adjust": {"contrast": 1}}.get(task, options)
        assert task in engines(Mini()).choose(step(task, options=options)).tasks  # type: ignore[attr-defined]


def test_another_model_edits_photographs_itself_and_a_plan_may_name_the_engine() -> None:
    remove = step("remove", "Remove the cup from {image}.")
    assert engines(TinyPipeline()).choose(remove, [PHOTOGRAPH]).name == "tiny"
    named = remove.model_copy(update={"engine": "photo-edits"})
    assert engines(TinyPipeline()).choose(named, [SCENE]).name == "photo-edits"
    tried = remove.model_copy(update={"engine": "ace-mini"})
    assert engines(Mini()).choose(tried, [PHOTOGRAPH]).name == "ace-mini"


def test_what_nobody_can_do_to_a_photograph_is_refused_with_a_way_out_before_any_work(tmp_path: Path) -> None:
    agent = Agent(tmp_path, pipeline=Mini())
    plan = Plan.parse(
        {"steps": [{"task": "add", "instruction": "Add a hat to the man in {image}.", "images": ["input"]}]}
    )
    with pytest.raises(ModelError, match="does this to a photograph: add something") as caught:
        agent.run(plan, [PHOTOGRAPH])
    assert "--engine ace-mini" in caught.value.hint
    assert agent.pictures() == []


def test_a_step_on_a_result_is_routed_when_the_result_is_there(tmp_path: Path) -> None:
    """The second step's picture does not exist when the plan is checked."""
    agent = Agent(tmp_path, pipeline=Mini())
    plan = Plan.parse(
        {
            "steps": [
                {"task": "crop", "images": ["input"], "options": {"aspect": "1:1"}},
                {"task": "doodle", "instruction": "Doodle {image}.", "images": ["$1"]},
            ]
        }
    )
    turn = agent.run(plan, [PHOTOGRAPH.resize((300, 200))])
    assert [made.recipe["model"] for made in turn.made if made.recipe] == ["exact", "analysis"]
    assert all(agent.rerun(made.id).identical for made in turn.made)


def test_the_model_is_not_loaded_for_what_experts_do(tmp_path: Path) -> None:
    def never() -> TinyPipeline:
        raise AssertionError("the model was loaded")

    chosen = Engines(never, lambda: "ace-mini")
    assert not chosen.needs_model([step("flip"), step("remove", "Remove the cup.")])
    assert chosen.defaults(step("remove", "Remove the cup."))[0] >= 1
    assert chosen.choose(step("edge"), [PHOTOGRAPH]).name == "analysis"


def test_a_photograph_is_spoken_of_without_the_words_of_the_model_of_scenes(tmp_path: Path) -> None:
    """A request to cut the dog out was answered with "the model has never seen an 'out'"."""
    agent = Agent(tmp_path, pipeline=Mini(), planner="rules")
    notes: list[str] = []
    agent.propose("remove the walrus", [PHOTOGRAPH], notes=notes)
    assert notes == []
    agent.propose("remove the walrus", [SCENE], notes=notes)
    assert "walrus" in notes[0]
