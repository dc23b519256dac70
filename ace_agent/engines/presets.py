"""The known models, where they lie on disk, and how the released ones are fetched. No torch here."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ace_agent.errors import ModelError

MANIFEST = "checksums.json"
"""Written last into a converted folder: where it exists, the folder is complete."""


@dataclass(frozen=True)
class Preset:
    """A model by name. `repository` None: it ships in the package. Sizes in bytes."""

    name: str
    repository: str | None
    licence: str
    native_size: int  # side in pixels of the square it was trained at
    max_tokens: int  # of one picture
    steps: int
    guidance: float
    download: int
    converted: int


_HUB_LICENCE = "weights: as on the model's page; ACE's code and T5 v1.1: Apache-2.0"

# Sizes: transformer 2.44 GB and first stage 0.33 GB in float32; T5 v1.1 XXL's encoder has 4.76 G parameters, in float32
# on the hub and in bfloat16 once converted, the precision it runs in.
MINI = "ace-mini"
PRESETS = {
    preset.name: preset
    for preset in (
        Preset(MINI, None, "Apache-2.0", 128, 64, 1, 1.0, 0, 0),
        Preset(
            "ace-0.6b-512",
            "scepter-studio/ACE-0.6B-512px",
            _HUB_LICENCE,
            512,
            1024,
            20,
            4.5,
            21_800_000_000,
            12_300_000_000,
        ),
        Preset(
            "ace-0.6b-1024",
            "scepter-studio/ACE-0.6B-1024px",
            _HUB_LICENCE,
            1024,
            4096,
            50,
            4.5,
            21_800_000_000,
            12_300_000_000,
        ),
    )
}


def find_preset(name: str) -> Preset:
    """Raises ModelError for an unknown name."""
    if name not in PRESETS:
        raise ModelError(f"no model called {name!r}", f"one of {', '.join(PRESETS)}, or a folder")
    return PRESETS[name]


def models_home() -> Path:
    """Where converted models are kept: ACE_MODELS, or the user's data folder."""
    import platformdirs

    return Path(os.environ.get("ACE_MODELS") or Path(platformdirs.user_data_dir("ace-agent")) / "models")


def text_cache_home() -> Path:
    """Where encoded texts are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("ace-agent")) / "texts"


def preset_folder(name: str) -> Path:
    return models_home() / name


def is_installed(name: str) -> bool:
    """Whether the preset can run from this disk."""
    preset = find_preset(name)
    return preset.repository is None or (preset_folder(name) / MANIFEST).is_file()


def model_folder(model: str | Path) -> Path:
    """The folder of a preset or of a path to a converted model.

    Raises ModelError when nothing converted lies there.
    """
    if str(model) in PRESETS:
        preset = PRESETS[str(model)]
        if not is_installed(preset.name):
            raise ModelError(
                f"{preset.name} is not on this machine",
                f"`ace models convert {preset.name}` fetches it ({preset.download / 1e9:.0f} GB) and converts it",
            )
        return preset_folder(preset.name)
    folder = Path(model)
    if not folder.exists():
        raise ModelError(
            f"no model called {str(model)!r}", f"one of {', '.join(PRESETS)}, or a converted folder"
        )
    if not (folder / MANIFEST).is_file():
        raise ModelError(
            f"{folder} holds no converted model", f"`ace models convert {folder} DEST` makes one"
        )
    return folder


def fetch(name: str) -> Path:
    """Download a released checkpoint into Hugging Face's cache; an interrupted download is resumed.

    Returns the folder of the snapshot. Raises ModelError with a way out when the hub refuses or the disk is full.
    """
    preset = find_preset(name)
    if preset.repository is None:
        raise ModelError(f"{name} ships with ace-agent", "there is nothing to fetch")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    page = f"https://huggingface.co/{preset.repository}"
    try:
        return Path(snapshot_download(preset.repository, allow_patterns=["models/*"]))
    except GatedRepoError as error:
        raise ModelError(
            f"{preset.repository} is gated", f"accept its terms at {page}, then `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"{preset.repository} was renamed, removed or made private",
            f"look for it at {page}, download it yourself and `ace models convert FOLDER DEST`",
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError) as error:
        raise ModelError(
            f"{preset.repository} is not cached and the hub cannot be reached",
            "connect, unset HF_HUB_OFFLINE, or copy its folder here and `ace models convert FOLDER DEST`",
        ) from error
    except Exception as error:  # what a transport raises when it breaks off has no common root
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"fetching {preset.repository} stopped: {reason}", "run it again to go on"
        ) from error


def check_room_to_fetch(preset: Preset, dest: Path) -> None:
    """Raises ModelError unless there is room for what is still to be fetched and for the converted folder `dest`."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    own = cache / f"models--{str(preset.repository).replace('/', '--')}"
    cached = sum(file.stat().st_size for file in own.glob("blobs/*") if file.is_file())
    done = sum(file.stat().st_size for file in partial_of(dest).glob("*/*") if file.is_file())
    fetched, made = max(preset.download - cached, 0), max(preset.converted - done, 0)
    if existing(cache).stat().st_dev == existing(dest).stat().st_dev:
        check_disk(dest, fetched + made, f"fetching and converting {preset.name}")
    else:
        check_disk(cache, fetched, f"fetching {preset.name}")
        check_disk(dest, made, f"converting {preset.name}")


def partial_of(dest: Path) -> Path:
    """The folder in which `dest` is built."""
    return dest.with_name(f"{dest.name}.partial")


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def check_disk(folder: Path, needed: int, what: str) -> None:
    """Raises ModelError when the disk that `folder` is or will be on has fewer than `needed` bytes free."""
    there = existing(folder)
    free = shutil.disk_usage(there).free
    if needed > free:
        raise ModelError(
            f"{what} needs {needed / 1e9:.1f} GB of disk and {there} has {free / 1e9:.1f} GB free",
            "free some space, or use another disk (a DEST there; HF_HOME for what is fetched)",
        )
