"""The operations as LangChain tools."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException
from pydantic import ConfigDict, Field

from ace_tools.arguments import explain_validation
from ace_tools.calling import acall, call
from ace_tools.error_text import explain
from ace_tools.langchain.progress import progress_relay, progress_report
from ace_tools.operations import OPERATIONS, Operation
from ace_tools.results import Result, inline_png
from ace_tools.sessions import SessionPool

Content = str | list[str | dict[str, Any]]


class AceTool(BaseTool):
    """One operation, on the conversations of a pool.

    Its content is text: ids, sizes, files, what was done; with `images="inline"` image blocks follow. Its
    artifact is a dict of plain data (`ace_tools.results.Result`); `open_pictures` reads the pictures of it.
    The thread id of the call's config chooses the conversation. What cannot be done is answered in words,
    with the status "error".
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    description: str
    pool: SessionPool = Field(exclude=True, repr=False)
    images: Literal["path", "inline"] = "path"
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True
    handle_validation_error: Any = Field(default=explain_validation, exclude=True)

    def __init__(self, operation: str, pool: SessionPool, **fields: Any) -> None:
        row = OPERATIONS[operation]
        super().__init__(
            **{
                "name": row.name,
                "description": row.description,
                "args_schema": row.arguments,
                "metadata": {"ace_paints": row.paints, "ace_reads": row.reads},
                "pool": pool,
                **fields,
            }
        )

    @property
    def operation(self) -> Operation:
        return OPERATIONS[self.name]

    def _run(
        self,
        *,
        config: RunnableConfig,
        run_manager: CallbackManagerForToolRun | None = None,
        **arguments: Any,
    ) -> tuple[Content, dict[str, Any]]:
        report = progress_report(bool(run_manager and run_manager.handlers))
        try:
            result = call(self.pool, self._conversation(config), self.operation, arguments, report)
        except Exception as error:
            raise ToolException(explain(error, self.pool.workspace)) from None
        return self._answer(result)

    async def _arun(
        self,
        *,
        config: RunnableConfig,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
        **arguments: Any,
    ) -> tuple[Content, dict[str, Any]]:
        relay, report = progress_relay(bool(run_manager and run_manager.handlers))
        conversation = self._conversation(config)
        try:
            result = await acall(self.pool, conversation, self.operation, arguments, report)
        except Exception as error:
            raise ToolException(explain(error, self.pool.workspace)) from None
        await relay.finished()
        return self._answer(result)

    def _conversation(self, config: RunnableConfig) -> str:
        return self.pool.conversation((config or {}).get("configurable", {}).get("thread_id"))

    def _answer(self, result: Result) -> tuple[Content, dict[str, Any]]:
        pictures = [image for image in result.images if image.path is not None]
        if self.images == "path" or not pictures:
            return result.text, result.artifact()
        blocks: list[str | dict[str, Any]] = [{"type": "text", "text": result.text}]
        blocks += [
            {"type": "image", "base64": inline_png(image), "mime_type": "image/png"} for image in pictures
        ]
        return blocks, result.artifact()
