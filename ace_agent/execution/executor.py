"""Runs a plan: its steps in dependency order, each committed as it completes, resumed where it stopped."""

from __future__ import annotations

import io
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from PIL import Image

from ace_agent.engines.ace.condition_unit import PICTURE_TOKENS, ConditionUnit, history_cost
from ace_agent.engines.interface import Pipeline
from ace_agent.engines.router import Engines
from ace_agent.errors import InputError, PlanError
from ace_agent.execution.fidelity import draw_region, expand_canvas
from ace_agent.execution.recipes import Hashes, recipe_of
from ace_agent.execution.task_runner import (
    TaskCall,
    TaskResult,
    check_mask,
    on_picture,
    run_task,
    stored_unit,
)
from ace_agent.execution.timing import Timing
from ace_agent.images.files import encode_png
from ace_agent.plan import Plan, Region, Step, parse_reference
from ace_memory import ImageRow, NewImage, StepRow, Store, TurnRow

READ_PICTURES = 16
"""Pictures of a conversation that are read back for a request, at least; the pipeline takes what fits its budget."""


@dataclass(frozen=True)
class PlanProgress:
    """Progress of a plan: `step` of `steps` (from 1), the fraction of the whole plan that is done, seconds left."""

    step: int
    steps: int
    fraction: float
    seconds_left: float | None
    message: str


ProgressCallback = Callable[[PlanProgress], None]


class _StoredStep(NamedTuple):
    """A step of the history as the store has it; its pictures are decoded once it is known that the model reads it."""

    row: StepRow
    images: list[ImageRow]
    mask: ImageRow | None

    @property
    def is_forgotten(self) -> bool:
        """Whether one of its pictures is gone for good."""
        return any(row.sha256 is None for row in (*self.images, *([self.mask] if self.mask else [])))


class Executor:
    """Runs the plans of one store, each step with the engine that is best for it."""

    def __init__(self, store: Store, engines: Engines, timing: Timing) -> None:
        self.store = store
        self.engines = engines
        self.timing = timing

    def run(self, turn: TurnRow, report: ProgressCallback | None = None) -> list[str]:
        """Run the remaining steps of a turn's bound plan; returns notes for the user.

        Every completed step is committed with its pictures before the next begins. Raises InputError for a
        mask that does not fit the picture a step made.
        """
        plan = Plan.from_json(turn.plan)
        order = plan.order()
        done = {step.position: self.store.step_images(step.id) for step in self.store.steps(turn.id)}
        shares = [_work(step) for step in plan.steps]
        before = self._before(turn, plan)
        notes: list[str] = []
        for count, index in enumerate(order):
            finished = sum(shares[i] for i in order[:count]) / sum(shares)
            own = shares[index] / sum(shares)
            if index not in done:
                clock = _Clock(len(order), count, finished, own, self._seconds(plan, order[count:]), report)
                clock.tick(0.0)
                rows, result = self._step(turn, plan, index, done, before, order[:count], clock)
                done[index] = rows
                notes += [note for note in result.notes if note not in notes]
        if report is not None:
            report(PlanProgress(len(order), len(order), 1.0, 0.0, "done"))
        return notes

    def cost(self, turn: TurnRow) -> int:
        """Tokens that a finished turn costs as history."""
        return sum(history_cost(len(stored.images)) for stored in self._stored_steps(turn.id))

    def _step(
        self,
        turn: TurnRow,
        plan: Plan,
        index: int,
        done: dict[int, list[ImageRow]],
        before: list[list[_StoredStep]],
        earlier: Sequence[int],
        clock: _Clock,
    ) -> tuple[list[ImageRow], TaskResult]:
        step = plan.steps[index]
        images = [self._resolve(turn, plan, text, done) for text in step.images]
        pictures = tuple(self.picture(row) for row in images)
        mask_row, mask, taken_for = self._mask(turn, plan, step, pictures, done)
        engine = self.engines.choose(step, pictures)
        history = [] if step.history == "none" else self._history(turn, step, engine, before, earlier)
        call = TaskCall(
            task=step.task,
            instruction=step.instruction,
            images=pictures,
            mask=mask,
            history=tuple(self._unit(stored) for stored in history),
            size=step.size,
            seed=step.seed or 0,
            steps=step.steps or engine.default_steps,
            guidance=engine.default_guidance if step.guidance is None else step.guidance,
            variations=step.variations,
            options=step.options,
        )
        start = time.perf_counter()
        result = run_task(engine, call, clock.tick)
        self.timing.record(engine.name, time.perf_counter() - start, call.steps * call.variations)
        new_mask = None
        if mask is not None and mask_row is None:
            new_mask = NewImage(encode_png(mask), *mask.size, kind="mask", caption=_caption(step.mask))
        hashes = Hashes(
            tuple(_digest(row) for row in images),
            _digest(mask_row) if mask_row is not None else None if new_mask is None else new_mask.sha256,
            tuple(
                (tuple(map(_digest, s.images)), None if s.mask is None else _digest(s.mask)) for s in history
            ),
        )
        recipe = recipe_of(engine, call, hashes, result.images[0].size, result.composite)
        inputs: list[tuple[str, int | NewImage]] = [("image", row.id) for row in images]
        if mask_row is not None or new_mask is not None:
            inputs.append(("mask", mask_row.id if mask_row is not None else new_mask))  # type: ignore[arg-type]
        results = [
            NewImage(encode_png(image), *image.size, variation=number, caption=step.instruction)
            for number, image in enumerate(result.images, 1)
        ]
        if taken_for and isinstance(step.mask, Region) and taken_for.split()[-1] not in str(step.mask.words):
            result.notes.append(f"{step.mask.words!r} was taken for {taken_for}")
        rows = self.store.add_step(
            turn.id,
            index,
            step.task,
            step.instruction,
            json.dumps(recipe, ensure_ascii=False),
            inputs,
            results,
        )
        return rows, result

    def _resolve(self, turn: TurnRow, plan: Plan, text: str, done: dict[int, list[ImageRow]]) -> ImageRow:
        """A bound reference: an image of the conversation or the result of a step that is done."""
        ref = parse_reference(text)
        if ref.kind == "image":
            return self.store.image(turn.conversation, ref.number)
        return done[plan.step_index(ref)][ref.variation - 1]

    def _mask(
        self,
        turn: TurnRow,
        plan: Plan,
        step: Step,
        pictures: Sequence[Image.Image],
        done: dict[int, list[ImageRow]],
    ) -> tuple[ImageRow | None, Image.Image | None, str]:
        """The mask, its row, and what its words were taken for; a region is drawn or found here and has no row yet."""
        if isinstance(step.mask, str):
            row = self._resolve(turn, plan, step.mask, done)
            mask = self.picture(row).convert("L")
            if pictures:
                mask = on_picture(mask, pictures[0].size)
                check_mask(step.task, pictures[0], mask)
            return row, mask, ""
        if step.task == "outpaint":
            side = step.mask.side if step.mask is not None else None
            try:
                return None, expand_canvas(pictures[0], side, step.size, None)[1], ""
            except ValueError as error:
                raise InputError(str(error)) from None
        if step.mask is None or not pictures:
            return None, None, ""
        if step.mask.words is None:
            return None, draw_region(step.mask, pictures[0].size), ""
        found = self.engines.find_region(pictures[0], step.mask)
        return None, found.mask, found.taken_for

    def _before(self, turn: TurnRow, plan: Plan) -> list[list[_StoredStep]]:
        """The steps of each earlier turn that the model may read, oldest turn first."""
        reading = [step for step in plan.steps if self.engines.reads_history(step)]
        if not reading:
            return []
        budgets = [
            self.engines.choose(step).history_budget
            for step in reading
            if not self.engines.decides_by_picture(step)
        ]
        pictures = max([READ_PICTURES, *budgets])
        turns = self.store.history(turn.parent, PICTURE_TOKENS * pictures)
        return [self._stored_steps(earlier.id) for earlier in turns]

    def _history(
        self,
        turn: TurnRow,
        step: Step,
        engine: Pipeline,
        before: list[list[_StoredStep]],
        earlier: Sequence[int],
    ) -> list[_StoredStep]:
        """The earlier steps that the model reads, oldest first: those of earlier turns by the step's policy, then those
        of this plan that came before it, cut to what the engine has room for."""
        if engine.history_budget == 0:
            return []
        kept = before
        if isinstance(step.history, int):
            kept = before[len(before) - step.history :] if step.history < len(before) else before
        of_position = {stored.row.position: stored for stored in self._stored_steps(turn.id)}
        history = [stored for steps in kept for stored in steps] + [of_position[i] for i in earlier]
        first = engine.fit_history([len(stored.images) for stored in history], len(step.images))
        history = history[first:]
        # A forgotten picture leaves a hole in the run; what came before it is not contiguous any more.
        for position in range(len(history) - 1, -1, -1):
            if history[position].is_forgotten:
                return history[position + 1 :]
        return history

    def _stored_steps(self, turn: int) -> list[_StoredStep]:
        found = []
        for row in self.store.steps(turn):
            inputs = self.store.step_inputs(row.id)
            masks = [image for role, image in inputs if role == "mask"]
            images = [image for role, image in inputs if role == "image"]
            found.append(_StoredStep(row, images, masks[-1] if masks else None))
        return found

    def _unit(self, stored: _StoredStep) -> ConditionUnit:
        mask = None if stored.mask is None else self.picture(stored.mask).convert("L")
        images = tuple(self.picture(row) for row in stored.images)
        return stored_unit(stored.row.task, stored.row.instruction, images, mask)

    def picture(self, row: ImageRow) -> Image.Image:
        """A stored picture, decoded."""
        image = Image.open(io.BytesIO(self.store.data(row)), formats=["PNG"])
        image.load()
        return image

    def _seconds(self, plan: Plan, indices: Sequence[int]) -> float | None:
        return self.timing.plan_seconds(
            (self.engines.name_of(plan.steps[i]), _work(plan.steps[i])) for i in indices
        )


def bind(
    plan: Plan, replaced: dict[str, str], engines: Engines, draw: Callable[[int], int] = secrets.randbelow
) -> Plan:
    """A plan with everything that decides its pictures: references to the conversation replaced by numbers, seeds
    drawn, the model's defaults filled in. A resumed run reads it again and gives the same bits."""
    steps = []
    for step in plan.steps:
        steps_, guidance = engines.defaults(step)
        mask = replaced.get(step.mask, step.mask) if isinstance(step.mask, str) else step.mask
        steps.append(
            step.model_copy(
                update={
                    "images": tuple(replaced.get(text, text) for text in step.images),
                    "mask": mask,
                    "seed": draw(2**31) if step.seed is None else step.seed,
                    "steps": steps_ if step.steps is None else step.steps,
                    "guidance": guidance if step.guidance is None else step.guidance,
                }
            )
        )
    return plan.model_copy(update={"steps": tuple(steps), "goto": None, "vars": {}})


def check_known_masks(plan: Plan, pictures: dict[str, Image.Image], engines: Engines) -> None:
    """Raise InputError, before any work, for a mask that does not fit a picture that is there, or is not in it."""
    for number, step in enumerate(plan.steps, 1):
        base = pictures.get(step.images[0]) if step.images else None
        if base is None or step.mask is None:
            continue
        mask = pictures.get(step.mask) if isinstance(step.mask, str) else None
        if mask is not None or isinstance(step.mask, Region):
            try:
                if mask is not None:
                    check_mask(step.task, base, on_picture(mask, base.size))
                elif isinstance(step.mask, Region) and step.mask.words is not None:
                    engines.find_region(base, step.mask)
            except InputError as error:
                where = f"step {number}: " if len(plan.steps) > 1 else ""
                raise InputError(where + error.message, error.hint) from None


@dataclass
class _Clock:
    """Turns a step's fraction into the plan's, and estimates the time left from what was measured."""

    steps: int
    index: int
    finished: float
    own: float
    expected: float | None
    report: ProgressCallback | None
    started: float = field(default_factory=time.perf_counter)
    shown: float = 0.0

    def tick(self, share: float) -> None:
        if self.report is None:
            return
        # A second pass makes the whole longer; the bar does not go back for it.
        self.shown = share = max(self.shown, share)
        elapsed = time.perf_counter() - self.started
        fraction = self.finished + self.own * share
        left = self.expected
        if share > 0.05:
            # By now this run's own speed predicts better than earlier runs'.
            left = elapsed / share * (1 - share) + elapsed / share * (1 - self.finished - self.own) / self.own
        elif left is not None:
            left = max(0.0, left - elapsed)
        message = f"step {self.index + 1} of {self.steps}" if self.steps > 1 else "painting"
        self.report(PlanProgress(self.index + 1, self.steps, fraction, left, message))


def _work(step: Step) -> int:
    """Denoising steps of a bound plan's step over all its variations."""
    return (step.steps or 1) * step.variations


def _digest(row: ImageRow) -> str:
    if row.sha256 is None:
        raise PlanError(f"@{row.number} was forgotten", "its picture is gone for good; name another")
    return row.sha256


def _caption(mask: str | Region | None) -> str:
    """The caption of a mask that was drawn from a region."""
    return json.dumps(mask.model_dump(exclude_defaults=True)) if isinstance(mask, Region) else ""
