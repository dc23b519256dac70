"""One plan over many pictures."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ace_agent.agent import Agent
from ace_agent.batch import FileReport, map_plan
from ace_agent.engines.interface import PipelineOutput
from ace_agent.errors import InputError, ModelError, PlanError
from ace_agent.plan import Plan
from tests.tiny import TinyPipeline, photo, plan, step

PLAN = plan(step("edit_scene", "input", seed=1), step("edit_color", "$1", seed=2, mask={"side": "left"}))


class Flaky(TinyPipeline):
    """Fails at the second step of its first run."""

    failures = 0

    def __call__(self, prompt: str, *arguments: object, **options: object) -> PipelineOutput:
        if prompt.startswith("edit_color") and Flaky.failures < 1:
            Flaky.failures += 1
            raise ModelError("out of memory")
        return super().__call__(prompt, *arguments, **options)  # type: ignore[arg-type]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        photo(40, 30, number).save(folder / f"p{number}.jpg")
    (folder / "bad.jpg").write_bytes(b"no picture")
    return sorted(folder.iterdir())


def test_each_file_is_done_or_reports_why_not(files: list[Path], tmp_path: Path) -> None:
    seen: list[FileReport] = []
    reports = map_plan(PLAN, files, tmp_path / "out", load=TinyPipeline, report=seen.append)
    assert [report.status for report in reports] == ["failed", "done", "done", "done"]
    assert seen == reports
    assert "bad.jpg is not a picture" in reports[0].message
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["p0.png", "p1.png", "p2.png"]
    with Image.open(tmp_path / "out" / "p0.png") as image:
        assert image.size == (40, 30)
        image.load()
        assert "ace-recipe" in image.info


class OutOfMemory(TinyPipeline):
    """Runs out of memory at every picture but the last one."""

    def __call__(self, prompt: str, *arguments: object, **options: object) -> PipelineOutput:
        if len(self.calls) == 0:
            self.calls.append({})
            raise MemoryError
        return super().__call__(prompt, *arguments, **options)  # type: ignore[arg-type]


def test_no_failure_of_one_file_ends_the_run(files: list[Path], tmp_path: Path) -> None:
    """A MemoryError at one file left the others undone."""
    reports = map_plan(PLAN, files[1:], tmp_path / "out", load=OutOfMemory, retries=0)
    assert [report.status for report in reports] == ["failed", "done", "done"]
    assert reports[0].message == "MemoryError"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file name is Unicode")
def test_a_file_name_that_is_not_utf_8_is_one_like_any_other(files: list[Path], tmp_path: Path) -> None:
    """It could not be stored, and the exception that no one expected ended the whole run."""
    odd = files[1].with_name(os.fsdecode(b"caf\xe9.jpg"))
    files[1].rename(odd)
    reports = map_plan(PLAN, [odd, files[2]], tmp_path / "out", load=TinyPipeline)
    assert [report.status for report in reports] == ["done", "done"]
    assert (tmp_path / "out" / os.fsdecode(b"caf\xe9.png")).exists()
    agent = Agent(tmp_path / "agent", planner="rules", pipeline=TinyPipeline())
    assert agent.say("make it night", [odd]).attached[0].source == "caf\N{REPLACEMENT CHARACTER}.jpg"


def test_a_result_does_not_depend_on_the_others(files: list[Path], tmp_path: Path) -> None:
    map_plan(PLAN, files[1:], tmp_path / "all", load=TinyPipeline)
    map_plan(PLAN, files[3:], tmp_path / "one", load=TinyPipeline)
    assert (tmp_path / "all" / "p2.png").read_bytes() == (tmp_path / "one" / "p2.png").read_bytes()


def test_nothing_is_written_over_and_resume_goes_on(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    good = files[1:]
    map_plan(PLAN, good, out, load=TinyPipeline)
    before = {path: path.read_bytes() for path in out.glob("*.png")}
    with pytest.raises(InputError, match=r"and 2 more exists already.*--resume"):
        map_plan(PLAN, good, out, load=TinyPipeline)
    (out / "p1.png").unlink()
    reports = map_plan(PLAN, good, out, load=TinyPipeline, resume=True)
    assert [report.status for report in reports] == ["skipped", "done", "skipped"]
    assert {path: path.read_bytes() for path in out.glob("*.png")} == before
    other = plan(step("edit_scene", "input", seed=9))
    map_plan(other, good, out, load=TinyPipeline, force=True)
    assert (out / "p1.png").read_bytes() != before[out / "p1.png"]


def test_a_retry_resumes_at_the_failed_step(files: list[Path], tmp_path: Path) -> None:
    wanted = map_plan(PLAN, files[1:2], tmp_path / "wanted", load=TinyPipeline)
    Flaky.failures = 0
    assert map_plan(PLAN, files[1:2], tmp_path / "none", load=Flaky, retries=0)[0].status == "failed"
    again = map_plan(PLAN, files[1:2], tmp_path / "none", load=Flaky, resume=True)
    Flaky.failures = 0
    retried = map_plan(PLAN, files[1:2], tmp_path / "retried", load=Flaky)
    for reports in (again, retried):
        assert reports[0].status == "done"
        made = np.asarray(Image.open(reports[0].outputs[0]))
        assert np.array_equal(made, np.asarray(Image.open(wanted[0].outputs[0])))
    names = [path.name for path in (tmp_path / "retried" / ".ace").iterdir()]
    assert "memory.db" in names
    agent = Agent(tmp_path / "retried" / ".ace")
    assert [turn.status for turn in agent.turns(everything=True)] == ["done"]


def test_templates_name_the_results(files: list[Path], tmp_path: Path) -> None:
    many = plan(step("edit_scene", "input", seed=1, variations=2))
    map_plan(many, files[1:3], tmp_path / "out", load=TinyPipeline, template="{index}/{stem}.png")
    found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").glob("*/*.png"))
    assert [Path(name).parts for name in found] == [
        ("1", "p0-1.png"), ("1", "p0-2.png"), ("2", "p1-1.png"), ("2", "p1-2.png")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{stem}-{when}.png", "has {when}"),
        ("{stem", "is no template"),
        ("{stem}.jpg", "does not end in .png"),
        ("same.png", "would both become"),
        ("../{stem}.png", "would leave"),
        ("{stem.__class__}.png", "has {stem.__class__}"),
    ],
)
def test_bad_templates_are_refused_before_any_work(
    files: list[Path], tmp_path: Path, template: str, message: str
) -> None:
    with pytest.raises(InputError, match=message.replace("{", r"\{").replace("}", r"\}")):
        map_plan(PLAN, files, tmp_path / "out", template=template, load=TinyPipeline)
    assert not (tmp_path / "out").exists()


def test_plans_that_cannot_be_mapped(files: list[Path], tmp_path: Path) -> None:
    for wrong in (Plan(goto="@1"), plan(step("edit_scene", "@1")), plan(step("edit_scene", "input1"))):
        with pytest.raises(PlanError):
            map_plan(wrong, files, tmp_path / "out", load=TinyPipeline)


@pytest.mark.slow
def test_over_a_ray_cluster(files: list[Path], tmp_path: Path) -> None:
    """A local cluster of two workers comes to the same pictures."""
    ray = pytest.importorskip("ray", reason="an extra: pip install 'ace-agent[ray]'")
    wanted = map_plan(PLAN, files, tmp_path / "here", load=TinyPipeline)
    paths = [str(path) for path in (Path(), Path("memory"), Path("kernels"))]
    ray.init(
        num_cpus=2, log_to_driver=False, include_dashboard=False,
        runtime_env={"env_vars": {"PYTHONPATH": ":".join(str(Path(path).absolute()) for path in paths)}},
    )  # fmt: skip
    try:
        reports = map_plan(PLAN, files, tmp_path / "there", load=TinyPipeline, ray=True)
    finally:
        ray.shutdown()
    assert [report.status for report in reports] == [report.status for report in wanted]
    memories = {path.parent.name for path in (tmp_path / "there" / ".ace").glob("*/memory.db")}
    assert len(memories) == len(files), "SQLite's log is shared by the processes of one machine only"
    for mine, theirs in zip(wanted, reports, strict=True):
        for one, other in zip(mine.outputs, theirs.outputs, strict=True):
            assert Path(one).read_bytes() == Path(other).read_bytes()
