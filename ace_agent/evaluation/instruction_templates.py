"""Instruction templates from a file, for the benchmark's own samples.

The file is JSON: ``{"edit_color": ["Make <the> in {image} <color>.", ...], ...}``. A key is a
task of the catalogue or one of the world's finer kinds of request (``scene_time``); a template is a
whole instruction with ``{image}``, ``{image1}`` ... for pictures and ``<slot>`` for what the sample
fills in. Under a task's name, a template serves every kind of that task which offers its slots.
Tasks that the file leaves out keep the scene world's held-out wordings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from ace_agent.data.scenes.wordings import tables
from ace_agent.evaluation.errors import TemplateError
from ace_agent.plan.tasks import TASKS

_SLOT = re.compile(r"<(\w+)>")
_STEMS = {
    "edit_motion": "motion_",
    "edit_scene": "scene_",
    "edit_face": "face_",
    "edit_general": "general_",
    "add": "add_",
    "degrade": "degrade_",
    "inpaint": "inpaint_",
    "style_reference": "style_reference_",
}
"""Kinds of request are named after their task, or start with one of these."""


def kinds_of(task: str) -> list[str]:
    """The kinds of request of a task, each with wordings of its own."""
    stem = _STEMS.get(task)
    return [kind for kind in tables() if kind == task or (stem is not None and kind.startswith(stem))]


def slots_of(kind: str) -> set[str]:
    """The slots that the scene world fills for a kind of request."""
    return set(_SLOT.findall("\n".join(tables()[kind])))


def read_templates(path: Path) -> dict[str, tuple[str, ...]]:
    """The templates of a file by kind of request.

    Raises:
        TemplateError: the file cannot be read, or a key or template fits nothing.
    """
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TemplateError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise TemplateError(f"{path}: not JSON ({error})", 'wanted {"task": ["template", ...]}') from error
    if not isinstance(listed, dict):
        raise TemplateError(
            f"{path}: wanted an object of lists", 'as in {"remove": ["Erase <the> from {image}."]}'
        )
    return parse_templates(listed, str(path))


def parse_templates(listed: Mapping[str, object], where: str) -> dict[str, tuple[str, ...]]:
    """Check templates and group them by kind of request; ``where`` names their source in errors."""
    sorted_: dict[str, list[str]] = {}
    for key, templates in listed.items():
        kinds = [key] if key in tables() and key not in TASKS else kinds_of(key)
        if not kinds:
            raise TemplateError(f"{where}: no task or kind of request is called {key!r}", ", ".join(tables()))
        if not isinstance(templates, list) or not all(isinstance(t, str) and t.strip() for t in templates):
            raise TemplateError(f"{where}: {key}: wanted a list of instructions")
        for template in templates:
            fitting = _fitting(template, kinds)
            if not fitting:
                offered = "; ".join(f"{kind}: {_shown(slots_of(kind))}" for kind in kinds)
                raise TemplateError(f"{where}: {key}: {template!r} fits no request of this task", offered)
            for kind in fitting:
                sorted_.setdefault(kind, []).append(template)
    return {kind: tuple(templates) for kind, templates in sorted_.items()}


def _fitting(template: str, kinds: list[str]) -> list[str]:
    """Kinds that fill every slot of the template; a template without slots fits kinds without slots."""
    wanted = set(_SLOT.findall(template))
    if not wanted:
        return [kind for kind in kinds if not slots_of(kind)] or (kinds if len(kinds) == 1 else [])
    return [kind for kind in kinds if wanted <= slots_of(kind)]


def _shown(slots: set[str]) -> str:
    return ", ".join(f"<{slot}>" for slot in sorted(slots)) or "no slots"
