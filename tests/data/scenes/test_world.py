from __future__ import annotations

import itertools
import random
import re

import numpy as np
import pytest
from PIL import Image

from ace_agent.data.errors import UnknownTask
from ace_agent.data.sample import Sample, Split, TrainingTurn
from ace_agent.data.scenes.edits.environment import change_place
from ace_agent.data.scenes.scene import Background, Scene
from ace_agent.data.scenes.scene_sampler import split_of
from ace_agent.data.scenes.tasks.table import FAMILY_OF, GENERATORS
from ace_agent.data.scenes.world import CHAINS, TASK_WEIGHTS, World
from ace_agent.images.compositing import changed_mask
from ace_agent.plan import tasks
from ace_agent.references.objects import Object
from ace_agent.references.vocabulary import HELD_OUT_NAMES, NOUNS
from tests.data.conftest import sampler

SPLITS: tuple[Split, ...] = ("train", "validation", "held-out")
EVERYTHING = [*GENERATORS, *CHAINS]
LOCAL = {
    "add", "remove", "replace", "edit_color", "edit_texture", "edit_face", "render_text", "remove_text",
    "inpaint", "try_on", "face_swap", "outpaint",
}  # fmt: skip


def _same(a: Sample, b: Sample) -> bool:
    return [t.instruction for t in a.turns] == [t.instruction for t in b.turns] and all(
        np.array_equal(x.target, y.target) and len(x.frames) == len(y.frames)
        for x, y in zip(a.turns, b.turns, strict=True)
    )


def _check(turn: TrainingTurn, size: int) -> None:
    assert turn.target.shape == (size, size, 3)
    assert turn.target.dtype == np.uint8
    for frame in turn.frames:
        assert frame.image.shape == (size, size, 3)
        assert frame.image.dtype == np.uint8
        if frame.mask is not None:
            assert frame.mask.shape == (size, size)
            assert set(np.unique(frame.mask)) <= {0, 255}
    assert not re.search(r"[<>~@^%=|]", turn.instruction), turn.instruction
    assert not re.search(r"\ba [aeio]\w", turn.instruction.lower()) or "a one" in turn.instruction, (
        turn.instruction
    )
    tokens = [int(number or 0) for number in re.findall(r"\{image(\d?)\}", turn.instruction)]
    assert all(number < max(1, len(turn.frames)) for number in tokens), turn.instruction
    assert turn.judge["exact"] in (True, False)
    for place in turn.placements:
        assert place.x >= -0.03
        assert place.x + place.w <= 1.03
        assert place.y >= -0.03
        assert place.y + place.h <= 1.03
    for named in turn.named:
        assert turn.instruction[named.start : named.stop] == named.name
        assert named.frame.image.shape == ((32, 128, 3) if named.name.startswith('"') else (64, 64, 3))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("task", EVERYTHING)
def test_samples_are_complete_and_well_formed(world: World, task: str, split: Split) -> None:
    rng = random.Random(5)
    for _ in range(4):
        sample = world.sample(rng, task, split)
        assert sample.family == FAMILY_OF.get(task, "multi-turn")
        assert task in CHAINS or [turn.task for turn in sample.turns] == [task]
        for turn in sample.turns:
            _check(turn, world.size)


def test_generators_cover_the_task_catalogue() -> None:
    assert set(GENERATORS) == set(tasks.TASKS)
    assert set(TASK_WEIGHTS) == set(EVERYTHING)


@pytest.mark.parametrize("task", GENERATORS)
def test_base_region_and_masks_agree(world: World, task: str) -> None:
    """Pixels outside a mask do not change, a region is where base and target differ, and no edit is a no-op."""
    rng = random.Random(11)
    for _ in range(10):
        (turn,) = world.sample(rng, task).turns
        if turn.base is None:
            assert turn.region is None
            continue
        assert turn.base == 0
        base = turn.frames[0]
        differs = changed_mask(base.image, turn.target)
        assert turn.region is not None
        assert np.array_equal(turn.region, differs)
        assert (differs > 0).mean() >= 0.003
        if base.mask is not None:
            assert ((differs > 0) & (base.mask == 0)).mean() < 0.001


@pytest.mark.parametrize("task", ["edit_scene", "edit_style", "edit_general"])
def test_global_edits_may_be_masked(world: World, task: str) -> None:
    rng = random.Random(7)
    partly = 0
    for _ in range(80):
        (turn,) = world.sample(rng, task).turns
        mask = turn.frames[0].mask
        if mask is None or not turn.judge["exact"]:
            continue
        same = (turn.frames[0].image == turn.target).all(-1)
        assert same[mask == 0].all() and not same[mask > 0].all()
        partly += same[mask > 0].mean() < 0.5  # and more than one object in it
    assert partly >= 3


@pytest.mark.parametrize("task", sorted(LOCAL))
def test_local_edits_leave_most_of_the_picture_bit_identical(world: World, task: str) -> None:
    rng = random.Random(3)
    for _ in range(6):
        (turn,) = world.sample(rng, task).turns
        same = (turn.frames[0].image == turn.target).all(-1)
        if turn.frames[0].mask is not None:
            assert same[turn.frames[0].mask == 0].all()
        assert same.mean() > (0.05 if task == "outpaint" else 0.2)


def test_equal_seeds_give_equal_samples(world: World) -> None:
    first, second = random.Random(9), random.Random(9)
    fresh = World()
    for _ in range(40):
        assert _same(world.sample(first), fresh.sample(second))
    assert first.random() == second.random()


def test_an_unknown_task_lists_the_known_ones(world: World) -> None:
    with pytest.raises(UnknownTask, match="edit_color"):
        world.sample(random.Random(0), "paint_it_black")


@pytest.mark.parametrize("split", SPLITS)
def test_pairs_of_things_belong_to_one_split(world: World, split: Split) -> None:
    rng = random.Random(21)
    mine = 0
    for _ in range(150):
        (turn,) = world.sample(rng, "text_to_image", split).turns
        nouns = sorted({name for name, _, _ in turn.judge["objects"]})
        words = [*nouns, turn.judge["place"]]
        pairs = {split_of(a, b) for i, a in enumerate(words) for b in words[i + 1 :] if nouns}
        assert pairs <= {"train", split}
        mine += split in pairs
    assert mine > 100


def test_held_out_things_are_never_drawn_or_named(world: World) -> None:
    rng = random.Random(2)
    hidden = re.compile("|".join(rf"\b{re.escape(name)}s?\b" for name in HELD_OUT_NAMES))
    for split in SPLITS:
        for _ in range(250):
            for turn in world.sample(rng, None, split).turns:
                assert not hidden.search(turn.instruction.lower()), turn.instruction
                for place in turn.placements:
                    name = place.key.split("|")[0].split("+")[0]
                    assert name == "person" or place.is_lettering or not NOUNS[name].held_out


def test_equal_keys_are_equal_pixels(world: World) -> None:
    """Objects with equal keys have equal pixels, up to place, size and mirroring."""
    make = sampler(world)
    paper = Background("plain", ("white",))
    first = Object("horse", x=0.35, y=0.8, size=0.6)
    second = Object("horse", x=0.6, y=0.9, size=0.45, flip=True)
    crops = []
    for obj in (first, second):
        picture = make.render(Scene(paper, (obj,)))
        (place,) = picture.placements
        assert place.key == "horse|noto"
        side = picture.size
        box = (place.x * side, place.y * side, (place.x + place.w) * side, (place.y + place.h) * side)
        crop = Image.fromarray(picture.pixels).resize((40, 40), Image.Resampling.BILINEAR, box=box)
        crops.append(np.asarray(crop)[:34, :: -1 if place.flip else 1].astype(int))  # above the shadow
    assert np.abs(crops[0] - crops[1]).mean() < 9
    assert np.abs(crops[0] - crops[1][:, ::-1]).mean() > 20


def test_named_references_share_the_key_of_what_is_drawn(world: World) -> None:
    rng = random.Random(8)
    shared = 0
    for _ in range(60):
        (turn,) = world.sample(rng, "text_to_image").turns
        drawn = {place.key.split("#")[0] for place in turn.placements}
        shared += any(named.frame.placements[0].key in drawn for named in turn.named)
    assert shared > 20


# ---- conversations


@pytest.mark.parametrize("chain", CHAINS)
def test_turns_continue_from_the_picture_before(world: World, chain: str) -> None:
    rng = random.Random(6)
    for _ in range(6):
        turns = world.sample(rng, chain).turns
        for before, after in itertools.pairwise(turns):
            brought = chain == "chain:object_of_first" and after is not turns[-1]
            if after.frames and not brought:
                assert np.array_equal(after.frames[0].image, before.target)


def test_a_restored_object_is_the_removed_one(world: World) -> None:
    rng = random.Random(1)
    for _ in range(12):
        turns = world.sample(rng, "chain:bring_back").turns
        removal = next(turn for turn in turns if turn.task == "remove")
        gone = {place.key for place in removal.frames[0].placements} - {p.key for p in removal.placements}
        assert gone <= {place.key for place in turns[-1].placements}
        if turns[-2] is removal:
            assert np.array_equal(turns[-1].target, removal.frames[0].image)


def test_undo_restores_the_picture_before(world: World) -> None:
    rng = random.Random(1)
    for _ in range(12):
        turns = world.sample(rng, "chain:undo").turns
        assert np.array_equal(turns[-1].target, turns[-2].frames[0].image)


@pytest.mark.parametrize("chain", CHAINS)
def test_chains_are_two_to_eight_turns(world: World, chain: str) -> None:
    rng = random.Random(5)
    lengths = {len(world.sample(rng, chain).turns) for _ in range(60 if chain == "chain" else 20)}
    assert min(lengths) >= 2 and max(lengths) <= 8
    assert chain != "chain" or lengths == set(range(2, 9))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("chain", ["chain:object_of_first", "chain:same_place", "chain:same_style"])
def test_outside_training_only_the_history_shows_what_a_last_turn_refers_to(world, chain, split) -> None:
    rng = random.Random(1)
    shown = set()
    for _ in range(12):
        turns = world.sample(rng, chain, split).turns
        last = turns[-1]
        shown.add(len(last.frames))
        if chain == "chain:object_of_first" and len(last.frames) == 2:
            assert np.array_equal(last.frames[1].image, turns[0].target)
            assert {p.key for p in turns[0].placements} <= {p.key for p in last.placements}
        elif chain == "chain:object_of_first":
            assert {p.key for p in turns[0].frames[0].placements} <= {p.key for p in last.placements}
        elif not last.frames:
            earlier = next(frame.image for turn in turns[:-1] for frame in turn.frames).astype(int)
            if chain == "chain:same_place":  # the sky in a corner, whatever the weather and time
                assert np.abs(earlier - last.target)[:24, :24].mean() < 12
            assert last.task == "text_to_image" and last.base is None
    recalled = int(chain == "chain:object_of_first")
    assert shown == ({recalled, recalled + 1} if split == "train" else {recalled})


def test_text_to_image_scenes_are_canonical(world):
    """What a caption leaves open is fixed: a single object stands in the middle, and none is mirrored."""
    rng = random.Random(5)
    alone = 0
    for _ in range(60):
        turn = world.sample(rng, "text_to_image").turns[-1]
        bodies = [place for place in turn.placements if "@" not in place.key]
        assert not any(place.flip for place in bodies if "#2" not in place.key)
        if len(bodies) == 1:
            alone += 1
            assert abs(bodies[0].x + bodies[0].w / 2 - 0.5) < 0.01
    assert alone > 20


@pytest.mark.parametrize("task", ["add", "replace"])
def test_new_objects_face_the_way_of_their_reference_pictures(world, task):
    rng = random.Random(2)
    new = []
    for _ in range(60):
        turn = world.sample(rng, task).turns[-1]
        old = {place.key for place in turn.frames[0].placements}
        new += [place for place in turn.placements if place.key not in old and "@" not in place.key]
    assert len(new) > 8 and sum(place.flip for place in new if "+" not in place.key) == 0


def test_a_requested_place_has_one_landscape(world):
    scene = Scene(Background("beach", seed=7), ())
    seeds = {change_place(sampler(world, seed), scene).after.background.seed for seed in range(8)}
    assert seeds == {0}


def test_canonical_scenes_are_deterministic_and_keep_what_the_caption_says(world):
    samplers = [sampler(world, seed) for seed in (1, 2)]
    scene = samplers[0].scene(2)
    one, two = (each.canonical(scene) for each in samplers)
    assert one == two == samplers[0].canonical(one)
    assert [(o.name, o.color) for o in one.objects] == [(o.name, o.color) for o in scene.objects]
    assert one.background.place == scene.background.place and one.background.seed == 0
