"""A LangGraph graph: plan, let a person look at the plan, then paint.

python examples/langgraph_node.py [WORKSPACE]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from ace_tools import AceToolkit, open_pictures


class State(TypedDict, total=False):
    request: str
    plan: dict[str, Any]
    result: dict[str, Any]


def build(toolkit: AceToolkit) -> Any:
    """The graph, with a pause between the plan and the work."""
    planner, ace = toolkit.as_planner(), toolkit.as_runnable()

    def plan(state: State) -> State:
        made = planner.invoke({"request": state["request"]})
        return {"plan": made.model_dump(mode="json", exclude_defaults=True)}

    def approve(state: State) -> Command[Any]:
        return Command(goto="paint" if interrupt(state["plan"]) else END)

    def paint(state: State) -> State:
        return {"result": ace.invoke({"request": state["request"], "plan": state["plan"]})}

    graph = StateGraph(State)
    graph.add_node("plan", plan)
    graph.add_node("approve", approve, destinations=("paint", END))
    graph.add_node("paint", paint)
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "approve")
    graph.add_edge("paint", END)
    return graph.compile(checkpointer=InMemorySaver())


def main(workspace: Path) -> None:
    app = build(AceToolkit(workspace=workspace))
    thread: Any = {"configurable": {"thread_id": "meadow"}}
    for request in ("a red car in a meadow", "make the car green and add a tree"):
        state = app.invoke({"request": request}, thread)
        for number, step in enumerate(state["__interrupt__"][0].value["steps"], 1):
            print(f"step {number}: {step['task']}: {step['instruction']}")
        state = app.invoke(Command(resume=True), thread)
        print(state["result"]["text"])
        print("sizes:", [picture.size for picture in open_pictures(state["result"])])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "ace-pictures"))
