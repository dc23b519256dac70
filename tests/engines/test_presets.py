import shutil
from pathlib import Path

from pytest import MonkeyPatch, fixture, mark, raises

from ace_agent.engines.mini.generation import SamplingOptions
from ace_agent.engines.presets import MINI, PRESETS, fetch, is_installed, model_folder, preset_folder
from ace_agent.engines.released.convert import convert
from ace_agent.errors import InputError, ModelError


@fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: MonkeyPatch) -> Path:
    monkeypatch.setenv("ACE_MODELS", str(tmp_path / "models"))
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, 10**12))
    return tmp_path / "models"


def test_models_are_found_where_they_were_converted_to(own_models: Path):
    assert not is_installed("ace-0.6b-512")
    with raises(ModelError, match=r"is not on this machine: `ace models convert ace-0.6b-512` fetches it"):
        model_folder("ace-0.6b-512")
    folder = preset_folder("ace-0.6b-512")
    folder.mkdir(parents=True)
    assert not is_installed("ace-0.6b-512")  # a folder without its manifest is not whole
    (folder / "checksums.json").write_text("{}")
    assert model_folder("ace-0.6b-512") == folder == own_models / "ace-0.6b-512"


def test_unknown_names_and_foreign_folders_are_refused(tmp_path: Path):
    with raises(ModelError, match=r"no model called 'sdxl': one of ace-mini, ace-0.6b-512, ace-0.6b-1024"):
        model_folder("sdxl")
    with raises(ModelError, match="holds no converted model"):
        model_folder(tmp_path)


def test_without_network_the_way_out_is_named():
    """The test environment is offline, as a laptop on a train is."""
    with raises(ModelError, match="is not cached and the hub cannot be reached") as caught:
        fetch("ace-0.6b-512")
    assert "ace models convert FOLDER DEST" in caught.value.hint
    with raises(ModelError, match="ships with ace-agent"):
        fetch("ace-mini")


def test_a_gated_or_renamed_repository_is_explained(monkeypatch: MonkeyPatch):
    import httpx
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    response = httpx.Response(404, request=httpx.Request("GET", "https://hub"))
    for error, words in (
        (GatedRepoError("no", response=response), "is gated"),
        (RepositoryNotFoundError("no", response=response), "was renamed, removed"),
        (httpx.ReadTimeout("the line went dead"), "stopped: the line went dead: run it again to go on"),
        (OSError(28, "No space left on device"), r"stopped: .*No space left on device"),
    ):

        def refuse(*args: object, error: Exception = error, **options: object) -> str:
            raise error

        monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
        with raises(ModelError, match=words):
            fetch("ace-0.6b-1024")


@mark.parametrize(
    ("cached", "free", "wanted"),
    [(0, 30, "needs 34.1 GB of disk and .* has 30.0 GB free"), (20, 15, None), (20, 14, "needs 14.1 GB")],
)
def test_a_full_disk_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: MonkeyPatch, cached: int, free: int, wanted: str | None
):
    """Room for the fetched files and for the converted ones, but for what is there already."""
    import huggingface_hub

    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, free * 10**9))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    blobs = tmp_path / "hub" / "models--scepter-studio--ACE-0.6B-512px" / "blobs"
    blobs.mkdir(parents=True)
    with (blobs / "a").open("wb") as file:
        file.truncate(cached * 10**9)
    asked: list[str] = []

    def download(repository: str, **options: object) -> str:
        asked.append(repository)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with raises(ModelError, match=wanted or "holds no ACE checkpoint"):
        convert("ace-0.6b-512", tmp_path / "ace")
    assert bool(asked) == (wanted is None)


def test_a_destination_that_will_not_do_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: MonkeyPatch
):
    monkeypatch.setattr("huggingface_hub.snapshot_download", None)
    (tmp_path / "thesis.txt").write_text("years of work")
    with raises(InputError, match="is not a converted model"):
        convert("ace-0.6b-512", tmp_path)


def test_the_presets_are_the_released_ones():
    assert PRESETS["ace-0.6b-1024"].repository == "scepter-studio/ACE-0.6B-1024px"
    assert [(p.native_size, p.max_tokens, p.steps) for p in PRESETS.values()][1:] == [
        (512, 1024, 20),
        (1024, 4096, 50),
    ]


def test_ace_mini_runs_as_the_sampler_does_by_itself():
    options = SamplingOptions()
    assert (PRESETS[MINI].steps, PRESETS[MINI].guidance) == (options.steps, options.guidance)
