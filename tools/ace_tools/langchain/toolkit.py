"""All tools of one workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import ConfigDict, Field, PrivateAttr

from ace_agent.engines.runtime import Runtime
from ace_agent.planner.interface import Planner
from ace_tools.langchain.runnables import AceRunnable, PlannerRunnable
from ace_tools.langchain.tools import AceTool
from ace_tools.operations import OPERATIONS
from ace_tools.sessions import SessionPool


class AceToolkit(BaseToolkit):
    """Tools that make and edit pictures in a workspace.

    >>> tools = AceToolkit(workspace="pictures").get_tools()

    Calls with a thread id (LangGraph's `configurable`) go to that thread's own conversation, others to
    `session`. All tools share one model, loaded when the first picture is made; calls queue for it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    workspace: str | Path | None = Field(
        default=None, description="where conversations and pictures are kept"
    )
    model: str | Path = Field(default="ace-mini", description="a name that `ace models` lists, or a folder")
    session: str = Field(
        default="tools", description="the conversation of calls that come without a thread id"
    )
    planner: Any = Field(default="auto", description="a planner's name, or a Planner")
    images: Literal["path", "inline"] = Field(
        default="path", description="inline: show pictures to the calling model"
    )
    device: str = "auto"
    dtype: str = "auto"
    offload: bool = Field(default=False, description="released model: keep on the device the part at work")
    vae_tiling: bool = Field(default=False, description="released model: decode in tiles")
    pipeline: Any = Field(default=None, exclude=True, repr=False, description="takes the place of `model`")

    _pool: SessionPool = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        planner: str | Planner = self.planner
        self._pool = SessionPool(
            self.workspace, model=self.model, session=self.session, planner=planner,
            runtime=Runtime(self.device, self.dtype, self.offload, self.vae_tiling), pipeline=self.pipeline,
        )  # fmt: skip

    @property
    def pool(self) -> SessionPool:
        return self._pool

    def get_tools(self) -> list[BaseTool]:
        return [AceTool(name, self._pool, images=self.images) for name in OPERATIONS]

    def as_runnable(self) -> AceRunnable:
        """The whole agent as a runnable: a request in, pictures out; also a node of a graph."""
        return AceRunnable(self._pool)

    def as_planner(self) -> PlannerRunnable:
        """The planner alone as a runnable: a request in, a plan out, nothing made."""
        return PlannerRunnable(self._pool)

    def interrupt_on(self) -> dict[str, Any]:
        """For `HumanInTheLoopMiddleware`: ask before every call that runs the model."""
        return {
            row.name: {"allowed_decisions": ["approve", "edit", "reject"], "description": _asked}
            for row in OPERATIONS.values()
            if row.paints
        }


def _asked(call: Any, state: Any, runtime: Any) -> str:
    """What a person reads who is asked to approve a call."""
    given = ", ".join(f"{key} = {value!r}" for key, value in call["args"].items())
    return f"{OPERATIONS[call['name']].title}: {given}"
