"""Make and edit pictures from plain Python, without any agent framework.

python examples/plain_python.py [WORKSPACE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from ace_agent import AceError, Agent, Region


def main(workspace: Path) -> None:
    agent = Agent(workspace, conversation="plain")
    first = agent.say("a red car in a meadow", seed=7)
    print(first.images[0].id, first.images[0].size)

    agent.say("make the car green")
    agent.say("add a tree", mask=Region(side="left"))
    agent.undo()  # the tree is off the path, and still there as a picture

    for turn in agent.turns():
        print(turn.number, turn.request, [picture.id for picture in turn.images])
    last = agent.show("@last")
    print(last.save(workspace / "green-car.png", force=True))

    try:
        agent.say("make the car in @99 blue")
    except AceError as error:
        print(error)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "ace-pictures"))
