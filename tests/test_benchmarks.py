"""The benchmarks still run, and the roofline tables in the docs are what its script prints."""

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
