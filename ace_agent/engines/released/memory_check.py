"""Checks, before anything is loaded, that a request to the released model fits the machine's memory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from ace_agent.engines.memory_budget import ModelSizes, Work, available_memory, check_memory, estimate_memory
from ace_agent.engines.presets import check_disk
from ace_agent.engines.released.model_parts import ModelParts
from ace_agent.engines.released.t5 import T5TextEncoder, TextEncoder
from ace_kernels import attention_workspace


class MemoryCheck:
    """The memory of the device a model runs on, and of the machine around it."""

    def __init__(self, sizes: ModelSizes, device: str, *, offload: bool, tiling: bool) -> None:
        self.sizes = sizes
        self.device = device
        self.offload = offload
        self.tiling = tiling
        self._apart = device.startswith("cuda")  # a GPU with memory of its own

    def check(self, work: Work, encoder: TextEncoder, texts: Sequence[str], parts: ModelParts) -> None:
        """Raises ModelError where encoding a new text, or making the picture, needs more memory than is free.

        Moves the text encoder to the CPU where the device is too small for it, and unloads other parts where that makes
        room for it.
        """
        if isinstance(encoder, T5TextEncoder) and encoder.missing(texts):
            self._check_text(encoder, parts)
        self._check_picture(work, parts)

    def _check_text(self, encoder: T5TextEncoder, parts: ModelParts) -> None:
        need = estimate_memory(self.sizes, Work(0, 0)).text
        if self.offload:
            free = available_memory("cpu")
            if self._apart:
                free += available_memory(self.device)
            where = Path(tempfile.gettempdir())
            check_disk(where, max(need - free, 0), "the share of the text encoder that memory does not hold")
            return
        if available_memory(self.device) < need:
            parts.unload()
        small = self._apart and available_memory(self.device) < need
        encoder.device = "cpu" if small else self.device
        remedy = "close other programs, or use --offload"
        check_memory(need, available_memory(encoder.device), "the text encoder", remedy)

    def _check_picture(self, work: Work, parts: ModelParts) -> None:
        workspace = attention_workspace(self.device)

        def need(tiling: bool, offload: bool) -> int:
            return estimate_memory(self.sizes, work, tiling=tiling, offload=offload).picture + workspace

        wanted = need(self.tiling, self.offload)
        other = {"--offload": need(self.tiling, True), "--vae-tiling": need(True, self.offload)}
        savings = [name for name, with_it in other.items() if with_it < wanted]
        way_out = f"use {' or '.join(savings)}" if savings else "leave pictures out"
        remedy = f"close other programs, or {way_out}"
        side = round(work.pixels**0.5)
        check_memory(
            wanted - parts.held, available_memory(self.device), f"a picture of {side} px squared", remedy
        )
        if self._apart and not parts.are_loaded:
            # Weights reach the device through the machine's own memory; with offload that is where they stay.
            weights = (self.sizes.transformer, self.sizes.first_stage)
            through = sum(weights) if self.offload else max(weights)
            check_memory(through, available_memory("cpu"), "reading the weights", "close other programs")
