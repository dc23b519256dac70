"""What a tool call adds to planning: which pictures are meant, or the whole plan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ace_agent.errors import PlanError
from ace_agent.plan import Plan
from ace_agent.plan.tasks import TASKS
from ace_agent.planner import Choice, Context, Planner, Question

if TYPE_CHECKING:
    from ace_tools.sessions import Studio


class Directed:
    """The planner of an agent that tools drive. Set it up for one call with `follow` or `about`.

    Without either it plans as the studio's own planner does. The model's one thread makes the calls, so there
    is one at a time.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.reset()

    def reset(self) -> None:
        """Forget the call that was."""
        self._plan: Plan | None = None
        self._pictures: tuple[str, ...] = ()
        self._edit = False

    def follow(self, plan: Plan) -> None:
        """The next request has this plan."""
        self._plan = plan

    def about(self, pictures: Sequence[str]) -> None:
        """The next request edits these pictures (`@3`, `input` ...), or the latest if there are none."""
        self._pictures = tuple(pictures)
        self._edit = True

    def plan(self, request: str, context: Context) -> Plan:
        """A plan as any planner makes it."""
        if self._plan is not None:
            return self._plan
        planner: Planner = self._studio.planner
        if not self._pictures:
            return self._edited(planner.plan(request, context), request)
        told = replace(context, inputs=len(self._pictures))
        try:
            return self._edited(self._meant(planner.plan(request, told)), request)
        except Question as question:
            choices = tuple(Choice(c.label, self._meant(c.plan)) for c in question.choices)
            raise Question(question.question, choices) from None

    def _meant(self, plan: Plan) -> Plan:
        """The planner speaks of `input`, `input1` ...; here they are the pictures that were named."""
        table = {f"input{n or ''}": text for n, text in enumerate(self._pictures)}
        steps = []
        for step in plan.steps:
            mask = table.get(step.mask, step.mask) if isinstance(step.mask, str) else step.mask
            images = tuple(table.get(text, text) for text in step.images)
            steps.append(step.model_copy(update={"images": images, "mask": mask}))
        return plan.model_copy(update={"steps": tuple(steps)})

    def _edited(self, plan: Plan, request: str) -> Plan:
        """Words that name no change ("a red fox in the snow") read as a new picture; here an edit was asked
        for, so they say what the picture is to become."""
        if not self._edit or plan.goto is not None or any(step.images for step in plan.steps):
            return plan
        return task_plan("edit_general", request, self._pictures or ("@last",))


def task_plan(task: str, instruction: str, pictures: Sequence[str], mask: object = None) -> Plan:
    """The plan with one step of a task that the caller chose. Indicators that its words leave out are added.

    Raises PlanError for a task that is not in the catalogue, with near matches.
    """
    if task not in TASKS:
        raise PlanError(f"there is no task {task!r}", near_tasks(task))
    text = instruction.strip()
    if pictures and not re.search(r"\{image\d*\}", text):
        if text:
            text = f"{text.rstrip('.:')}: {{image}}."
        else:
            text = next((e for e in TASKS[task].examples if '"' not in e and "{image}" in e), "{image}")
    step = {"task": task, "instruction": text, "images": tuple(pictures), "mask": mask}
    return Plan.parse({"steps": [step]})


def near_tasks(task: str) -> str:
    """The tasks that a wrong name may have meant: like it in letters, else those that share a word."""
    import difflib

    wanted = re.sub(r"[^a-z]+", "_", task.lower()).strip("_")
    close = difflib.get_close_matches(wanted, TASKS, n=3, cutoff=0.6)
    words = {word for word in wanted.split("_") if len(word) > 3}
    close += [
        row.id
        for row in TASKS.values()
        if row.id not in close and words & set(re.findall(r"[a-z]+", f"{row.id} {row.description}".lower()))
    ]
    if close:
        return f"near matches: {', '.join(close[:4])}; or leave the task out"
    return f"leave the task out, or take one of {', '.join(TASKS)}"
