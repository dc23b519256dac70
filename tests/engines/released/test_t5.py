from pathlib import Path
from typing import Any

import pytest
import torch

from ace_agent.engines.released.t5 import T5TextEncoder, TextCache, clean_text, indicator_vectors
from tests.released_checkpoint import TEXT_WIDTH, write_text_encoder, write_tokenizer


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("t5")
    write_text_encoder(root / "model")
    write_tokenizer(root / "tokenizer")
    return root / "model", root / "tokenizer"


def encoder(folders: tuple[Path, Path], cache: TextCache | None = None) -> T5TextEncoder:
    return T5TextEncoder(*folders, cache=cache, dtype=torch.float32)


def test_text_is_cleaned_as_released():
    assert clean_text("  a&amp;amp;b \n\t caf\u00c3\u00a9 ") == "a&b caf\u00e9"


def test_only_valid_rows_come_back_and_each_text_is_encoded_alone(folders: tuple[Path, Path]):
    t5 = encoder(folders)
    fox, empty, again = t5.encode(["a red fox", "", " a  red fox"])
    assert fox.shape[1] == TEXT_WIDTH
    assert empty.shape[0] == 1  # the end of the text
    assert torch.equal(fox, again)
    assert torch.equal(fox, t5.encode(["a red fox"])[0])
    assert torch.isfinite(fox).all()


def test_long_texts_are_cut_at_120_tokens(folders: tuple[Path, Path]):
    assert encoder(folders).encode(["fox " * 300])[0].shape[0] == 120


def test_indicators_are_the_first_token_of_each(folders: tuple[Path, Path]):
    t5 = encoder(folders)
    vectors = indicator_vectors(t5)
    assert vectors.shape == (10, TEXT_WIDTH)
    assert torch.equal(vectors[3], t5.encode(["{image3}"])[0][0])
    assert len(vectors.unique(dim=0)) == 10


def test_what_was_encoded_once_needs_no_model_again(folders: tuple[Path, Path], tmp_path: Path):
    cache = TextCache(tmp_path, "encoder-a")
    first = encoder(folders, cache).encode(["a red fox"])
    missing = Path("/nowhere")
    reader = T5TextEncoder(missing, missing, cache=cache)
    assert reader.missing(["a  red fox", "a blue fox"]) == ["a blue fox"]
    assert torch.equal(reader.encode(["a red fox"])[0], first[0])
    assert TextCache(tmp_path, "encoder-b").read("a red fox") is None


def test_a_damaged_entry_is_encoded_anew(folders: tuple[Path, Path], tmp_path: Path):
    cache = TextCache(tmp_path, "encoder-a")
    first = encoder(folders, cache).encode(["a red fox"])
    cache.path("a red fox").write_bytes(b"half a fi")
    assert torch.equal(encoder(folders, cache).encode(["a red fox"])[0], first[0])
    assert cache.read("a red fox") is not None


def test_a_cache_that_cannot_be_written_costs_no_picture(folders: tuple[Path, Path], tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    cache = TextCache(tmp_path / "file", "encoder-a")
    assert len(encoder(folders, cache).encode(["a red fox"])) == 1
    assert cache.read("a red fox") is None


def test_what_memory_does_not_hold_is_read_from_disk(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    """Tokens were once sent to the device of a model that lay on disk, which has none."""
    from transformers import T5EncoderModel

    load = T5EncoderModel.from_pretrained
    spilt = []

    def tight(*args: Any, **options: Any) -> Any:
        model = load(*args, **options, max_memory={"cpu": 20_000})
        spilt.append(str(model.device))
        return model

    wanted = encoder(folders).encode(["a red fox"])[0]
    monkeypatch.setattr(T5EncoderModel, "from_pretrained", tight)
    saving = T5TextEncoder(*folders, dtype=torch.float32, offload=True)
    assert torch.equal(saving.encode(["a red fox"])[0], wanted)
    assert spilt == ["meta"]
