from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from ace_agent.data.errors import Unfit
from ace_agent.data.scenes import edits
from ace_agent.data.scenes.captions import the
from ace_agent.data.scenes.scene import Background, Lettering, Scene
from ace_agent.data.scenes.tasks.references import dressed_as
from ace_agent.data.scenes.world import World
from ace_agent.images import operators
from ace_agent.images.annotated_image import segmentation
from ace_agent.images.compositing import changed_mask
from ace_agent.references.objects import Object
from tests.data.conftest import sampler

MEADOW = Background("meadow", (), 3)


def test_what_is_removed_reveals_the_true_background(world: World) -> None:
    scene = Scene(MEADOW, (Object("dog", x=0.4, y=0.9),))
    make = sampler(world)
    change = edits.remove(make, scene)
    assert change.after.objects == ()
    bare = make.renderer.background(MEADOW)
    assert np.array_equal(make.render(change.after).pixels, bare)


@pytest.mark.parametrize("seed", range(12))
def test_a_recoloured_thing_visibly_changes_and_nothing_else_does(world: World, seed: int) -> None:
    make = sampler(world, seed)
    scene = Scene(MEADOW, (Object("car", x=0.5, y=0.9, size=0.45),))
    change = edits.recolor(make, scene)
    before, after = make.render(scene), make.render(change.after)
    shape = before.mask(scene.objects[0]) > 0
    apart = np.abs(before.pixels.astype(int) - after.pixels).max(-1)
    assert apart[~shape].max() == 0
    assert apart[before.mask(scene.objects[0]) > 200].mean() > 20
    assert change.after.objects[0].color in change.slots["color"]


def test_only_what_takes_a_tint_is_recoloured(world: World) -> None:
    with pytest.raises(Unfit):
        edits.recolor(sampler(world), Scene(MEADOW, (Object("zebra", y=0.9),)))


def test_a_colour_it_already_has_is_refused(world: World) -> None:
    """Making a red heart red is no edit: the tint must be visible."""
    make = sampler(world)
    assert not edits.visibly_differs(make, Object("heart"), Object("heart", color="red"))
    assert edits.visibly_differs(make, Object("heart"), Object("heart", color="blue"))


def test_moving_beyond_the_edge_is_refused_or_stays_inside(world: World) -> None:
    scene = Scene(MEADOW, (Object("bus", x=0.5, y=0.9, size=0.5),))
    for seed in range(20):
        change = edits.move(sampler(world, seed), scene)
        (moved,) = change.after.objects
        assert moved.x - moved.size / 2 >= 0
        assert moved.x + moved.size / 2 <= 1
        assert ("left" in change.slots["side"]) == (moved.x < 0.5)


def test_clipped_things_are_never_rendered(world: World) -> None:
    make = sampler(world)
    with pytest.raises(Unfit, match="clipped"):
        make.render(Scene(MEADOW, (Object("dog", x=0.05, y=0.9, size=0.5),)))


def test_a_sunset_keeps_things_and_land_in_place(world: World) -> None:
    make = sampler(world)
    scene = Scene(MEADOW, (Object("cow", y=0.9),))
    change = edits.change_time(make, scene)
    before, after = make.render(scene), make.render(change.after)
    assert before.placements == after.placements
    assert np.array_equal(before.depth, after.depth)
    assert np.array_equal(segmentation(before), segmentation(after))


def test_lettering_is_added_and_removed_without_a_trace(world: World) -> None:
    make = sampler(world)
    scene = Scene(MEADOW, (Object("cow", y=0.9),))
    written = replace(scene, lettering=Lettering("HELLO", "red", "top"))
    change = edits.unwrite(make, written)
    assert np.array_equal(make.render(change.after).pixels, make.render(scene).pixels)
    region = changed_mask(make.render(written).pixels, make.render(scene).pixels)
    assert (region[64:] == 0).all()
    assert (region[:40] > 0).mean() > 0.05


def test_two_of_a_kind_are_told_apart(world: World) -> None:
    make = sampler(world)
    pair = (Object("dog", x=0.25, y=0.9, size=0.3), Object("dog", x=0.75, y=0.9, size=0.3, twin=2))
    words = [the(make.rng, obj, Scene(MEADOW, pair)) for obj in pair]
    assert words == ["the dog on the left", "the dog on the right"]
    keys = [place.key for place in make.render(Scene(MEADOW, pair)).placements]
    assert len(set(keys)) == 2
    assert len({key.split("#")[0] for key in keys}) == 1


def test_hidden_attributes_are_not_revealed_by_an_edit(world: World) -> None:
    """A bald head's hair and trousers under a dress have no visible colour, so an edit gives them the default."""
    seen = set()
    for seed in range(40):
        make = sampler(world, seed)
        bald = replace(make.person(), hair="bald", hair_color="green", beard=False)
        change = edits.change_hair(
            make, Scene(MEADOW, (Object("person", x=0.5, y=0.9, size=0.6, person=bald),))
        )
        grown = change.after.objects[0].person
        assert grown is not None
        seen.add((grown.hair, grown.hair_color))
    assert seen == {(hair, "brown") for hair in ("short", "long", "curly")}

    dress = replace(make.person(), garment="dress", trousers="green")
    assert dressed_as(dress, replace(dress, garment="jacket")).trousers == "blue"
    assert dressed_as(replace(dress, garment="jacket"), dress).trousers == "green"


@pytest.mark.parametrize("task", ["mosaic", "degrade"])
def test_requested_mosaics_and_blurs_have_a_fixed_size(world: World, task: str) -> None:
    """No wording mentions a size."""
    met = 0
    for seed in range(30):
        turn = world.sample(random.Random(seed), task, "train").turns[-1]
        shown = turn.frames[0].image
        if turn.frames[0].mask is not None:
            continue
        if task == "mosaic":
            assert np.array_equal(turn.target, operators.mosaic(shown, 8))
            met += 1
        elif "blur" in turn.instruction.lower():
            assert np.array_equal(turn.target, operators.blur(shown, 2.1))
            met += 1
    assert met > 1
