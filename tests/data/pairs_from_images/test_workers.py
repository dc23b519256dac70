"""Runs in several processes, killed, and on a Ray cluster: no sample is lost or made twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ace_agent.cli import main
from ace_agent.data.errors import RunStopped
from ace_agent.data.pairs_from_images import run as pair_runs
from ace_agent.data.pairs_from_images.run import RunSettings
from ace_agent.data.pairs_from_images.run_plan import Item, RunPlan
from ace_agent.data.pairs_from_images.shard_jobs import Dropped, make_shards
from ace_agent.data.pairs_from_images.sources import Skipped
from ace_agent.data.pairs_from_images.workers import worker_pool
from ace_agent.data.sample import Sample
from ace_agent.data.shards import Record, Shards, make_turn
from tests.data.pairs_from_images.test_clustering import BAND, subjects
from tests.data.pictures import fill

ROOT = Path(__file__).parents[2]


def shards_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("shard-*"))}


def run(pictures: Path, out: Path, **settings: object) -> RunSettings:
    return RunSettings(pictures, out, **({"size": 128, "per_shard": 2} | settings))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Slow:
    """Makes one small sample per item, slowly, and may kill its own process once.

    Args:
        seconds: for each item.
        fatal: number of the item that kills the process the first time.
        marks: folder that records the items seen.
    """

    seconds: float
    fatal: int
    marks: Path

    def __call__(self, item: Item) -> Iterator[Record | Dropped | Skipped]:
        number = item["number"]
        time.sleep(self.seconds)
        mark = self.marks / f"{number}"
        if number == self.fatal and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        target = np.full((16, 16, 3), number, np.uint8)
        yield Record(Sample("x", (make_turn("text_to_image", f"tone {number}", (), target, None),)))


def planned(folder: Path, items: int) -> RunPlan:
    folder.mkdir()
    plan = RunPlan.open(folder, {"route": "synthesize"})
    plan.extend([{"number": number} for number in range(items)], 2)
    return plan


def tones_in(folder: Path) -> list[str]:
    shards = Shards(folder)
    return [shards[number].turns[0].instruction for number in range(len(shards))]


def test_two_processes_make_the_same_shards_as_one(tmp_path: Path) -> None:
    pictures = fill(tmp_path / "in", 6)
    pair_runs.synthesize(run(pictures, tmp_path / "one"), per_picture=2)
    pair_runs.synthesize(run(pictures, tmp_path / "two", workers=2), per_picture=2)
    assert shards_of(tmp_path / "one") == shards_of(tmp_path / "two")
    assert len(shards_of(tmp_path / "one")) == 6


def test_a_dead_worker_stops_the_run_and_a_second_run_completes_it(tmp_path: Path) -> None:
    plan = planned(tmp_path / "out", 8)
    maker = Slow(0.0, 5, tmp_path)
    with pytest.raises(RunStopped, match="a worker process died"), worker_pool(2) as each:
        make_shards(plan, maker, "png", each, lambda done: None)
    assert plan.missing()
    with worker_pool(1) as each:
        make_shards(plan, maker, "png", each, lambda done: None)
    assert tones_in(tmp_path / "out") == [f"tone {number}" for number in range(8)]


_KILLED = """
import sys, time
from pathlib import Path
from ace_agent.data.pairs_from_images import run as pair_runs, synthesis

load = synthesis.load
def slowly(*args):
    time.sleep(0.05)  # enough time to be killed
    return load(*args)
synthesis.load = slowly
run = pair_runs.RunSettings(Path(sys.argv[1]), Path(sys.argv[2]), size=128, per_shard=2)
pair_runs.synthesize(run, per_picture=2)
"""


def test_a_killed_run_resumes(tmp_path: Path) -> None:
    """However often it is killed, it ends with the bytes of an undisturbed run."""
    pictures = fill(tmp_path / "in", 14)
    out = tmp_path / "killed"
    kills = 0
    for seen in (1, 3, 5):
        process = subprocess.Popen([sys.executable, "-c", _KILLED, str(pictures), str(out)], cwd=ROOT)
        while process.poll() is None and len(list(out.glob("shard-*.tar"))) < seen:
            time.sleep(0.005)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
    assert kills == 3
    assert 5 <= len(list(out.glob("shard-*.tar"))) < 7
    pair_runs.synthesize(run(pictures, out), per_picture=2)
    pair_runs.synthesize(run(pictures, tmp_path / "whole"), per_picture=2)
    assert shards_of(out) == shards_of(tmp_path / "whole")
    keys = [entry.key for entry in Shards(out).entries]
    assert len(keys) == len(set(keys)) == 28


@pytest.mark.slow
def test_a_ray_cluster_that_loses_a_worker_loses_no_sample(tmp_path: Path) -> None:
    """Two worker nodes; one worker process kills itself inside its third shard."""
    ray = pytest.importorskip("ray", reason="an extra: pip install 'ace-agent[ray]'")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    # Workers import the tests' own module as well.
    environment = {"env_vars": {"PYTHONPATH": f"{ROOT}:{ROOT}/kernels:{ROOT}/memory:{ROOT}/tools"}}
    ray.init(address=cluster.address, runtime_env=environment, log_to_driver=False)
    try:
        ray.cloudpickle.register_pickle_by_value(sys.modules[Slow.__module__])
        plan = planned(tmp_path / "out", 12)
        told = []
        with worker_pool(1, cluster.address) as each:
            make_shards(plan, Slow(0.2, 5, tmp_path), "png", each, told.append)
        assert (tmp_path / "5").exists()
        assert sorted(done.number for done in told) == list(range(6))
        assert tones_in(tmp_path / "out") == [f"tone {number}" for number in range(12)]
        pictures = fill(tmp_path / "in", 4)
        pair_runs.synthesize(run(pictures, tmp_path / "ray", ray=cluster.address), per_picture=2)
        pair_runs.synthesize(run(pictures, tmp_path / "here"), per_picture=2)
        assert shards_of(tmp_path / "ray") == shards_of(tmp_path / "here")
        linked = ["data", "cluster", str(subjects(tmp_path / "alike")), "--size", "128", "--per-shard", "2"]
        linked += ["--embedder", "classical", "--band", *map(str, BAND)]
        for out, where in (("ray linked", ["--ray", cluster.address]), ("linked here", ["--workers", "1"])):
            done = CliRunner().invoke(main, [*linked, "--out", str(tmp_path / out), *where])
            assert done.exit_code == 0, done.output
        assert shards_of(tmp_path / "ray linked") == shards_of(tmp_path / "linked here")
        assert len(tones_in(tmp_path / "ray linked")) >= 4
    finally:
        ray.shutdown()
        cluster.shutdown()
