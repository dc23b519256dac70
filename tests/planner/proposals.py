"""Proposals and conversations for tests, in few words."""

from __future__ import annotations

from ace_agent.planner.interface import Context, KnownImage, handed_over
from ace_agent.planner.proposal import ProposedPlan, ProposedStep


def step(task: str, *images: str, mask: str | None = None, words: str = "") -> ProposedStep:
    return ProposedStep(task=task, images=images, mask=mask, instruction=words)


def proposal(*steps: ProposedStep) -> ProposedPlan:
    return ProposedPlan(steps=steps)


def conversation(*captions: str, inputs: int = 0) -> Context:
    """A conversation with one image a turn; a caption that begins with "mask" is a mask's."""
    images = tuple(
        KnownImage(f"@{n}", "mask" if caption.startswith("mask") else "image", caption, n)
        for n, caption in enumerate(captions, 1)
    )
    path = tuple(image.id for image in images if image.kind == "image")
    return Context(images, path[-1] if path else None, path, handed_over(inputs))
