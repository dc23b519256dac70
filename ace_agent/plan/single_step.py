"""The plan of one step whose task the caller chose."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ace_agent.errors import PlanError
from ace_agent.plan.schema import Plan
from ace_agent.plan.tasks import CATALOGUE, similar_tasks


def single_step_plan(task: str, instruction: str, images: Sequence[str] = (), mask: object = None) -> Plan:
    """A plan with one step. Indicators that the instruction leaves out are added.

    Raises PlanError for a task that is not in the catalogue, with near matches.
    """
    if task not in CATALOGUE:
        raise PlanError(f"there is no task {task!r}", similar_tasks(task))
    text = instruction.strip()
    if images and not re.search(r"\{image\d*\}", text):
        if text:
            text = f"{text.rstrip('.:')}: {{image}}."
        else:
            text = next((e for e in CATALOGUE[task].examples if '"' not in e and "{image}" in e), "{image}")
    return Plan.parse({"steps": [{"task": task, "instruction": text, "images": tuple(images), "mask": mask}]})
