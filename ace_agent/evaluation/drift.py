"""Several local edits in a row, each on the last result: what is lost, and how much is touched.

``python -m ace_agent.evaluation.drift --model ace-mini`` prints JSON. Every edit is composited as the
executor does it, so untouched pixels must come back bit for bit.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click
import numpy as np
from PIL import Image

from ace_agent.data.errors import Unfit
from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes import edits
from ace_agent.data.scenes.render import Renderer
from ace_agent.data.scenes.scene import Scene
from ace_agent.data.scenes.scene_sampler import Catalogue, SceneSampler
from ace_agent.data.scenes.tasks.editing import edit_turn
from ace_agent.engines.ace.condition_unit import ConditionUnit
from ace_agent.engines.interface import Pipeline
from ace_agent.execution import fidelity
from ace_agent.references.sprites import Sprites

LOCAL_EDITS = (
    edits.recolor,
    edits.retexture,
    edits.put_on_hat,
    edits.add,
    edits.remove,
    edits.replace_object,
    edits.write,
    edits.unwrite,
)
EDITS = 8
"""Edits in a row."""


@dataclass(frozen=True)
class Drift:
    """Measurements over several conversations.

    Args:
        identical: whether every pixel outside all found regions is the first picture's.
        untouched: mean share of the picture outside all found regions of a conversation.
        truly_untouched: the same for the regions that the edits change in the right answers.
        region_ratio: median over the edits of found region / region that truly changes.
    """

    conversations: int
    edits: int
    identical: bool
    untouched: float
    truly_untouched: float
    region_ratio: float


def measure(pipeline: Pipeline, conversations: int, *, seed: int = 0, size: int = 128) -> Drift:
    """Measure ``conversations`` of `EDITS` local edits each, on held-out scenes."""
    renderer = Renderer(Sprites.load(), size)
    catalogue = Catalogue(renderer)
    identical, untouched, truly, ratios = True, [], [], []
    for index in range(conversations):
        rng = random.Random(f"drift {seed} {index}")
        turns = _conversation(renderer, catalogue, rng)
        start = picture = Image.fromarray(turns[0].frames[0].image)
        touched, asked = np.zeros((size, size), bool), np.zeros((size, size), bool)
        history: list[ConditionUnit] = []
        for number, turn in enumerate(turns):
            made = pipeline(
                turn.instruction, [picture], task=turn.task, history=tuple(history), seed=seed + number
            )
            changed = made.regions[0]
            assert changed is not None
            region = fidelity.found_region(changed, picture, made.images[0])
            history.append(ConditionUnit(turn.instruction, (picture,), (None,)))
            picture = fidelity.composite(picture, made.images[0], region)
            found, wanted = np.asarray(region) > 0, np.asarray(turn.region) > 0
            ratios.append(found.sum() / wanted.sum())
            touched |= found
            asked |= wanted
        same = (np.asarray(picture) == np.asarray(start)).all(-1)
        identical &= bool(same[~touched].all())
        untouched.append(float((~touched).mean()))
        truly.append(float((~asked).mean()))
    return Drift(
        conversations,
        EDITS,
        identical,
        float(np.mean(untouched)),
        float(np.mean(truly)),
        float(np.median(ratios)),
    )


def _conversation(renderer: Renderer, catalogue: Catalogue, rng: random.Random) -> list[TrainingTurn]:
    while True:
        sampler = SceneSampler(renderer, catalogue, random.Random(rng.getrandbits(64)), "held-out")
        try:
            return list(_edits(sampler))
        except Unfit:
            continue


def _edits(sampler: SceneSampler) -> Iterator[TrainingTurn]:
    scene: Scene = sampler.scene(2)
    for _ in range(EDITS):

        def attempt(scene: Scene = scene) -> tuple[TrainingTurn, Scene] | None:
            try:
                change = sampler.pick(LOCAL_EDITS)(sampler, scene)
                if len(change.after.objects) > 3:
                    return None
                return edit_turn(sampler, sampler.render(scene), change, masked=0), change.after
            except Unfit:
                return None

        turn, scene = sampler.first_fit(attempt, tries=60)
        yield turn


@click.command()
@click.option("--model", default="ace-mini", show_default=True)
@click.option("--conversations", type=click.IntRange(1), default=8, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(model: str, conversations: int, seed: int) -> None:
    """Measure eight local edits in a row."""
    from ace_agent.engines.registry import load_pipeline

    pipeline = load_pipeline(model)
    click.echo(json.dumps(asdict(measure(pipeline, conversations, seed=seed)), indent=2))


if __name__ == "__main__":
    main()
