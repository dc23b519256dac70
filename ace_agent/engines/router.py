"""Which engine does a step: the one that the plan names, an expert where one does it exactly or better, else the model.

ace-mini draws scenes; a photograph comes back from it as a smear. So with ace-mini, an expert edits photographs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ace_agent.engines.experts.expert import ExpertCall
from ace_agent.engines.experts.registry import expert, expert_names
from ace_agent.engines.interface import Pipeline
from ace_agent.engines.presets import MINI, PRESETS
from ace_agent.errors import InputError, ModelError
from ace_agent.images.photograph import looks_like_a_photograph
from ace_agent.plan import Region, Step
from ace_agent.plan.operations import options_of

if TYPE_CHECKING:
    from PIL import Image

    from ace_agent.engines.experts.expert import Expert
    from ace_agent.engines.experts.region import FoundRegion
    from ace_agent.turns import Picture


_OF_A_THING = frozenset(
    {"remove", "replace", "edit_color", "edit_texture", "edit_motion", "extract_foreground"}
)
"""Tasks that change a thing which must be there."""


class Engines:
    """The engines of one agent. The model is loaded when a step first needs it.

    Args:
        model: loads the model, or gives the one that is loaded.
        model_name: its name, known without loading it.
    """

    def __init__(self, model: Callable[[], Pipeline], model_name: Callable[[], str]) -> None:
        self._model = model
        self._model_name = model_name
        self._found: dict[tuple[bytes, str], FoundRegion] = {}
        self._photographs: dict[str, bool] = {}

    def named(self, name: str) -> Pipeline:
        """The engine that a recipe or a plan names: an expert, else the model."""
        return expert(name) if name in expert_names() else self._model()

    def choose(self, step: Step, images: Sequence[Image.Image] = ()) -> Pipeline:
        """The engine for a step on these pictures.

        Raises:
            InputError: the step names an engine that is not there.
            ModelError: it is a photograph, and nothing here can do this to one.
        """
        if step.engine is not None:
            return self._model() if step.engine == self._model_name() else expert(step.engine)
        if step.row.family == "operations":
            return next(one for one in _experts(step.task))
        if self.decides_by_picture(step) and any(
            map(looks_like_a_photograph, images[: self._looked_at(step)])
        ):
            return self._for_photograph(step, tuple(images))
        return self._model()

    def _for_photograph(self, step: Step, images: tuple[Image.Image, ...]) -> Expert:
        call = ExpertCall(step.task, step.instruction, images, options=options_of(step.task, step.options))
        reasons = []
        for one in _experts(step.task):
            refused = one.refusal(call)
            if refused is None:
                return one
            reasons.append(f"{one.name}: {refused}")
        why = f" ({'; '.join(reasons)})" if reasons else ""
        raise ModelError(
            f"nothing in the package does this to a photograph: {step.row.description.lower().rstrip('.')}{why}",
            "ACE-0.6B can, once it is installed (ace models); --engine ace-mini tries, but it only knows drawings",
        )

    def find_region(self, picture: Image.Image, region: Region) -> FoundRegion:
        """The region of a picture that is given in words: things of photographs by the detector, of scenes by ace-mini.

        Raises:
            InputError: it is not there.
        """
        from ace_agent.engines.experts.regions import find_region

        words = f"everything but {region.words}" if region.inverted else region.words or ""
        key = hashlib.sha256(picture.tobytes()).digest(), words
        if key not in self._found:  # it is looked for before the work, and again at its step
            drawn = self._model_name() == MINI and not looks_like_a_photograph(picture)
            things = self._thing_in_scene if drawn else None
            self._found = {key: find_region(picture, words, things=things)}
        return self._found[key]

    def is_photograph(self, picture: Picture) -> bool:
        """Whether a stored picture is a photograph. It is looked at once."""
        digest = picture.row.sha256 or ""
        if digest not in self._photographs:
            self._photographs[digest] = bool(digest) and looks_like_a_photograph(picture.image)
        return self._photographs[digest]

    def seen_in(self, photograph: Image.Image) -> str:
        """The things in a photograph, in a few words; empty if nothing is sure."""
        from ace_agent.engines.experts.description import in_a_few_words

        return in_a_few_words(photograph)

    def _thing_in_scene(self, picture: Image.Image, words: str) -> FoundRegion:
        from ace_agent.engines.experts.region import FoundRegion
        from ace_agent.engines.mini.scene_regions import thing_in_scene

        return FoundRegion(thing_in_scene(self._model(), picture, words), f"the {words}", 0.8)

    def decides_by_picture(self, step: Step) -> bool:
        """Whether it takes the pictures to tell which engine does a step: an edit that ace-mini does to scenes only, or
        one that takes after a picture."""
        return (
            step.engine is None
            and step.row.family != "operations"
            and (
                step.row.has_base_with(len(step.images))
                or (step.row.family == "reference" and bool(step.images))
            )
            and self._model_name() == MINI
        )

    def _looked_at(self, step: Step) -> int | None:
        """How many of a step's pictures decide: the base, or all that a step takes after."""
        return None if step.row.family == "reference" else 1

    def defaults(self, step: Step) -> tuple[int, float]:
        """Denoising steps and guidance when the plan does not say; the model is not loaded to know ace-mini's."""
        if self.decides_by_picture(step):
            return PRESETS[MINI].steps, PRESETS[MINI].guidance
        engine = self.choose(step)
        return engine.default_steps, engine.default_guidance

    def name_of(self, step: Step) -> str:
        """Who will probably do a step, for an estimate of its seconds."""
        if step.engine is not None:
            return step.engine
        return self.choose(step).name if step.row.family == "operations" else self._model_name()

    def reads_history(self, step: Step) -> bool:
        """Whether a step may be given earlier turns."""
        return step.history != "none" and not self.is_expert(step)

    def is_expert(self, step: Step) -> bool:
        """Whether an expert does a step whatever the pictures are."""
        if step.engine is not None:
            return step.engine != self._model_name()
        return step.row.family == "operations"

    def check(self, steps: Sequence[Step], known: Mapping[str, Image.Image]) -> None:
        """Refuse, before any work, an engine that is not there or does not do its step's task, and a photograph that
        nothing here can edit so. `known` are the pictures that are there already, by the plan's names for them."""
        for number, step in enumerate(steps, 1):
            where = f"step {number}: " if len(steps) > 1 else ""
            if step.engine is not None and step.engine != self._model_name():
                one = expert(step.engine)
                if step.task not in one.tasks:
                    raise InputError(
                        f"{where}{one.name} does not do {step.task}",
                        f"it does {', '.join(sorted(one.tasks))}",
                    )
            elif step.engine is not None and step.row.family == "operations":
                raise InputError(
                    f"{where}{step.engine} does not do {step.task}", f"{_experts(step.task)[0].name} does"
                )
            elif self.decides_by_picture(step):
                seen = [known[name] for name in step.images[: self._looked_at(step)] if name in known]
                photograph = next(filter(looks_like_a_photograph, seen), None)
                if photograph is not None:
                    self._for_photograph(step, tuple(known.get(name, photograph) for name in step.images))

    def doubts(self, steps: Sequence[Step], known: Mapping[str, Image.Image]) -> list[str]:
        """A line for each step that is to change a thing not seen in its scene; ace-mini would take another."""
        from ace_agent.engines.mini.scene_regions import unseen

        lines = []
        for step in steps:
            base = known.get(step.images[0]) if step.images else None
            if base is None or step.task not in _OF_A_THING or not self.decides_by_picture(step):
                continue
            if not looks_like_a_photograph(base) and (name := unseen(base, step.instruction)) is not None:
                lines.append(f"no {name} is seen in {step.images[0]}: something else may change")
        return lines

    def needs_model(self, steps: Sequence[Step]) -> bool:
        """Whether the model does any of the steps, whatever the pictures are."""
        return any(not self.is_expert(step) and not self.decides_by_picture(step) for step in steps)


def _experts(task: str) -> list[Expert]:
    return [one for one in map(expert, expert_names()) if task in one.tasks]
