"""The whole benchmark: draw, answer, grade, dump, score again, write the card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from ace_agent.evaluation import presets
from ace_agent.evaluation.answerers import PipelineAnswerer, TrivialAnswerer
from ace_agent.evaluation.benchmark import NO_READER, Outcome, run
from ace_agent.evaluation.card import family_sheets, in_turn, write_card
from ace_agent.evaluation.dump import Dump, read_dump
from ace_agent.evaluation.errors import DumpError
from ace_agent.evaluation.reader import Reader
from ace_agent.evaluation.reader_network import ReaderNetwork
from ace_agent.evaluation.report import BARS, CHAINS, HISTORY_BAR, UNSEEN_GIVEN, Row, beaten
from ace_agent.evaluation.score_dump import score_dump
from ace_agent.evaluation.suites import Suite
from ace_agent.evaluation.tables import bar_rows, show
from ace_agent.training.scene_reader.scenes import scene_words

TASKS = (
    "text_to_image",
    "segment",
    "edge",
    "edit_color",
    "remove",
    "subject_reference",
    "inpaint",
    "chain:undo",
)
REPORT = {
    "held_out_pictures": 5, "accuracy": {"object": 0.5}, "chance": {"object": 0.1}, "plain": {"object": 0.75},
}  # fmt: skip
SUITE = Suite(TASKS, per_task=2, split="held-out")


@dataclass
class Echo:
    """A pipeline that returns its first input and records its calls."""

    name: str = "echo"
    weights_sha256: str = "0"

    def __post_init__(self) -> None:
        self.asked: list[dict[str, object]] = []

    def __call__(
        self, prompt: str, image: Sequence[Image.Image] = (), mask: object = (), **options: object
    ) -> object:
        self.asked.append({"prompt": prompt, "images": len(image), **options})
        size = (options["width"], options["height"])
        made = image[0].resize(size) if image else Image.new("RGB", size, (128, 128, 128))

        @dataclass
        class Output:
            images: list[Image.Image]

        return Output([made])


def by_name(outcome: Outcome, name: str, measure: str = "score") -> Row:
    return next(row for row in outcome.report.rows if (row.name, row.measure) == (name, measure))


def ask(answerer: object, suite: Suite = SUITE, preset: str = "scenes", **options: object) -> Outcome:
    return run(presets.drawn(preset, suite), answerer, suite, preset, **options)


@pytest.fixture(scope="module")
def reader() -> Reader:
    """Untrained: its readings are noise, but always the same."""
    return Reader(ReaderNetwork(**scene_words().counts()), scene_words(), 0.01, REPORT)


@pytest.fixture(scope="module")
def echoed(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Echo, Path]:
    pipeline, folder = Echo(), tmp_path_factory.mktemp("dump") / "echo"
    return (
        ask(PipelineAnswerer(pipeline, references="given"), reader=reader, dump=Dump(folder)),
        pipeline,
        folder,
    )


def test_returning_the_input_is_exactly_the_baseline_of_doing_nothing(
    echoed: tuple[Outcome, Echo, Path],
) -> None:
    outcome, _, _ = echoed
    for name, measure in (("edit_color", "score"), ("remove", "score"), ("segment", "miou"), ("edge", "f1")):
        row = by_name(outcome, name, measure)
        assert row.figure == row.trivial["input"], name
    assert by_name(outcome, "remove").figure <= 0
    assert by_name(outcome, "remove").keep > 50
    assert by_name(outcome, "inpaint", "reader").trivial["input"] is not None


def test_the_right_answer_scores_one() -> None:
    outcome = ask(TrivialAnswerer("target"))
    assert {row.figure for row in outcome.report.rows} == {1.0}
    assert outcome.report.notes == [NO_READER]
    assert "text_to_image" not in {row.name for row in outcome.report.rows}


def test_the_pipeline_is_called_as_for_a_user(echoed: tuple[Outcome, Echo, Path]) -> None:
    outcome, pipeline, _ = echoed
    assert len(pipeline.asked) == len(TASKS) * 2
    for question, asked in zip(outcome.questions, pipeline.asked, strict=True):
        assert asked["prompt"] == question.last.instruction
        assert asked["images"] == len(question.last.frames)
        assert asked["task"] == question.last.task
        assert len(asked["history"]) == len(question.turns) - 1
        assert (asked["height"], asked["width"]) == question.last.target.shape[:2]
        assert len(asked["references"]) == len(question.last.named)


def test_history_can_be_hidden() -> None:
    pipeline = Echo()
    outcome = ask(PipelineAnswerer(pipeline, history=False), Suite(("chain:undo",), 2))
    assert outcome.report.as_json()["history"] is False
    assert [asked["history"] for asked in pipeline.asked] == [(), ()]
    assert [asked["references"] for asked in pipeline.asked] == [None, None]


def test_a_dump_scores_the_same_from_its_pngs(echoed: tuple[Outcome, Echo, Path], reader: Reader) -> None:
    outcome, _, folder = echoed
    again = score_dump(folder, reader)
    assert [row.as_json() if hasattr(row, "as_json") else row for row in again.rows] == outcome.report.rows


def test_the_index_describes_every_sample(echoed: tuple[Outcome, Echo, Path]) -> None:
    _, _, folder = echoed
    lines = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    assert len(lines) == len(TASKS) * 2
    for line in lines:
        assert {"task", "input", "inputs", "mask", "target", "output", "instruction", "turns", "seed"} <= set(
            line
        )
        for name in filter(
            None, [line["input"], *line["inputs"], line["mask"], line["target"], line["output"]]
        ):
            assert (folder / name).is_file()
        assert line["turns"][-1]["instruction"] == line["instruction"]
    generated = next(line for line in lines if line["task"] == "text_to_image")
    assert generated["input"] is None and generated["inputs"] == []
    edited = next(line for line in lines if line["task"] == "remove")
    assert edited["input"] == edited["inputs"][0]
    referred = next(line for line in lines if line["task"] == "subject_reference")
    assert referred["input"] is None and referred["inputs"]
    assert next(line for line in lines if line["task"] == "inpaint")["mask"]


def test_samples_do_not_depend_on_the_other_rows() -> None:
    alone = list(presets.drawn("scenes", Suite(("remove",), 2, seed=3)))
    among = [
        one for one in presets.drawn("scenes", Suite(("segment", "remove"), 1, seed=3)) if one.row == "remove"
    ]
    other = next(presets.drawn("scenes", Suite(("remove",), 1, seed=4)))
    assert np.array_equal(alone[0].last.target, among[0].last.target)
    assert not np.array_equal(alone[0].last.target, other.last.target)


def test_a_dump_is_never_overwritten(echoed: tuple[Outcome, Echo, Path], tmp_path: Path) -> None:
    _, _, folder = echoed
    with pytest.raises(DumpError, match="already holds"):
        Dump(folder)
    (tmp_path / "index.jsonl").write_text('{"task": "remove"}\n')
    with pytest.raises(DumpError, match="line 1"):
        list(read_dump(tmp_path))
    with pytest.raises(DumpError, match="absent"):
        list(read_dump(tmp_path / "absent"))


def test_templates_replace_the_wordings() -> None:
    suite = Suite(("remove",), 3, wording={"remove": ("Away with <the> from {image}, kindly",)})
    for question in presets.drawn("scenes", suite):
        assert question.last.instruction.startswith("Away with the ")
        assert "<" not in question.last.instruction
    assert not next(presets.drawn("scenes", Suite(("remove",), 1))).last.instruction.startswith("Away with")


def test_a_thing_hidden_by_a_hole_and_not_named_is_not_checked() -> None:
    for question in presets.drawn("scenes", Suite(("inpaint",), 12)):
        shown = {place.key.split("|")[0].split("+")[0] for place in question.last.frames[0].placements}
        for noun, _, _ in question.judge["objects"]:
            assert noun in shown or noun in question.last.instruction


def test_the_right_answer_moved_by_a_pixel_scores_less() -> None:
    """Only what changes is moved."""
    outcome = ask(TrivialAnswerer("shifted"), Suite(("edit_color", "remove"), 3))
    for row in outcome.report.rows:
        assert row.figure < 0.95, row
        assert row.keep == 60, row


def test_trivial_answers_reach_their_own_columns() -> None:
    """A row's figure of a trivial answer is what that answer scores, up to the rounding of its pixels."""
    for kind in ("input", "constant", "affine"):
        outcome = ask(TrivialAnswerer(kind), Suite(("edit_color", "grayscale"), 3))  # type: ignore[arg-type]
        for row in outcome.report.rows:
            assert row.figure == pytest.approx(row.trivial[kind], abs=0.03), (kind, row)


def test_presets_have_their_rows(reader: Reader) -> None:
    unseen = ask(TrivialAnswerer("target"), Suite(presets.rows_of("ood"), 2), "ood", reader=reader)
    assert {row.name for row in unseen.report.rows} == set(presets.rows_of("ood"))
    assert [question.references for question in unseen.questions[:4]] == ["none", "none", "given", "given"]
    assert all(question.last.named for question in unseen.questions[2:4])
    conflicts = ask(
        TrivialAnswerer("input"), Suite(presets.rows_of("contradictory"), 2), "contradictory", reader=reader
    )
    assert by_name(conflicts, "a thing that is not there", "still").figure == 1.0
    assert by_name(conflicts, "the last word holds").figure <= 0
    two = next(one for one in conflicts.questions if one.row == "two colours at once")
    assert any(" or " in (color or "") for _, color, _ in two.judge["objects"])
    grey = ask(TrivialAnswerer("constant"), Suite(("a thing that is not there",), 2), "contradictory")
    assert by_name(grey, "a thing that is not there", "still").figure == 0.0


def test_photographs_are_analysed_and_edited(tmp_path: Path) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    Image.fromarray(colors).resize((200, 140)).save(tmp_path / "photo.jpg")
    (tmp_path / "notes.txt").write_text("not a picture")
    asked = list(presets.drawn("ood", Suite((), 2), tmp_path))
    assert [question.row.removeprefix("photograph: ") for question in asked] == [
        "grayscale", "edge", "mosaic", "doodle", "edit_style", "edit_general", "restore", "demosaic",
    ]  # fmt: skip
    photo = asked[0].last.frames[0].image
    for question in asked:
        shown, target = question.last.frames[0].image, question.last.target
        assert (shown != target).mean() > 0.1, question.row
        mends = question.last.task in ("restore", "demosaic")
        assert np.array_equal(target if mends else shown, photo)


def test_the_card_is_complete(echoed: tuple[Outcome, Echo, Path], tmp_path: Path) -> None:
    outcome, _, _ = echoed
    sheets = {}
    for family, picture in family_sheets(outcome).items():
        sheets[family] = tmp_path / "model-card" / f"{family}.webp"
        sheets[family].parent.mkdir(exist_ok=True)
        picture.save(sheets[family])
    (tmp_path / "model-card" / "unseen.webp").touch()
    card = tmp_path / "model-card.md"
    found = {"name": UNSEEN_GIVEN, "family": "unseen", "checks": {"object": [0.25, 1.0, 0.0, 4]}}
    unseen = {"preset": "ood", "rows": [outcome.report.as_json()["rows"][0] | found]}
    others = [outcome.report.as_json(), unseen]
    write_card(card, outcome.report, sheets, others, {"hours": 12.0, "samples": 5e5})
    text = card.read_text()
    assert "an object never trained is found, given its picture | 0.250 (missed) | 0.5 |" in text
    for row in outcome.report.rows:
        assert f"| {row.name} |" in text
    for wanted in (
        "12.0 h",
        "500,000",
        "do nothing",
        "What fails",
        "### Families",
        "remove (score)",
        "Apache-2.0",
        "chance",
    ):
        assert wanted in text
    for family in sheets:
        assert text.count(f"(model-card/{family}.webp)") == 1  # of the card's own report, not of the other
    assert text.count("(model-card/unseen.webp)") == 1


def test_a_bar_is_of_the_most_samples_and_of_history_against_none(
    echoed: tuple[Outcome, Echo, Path],
) -> None:
    report = echoed[0].report
    plain = {label: reached for label, reached, _ in bar_rows(report)}
    assert not any("hidden" in label or "samples" in label for label in plain)
    own = report.as_json()
    blank = dict.fromkeys(own["summary"])
    more = own | {"per_task": 128, "summary": blank | {"edits": 0.75}, "rows": []}
    fewer = own | {"per_task": 1, "summary": blank | {"keep": 1.0}, "rows": []}
    chains = replace(report.rows[0], family=CHAINS, name="chain:undo", measure="reader", figure=0.6)
    told = replace(report, rows=[*(row for row in report.rows if row.family != CHAINS), chains])
    hidden = own | {"history": False, "summary": blank | {"chains": 0.2, "edits": 0.01}, "rows": []}
    rows = {label: reached for label, reached, _ in bar_rows(told, [more, fewer, hidden])}
    edits, keep = BARS["edits"][0], BARS["keep"][0]
    assert rows[f"{edits}, of 128 samples"] == "0.750" and edits not in rows
    assert rows[keep] == plain[keep]
    assert rows[HISTORY_BAR[0]] == "3.0"


def test_sheets_take_samples_of_the_tasks_in_turn() -> None:
    assert in_turn([[0, 1, 2], [3, 4, 5], [6]]) == [0, 4, 6, 1, 5, 2, 3]


def test_families_have_their_means(echoed: tuple[Outcome, Echo, Path]) -> None:
    report = echoed[0].report
    told = report.as_json()["families"]
    for one in told:
        own = [r.figure for r in report.rows if (r.family, r.measure) == (one["family"], one["measure"])]
        assert one["tasks"] == len(own) and one["mean"] == pytest.approx(sum(own) / len(own), abs=1e-6)
    assert sum(one["tasks"] for one in told) == len(report.rows)


def test_the_terminal_shows_whole_figures_at_any_width(echoed: tuple[Outcome, Echo, Path]) -> None:
    outcome, _, _ = echoed
    console = Console(file=StringIO(), width=50)
    show(outcome.report, console)
    shown = console.file.getvalue()
    for row in outcome.report.rows:
        assert f"{row.figure:.3f}" in shown
        assert row.name in shown
    assert "…" not in shown


def test_rows_better_than_trivial_answers_are_counted() -> None:
    def row(figure: float, measure: str = "score", **trivial: float | None) -> Row:
        return Row("add", "element", 2, measure, figure, None, dict(trivial), None)  # type: ignore[arg-type]

    best = row(0.1, input=-1.0, constant=-0.5, affine=0.0, matrix=0.9)  # the matrix is no part of a score
    nearer = row(-0.5, input=-1.0, constant=-0.2, affine=0.0)
    worse = row(0.2, "f1", input=0.4, constant=0.3)
    new = row(0.3, constant=0.1, input=None)
    read = row(0.9, "reader", input=0.1)
    assert beaten([best, nearer, worse, new, read]) == (2, 2, 4)
