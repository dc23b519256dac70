"""The planner and the whole agent as LangChain runnables, and so as nodes of a graph."""

from __future__ import annotations

import asyncio
import base64
import binascii
import queue
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from PIL import Image

from ace_agent.errors import InputError
from ace_agent.execution.executor import ProgressCallback
from ace_agent.images.files import read_picture
from ace_agent.plan import Plan
from ace_tools.langchain.progress import progress_relay, progress_report
from ace_tools.paths import file_in
from ace_tools.results import turn_result
from ace_tools.sessions import Session, SessionPool

SETTINGS = ("seed", "variations", "steps", "guidance", "size")
"""What a request as a mapping may set; see `Agent.say`."""


@dataclass(frozen=True)
class RunnableRequest:
    """A request in words or as a plan, with its pictures and settings."""

    words: str = ""
    plan: Plan | None = None
    images: Sequence[Any] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    messages: bool = False


class PlannerRunnable(Runnable[Any, Plan]):
    """From a request to a plan; nothing is stored or painted.

    Takes words, a mapping with `request` and perhaps `images`, or a graph's state with `messages`.
    """

    def __init__(self, pool: SessionPool) -> None:
        self.pool = pool

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Plan:
        return self._call_with_config(self._plan, input, config, run_type="chain")

    def _plan(self, input: Any, run_manager: Any, config: RunnableConfig) -> Plan:
        request = parse_request(input)
        if request.plan is not None:
            return request.plan
        with self.pool.session(_conversation(self.pool, config)) as session:
            return self.pool.worker.run(lambda tick: _propose(session, request))


class AceRunnable(Runnable[Any, dict[str, Any]]):
    """A request in, pictures out, as a turn of the conversation of the config's thread id.

    Takes words; a Plan; a mapping with `request` (or `plan`), `images` and settings; or a graph's state with
    `messages`, which it answers with a message. The result is plain data, as a tool's artifact is. Streaming
    yields `{"progress": {...}}` and then the result. A batch runs in order: each is a turn after the other.
    Raises an AceError for what cannot be done.
    """

    def __init__(self, pool: SessionPool) -> None:
        self.pool = pool

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        return self._call_with_config(self._say, input, config, run_type="chain")

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        return await self._acall_with_config(self._asay, input, config, run_type="chain")

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[dict[str, Any]]:
        def work(inputs: Iterator[Any], run_manager: Any, config: RunnableConfig) -> Iterator[dict[str, Any]]:
            yield from self._streamed(next(inputs), config)

        yield from self._transform_stream_with_config(iter([input]), work, config, run_type="chain")

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[dict[str, Any]]:
        async def given() -> AsyncIterator[Any]:
            yield input

        async def work(
            inputs: AsyncIterator[Any], run_manager: Any, config: RunnableConfig
        ) -> AsyncIterator[dict[str, Any]]:
            async for one in inputs:
                async for chunk in self._astreamed(one, config):
                    yield chunk

        async for chunk in self._atransform_stream_with_config(given(), work, config, run_type="chain"):
            yield chunk

    def batch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any | None,
    ) -> list[Any]:
        results: list[Any] = []
        for one, its in zip(inputs, _configs(config, len(inputs)), strict=True):
            try:
                results.append(self.invoke(one, its))
            except Exception as error:
                if not return_exceptions:
                    raise
                results.append(error)
        return results

    async def abatch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any | None,
    ) -> list[Any]:
        results: list[Any] = []
        for one, its in zip(inputs, _configs(config, len(inputs)), strict=True):
            try:
                results.append(await self.ainvoke(one, its))
            except Exception as error:
                if not return_exceptions:
                    raise
                results.append(error)
        return results

    def _say(self, input: Any, run_manager: Any, config: RunnableConfig) -> dict[str, Any]:
        request = parse_request(input)
        conversation = _conversation(self.pool, config)
        report = progress_report(bool(run_manager.handlers))
        return self.pool.worker.run(lambda tick: _carry_out(self.pool, conversation, request, tick), report)

    async def _asay(self, input: Any, run_manager: Any, config: RunnableConfig) -> dict[str, Any]:
        request = parse_request(input)
        conversation = _conversation(self.pool, config)
        relay, report = progress_relay(bool(run_manager.handlers))
        result = await self.pool.worker.arun(
            lambda tick: _carry_out(self.pool, conversation, request, tick), report
        )
        await relay.finished()
        return result

    def _streamed(self, input: Any, config: RunnableConfig) -> Iterator[dict[str, Any]]:
        """Progress as it comes. A consumer who leaves early stops the work."""
        request = parse_request(input)
        conversation = _conversation(self.pool, config)
        chunks: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        job = self.pool.worker.start(
            lambda tick: _carry_out(self.pool, conversation, request, tick),
            lambda progress: chunks.put({"progress": asdict(progress)}),
        )
        job.future.add_done_callback(lambda _: chunks.put(None))
        try:
            while (chunk := chunks.get()) is not None:
                yield chunk
            yield job.future.result()
        finally:
            job.stop()

    async def _astreamed(self, input: Any, config: RunnableConfig) -> AsyncIterator[dict[str, Any]]:
        request = parse_request(input)
        conversation = _conversation(self.pool, config)
        chunks: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def tell(chunk: dict[str, Any] | None) -> None:
            loop.call_soon_threadsafe(chunks.put_nowait, chunk)

        job = self.pool.worker.start(
            lambda tick: _carry_out(self.pool, conversation, request, tick),
            lambda progress: tell({"progress": asdict(progress)}),
        )
        job.future.add_done_callback(lambda _: tell(None))
        try:
            while (chunk := await chunks.get()) is not None:
                yield chunk
            yield job.future.result()
        finally:
            job.stop()


def parse_request(given: Any) -> RunnableRequest:
    """A request in any of the forms that the runnables take. Raises InputError for another."""
    if isinstance(given, str):
        return RunnableRequest(given)
    if isinstance(given, Plan):
        return RunnableRequest(plan=given)
    if isinstance(given, Mapping) and given.get("messages"):
        return _read_message(given["messages"][-1])
    if isinstance(given, Mapping) and ("request" in given or "plan" in given):
        unknown = set(given) - {"request", "plan", "images", *SETTINGS}
        if unknown:
            raise InputError(
                f"a request has no {sorted(unknown)[0]!r}", f"it may have images, {', '.join(SETTINGS)}"
            )
        plan = given.get("plan")
        if isinstance(plan, Mapping):
            plan = Plan.parse(plan)
        settings = {key: given[key] for key in SETTINGS if given.get(key) is not None}
        if plan is not None and settings:
            raise InputError("a plan has its settings in its steps", f"leave out {', '.join(settings)}")
        return RunnableRequest(given.get("request", ""), plan, tuple(given.get("images", ())), settings)
    raise InputError(
        f"a request is words, a plan or a mapping, got {type(given).__name__}",
        'give "a red fox", {"request": "make it night"} or {"messages": [...]}',
    )


def _read_message(message: BaseMessage | Mapping[str, Any] | tuple[str, Any]) -> RunnableRequest:
    from langchain_core.messages import convert_to_messages

    [plain] = convert_to_messages([cast(Any, message)])
    pictures: list[Image.Image] = []
    for block in plain.content_blocks:
        if block["type"] == "image":
            try:
                data = base64.b64decode(block.get("base64", ""), validate=True)
            except binascii.Error:
                data = b""
            if not data:
                raise InputError("a picture of the message has no data", "give it as base64")
            pictures.append(read_picture(data).image)
    return RunnableRequest(str(plain.text), images=tuple(pictures), messages=True)


def _carry_out(
    pool: SessionPool, conversation: str, request: RunnableRequest, tick: ProgressCallback
) -> dict[str, Any]:
    with pool.session(conversation) as session:
        handed = _handed(session, request.images)
        if request.plan is not None:
            for text in request.plan.files():
                file_in(session.workspace, text)
            turn = session.agent.run(
                request.plan, handed, request=request.words, folder=session.workspace, progress=tick
            )
        else:
            turn = session.agent.say(request.words, handed, progress=tick, **request.settings)
        result = turn_result(session, turn)
    if request.messages:
        answer = AIMessage(result.text, name="ace", additional_kwargs={"artifact": result.artifact()})
        return {"messages": [answer]}
    return result.artifact()


def _propose(session: Session, request: RunnableRequest) -> Plan:
    return session.agent.propose(request.words, _handed(session, request.images))


def _handed(session: Session, images: Sequence[Any]) -> list[Any]:
    """Pictures as they are, files by their path from the workspace."""
    return [
        image if isinstance(image, Image.Image) else file_in(session.workspace, str(image))
        for image in images
    ]


def _conversation(pool: SessionPool, config: RunnableConfig) -> str:
    return pool.conversation(config.get("configurable", {}).get("thread_id"))


def _configs(config: RunnableConfig | list[RunnableConfig] | None, count: int) -> list[RunnableConfig]:
    if isinstance(config, list):
        return [ensure_config(one) for one in config]
    return [ensure_config(config) for _ in range(count)]
