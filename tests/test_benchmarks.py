"""The benchmarks still run, and the roofline tables in the docs are what its script prints."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*arguments: str) -> str:
    path = os.pathsep.join(str(ROOT / folder) for folder in ("", "kernels", "memory", "tools"))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_roofline_in_the_docs_is_what_the_script_prints():
    assert run("benchmarks/roofline.py").strip() in (ROOT / "docs" / "kernels.md").read_text()


def test_every_stage_of_the_gpu_day_runs_dry_and_is_resumed(tmp_path: Path):
    printed = run("benchmarks/gpu_day.py", "--out", str(tmp_path), "--dry")
    results = json.loads((tmp_path / "results.json").read_text())
    assert list(results) == ["facts", "correct", "tune", "bench", "step", "train"]
    assert results["correct"] == {"faults": []}
    assert not any("failed" in found for found in results.values())
    assert (tmp_path / "table.md").read_text().strip() in printed
    del results["bench"], results["facts"]["torch"]
    (tmp_path / "results.json").write_text(json.dumps(results))
    run("benchmarks/gpu_day.py", "--out", str(tmp_path), "--dry", "--resume")
    again = json.loads((tmp_path / "results.json").read_text())
    assert "bench" in again
    assert "torch" not in again["facts"]  # was not asked for again


@pytest.mark.parametrize("fault", ["offset", "nan", "drift"])
def test_the_gpu_day_finds_a_wrong_kernel(monkeypatch: pytest.MonkeyPatch, fault: str):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import gpu_checks

    right = gpu_checks.range_attention
    calls = iter(range(10_000))

    def wrong(*arguments, backend=None):
        out = right(*arguments, backend=backend)
        if backend == "reference":
            return out
        if fault == "drift":
            return out + 1e-7 * next(calls)
        return out + (0.1 if fault == "offset" else float("nan"))

    assert gpu_checks.kernel_faults("cpu", quick=True) == []
    monkeypatch.setattr(gpu_checks, "range_attention", wrong)
    assert gpu_checks.kernel_faults("cpu", quick=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["attention", "denoise"])
def test_the_kernel_benchmarks_run(name):
    printed = run(f"benchmarks/{name}.py", "--quick", "--rounds", "1", "--threads", "1")
    assert "1.00 x" in printed


@pytest.mark.slow
def test_the_rates_of_training_pairs_are_measured():
    few = ("--pictures", "12", "--linked", "64", "--scenes", "8", "--no-models")
    printed = run("benchmarks/data_rates.py", *few)
    for row in ("synthesize, png", "synthesize, webp", "cluster, png", "linking 64", "scene world"):
        assert row in printed
