"""How long the commands that need no model take: ``python benchmarks/startup.py``.

Prints the best and the median of several fresh processes, in seconds. `ace --help` should take under 0.3 s.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time

COMMANDS = (["--help"], ["--version"], ["conversations"], ["history"], ["plan", "--help"])


def seconds(arguments: list[str], workspace: str) -> float:
    """Wall time of one fresh process."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "ace_agent.cli", *arguments],
        env={"ACE_WORKSPACE": workspace, "PATH": ""},
        capture_output=True,
        check=False,
    )
    return time.perf_counter() - began


def main() -> None:
    """Print one line a command."""
    parser = argparse.ArgumentParser(description="Time the commands that need no model.")
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    print(f"{'command':20} {'best':>7} {'median':>7}   ({runs} runs)")
    with tempfile.TemporaryDirectory() as workspace:
        for arguments in COMMANDS:
            times = [seconds(arguments, workspace) for _ in range(runs)]
            print(f"ace {' '.join(arguments):16} {min(times):7.3f} {statistics.median(times):7.3f}")


if __name__ == "__main__":
    main()
