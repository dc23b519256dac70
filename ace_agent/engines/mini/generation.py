"""From prepared requests to pictures with ace-mini: prefix once, texts once, then guided denoising.

Letters: R requests, V targets of a request (seeds), N packed rows, P patch side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ace_agent.engines.ace.packing import PackedTargets, RequestLayout, pack_targets, rows_of
from ace_agent.engines.ace.patches import patchify, unpatchify
from ace_agent.engines.mini.copy_head import HeadGroup, head_groups
from ace_agent.engines.mini.prefix_cache import PrefixCache
from ace_agent.engines.mini.request_tensors import PreparedRequest, TextBatch, target_inputs, text_batch
from ace_agent.engines.mini.sampling import SAMPLERS, shifted_times
from ace_agent.engines.mini.states import Denoised, PrefixState, TargetInputs, TextState
from ace_agent.engines.mini.text_encoder import MiniTextEncoder, Tokens
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_kernels import RopeTable


@dataclass(frozen=True)
class SamplingOptions:
    """Settings of a denoising run.

    More steps had a higher error on validation samples (docs/lab-notebook.md), but with a single one the seed does not
    matter. `guided` is the interval of times (1 = noise) in which guidance acts (arXiv 2404.07724).
    """

    steps: int = 1
    guidance: float = 1.0
    guided: tuple[float, float] = (0.3, 0.95)
    sampler: str = "dpm_solver_2m"
    shift: float = 8.0


@dataclass(frozen=True)
class GeneratedPicture:
    """pixels float [3, h, w] in -1..1; kept float [h, w] in 0..1: the copy gate's share of the base image."""

    pixels: Tensor
    kept: Tensor


def encode_request_prefix(
    model: MiniTransformer, request: PreparedRequest, prefixes: PrefixCache | None = None
) -> PrefixState | None:
    """Rows of a request's conditioning frames; `prefixes` keeps them for requests that go on from here."""
    return (PrefixCache(0) if prefixes is None else prefixes).encode(model, request)


@dataclass(frozen=True)
class Texts:
    """The encoded texts of a batch: a run for each request and, with guidance, their null runs after them."""

    state: TextState
    lengths: tuple[int, ...]


def encode_texts(
    model: MiniTransformer, encoder: MiniTextEncoder, requests: Sequence[PreparedRequest], null: Tokens | None
) -> Texts:
    """Keys and values of all texts. `null` stands for the current instruction in the null runs; None: no such runs."""
    runs = [tuple(unit.tokens for unit in request.units) for request in requests]
    if null is not None:
        runs += [(*run[:-1], null) for run in runs]
    batch: TextBatch = text_batch(runs)
    device, dtype = model.device, model.dtype
    state = model.encode_text(
        batch.encode(encoder).to(dtype),
        batch.indicators.to(device),
        batch.tags.to(device),
        batch.current.to(device, dtype),
        batch.tasks.to(device),
    )
    return Texts(state, batch.lengths)


@dataclass(frozen=True)
class _Branch:
    """What is built once for one kind of step: with both guidance branches, or with the conditional one alone."""

    targets: PackedTargets
    rope: RopeTable
    known: Tensor
    inputs: TargetInputs
    groups: list[HeadGroup]

    def denoise(
        self, model: MiniTransformer, x: Tensor, t: Tensor, texts: Texts, prefix: PrefixState | None
    ) -> Denoised:
        """One evaluation: x [N, 3 * P * P] packed rows, t float [T]."""
        out: Denoised = model(
            x, t, self.targets, self.rope, self.known, texts.state, prefix, self.inputs, self.groups
        )
        return out


def _branch(
    model: MiniTransformer,
    requests: Sequence[PreparedRequest],
    layouts: Sequence[RequestLayout],
    target_request: Sequence[int],
    text_lengths: Sequence[int],
    prefix: PrefixState | None,
    *,
    guided: bool,
) -> _Branch:
    text_of = list(target_request)
    if guided:
        text_of += [len(requests) + index for index in target_request]
        target_request = [*target_request, *target_request]
    device, dtype = model.device, model.dtype
    targets = pack_targets(layouts, list(zip(target_request, text_of, strict=True)), text_lengths)
    inputs = target_inputs(requests, target_request, model.patch).to(device, dtype)
    layers = [frame.layer.to(device, dtype) for request in requests for frame in request.frames]
    groups = head_groups(layouts, target_request, layers, model.patch, device)
    targets = targets.to(device)
    known = model.target_rows(targets.frames, inputs, prefix)
    return _Branch(targets, model.rope(targets.frames.positions), known, inputs, groups)


def noise_rows(height: int, width: int, patch: int, seed: int) -> Tensor:
    """Start noise of one target, [N, 3 * P * P]; a function of the seed and size alone, drawn on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    return patchify(torch.randn(3, height, width, generator=generator), patch)


@torch.inference_mode()
def generate(
    model: MiniTransformer,
    encoder: MiniTextEncoder,
    requests: Sequence[PreparedRequest],
    seeds: Sequence[Sequence[int]],
    null: Tokens,
    options: SamplingOptions,
    callback: Callable[[int, int], None] | None = None,
    prefixes: PrefixCache | None = None,
) -> list[list[GeneratedPicture]]:
    """Pictures of every request, one per seed, denoised together in one packed pass.

    `null` is the text that stands for the current instruction in the null branch. `callback(step, steps)` is called
    after each step. `prefixes` keeps the rows of conversations between calls.
    """
    patch = model.patch
    layouts = [request.layout(patch) for request in requests]
    target_request = [index for index, own in enumerate(seeds) for _ in own]
    states = [encode_request_prefix(model, request, prefixes) for request in requests]
    filled = [state for state in states if state is not None]
    prefix = PrefixState.join(filled) if filled else None
    null_text = null if options.guidance != 1 else None
    texts = encode_texts(model, encoder, requests, null_text)
    host = (model, requests, layouts, target_request, texts.lengths, prefix)
    plain = _branch(*host, guided=False)
    guided = _branch(*host, guided=True) if null_text is not None else None
    noise = [
        noise_rows(requests[index].height, requests[index].width, patch, seed)
        for index, own in enumerate(seeds)
        for seed in own
    ]
    x = torch.cat(noise).to(model.device, model.dtype)
    kept: list[Tensor] = [torch.zeros(0)] * len(target_request)
    low, high = options.guided

    def denoise(x: Tensor, t: float, step: int) -> Tensor:
        branch = guided if guided is not None and low <= t <= high else plain
        double = branch is guided
        rows = torch.cat([x, x]) if double else x
        count = len(target_request) * (2 if double else 1)
        times = torch.full((count,), t, device=x.device)
        out = branch.denoise(model, rows, times, texts, prefix)
        for group, mixture in zip(branch.groups, out.mixtures, strict=True):
            for member, share in zip(group.numbers, mixture.shares, strict=True):
                if member < len(target_request):
                    kept[member] = share[0]
        if callback is not None:
            callback(step + 1, options.steps)
        if not double:
            return out.clean
        clean, empty = out.clean.chunk(2)
        return empty + options.guidance * (clean - empty)

    times = shifted_times(options.steps, options.shift)
    x = SAMPLERS[options.sampler](denoise, x, times)
    pictures: list[list[GeneratedPicture]] = [[] for _ in requests]
    row = 0
    for number, index in enumerate(target_request):
        grid = layouts[index].target
        rows = x[row : row + rows_of(grid)]
        row += rows_of(grid)
        pictures[index].append(
            GeneratedPicture(unpatchify(rows, grid, patch).float().cpu(), kept[number].float().cpu())
        )
    return pictures
