"""`ace completion`, and what it completes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.cli.conftest import Ace


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_understood_by_their_shell(ace: Ace, shell: str) -> None:
    script = ace("completion", shell).stdout
    assert "_ACE_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_commands_and_options_are_completed() -> None:
    def complete(words: str) -> set[str]:
        environment = os.environ | {"_ACE_COMPLETE": "bash_complete", "COMP_WORDS": words}
        environment["COMP_CWORD"] = str(len(words.split(" ")) - 1)
        code = "from ace_agent.cli import main; main(prog_name='ace')"
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        return {line.partition(",")[2] for line in done.stdout.splitlines()}

    assert {"history"} <= complete("ace hi")
    assert {"--seed"} <= complete("ace --se")
    assert {"--all"} <= complete("ace history --a")
