"""Clustering: links, templates, and a scripted chat model."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from PIL import ImageEnhance

from ace_agent.data.errors import BadInput, RunStopped
from ace_agent.data.pairs_from_images import embedding
from ace_agent.data.pairs_from_images import run as pair_runs
from ace_agent.data.pairs_from_images.difference import ImagePair, tones
from ace_agent.data.pairs_from_images.instruction_writers import (
    ModelWriter,
    TemplateWriter,
    chat_model,
    parse,
)
from ace_agent.data.pairs_from_images.linking import capped, clusters, links
from ace_agent.data.pairs_from_images.run import RunSettings
from ace_agent.data.shards import Shards
from tests.data.pictures import drawn

BAND = (0.48, 0.995)
"""To the classical descriptor, drawn shapes are less alike than photographs of one subject."""


def subjects(folder: Path, count: int = 4) -> Path:
    """``count`` subjects in two pictures each: the second shifted and darker, two of them with another aspect ratio."""
    folder.mkdir()
    for k in range(count):
        drawn(k, 128, 112).save(folder / f"{k} one.png")
        second = ImageEnhance.Brightness(drawn(k, 128, 112, shift=8)).enhance(0.7)
        if k % 2:
            second = second.crop((20, 0, 108, 112))
        second.save(folder / f"{k} two.png")
    return folder


def run(pictures: Path, out: Path, **settings: Any) -> RunSettings:
    return RunSettings(pictures, out, **({"size": 128, "per_shard": 2} | settings))


def pair(caption: str = "", *, aligned: bool = True, darker: bool = True) -> ImagePair:
    source = np.asarray(drawn(3))
    target = (source * 0.6).astype(np.uint8) if darker else source
    return ImagePair(source, target, "", caption, 0.8, aligned)


def test_pictures_of_one_subject_are_nearer_than_others() -> None:
    """Weak as it is, the classical descriptor must tell a shifted, darker picture from other pictures."""
    describe = embedding.Classical()
    first = describe([drawn(k, 128, 112) for k in range(12)])
    second = describe([ImageEnhance.Brightness(drawn(k, 128, 112, 8)).enhance(0.7) for k in range(12)])
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    similar = first @ second.T
    assert (similar.argmax(1) == np.arange(12)).mean() >= 0.9


def test_only_mutual_neighbours_of_medium_similarity_are_linked() -> None:
    angles = np.radians([0, 5, 40, 44, 200])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    found = links(vectors, (0.7, 0.99))
    # 0 and 5 degrees (.996), and 40 and 44 (.998), are copies; 200 is like nothing.
    assert [(link.first, link.second) for link in found] == [(0, 2), (0, 3), (1, 2), (1, 3)]
    assert found[0].similarity == pytest.approx(np.cos(angles[2]), abs=1e-3)
    assert clusters(5, found) == [0, 0, 0, 0, 4]
    near_all = links(vectors, (0.7, 0.99), neighbours=1)
    assert [(link.first, link.second) for link in near_all] == [(1, 2)]


def test_links_do_not_depend_on_the_size_of_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = links(vectors, (0.3, 0.95))
    monkeypatch.setattr("ace_agent.data.pairs_from_images.linking._BLOCK", 7)
    in_blocks = links(vectors, (0.3, 0.95))
    assert [(x.first, x.second) for x in in_blocks] == [(x.first, x.second) for x in whole] != []


def test_pairs_are_limited_per_cluster_and_per_picture() -> None:
    vectors = np.random.default_rng(1).standard_normal((30, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = links(vectors, (0.2, 0.99))
    group = clusters(30, found)
    names = [str(k) for k in range(30)]
    kept = capped(found, group, names, per_cluster=9, per_picture=2, seed=0)
    ends = [end for link in kept for end in (link.first, link.second)]
    assert max(ends.count(end) for end in ends) <= 2
    assert max(sum(group[x.first] == g for x in kept) for g in set(group)) == 9
    again = capped(list(reversed(found)), group, names, per_cluster=9, per_picture=2, seed=0)
    assert again == kept
    taken = [(x.first, x.second) for x in kept]
    assert capped(found, group, names, per_cluster=9, per_picture=9, seed=0, taken=taken) == []


def test_the_largest_measured_difference_comes_first() -> None:
    assert tones(pair())[0] == "darker"
    assert tones(pair(darker=False)) == []


@pytest.mark.parametrize("aligned", [True, False])
def test_templates_mention_captions_or_measured_tones(aligned: bool) -> None:
    writer = TemplateWriter()
    for seed in range(20):
        rng = random.Random(seed)
        said = writer.write(pair("two pears", aligned=aligned), rng)
        measured = writer.write(pair(aligned=aligned), rng)
        assert said and '"two pears"' in said and said.count("{image}") == 1
        assert measured and "darker" in measured and "<" not in measured
    nothing = writer.write(pair(aligned=aligned, darker=False), random.Random(0))
    assert (nothing is None) is aligned


def test_clustering_writes_pairs_of_one_subject(tmp_path: Path) -> None:
    pictures = subjects(tmp_path / "in")
    manifest = pair_runs.cluster(run(pictures, tmp_path / "out"), band=BAND)
    shards = Shards(tmp_path / "out")
    assert manifest["samples"] == len(shards) >= 3
    same = 0
    for number in range(len(shards)):
        record = shards.record(number)
        turn = record.sample.turns[0]
        first, second = (source["path"][0] for source in record.provenance["sources"])
        same += first == second
        assert BAND[0] <= record.provenance["similarity"] <= BAND[1]
        assert record.provenance["writer"] == "template"
        if turn.task == "edit_general":
            assert turn.frames[turn.base or 0].image.shape == turn.target.shape
        else:
            assert (turn.task, turn.base) == ("subject_reference", None)
    assert same >= 3
    assert {"edit_general", "subject_reference"} == set(shards.tasks())


def test_a_resumed_run_repeats_no_pair_and_embeds_only_new_pictures(tmp_path: Path) -> None:
    pictures = subjects(tmp_path / "in", 3)
    first = pair_runs.cluster(run(pictures, tmp_path / "out"), band=BAND)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("shard-*")}
    drawn(8, 128, 112).save(pictures / "0 early.png")
    ImageEnhance.Brightness(drawn(8, 128, 112, shift=8)).enhance(0.7).save(pictures / "8 two.png")
    told: list[tuple[str, int, int]] = []
    second = pair_runs.cluster(
        run(pictures, tmp_path / "out"), band=BAND, progress=lambda *row: told.append(row)
    )
    assert [row for row in told if row[0] == "embedding"] == [("embedding", 6, 8), ("embedding", 8, 8)]
    assert second["samples"] > first["samples"]
    for name, data in before.items():
        assert (tmp_path / "out" / name).read_bytes() == data
    ends = [
        frozenset(source["sha256"] for source in Shards(tmp_path / "out").record(k).provenance["sources"])
        for k in range(second["samples"])
    ]
    assert len(set(ends)) == len(ends)


# ---- a chat model


def scripted(*answers: str) -> ModelWriter:
    model = FakeMessagesListChatModel(responses=[AIMessage(answer) for answer in answers])
    return ModelWriter("script:ed", make=lambda spec: model)


def test_a_chat_model_is_asked_again_after_an_unusable_answer() -> None:
    good = 'Sure!\n```json\n{"instruction": "Dim the lights in {image} ."}\n```'
    assert scripted(good).write(pair(), random.Random(0)) == "Dim the lights in {image} ."
    assert scripted("dim it", good).write(pair(), random.Random(0)) == "Dim the lights in {image} ."
    assert scripted("no", "no").write(pair(), random.Random(0)) is None
    assert scripted('{"reject": "two dogs"}', good).write(pair(), random.Random(0)) is None


@pytest.mark.parametrize(
    "answer",
    [
        "nothing",
        "[1]",
        '{"instruction": ""}',
        '{"instruction": "no picture is named"}',
        '{"instruction": "make {image} like {image1}"}',
        json.dumps({"instruction": "{image} " + "long " * 80}),
    ],
)
def test_unusable_answers_are_explained(answer: str) -> None:
    instruction, complaint = parse(answer)
    assert instruction is None
    assert complaint


@pytest.mark.parametrize("sees", ["pictures", "captions"])
def test_the_chat_model_gets_pictures_or_captions_only(sees: Any) -> None:
    asked: list[Any] = []

    class Listening(FakeMessagesListChatModel):
        def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            asked.extend(messages)
            return super()._generate(messages, *args, **kwargs)

    model = Listening(responses=[AIMessage('{"instruction": "dim {image}"}')])
    ModelWriter("script:ed", sees, make=lambda spec: model).write(pair("two pears"), random.Random(0))
    kinds = [block["type"] for block in asked[-1].content]
    assert kinds.count("image") == (2 if sees == "pictures" else 0)
    assert "two pears" in asked[-1].content[-1]["text"]
    assert "darker" in asked[-1].content[-1]["text"]


def test_a_failing_chat_model_stops_the_run_and_keeps_finished_shards(tmp_path: Path) -> None:
    pictures = subjects(tmp_path / "in")
    answers = iter([AIMessage(json.dumps({"instruction": f"change {{image}}, {k}"})) for k in range(2)])
    failing = ModelWriter("script:ed", make=lambda spec: GenericFakeChatModel(messages=answers))
    with pytest.raises(RunStopped, match="script:ed failed"):
        pair_runs.cluster(run(pictures, tmp_path / "out"), band=BAND, writer=failing)
    shards = Shards(tmp_path / "out")
    assert len(shards) == 2
    assert shards[0].turns[0].instruction.startswith("change {image}")
    assert not json.loads((tmp_path / "out" / "manifest.json").read_text())["complete"]
    more = ModelWriter(
        "script:ed", make=lambda spec: scripted('{"instruction": "go on, {image}"}').make(spec)
    )  # type: ignore[misc]
    manifest = pair_runs.cluster(run(pictures, tmp_path / "out"), band=BAND, writer=more)
    assert manifest["complete"]
    assert [Shards(tmp_path / "out")[k].turns[0].instruction for k in (0, 1)] == [
        shards[k].turns[0].instruction for k in (0, 1)
    ]


def test_unknown_chat_models_and_embedders_are_refused() -> None:
    with pytest.raises(BadInput, match="give provider:model"):
        chat_model("gpt")
    with pytest.raises(BadInput):
        chat_model("nobody:nothing")
    with pytest.raises(BadInput, match="hf download no/such"):
        embedding.choose("no/such")
    assert embedding.choose("classical") == "classical"
