"""Conversations of several turns, which edit the picture before or refer to earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ace_agent.data.errors import Unfit
from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes import captions, edits
from ace_agent.data.scenes.captions import caption, facts, the
from ace_agent.data.scenes.edits import Change, swap
from ace_agent.data.scenes.rendered_scene import RenderedScene
from ace_agent.data.scenes.scene import Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler, noun_of
from ace_agent.data.scenes.tasks.editing import edit_turn
from ace_agent.data.scenes.tasks.generation import picture_turn
from ace_agent.images.compositing import changed_mask
from ace_agent.references.types import Frame
from ace_agent.references.vocabulary import STYLES

_STEPS = (
    edits.recolor, edits.retexture, edits.flip, edits.move, edits.resize, edits.repose, edits.change_place,
    edits.change_time, edits.change_weather, edits.change_expression, edits.change_hair, edits.put_on_glasses,
    edits.add, edits.add, edits.put_on_hat, edits.remove, edits.replace_object, edits.write, edits.unwrite,
)  # fmt: skip


class _Chain:
    """A conversation under construction."""

    def __init__(self, sampler: SceneSampler) -> None:
        self.sampler = sampler
        self.turns: list[TrainingTurn] = []
        self.pictures: list[RenderedScene] = []

    @property
    def scene(self) -> Scene:
        return self.pictures[-1].scene

    def open(self, scene: Scene) -> None:
        """Begin with a generated picture or, half of the time, with an attached one."""
        picture = self.sampler.render(scene)
        if self.sampler.chance(0.5):
            self.turns.append(picture_turn(self.sampler, scene, caption(self.sampler.rng, scene)))
        self.pictures.append(picture)

    def apply(self, change: Change, *, masked: float = 0.0) -> None:
        self.turns.append(edit_turn(self.sampler, self.pictures[-1], change, masked=masked))
        self.pictures.append(self.sampler.render(change.after))

    def step(self) -> None:
        """Apply a random edit that the scene allows."""
        for _ in range(30):
            try:
                self.apply(self.sampler.pick(_STEPS)(self.sampler, self.scene), masked=0.05)
                return
            except Unfit:
                continue
        raise Unfit("no edit suits the scene")

    def steps(self, least: int, most: int) -> None:
        for _ in range(self.sampler.rng.randint(least, most)):
            self.step()

    def answer(self, kind: str, task: str, slots: dict[str, str], scene: Scene) -> None:
        """A last turn that edits the newest picture into ``scene``."""
        self.apply(Change(task, kind, slots, scene, local=True))


def _recalled(sampler: SceneSampler) -> bool:
    """Whether the last turn leaves the earlier picture that it refers to in the history only.

    It always does outside training; in training the picture may also be one of its frames, as an assistant that looks
    it up would pass it."""
    return sampler.split != "train" or sampler.chance(0.5)


def _from_memory(sampler: SceneSampler, kind: str, scene: Scene, words: str) -> TrainingTurn:
    """A new picture that shares something with an earlier one, found only in the history."""
    turn = picture_turn(sampler, scene, words)
    return replace(turn, instruction=sampler.instruction(kind, {"caption": words}))


def plain(sampler: SceneSampler) -> tuple[TrainingTurn, ...]:
    """Two to eight turns of edits, short conversations more often."""
    chain = _Chain(sampler)
    chain.open(sampler.scene())
    length = sampler.rng.choices(range(2, 9), (30, 25, 15, 10, 8, 6, 6))[0]
    while len(chain.turns) < length:
        chain.step()
    return tuple(chain.turns)


def bring_back(sampler: SceneSampler) -> tuple[TrainingTurn, ...]:
    """An object is removed, perhaps another edit follows, and the object is restored."""
    chain = _Chain(sampler)
    chain.open(sampler.scene(sampler.rng.choices((1, 2), (0.4, 0.6))[0]))
    obj = sampler.pick(chain.scene.objects)
    words = the(sampler.rng, obj, chain.scene)
    chain.apply(
        Change("remove", "remove", {"the": words, "thing": noun_of(obj)}, swap(chain.scene, obj), local=True)
    )
    if chain.scene.objects and sampler.chance(0.4):
        chain.step()
        if len(chain.scene.objects) > 1 or any(noun_of(o) == noun_of(obj) for o in chain.scene.objects):
            raise Unfit("the place is taken")
    back = replace(chain.scene, objects=(*chain.scene.objects, obj))
    chain.answer("bring_back", "add", {"the": words}, back)
    return tuple(chain.turns)


def undo(sampler: SceneSampler) -> tuple[TrainingTurn, ...]:
    """The last edit is undone."""
    chain = _Chain(sampler)
    chain.open(sampler.scene())
    chain.steps(1, 3)
    chain.answer("undo", "edit_general", {}, chain.pictures[-2].scene)
    return tuple(chain.turns)


def same_style(sampler: SceneSampler) -> tuple[TrainingTurn, ...]:
    """A picture in some style, then another object "in the same style"."""
    style = sampler.pick(
        ("fluent", "flat", "blob", "pixel art", "pencil sketch", "watercolor", "comic", "sepia")
    )

    def styled() -> tuple[Scene, str, Scene]:
        scene = sampler.canonical(sampler.scene(1, style="noto"))
        if any(obj.person for obj in scene.objects):
            raise Unfit("figures have one style")
        words = caption(sampler.rng, scene)
        drawn = edits.restyled(sampler, scene, style) if style in STYLES else replace(scene, filter=style)
        return scene, words, drawn

    _, words, drawn = styled()
    chain = _Chain(sampler)
    chain.pictures.append(sampler.render(drawn))
    if _recalled(sampler):
        chain.steps(1, 2)
        _, words, drawn = styled()
        return (*chain.turns, _from_memory(sampler, "same_style", drawn, words))
    named = sampler.pick(edits.STYLE_PHRASES[style])
    chain.turns.append(picture_turn(sampler, drawn, f"{words} as {named}"))
    for _ in range(sampler.rng.choices((1, 2), (0.7, 0.3))[0]):
        _, words, drawn = styled()
        picture = sampler.render(drawn)
        before = chain.pictures[-1]
        chain.turns.append(
            TrainingTurn(
                task="style_reference",
                instruction=sampler.instruction("same_style", {"caption": words}),
                frames=(Frame(before.pixels, None, before.placements),),
                target=picture.pixels,
                base=None,
                region=None,
                placements=picture.placements,
                judge=facts(drawn, exact=False),
            )
        )
        chain.pictures.append(picture)
    return tuple(chain.turns)


def same_place(sampler: SceneSampler) -> tuple[TrainingTurn, ...]:
    """Another object in the place of the picture before."""
    chain = _Chain(sampler)
    background = sampler.background(plain=0, simple=0.6)
    chain.open(sampler.scene(1, background=background))
    if _recalled(sampler):
        chain.steps(1, 2)
        if chain.scene.background != background:
            raise Unfit("another place")
        others = sampler.arranged(sampler.scene(1, background=background))
        words = captions.subjects(sampler.rng, others.objects)
        return (*chain.turns, _from_memory(sampler, "same_place", others, words))
    more = sampler.rng.choices((1, 2), (0.7, 0.3))[0]
    for _ in range(max(more, 2 - len(chain.turns))):
        others = sampler.arranged(sampler.scene(1, background=background))
        words = captions.subjects(sampler.rng, others.objects)
        chain.apply(Change("replace", "same_place", {"caption": words}, others, exact=False))
    return tuple(chain.turns)


def object_of_first(sampler: SceneSampler) -> tuple[TrainingTurn, ...]:
    """The object of the first picture is added to a later one."""
    first = sampler.scene(1)
    (obj,) = first.objects
    second = sampler.scene(1, background=sampler.background(plain=0.1))
    if noun_of(second.objects[0]) == noun_of(obj) or obj.person:
        raise Unfit("the same thing twice")
    source = sampler.render(first)
    chain = _Chain(sampler)
    recalled = _recalled(sampler)
    if recalled:  # both pictures are attached and edited, so that the history shows them
        chain.pictures.append(source)
        chain.step()
        if obj not in chain.scene.objects:
            raise Unfit("the thing has changed")
    else:
        chain.turns += [picture_turn(sampler, one, caption(sampler.rng, one)) for one in (first, second)]
    chain.pictures.append(sampler.render(second))
    if recalled or sampler.chance(0.5):
        chain.step()
    if len(chain.scene.objects) != 1:
        raise Unfit("no room")
    here = chain.scene.objects[0]
    words = the(sampler.rng, obj, first)
    if words.split()[-1] == noun_of(here):
        raise Unfit("the same thing twice")
    size = min(obj.size, 0.4)
    x = size / 2 + 0.04 if here.x > 0.5 else 0.96 - size / 2
    (stood,) = sampler.place([obj], chain.scene.background, still=True)
    stood = replace(stood, size=round(size, 3), x=round(x, 3))
    if abs(stood.x - here.x) < (stood.size + here.size) * 0.4:
        raise Unfit("no room")
    before = chain.pictures[-1]
    after = sampler.render(replace(chain.scene, objects=(*chain.scene.objects, stood)))
    shown = (Frame(before.pixels, None, before.placements), Frame(source.pixels, None, source.placements))
    text = sampler.instruction("object_of_first", {"the": words, "thing": noun_of(obj)})
    chain.turns.append(
        TrainingTurn(
            task="add",
            instruction=text,
            frames=shown[:1] if recalled else shown,
            target=after.pixels,
            base=0,
            region=changed_mask(before.pixels, after.pixels),
            placements=after.placements,
            judge=facts(after.scene, exact=False),
        )
    )
    return tuple(chain.turns)


CHAINS: dict[str, Callable[[SceneSampler], tuple[TrainingTurn, ...]]] = {
    "chain": plain,
    "chain:bring_back": bring_back,
    "chain:same_style": same_style,
    "chain:same_place": same_place,
    "chain:object_of_first": object_of_first,
    "chain:undo": undo,
}
"""Kinds of conversation, by the name that `World.sample` takes as a task."""
