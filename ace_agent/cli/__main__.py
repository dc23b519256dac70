"""``python -m ace_agent.cli``: the same as `ace`."""

from ace_agent.cli import main

main(prog_name="ace")
