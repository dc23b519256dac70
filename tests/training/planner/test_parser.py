"""Training of the plan parser: samples, a step, a run that is stopped and resumed, and what is exported."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel

from ace_agent.errors import InputError
from ace_agent.planner.parser.encoding import encode
from ace_agent.planner.parser.plan_tokens import IDS, SIZE
from ace_agent.planner.parser.weights import PlanParser as Exported
from ace_agent.training.planner.parser import train
from ace_agent.training.planner.parser.export import export
from ace_agent.training.planner.parser.network import PlanParser
from ace_agent.training.planner.parser.samples import Sample, aligned, authored_samples, varied, written

ROWS = [
    {"request": "take the hat off", "do": ["remove @1: the hat"]},
    {"request": "put the cat in the beach picture, then make it night",
     "do": ["fuse_layers @2 @1: the cat", "edit_scene $1: night"]},
    {"request": "undo that", "do": ["undo"]},
    {"request": "what is this?", "do": ["answer: a cat"]},
    {"request": "paint the part I marked blue", "do": ["inpaint @2: blue"], "mask": True},
]  # fmt: skip
PICTURES = [["@1", "photo", "cat.jpg: a cat in a hat"], ["@2", "made", "a beach"]]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model that takes MiniLM's place."""
    folder = tmp_path_factory.mktemp("encoder")
    letters = [chr(c) for c in range(33, 127)]
    words = ["[PAD]", *(f"[unused{n}]" for n in range(1, 99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [f"[spare{n}]" for n in range(1000 - len(words))]  # the real one's words begin at 1000
    words += letters + [f"##{letter}" for letter in letters]
    tokenizer = Tokenizer(models.WordPiece({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=64, num_hidden_layers=1, num_attention_heads=1, intermediate_size=64,
    )  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture
def authors(tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "authors"
    folder.mkdir()
    rows = [
        {"id": str(n), "pictures": PICTURES, "inputs": [], "kind": "plain", **row}
        for n, row in enumerate(ROWS)
    ]
    (folder / "train_one.jsonl").write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.setattr(train, "encoder_folder", lambda: encoder)
    monkeypatch.setattr(train, "CHUNK", 8)
    return folder


OPTIONS = train.ParserOptions(hours=1, batch=4, corpus=0.25, corpus_samples=100)


def test_words_of_a_plan_become_the_shortest_span_that_holds_them(encoder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    request = "well, the wall: could it go from beige to a pale blue?"
    encoded = encode(tokenizer, request, [])
    span = aligned("the wall, pale blue", encoded, request)
    assert span is not None
    assert encoded.text(request, *span) == "wall: could it go from beige to a pale blue"
    assert aligned("a giraffe", encoded, request) is None


def test_a_plan_is_written_with_pointers(authors: Path, encoder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    sample = authored_samples(authors / "train_one.jsonl")[1]
    encoded = encode(tokenizer, sample.request, sample.pictures)
    steps = written(sample.plans[0], encoded, sample.request)
    assert steps is not None
    assert [step.pictures for step in steps] == [[encoded.pictures["@2"], encoded.pictures["@1"]], ["$1"]]
    assert encoded.text(sample.request, *steps[1].spans["words"]) == "night"


@pytest.mark.parametrize("seed", range(40))
def test_a_varied_request_means_the_same_pictures(authors: Path, seed: int) -> None:
    """Whatever is renumbered, shuffled or put before, the plan names the pictures of the same descriptions."""
    samples = authored_samples(authors / "train_one.jsonl")
    for sample in samples:
        other = varied(sample, random.Random(seed), samples)
        names = {seen.name for seen in other.pictures}
        assert len(names) == len(other.pictures)
        assert sum(seen.current for seen in other.pictures) == 1
        assert {name for step in other.plans[0] for name in step.pictures if name[0] != "$"} <= names
        if other.plans[0][0].name != "goto":  # "back to the beach", of any request on the beach
            assert _named(other) == _named(sample)


def _named(sample: Sample) -> list[list[str]]:
    known = {seen.name: seen.description for seen in sample.pictures}
    return [[known.get(name, name) for name in step.pictures] for step in sample.plans[0]]


def test_a_run_that_was_stopped_goes_on_where_it_stood(authors: Path, tmp_path: Path, encoder: Path) -> None:
    train.train_parser(tmp_path / "run", authors, OPTIONS, most_steps=2)
    trainer, finished = train.train_parser(tmp_path / "run", authors, OPTIONS, most_steps=2)
    assert not finished
    assert (trainer.step, trainer.samples) == (4, 16)
    with pytest.raises(InputError, match="other settings"):
        train.train_parser(tmp_path / "run", authors, train.ParserOptions(seed=1), most_steps=1)
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    first, second = (train.ParserBatches(tokenizer, train.samples_of(authors), OPTIONS) for _ in range(2))
    _ = first[0]  # a batch depends on its step alone
    assert [(e.ids, plan) for e, plan in first[5]] == [(e.ids, plan) for e, plan in second[5]]


def test_a_folder_without_authors_is_refused(
    tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "encoder_folder", lambda: encoder)
    with pytest.raises(InputError, match="holds no train_"):
        train.train_parser(tmp_path / "run", tmp_path)


def test_a_step_lowers_the_loss(authors: Path, tmp_path: Path) -> None:
    losses: list[float] = []
    options = train.ParserOptions(hours=1, batch=8, rate=3e-3, corpus=0, corpus_end=0, hidden=0)
    train.train_parser(
        tmp_path / "run", authors, options, most_steps=60, progress=lambda now: losses.append(now.loss)
    )
    assert losses[-1] < losses[0] / 1.5


def test_a_finished_run_is_exported_and_plans(authors: Path, tmp_path: Path, encoder: Path) -> None:
    out = tmp_path / "run"
    _, finished = train.train_parser(out, authors, train.ParserOptions(hours=1e-6, batch=4, corpus=0))
    assert finished
    assert sorted(file.name for file in out.iterdir() if file.suffix != ".jsonl") == [
        "decoder.onnx", "encoder.onnx", "tokenizer.json",
    ]  # fmt: skip
    read = Exported(out, threads=1).read("take the hat off", [], False)
    assert read.steps and 0 < read.sure <= 1
    with pytest.raises(InputError, match="finished parser"):
        train.train_parser(out, authors, OPTIONS)


def test_the_exported_graphs_score_as_the_network_does(tmp_path: Path, encoder: Path) -> None:
    """Weights of 8 bits may move a score by a little; lengths other than the exported ones must work."""
    import onnxruntime

    torch.manual_seed(1)
    parser = PlanParser(BertModel.from_pretrained(encoder, add_pooling_layer=False)).eval()
    export(parser, encoder, tmp_path)
    reader, writer = (
        onnxruntime.InferenceSession(str(tmp_path / name)) for name in ("encoder.onnx", "decoder.onnx")
    )
    for length, plan in ((7, 1), (40, 6)):
        ids = torch.randint(1000, 1100, (1, length))
        places = torch.randint(0, 3, (1, 3, length))
        written_ = torch.tensor([[IDS["begin"], *([SIZE + 2] * (plan - 1))]])
        with torch.inference_mode():
            states = parser.read(ids, places, ids > 0)
            scores = parser(states, ids > 0, written_)[0, -1].numpy()
        found = reader.run(None, {"ids": ids.numpy(), "places": places.numpy()})[0]
        theirs = writer.run(None, {"states": found, "written": written_.numpy()})[0]
        assert theirs.shape == scores.shape
        assert np.abs(theirs - scores).mean() < 0.05 * scores.std()
