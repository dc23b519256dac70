"""Reference generation: the same thing, person or style in another picture."""

from __future__ import annotations

from dataclasses import replace

from ace_agent.data.errors import Unfit
from ace_agent.data.sample import Turn
from ace_agent.data.scenes import captions, masks
from ace_agent.data.scenes.captions import caption, facts, is_plural
from ace_agent.data.scenes.edits import STYLE_PHRASES, figure_scene, portrait, restyled
from ace_agent.data.scenes.render import Picture
from ace_agent.data.scenes.scene import Background, Scene
from ace_agent.data.scenes.scene_sampler import Studio, noun_of
from ace_agent.data.scenes.tasks.analysis import CONTROLS
from ace_agent.data.scenes.tasks.generation import picture_turn
from ace_agent.data.scenes.tasks.layers import WHITE
from ace_agent.images.types import Pixels
from ace_agent.references import people
from ace_agent.references.grammar import article
from ace_agent.references.objects import Object, Person
from ace_agent.references.types import Frame
from ace_agent.references.vocabulary import STYLES


def _frame(picture: Picture) -> Frame:
    return Frame(picture.image, None, picture.placements)


def subject_reference(studio: Studio) -> Turn:
    """The thing of one or two pictures, in another scene."""
    thing = studio.until(lambda: _subject(studio))
    scene = studio.settled(studio.scene(things=[thing]))
    many = studio.chance(0.3)
    frames = tuple(_frame(_shot(studio, thing)) for _ in range(2 if many else 1))
    picture = studio.render(scene)
    at = captions.setting(studio.rng, scene.background).strip() or f"on {_paper(scene.background)}"
    text = studio.until(lambda: _worded(studio, many, noun_of(thing), at))
    return Turn(
        task="subject_reference",
        instruction=text,
        frames=frames,
        target=picture.image,
        base=None,
        region=None,
        placements=picture.placements,
        judge=facts(scene, exact=False),
    )


def _subject(studio: Studio) -> Object | None:
    thing = replace(studio.thing(color=0.5), flip=False)
    if thing.person or is_plural(noun_of(thing)):
        return None
    return thing


def _shot(studio: Studio, thing: Object) -> Picture:
    """A picture that shows what a thing looks like: on paper, or in some scene."""
    if studio.chance(0.5):
        (placed,) = studio.place([replace(thing, size=0.62)], WHITE)
        return studio.render(Scene(WHITE, (replace(placed, x=0.5),)))
    return studio.render(studio.scene(things=[thing]))


def _worded(studio: Studio, many: bool, noun: str, at: str) -> str | None:
    text = studio.say("subject_reference", {"thing": noun, "at": at})
    if "{image1}" in text and not many:
        return text.replace("{image1}", "")
    return text.replace("{image}", "{image}{image1}", 1) if many and "{image1}" not in text else text


def _paper(background: Background) -> str:
    return f"{article(background.colors[0])} background"


# ---- faces


def face_reference(studio: Studio) -> Turn:
    """A portrait in, the same person's whole figure in a scene out."""
    portrayed = portrait(studio)
    assert portrayed.person is not None
    person = replace(
        portrayed.person,
        bust=False,
        pose=studio.pick(list(people.POSES)),
        garment=studio.pick(people.GARMENTS),
        garment_color=studio.pick(("black", "red", "blue", "green", "yellow", "white")),
    )
    big = studio.chance(0.4)
    person = replace(person, bust=big)
    figure = Object("person", person=person)
    scene = studio.settled(studio.scene(things=[figure]))
    garment = article(f"{person.garment_color} {person.garment}")
    words = (
        f"in {garment}"
        if big
        else studio.pick((f"{person.pose} in {garment}", f"in {garment} {person.pose}"))
    )
    words += captions.setting(studio.rng, scene.background)
    before = studio.render(studio.scene(things=[portrayed]))
    picture = studio.render(scene)
    text = studio.say("face_reference", {"as": words}).replace("{image1}", "")
    return Turn(
        task="face_reference",
        instruction=text,
        frames=(_frame(before),),
        target=picture.image,
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


def try_on(studio: Studio) -> Turn:
    """A figure, and a picture of a garment, or of someone who wears one."""
    scene = figure_scene(studio)
    (wearer,) = scene.objects
    assert wearer.person is not None
    model = studio.person()
    if (model.garment, model.garment_color) == (wearer.person.garment, wearer.person.garment_color):
        raise Unfit("the same clothes")
    unworn = studio.chance(0.5)
    shown = Object("person", size=0.56 if unworn else 0.7, person=replace(model, unworn=unworn))
    garment = studio.render(Scene(WHITE, studio.place([shown], WHITE)))
    before = studio.render(scene)
    dressed = replace(wearer, person=dressed_as(wearer.person, model))
    after = studio.render(replace(scene, objects=(dressed,)))
    return _pair_turn(studio, "try_on", before, garment, after)


def face_swap(studio: Studio) -> Turn:
    """A person, and the portrait of another whose face they get."""
    wearer = portrait(studio) if studio.chance(0.6) else studio.thing("person")
    donor = portrait(studio)
    assert wearer.person is not None and donor.person is not None
    scene = studio.scene(things=[wearer])
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
    before = studio.render(scene)
    other = studio.render(studio.scene(things=[donor]))
    after = studio.render(replace(scene, objects=(replace(placed, person=swapped),)))
    return _pair_turn(studio, "face_swap", before, other, after)


def _pair_turn(studio: Studio, task: str, before: Picture, other: Picture, after: Picture) -> Turn:
    region = masks.difference(before.image, after.image)
    if (region > 0).mean() < 0.003:
        raise Unfit("a no-op")
    mask = masks.around(studio.rng, region) if studio.chance(0.2) else None
    return Turn(
        task=task,
        instruction=studio.say(task, masked=mask is not None and studio.chance(0.5)),
        frames=(Frame(before.image, mask, before.placements), _frame(other)),
        target=after.image,
        base=0,
        region=region,
        placements=after.placements,
        judge=facts(after.scene, exact=True),
    )


# ---- styles


def _in_style(studio: Studio, scene: Scene, name: str) -> Scene:
    return restyled(studio, scene, name) if name in STYLES else replace(scene, filter=name)


_LOOKS = tuple(STYLE_PHRASES)


def style_reference(studio: Studio) -> Turn:
    """A picture or a caption, in the style of another picture."""
    name = studio.pick(_LOOKS) if studio.chance(0.8) else studio.pick(("fluent", "flat", "blob"))
    example = studio.render(_in_style(studio, _plain_things(studio), name))
    scene = _plain_things(studio)
    if studio.chance(0.3):
        scene = studio.settled(scene)
        text = caption(studio.rng, scene)
        styled = _in_style(studio, scene, name)
        turn = picture_turn(studio, styled, text)
        spoken = studio.say("style_reference_caption", {"caption": text})
        return replace(turn, task="style_reference", instruction=spoken, frames=(_frame(example),))
    if name == "noto":
        scene = _in_style(studio, scene, studio.pick(("fluent", "flat", "blob")))
        after = studio.render(restyled(studio, scene, "noto"))
    else:
        after = studio.render(_in_style(studio, scene, name))
    return _pair_turn_global(studio, studio.render(scene), example, after)


def _plain_things(studio: Studio) -> Scene:
    scene = studio.scene(style="noto")
    if any(obj.person for obj in scene.objects):
        raise Unfit("figures have one style")
    return scene


def _pair_turn_global(studio: Studio, before: Picture, example: Picture, after: Picture) -> Turn:
    region = masks.difference(before.image, after.image)
    if (region > 0).mean() < 0.003:
        raise Unfit("a no-op")
    return Turn(
        task="style_reference",
        instruction=studio.say("style_reference"),
        frames=(_frame(before), _frame(example)),
        target=after.image,
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


def multi_control(studio: Studio) -> Turn:
    """Two maps of one picture and its caption."""
    posed = studio.chance(0.4)
    scene = figure_scene(studio) if posed else studio.scene()
    picture = studio.render(studio.on_settled_land(scene))
    kinds = [kind for kind in _KIND_WORDS if kind != "pose"]
    first, second = studio.rng.sample(kinds, 2)
    if posed:
        first = "pose"
    maps: list[Pixels] = [CONTROLS[kind](picture) for kind in (first, second)]
    slots = {
        "kind": _KIND_WORDS[first],
        "kind1": _KIND_WORDS[second],
        "caption": caption(studio.rng, picture.scene),
    }
    return Turn(
        task="multi_control",
        instruction=studio.say("multi_control", slots),
        frames=tuple(Frame(control, None, picture.placements) for control in maps),
        target=picture.image,
        base=None,
        region=None,
        placements=picture.placements,
        judge=facts(picture.scene, exact=False),
    )
