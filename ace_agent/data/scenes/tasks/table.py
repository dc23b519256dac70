"""The generator of each task, by family."""

from __future__ import annotations

from collections.abc import Callable

from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes.edits import EDITS
from ace_agent.data.scenes.scene_sampler import SceneSampler
from ace_agent.data.scenes.tasks import analysis, editing, generation, layers, references, repainting

Generator = Callable[[SceneSampler], TrainingTurn]

ANALYSES = (
    "segment", "depth", "pose", "edge", "contour", "scribble", "doodle", "grayscale", "mosaic", "degrade",
)  # fmt: skip
SEMANTIC = tuple(task for task in EDITS if task.startswith("edit_"))
ELEMENT = tuple(task for task in EDITS if not task.startswith("edit_"))

FAMILIES: dict[str, dict[str, Generator]] = {
    "text-guided generation": {"text_to_image": generation.text_to_image},
    "low-level visual analysis": {task: analysis.analyse(task) for task in ANALYSES},
    "controllable generation": {
        **{task: analysis.invert(task) for task in analysis.INVERSES},
        "demosaic": analysis.demosaic,
        "restore": analysis.restore,
    },
    "semantic editing": {task: editing.edit(task) for task in SEMANTIC},
    "element editing": {task: editing.edit(task) for task in ELEMENT},
    "repainting": {"inpaint": repainting.inpaint, "outpaint": repainting.outpaint},
    "layer editing": {
        "extract_foreground": layers.extract_foreground,
        "extract_background": layers.extract_background,
        "fuse_layers": layers.fuse_layers,
    },
    "reference generation": {
        "subject_reference": references.subject_reference,
        "face_reference": references.face_reference,
        "style_reference": references.style_reference,
        "try_on": references.try_on,
        "face_swap": references.face_swap,
        "multi_control": references.multi_control,
    },
}

GENERATORS: dict[str, Generator] = {
    task: generator for tasks in FAMILIES.values() for task, generator in tasks.items()
}
FAMILY_OF: dict[str, str] = {task: family for family, tasks in FAMILIES.items() for task in tasks}
