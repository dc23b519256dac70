"""One world for all tests, which share its caches of sprites and landscapes."""

from __future__ import annotations

import random

import pytest

from ace_agent.data.sample import Split
from ace_agent.data.scenes.scene_sampler import SceneSampler
from ace_agent.data.scenes.world import World


@pytest.fixture(scope="session")
def world() -> World:
    return World()


def sampler(world: World, seed: int = 0, split: Split = "train") -> SceneSampler:
    """A scene sampler of ``world`` that draws from ``seed``."""
    return SceneSampler(world._renderer, world._catalogue, random.Random(seed), split)
