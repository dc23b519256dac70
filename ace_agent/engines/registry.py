"""Which pipeline runs a model: by its name, or by what its folder holds. No torch before one is loaded."""

from __future__ import annotations

from pathlib import Path

from ace_agent.engines.diffusers.folder import INDEX
from ace_agent.engines.interface import Pipeline
from ace_agent.engines.presets import MANIFEST, MINI
from ace_agent.engines.runtime import Runtime


def is_mini(model: str | Path) -> bool:
    """Whether `model` is ace-mini: its name, or a folder with a transformer that neither `ace models convert` nor
    diffusers made."""
    folder = Path(model)
    return str(model) == MINI or (
        (folder / "transformer" / "config.json").is_file()
        and not (folder / MANIFEST).is_file()
        and not (folder / INDEX).is_file()
    )


def is_diffusers(model: str | Path) -> bool:
    """Whether `model` is a folder that diffusers saved; converted ones have an index, too."""
    folder = Path(model)
    return (folder / INDEX).is_file() and not (folder / MANIFEST).is_file()


def load_pipeline(model: str | Path = MINI, runtime: Runtime | None = None) -> Pipeline:
    """The pipeline of a preset's name or of a model's folder.

    Raises:
        ModelError: the folder is missing, incomplete or of another model, or the machine lacks the device.
        InputError: a saving that the model has no use for.
    """
    if is_mini(model):
        from ace_agent.engines.mini.pipeline import ACEPipeline

        return ACEPipeline.from_pretrained(model, runtime)
    if is_diffusers(model):
        from ace_agent.engines.diffusers.pipeline import DiffusersPipeline

        return DiffusersPipeline.from_pretrained(model, runtime)
    from ace_agent.engines.released.pipeline import ReleasedPipeline

    return ReleasedPipeline.from_pretrained(model, runtime)
