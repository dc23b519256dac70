"""The training loss of ace-mini: rectified flow with a clean prediction, and where the pointer should look.

Letters: T targets, N packed rows, P patch side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ace_agent.engine.conditions import frame_tokens, target_inputs, text_batch
from ace_agent.engine.head import HeadGroup, Pointing, head_groups, pointed_coordinates
from ace_agent.engine.packing import pack_prefix, pack_targets, rows_of
from ace_agent.engine.text import MiniTextEncoder
from ace_agent.engine.transformer import ACETransformer, patchify
from ace_agent.training.stream import Example


@dataclass(frozen=True)
class ObjectiveOptions:
    """Noise levels and weights of the loss."""

    time_low: float = 0.02  # noise levels are uniform from here to 1
    time_floor: float = 0.05  # the velocity loss divides by t squared
    changed_weight: float = 4.0  # extra weight of pixels that differ from the base image
    pointer_weight: float = 0.1
    draws: int = 1  # noise draws per prefix


@dataclass(frozen=True)
class Loss:
    """total [] to minimise; flow [T] per target and pointer [] for the log."""

    total: Tensor
    flow: Tensor
    pointer: Tensor


def draw_times(count: int, options: ObjectiveOptions, generator: torch.Generator) -> Tensor:
    """Uniform times, stratified over the batch.

    Logit-normal times around 0.6 (arXiv 2403.03206) left t < 0.3 a tenth of the samples: after 15,000 of them pictures
    still came out grainy, because the last steps of sampling are made there.
    """
    strata = (torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)) / count
    return options.time_low + (1 - options.time_low) * strata


def flow_loss(
    model: ACETransformer,
    encoder: MiniTextEncoder,
    examples: Sequence[Example],
    options: ObjectiveOptions,
    generator: torch.Generator,
) -> Loss:
    """Loss of a batch, its requests packed freely: all conditioning frames in one call, all targets in another."""
    patch = model.patch
    requests = [example.request for example in examples]
    layouts = [request.layout(patch) for request in requests]
    of = [index for index in range(len(examples)) for _ in range(options.draws)]
    texts = text_batch([tuple(unit.tokens for unit in request.units) for request in requests])
    text = model.encode_text(texts.encode(encoder), texts.indicators, texts.tags, texts.current)
    packed = pack_prefix(layouts)
    frames = [frame for request in requests for frame in request.frames]
    prefix = model.encode_prefix(frame_tokens(frames, patch), packed) if packed is not None else None
    targets = pack_targets(layouts, [(index, index) for index in of], texts.lengths)
    inputs = target_inputs(requests, of, patch)
    groups = head_groups(layouts, of, [frame.pixels for frame in frames], patch)
    clean = torch.cat([patchify(examples[index].target, patch) for index in of])
    t = draw_times(len(of), options, generator)
    noise = torch.randn(clean.shape, generator=generator)
    row_t = t[targets.frames.sample][:, None]
    noisy = (1 - row_t) * clean + row_t * noise
    out = model.denoise(noisy, t, targets, model.rope(targets.frames.positions), text, prefix, inputs, groups)
    changed = torch.cat([patchify(examples[index].changed, patch) for index in of])
    weight = (1 + options.changed_weight * changed) / row_t.clamp_min(options.time_floor).square()
    error = (out.clean - clean).square().unflatten(1, (3, -1)).mean(1) * weight
    normaliser = (1 + options.changed_weight * changed).mean()
    rows = torch.tensor([rows_of(layouts[index].target) for index in of])
    flow = torch.zeros(len(of)).index_add(0, targets.frames.sample, error.mean(1)) / rows / normaliser
    pointer = _pointer_loss(examples, of, t, groups, out.pointing)
    return Loss(flow.mean() + options.pointer_weight * pointer, flow.detach(), pointer.detach())


def _pointer_loss(
    examples: Sequence[Example],
    of: Sequence[int],
    t: Tensor,
    groups: Sequence[HeadGroup],
    pointing: Sequence[Pointing | None],
) -> Tensor:
    """Cross-entropy of pointing at a frame that shows the token's object, and the distance from its place there."""
    total = torch.zeros(())
    count = 0
    for group, pointed in zip(groups, pointing, strict=True):
        if pointed is None or group.table is None:
            continue
        mass, position = pointed_coordinates(pointed, group.table)
        first: dict[int, int] = {}
        for row, target in enumerate(group.table.target.tolist()):
            first.setdefault(target, row)
        pairs, tokens, where, scales, seen, numbers = [], [], [], [], [], []
        for number, member in enumerate(group.numbers):
            match = examples[of[member]].correspondence
            if len(match.tokens) == 0:
                continue
            pairs.append(first[number] + match.frames)
            tokens.append(match.tokens)
            where.append(match.position)
            scales.append(match.scale)
            seen.append(match.tokens + number * mass.shape[1])
            numbers.append(torch.full_like(match.tokens, member))
        if not pairs:
            continue
        pair, token = torch.cat(pairs), torch.cat(tokens)
        share = mass[pair, token]
        certain = 1 - t[torch.cat(numbers)]
        slots, inverse = torch.cat(seen).unique(return_inverse=True)
        pooled = torch.zeros(len(slots)).index_add(0, inverse, share)
        sure = torch.zeros(len(slots)).scatter(0, inverse, certain)
        total = total - (sure * (pooled + 1e-4).log()).sum()
        off = (position[pair, token] - torch.cat(where)) / 16
        off = torch.nn.functional.smooth_l1_loss(off, torch.zeros_like(off), reduction="none").mean(-1)
        turn = pointed.scale[group.table.target[pair], token] - torch.cat(scales)
        total = total + (certain * (share.detach() * off + turn.abs().mean(-1) * 0.5)).sum()
        count += len(slots)
    return total / max(count, 1)
