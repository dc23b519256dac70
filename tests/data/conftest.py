"""One world for all tests of the scene world: reading sprites and drawing landscapes is shared."""

from __future__ import annotations

import random

import pytest

from ace_agent.data.sample import Split
from ace_agent.data.scenes.scene_sampler import Studio
from ace_agent.data.scenes.world import World


@pytest.fixture(scope="session")
def world() -> World:
    return World()


def studio(world: World, seed: int = 0, split: Split = "train") -> Studio:
    """A studio of ``world`` that draws from ``seed``."""
    return Studio(world._renderer, world._catalogue, random.Random(seed), split)
