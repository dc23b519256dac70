"""Writing an instruction that leads from one picture to another: by template, or by a chat model."""

from __future__ import annotations

import base64
import io
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

from PIL import Image

from ace_agent.data.errors import BadInput, RunStopped
from ace_agent.data.pairs_from_images.difference import ImagePair, tones
from ace_agent.data.scenes.edits.global_edits import ADJUST_PHRASES
from ace_agent.images.types import Pixels

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Sees = Literal["pictures", "captions"]
SEES: tuple[Sees, ...] = ("pictures", "captions")


class InstructionWriter(Protocol):
    """Writes instructions."""

    @property
    def name(self) -> str:
        """Its name in the provenance."""
        ...

    def write(self, pair: ImagePair, rng: random.Random) -> str | None:
        """An instruction with ``{image}`` that leads from source to target; None if there is none.

        Raises:
            RunStopped: the model fails.
        """
        ...


# ---- by template

_EDIT_CAPTION = (
    'change {image} to "<caption>"', 'Turn {image} into "<caption>".', 'make {image} show "<caption>"',
    'Edit {image} so that it shows "<caption>".', 'let {image} become "<caption>"',
    'Rework {image} into "<caption>".', '{image}, but as "<caption>"', 'transform {image} into "<caption>"',
)  # fmt: skip
_EDIT_TONES = (
    "make {image} <how>", "Change the picture {image}: <how>.", "let {image} be <how>", "{image}, but <how>",
    "Show {image} <how>.", "i want {image} <how>",
)  # fmt: skip
_AGAIN_CAPTION = (
    '{image}, the same subject: "<caption>"', 'Show the subject of {image} again, as "<caption>".',
    'make another picture of what {image} shows: "<caption>"', 'With the subject of {image}, draw "<caption>".',
    'a new picture of the same subject as {image}, "<caption>"', 'Use {image} to make "<caption>".',
    '"<caption>", with the subject of {image}', 'Keep the subject of {image} and make "<caption>".',
)  # fmt: skip
_AGAIN_TONES = (
    "another picture of the subject of {image}, <how>", "Show what {image} shows once more, <how>.",
    "make a new picture of the same subject as {image}, but <how>", "the subject of {image} again, <how>",
    "Draw the subject of {image} anew, <how>.", "give me the same subject as in {image}, <how>",
)  # fmt: skip
_AGAIN = (
    "another picture of the subject of {image}", "Show the subject of {image} in another picture.",
    "make a new picture of what {image} shows", "the same subject as {image}, once more",
    "Draw the subject of {image} again, in another way.", "give me another view of what {image} shows",
)  # fmt: skip
_MOST_TONES = 2  # differences that one sentence mentions


@dataclass(frozen=True)
class TemplateWriter:
    """Mentions the target's caption if there is one, and measured tones otherwise."""

    name: str = "template"

    def write(self, pair: ImagePair, rng: random.Random) -> str | None:
        how = " and ".join(rng.choice(ADJUST_PHRASES[name]) for name in tones(pair)[:_MOST_TONES])
        wordings: tuple[str, ...]
        if pair.target_caption and pair.target_caption != pair.source_caption:
            wordings = _EDIT_CAPTION if pair.aligned else _AGAIN_CAPTION
        elif how:
            wordings = _EDIT_TONES if pair.aligned else _AGAIN_TONES
        elif pair.aligned:
            return None
        else:
            wordings = _AGAIN
        chosen = rng.choice(wordings).replace("<caption>", pair.target_caption)
        return chosen.replace("<how>", how)


# ---- by a chat model

_SYSTEM = """You write one instruction for training an image editor. You get a source picture and a target picture \
that were found to be alike. Write what a person would say to get the target from the source: name what changes and \
what stays, in one sentence of at most 40 words, in English. Call the source {image}, exactly so, once. Speak of no \
second picture, of no target. If the two do not show the same subject, or do not differ, say so instead.
Answer with JSON only: {"instruction": "..."} or {"reject": "why"}."""
_WORDS = 60
_TRIES = 2
_SIDE = 512  # of pictures that are sent


@dataclass
class ModelWriter:
    """Asks a LangChain chat model.

    Args:
        spec: ``provider:model``, as ``init_chat_model`` takes it.
        sees: whether both pictures are sent, or only captions and measurements as text.
        make: creates the chat model of ``spec``.
    """

    spec: str
    sees: Sees = "pictures"
    make: Callable[[str], BaseChatModel] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return self.spec

    def write(self, pair: ImagePair, rng: random.Random) -> str | None:
        model = (self.make or chat_model)(self.spec)
        messages: list[Any] = [("system", _SYSTEM), self._question(pair)]
        for _ in range(_TRIES):
            try:
                answer = model.invoke(messages)
            except Exception as error:  # every provider has its own exceptions
                reason = " ".join(str(error).split())[:200] or type(error).__name__
                raise RunStopped(
                    f"{self.spec} failed: {reason}", "finished shards are kept; run again to go on"
                ) from error
            text = answer.text if isinstance(answer.text, str) else answer.text()
            instruction, complaint = parse(text)
            if complaint is None:
                return instruction
            messages += [answer, ("human", f"That cannot be used: {complaint}. Answer with the JSON alone.")]
        return None

    def _question(self, pair: ImagePair) -> Any:
        from langchain_core.messages import HumanMessage

        form = "an edit of the source" if pair.aligned else "a new picture of the source's subject"
        lines = [f"The target is {form}."]
        for which, caption in (("Source", pair.source_caption), ("Target", pair.target_caption)):
            if caption:
                lines.append(f"{which} caption: {caption}")
        if differing := tones(pair):
            lines.append(f"Measured: the target is {', '.join(differing)}.")
        text = {"type": "text", "text": "\n".join(lines)}
        if self.sees == "captions":
            return HumanMessage([text])
        return HumanMessage(
            [
                {"type": "text", "text": "Source:"},
                _block(pair.source),
                {"type": "text", "text": "Target:"},
                _block(pair.target),
                text,
            ]
        )


def parse(text: str) -> tuple[str | None, str | None]:
    """The instruction in a model's answer, None if it rejects the pair; and an error in the answer, if any."""
    found = re.search(r"\{.*\}", text, re.DOTALL)
    try:
        row = json.loads(found.group()) if found else None
    except ValueError:
        row = None
    if not isinstance(row, dict):
        return None, "there is no JSON object in it"
    if row.get("reject"):
        return None, None
    instruction = row.get("instruction")
    if not isinstance(instruction, str) or not instruction.strip():
        return None, "there is no instruction in it"
    instruction = " ".join(instruction.split())
    if instruction.count("{image}") != 1 or re.search(r"[{}]", instruction.replace("{image}", "")):
        return None, "it must name {image} once, and nothing else in braces"
    if len(instruction.split()) > _WORDS:
        return None, "it is too long"
    return instruction, None


def _block(pixels: Pixels) -> dict[str, str]:
    image = Image.fromarray(pixels)
    image.thumbnail((_SIDE, _SIDE))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=85)
    data = base64.b64encode(stream.getvalue()).decode()
    return {"type": "image", "base64": data, "mime_type": "image/jpeg"}


@lru_cache(maxsize=1)
def chat_model(spec: str) -> BaseChatModel:
    """The chat model of ``provider:model``; each process keeps one.

    Raises:
        BadInput: there is no such provider, or its package or key is missing.
    """
    from langchain.chat_models import init_chat_model

    if ":" not in spec:
        raise BadInput(f"{spec!r} is no chat model", "give provider:model, such as ollama:llava")
    try:
        return init_chat_model(spec, temperature=0)
    except ImportError as error:
        provider = spec.split(":")[0]
        raise BadInput(
            f"the provider {provider!r} is not installed", f'pip install "ace-agent[{provider}]"'
        ) from error
    except Exception as error:  # every provider raises another error for a missing key
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"{spec} cannot be opened: {reason}", "see the provider's settings") from error
