"""The planner and the agent as runnables and nodes."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command
from PIL import Image

from ace_agent.errors import AceError, InputError
from ace_agent.plan import Plan
from ace_tools import open_pictures
from ace_tools.langchain.toolkit import AceToolkit


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def test_a_request_becomes_pictures(toolkit: AceToolkit) -> None:
    ace = toolkit.as_runnable()
    made = ace.invoke({"request": "a red car in a meadow", "seed": 5, "variations": 2})
    assert [image["seed"] for image in made["images"]] == [5, 5]
    assert [picture.size for picture in open_pictures(made)] == [(32, 32)] * 2
    assert ace.invoke("make the car green")["images"][0]["id"] == "@3"
    assert ace.invoke("a blue car in a meadow", thread("other"))["images"][0]["id"] == "@1"


def test_a_plan_can_be_read_before_it_runs(toolkit: AceToolkit, pipeline: Any) -> None:
    seen: list[Plan] = []

    def approve(plan: Plan) -> Plan:
        assert not pipeline.calls
        seen.append(plan)
        return plan

    chain = toolkit.as_planner() | RunnableLambda(approve) | toolkit.as_runnable()
    assert chain.invoke("a red car in a meadow")["images"][0]["id"] == "@1"
    assert seen[0].steps[0].task == "text_to_image"
    assert toolkit.as_planner().invoke({"request": "make it night"}).steps[0].images == ("@1",)


def test_a_batch_runs_in_order_as_turns(toolkit: AceToolkit) -> None:
    requests = ["a red car in a meadow", "show @9", "make the car green", "remove the car"]
    results = toolkit.as_runnable().batch(requests, return_exceptions=True)
    assert isinstance(results[1], AceError)
    assert [made["images"][0]["id"] for made in (results[0], *results[2:])] == ["@1", "@2", "@3"]
    with pytest.raises(AceError):
        toolkit.as_runnable().batch(requests)


@pytest.mark.asyncio
async def test_an_asynchronous_batch(toolkit: AceToolkit) -> None:
    results = await toolkit.as_runnable().abatch(["a red car in a meadow", "make the car green"])
    assert [made["images"][0]["id"] for made in results] == ["@1", "@2"]
    assert (await toolkit.as_planner().ainvoke("make it night")).steps[0].images == ("@2",)


@pytest.mark.asyncio
async def test_a_stream_has_progress_and_then_the_result(toolkit: AceToolkit) -> None:
    chunks = list(toolkit.as_runnable().stream("a red car in a meadow"))
    assert [sorted(chunk) for chunk in chunks[:-1]] == [["progress"]] * (len(chunks) - 1)
    assert chunks[0]["progress"]["fraction"] < 0.5
    assert chunks[-1]["images"][0]["id"] == "@1"
    again = [chunk async for chunk in toolkit.as_runnable().astream("make the car green")]
    assert "progress" in again[0] and again[-1]["images"][0]["id"] == "@2"
    with pytest.raises(InputError):
        list(toolkit.as_runnable().stream(""))


def test_leaving_a_stream_stops_the_work(toolkit: AceToolkit, pipeline: Any) -> None:
    pipeline.seconds_per_step = 0.02
    stream = toolkit.as_runnable().stream({"request": "a red car in a meadow", "steps": 1000})
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    pipeline.seconds_per_step = 0.0
    assert toolkit.as_runnable().invoke("a blue car in a meadow")["turn"] == 2
    with toolkit.pool.session("tools") as session:
        assert [turn.status for turn in session.agent.turns(everything=True)] == ["stopped", "done"]


def test_a_node_of_a_graph_keeps_a_conversation_per_thread(toolkit: AceToolkit) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("ace", toolkit.as_runnable())
    graph.add_edge(START, "ace")
    app = graph.compile(checkpointer=InMemorySaver())
    first = app.invoke({"messages": [HumanMessage("a red car in a meadow")]}, thread("a"))
    second = app.invoke({"messages": [HumanMessage("make the car green")]}, thread("a"))
    other = app.invoke({"messages": [HumanMessage("a blue car in a meadow")]}, thread("b"))
    answers = [state["messages"][-1] for state in (first, second, other)]
    assert all(isinstance(answer, AIMessage) for answer in answers)
    ids = [answer.additional_kwargs["artifact"]["images"][0]["id"] for answer in answers]
    assert ids == ["@1", "@2", "@1"]


def test_pictures_in_a_message_come_with_the_request(toolkit: AceToolkit) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (40, 48), "orange").save(stream, "PNG")
    block = {
        "type": "image",
        "base64": base64.b64encode(stream.getvalue()).decode(),
        "mime_type": "image/png",
    }
    message = HumanMessage([{"type": "text", "text": "make it night"}, block])
    [answer] = toolkit.as_runnable().invoke({"messages": [message]})["messages"]
    assert open_pictures(answer.additional_kwargs["artifact"])[0].size == (40, 48)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (3, "a request is words, a plan or a mapping, got int"),
        ({}, "a request is words"),
        ("", "the request is empty"),
        ({"request": "a car", "colour": "red"}, "a request has no 'colour'"),
        ({"request": "make it night", "images": ["../x.png"]}, "leaves the workspace"),
        ({"plan": {"steps": []}}, "a plan needs at least one step"),
        ({"plan": {"steps": [{"task": "depth", "images": ["/x.png"]}]}}, "inside the workspace"),
        ({"plan": Plan(goto="@1"), "seed": 3}, "a plan has its settings in its steps: leave out seed"),
        (
            {"messages": [HumanMessage([{"type": "image", "base64": "%%", "mime_type": "image/png"}])]},
            "no data",
        ),
    ],
)
def test_a_wrong_input_is_refused_in_one_line(toolkit: AceToolkit, given: Any, words: str) -> None:
    with pytest.raises(AceError) as raised:
        toolkit.as_runnable().invoke(given)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


class Scripted(BaseChatModel):
    """A chat model that says one line of its script after another."""

    script: list[AIMessage]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(self, messages: list[Any], *args: Any, **kwargs: Any) -> ChatResult:
        said = sum(isinstance(message, AIMessage) for message in messages)
        return ChatResult(generations=[ChatGeneration(message=self.script[said])])


def wish(name: str, **arguments: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": name}])


@pytest.mark.asyncio
async def test_a_person_may_change_a_call_before_it_runs(toolkit: AceToolkit) -> None:
    """What they change it to is what runs; a call that reads is not asked about; threads do not meet."""
    script = [wish("list_images"), wish("create_image", description="a red car", seed=1), AIMessage("Done.")]
    agent = create_agent(
        Scripted(script=script),
        tools=toolkit.get_tools(),
        middleware=[HumanInTheLoopMiddleware(interrupt_on=toolkit.interrupt_on())],
        checkpointer=InMemorySaver(),
    )
    for name in ("anna", "ben"):
        state = await agent.ainvoke({"messages": [("user", "a car")]}, thread(name))
        [asked] = state["__interrupt__"][0].value["action_requests"]
        assert asked["name"] == "create_image"
        assert asked["description"] == "Create a picture: description = 'a red car', seed = 1"
        edited = {"name": "create_image", "args": {"description": f"a blue car for {name}", "seed": 2}}
        resume = {"decisions": [{"type": "edit", "edited_action": edited}]}
        state = await agent.ainvoke(Command(resume=resume), thread(name))
        told = [message for message in state["messages"] if message.type == "tool"]
        assert told[0].content == "No picture yet. create_image makes one."
        assert "Made @1 (32 x 32 pixels, seed 2, " in told[1].content
        assert told[1].content.endswith(f'"a blue car for {name}"')
        assert told[1].artifact["conversation"] == name
