"""Reference generation: the same object, person or style in another picture."""

from __future__ import annotations

from dataclasses import replace

from ace_agent.data import masks
from ace_agent.data.errors import Unfit
from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes import captions
from ace_agent.data.scenes.captions import caption, facts, is_plural
from ace_agent.data.scenes.edits import STYLE_PHRASES, figure_scene, portrait, restyled
from ace_agent.data.scenes.rendered_scene import RenderedScene
from ace_agent.data.scenes.scene import Background, Scene
from ace_agent.data.scenes.scene_sampler import SceneSampler, noun_of
from ace_agent.data.scenes.tasks.generation import picture_turn
from ace_agent.data.scenes.tasks.layers import WHITE
from ace_agent.images.annotated_image import ANALYSES
from ace_agent.images.compositing import changed_mask
from ace_agent.images.types import Pixels
from ace_agent.references import people
from ace_agent.references.grammar import article
from ace_agent.references.objects import Object, Person
from ace_agent.references.types import Frame
from ace_agent.references.vocabulary import STYLES


def _frame(picture: RenderedScene) -> Frame:
    return Frame(picture.pixels, None, picture.placements)


def subject_reference(sampler: SceneSampler) -> TrainingTurn:
    """The object of one or two pictures, in another scene."""
    thing = sampler.first_fit(lambda: _subject(sampler))
    scene = sampler.canonical(sampler.scene(things=[thing]))
    many = sampler.chance(0.3)
    frames = tuple(_frame(_shot(sampler, thing)) for _ in range(2 if many else 1))
    picture = sampler.render(scene)
    at = captions.setting(sampler.rng, scene.background).strip() or f"on {_paper(scene.background)}"
    text = sampler.first_fit(lambda: _worded(sampler, many, noun_of(thing), at))
    return TrainingTurn(
        task="subject_reference",
        instruction=text,
        frames=frames,
        target=picture.pixels,
        base=None,
        region=None,
        placements=picture.placements,
        judge=facts(scene, exact=False),
    )


def _subject(sampler: SceneSampler) -> Object | None:
    thing = replace(sampler.thing(color=0.5), flip=False)
    if thing.person or is_plural(noun_of(thing)):
        return None
    return thing


def _shot(sampler: SceneSampler, thing: Object) -> RenderedScene:
    """A picture of an object, on a plain background or in a scene."""
    if sampler.chance(0.5):
        (placed,) = sampler.place([replace(thing, size=0.62)], WHITE)
        return sampler.render(Scene(WHITE, (replace(placed, x=0.5),)))
    return sampler.render(sampler.scene(things=[thing]))


def _worded(sampler: SceneSampler, many: bool, noun: str, at: str) -> str | None:
    text = sampler.instruction("subject_reference", {"thing": noun, "at": at})
    if "{image1}" in text and not many:
        return text.replace("{image1}", "")
    return text.replace("{image}", "{image}{image1}", 1) if many and "{image1}" not in text else text


def _paper(background: Background) -> str:
    return f"{article(background.colors[0])} background"


# ---- faces


def face_reference(sampler: SceneSampler) -> TrainingTurn:
    """From a portrait to the same person's full figure in a scene."""
    portrayed = portrait(sampler)
    assert portrayed.person is not None
    person = replace(
        portrayed.person,
        bust=False,
        pose=sampler.pick(list(people.POSES)),
        garment=sampler.pick(people.GARMENTS),
        garment_color=sampler.pick(("black", "red", "blue", "green", "yellow", "white")),
    )
    big = sampler.chance(0.4)
    person = replace(person, bust=big)
    figure = Object("person", person=person)
    scene = sampler.canonical(sampler.scene(things=[figure]))
    garment = article(f"{person.garment_color} {person.garment}")
    words = (
        f"in {garment}"
        if big
        else sampler.pick((f"{person.pose} in {garment}", f"in {garment} {person.pose}"))
    )
    words += captions.setting(sampler.rng, scene.background)
    before = sampler.render(sampler.scene(things=[portrayed]))
    picture = sampler.render(scene)
    text = sampler.instruction("face_reference", {"as": words}).replace("{image1}", "")
    return TrainingTurn(
        task="face_reference",
        instruction=text,
        frames=(_frame(before),),
        target=picture.pixels,
        base=None,
        region=None,
        placements=picture.placements,
        judge=facts(scene, exact=False),
    )


def dressed_as(person: Person, other: Person) -> Person:
    """``person`` in the clothes of ``other``."""
    hidden = person.garment in people.HIDING_TROUSERS
    trousers = people.USUAL_TROUSERS if hidden else person.trousers
    return replace(person, garment=other.garment, garment_color=other.garment_color, trousers=trousers)


def try_on(sampler: SceneSampler) -> TrainingTurn:
    """A figure in the clothes of another picture, worn or unworn."""
    scene = figure_scene(sampler)
    (wearer,) = scene.objects
    assert wearer.person is not None
    model = sampler.person()
    if (model.garment, model.garment_color) == (wearer.person.garment, wearer.person.garment_color):
        raise Unfit("the same clothes")
    unworn = sampler.chance(0.5)
    shown = Object("person", size=0.56 if unworn else 0.7, person=replace(model, unworn=unworn))
    garment = sampler.render(Scene(WHITE, sampler.place([shown], WHITE)))
    before = sampler.render(scene)
    dressed = replace(wearer, person=dressed_as(wearer.person, model))
    after = sampler.render(replace(scene, objects=(dressed,)))
    return _pair_turn(sampler, "try_on", before, garment, after)


def face_swap(sampler: SceneSampler) -> TrainingTurn:
    """A person with the face of another portrait."""
    wearer = portrait(sampler) if sampler.chance(0.6) else sampler.thing("person")
    donor = portrait(sampler)
    assert wearer.person is not None and donor.person is not None
    scene = sampler.scene(things=[wearer])
    (placed,) = scene.objects
    assert placed.person is not None
    given = donor.person
    swapped = replace(
        placed.person,
        skin=given.skin,
        hair=given.hair,
        hair_color=given.hair_color,
        expression=given.expression,
        beard=given.beard,
    )
    if swapped == placed.person:
        raise Unfit("the same face")
    before = sampler.render(scene)
    other = sampler.render(sampler.scene(things=[donor]))
    after = sampler.render(replace(scene, objects=(replace(placed, person=swapped),)))
    return _pair_turn(sampler, "face_swap", before, other, after)


def _pair_turn(
    sampler: SceneSampler, task: str, before: RenderedScene, other: RenderedScene, after: RenderedScene
) -> TrainingTurn:
    region = changed_mask(before.pixels, after.pixels)
    if (region > 0).mean() < 0.003:
        raise Unfit("a no-op")
    mask = masks.around(sampler.rng, region) if sampler.chance(0.2) else None
    return TrainingTurn(
        task=task,
        instruction=sampler.instruction(task, masked=mask is not None and sampler.chance(0.5)),
        frames=(Frame(before.pixels, mask, before.placements), _frame(other)),
        target=after.pixels,
        base=0,
        region=region,
        placements=after.placements,
        judge=facts(after.scene, exact=True),
    )


# ---- styles


def _in_style(sampler: SceneSampler, scene: Scene, name: str) -> Scene:
    return restyled(sampler, scene, name) if name in STYLES else replace(scene, filter=name)


_LOOKS = tuple(STYLE_PHRASES)


def style_reference(sampler: SceneSampler) -> TrainingTurn:
    """A picture or a caption in the style of another picture."""
    name = sampler.pick(_LOOKS) if sampler.chance(0.8) else sampler.pick(("fluent", "flat", "blob"))
    example = sampler.render(_in_style(sampler, _plain_things(sampler), name))
    scene = _plain_things(sampler)
    if sampler.chance(0.3):
        scene = sampler.canonical(scene)
        text = caption(sampler.rng, scene)
        styled = _in_style(sampler, scene, name)
        turn = picture_turn(sampler, styled, text)
        spoken = sampler.instruction("style_reference_caption", {"caption": text})
        return replace(turn, task="style_reference", instruction=spoken, frames=(_frame(example),))
    if name == "noto":
        scene = _in_style(sampler, scene, sampler.pick(("fluent", "flat", "blob")))
        after = sampler.render(restyled(sampler, scene, "noto"))
    else:
        after = sampler.render(_in_style(sampler, scene, name))
    return _pair_turn_global(sampler, sampler.render(scene), example, after)


def _plain_things(sampler: SceneSampler) -> Scene:
    scene = sampler.scene(style="noto")
    if any(obj.person for obj in scene.objects):
        raise Unfit("figures have one style")
    return scene


def _pair_turn_global(
    sampler: SceneSampler, before: RenderedScene, example: RenderedScene, after: RenderedScene
) -> TrainingTurn:
    region = changed_mask(before.pixels, after.pixels)
    if (region > 0).mean() < 0.003:
        raise Unfit("a no-op")
    return TrainingTurn(
        task="style_reference",
        instruction=sampler.instruction("style_reference"),
        frames=(_frame(before), _frame(example)),
        target=after.pixels,
        base=0,
        region=region,
        placements=after.placements,
        judge=facts(after.scene, exact=True),
    )


# ---- several controls

_KIND_WORDS = {
    "segment": "segmentation",
    "depth": "depth map",
    "pose": "pose",
    "edge": "edge map",
    "contour": "contour",
    "scribble": "scribble",
}


def multi_control(sampler: SceneSampler) -> TrainingTurn:
    """From two maps of a picture and its caption to the picture."""
    posed = sampler.chance(0.4)
    scene = figure_scene(sampler) if posed else sampler.scene()
    picture = sampler.render(sampler.in_canonical_landscape(scene))
    kinds = [kind for kind in _KIND_WORDS if kind != "pose"]
    first, second = sampler.rng.sample(kinds, 2)
    if posed:
        first = "pose"
    maps: list[Pixels] = [ANALYSES[kind](picture) for kind in (first, second)]
    slots = {
        "kind": _KIND_WORDS[first],
        "kind1": _KIND_WORDS[second],
        "caption": caption(sampler.rng, picture.scene),
    }
    return TrainingTurn(
        task="multi_control",
        instruction=sampler.instruction("multi_control", slots),
        frames=tuple(Frame(control, None, picture.placements) for control in maps),
        target=picture.pixels,
        base=None,
        region=None,
        placements=picture.placements,
        judge=facts(picture.scene, exact=False),
    )
