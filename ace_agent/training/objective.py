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
from ace_agent.engine.transformer import ACETransformer, TargetInputs, patchify
from ace_agent.training.batches import Batch
from ace_agent.training.processes import Processes
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
    """total [] to minimise, this process's share of the global batch's loss; flow [T] per target and pointer [] (None
    where there is no pointer) for the log."""

    total: Tensor
    flow: Tensor
    pointer: Tensor | None = None


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
    batch: Batch[Example],
    options: ObjectiveOptions,
    generator: torch.Generator,
    processes: Processes | None = None,
) -> Loss:
    """Loss of a batch, its requests packed freely: all conditioning frames in one call, all targets in another.

    Every process draws the times and the noise of the whole global batch and takes its own, so that their losses add
    up to what one process would have computed.
    """
    patch, device, draws = model.patch, model.device, options.draws
    processes = processes or Processes()
    examples = batch.examples
    clean = [patchify(example.target, patch) for example in examples for _ in range(draws)]
    every_t = draw_times(len(batch.rows) * draws, options, generator)
    t = every_t[batch.start * draws :][: len(examples) * draws]
    noise = torch.randn(sum(batch.rows) * draws, 3 * patch * patch, generator=generator)
    noise = noise[sum(batch.rows[: batch.start]) * draws :][: sum(map(len, clean))]
    changed = [
        1 + options.changed_weight * patchify(e.changed, patch) for e in examples for _ in range(draws)
    ]
    slots = draws * sum(len(example.correspondence.tokens.unique()) for example in examples)
    if processes.count == 1:
        normaliser = torch.cat(changed).mean()
    else:
        own = [float(sum(c.sum() for c in changed)), sum(c.numel() for c in changed), slots]
        weights, numbers, slots = processes.total(torch.tensor(own, dtype=torch.float64)).tolist()
        normaliser = torch.tensor(weights / numbers, dtype=torch.float32)
    if not examples:
        return Loss(torch.zeros(()), torch.zeros(0), torch.zeros(()))

    requests = [example.request for example in examples]
    layouts = [request.layout(patch) for request in requests]
    of = [index for index in range(len(examples)) for _ in range(draws)]
    texts = text_batch([tuple(unit.tokens for unit in request.units) for request in requests])
    text = model.encode_text(
        texts.encode(encoder), texts.indicators.to(device), texts.tags.to(device), texts.current.to(device)
    )
    packed = pack_prefix(layouts)
    frames = [frame for request in requests for frame in request.frames]
    prefix = None
    if packed is not None:
        prefix = model.encode_prefix(frame_tokens(frames, patch).to(device), packed.to(device))
    targets = pack_targets(layouts, [(index, index) for index in of], texts.lengths)
    raw = target_inputs(requests, of, patch)
    inputs = TargetInputs(raw.mask.to(device), raw.base.to(device), raw.has_base.to(device))
    groups = head_groups(layouts, of, [frame.pixels.to(device) for frame in frames], patch, device)
    row_t = t[targets.frames.sample][:, None].to(device)
    right = torch.cat(clean).to(device)
    noisy = (1 - row_t) * right + row_t * noise.to(device)
    t = t.to(device)
    targets = targets.to(device)
    out = model.denoise(noisy, t, targets, model.rope(targets.frames.positions), text, prefix, inputs, groups)
    weight = torch.cat(changed).to(device) / row_t.clamp_min(options.time_floor).square()
    error = (out.clean - right).square().unflatten(1, (3, -1)).mean(1) * weight
    rows = torch.tensor([rows_of(layouts[index].target) for index in of], device=device)
    flow = torch.zeros(len(of), device=device).index_add(0, targets.frames.sample, error.mean(1))
    flow = flow / rows / normaliser.to(device)
    pointer = _pointer_loss(examples, of, t, groups, out.pointing) / max(slots, 1)
    share = len(examples) / len(batch.rows)
    return Loss(
        flow.mean() * share + options.pointer_weight * pointer, flow.detach(), pointer.detach() / share
    )


def _pointer_loss(
    examples: Sequence[Example],
    of: Sequence[int],
    t: Tensor,
    groups: Sequence[HeadGroup],
    pointing: Sequence[Pointing | None],
) -> Tensor:
    """Cross-entropy of pointing at a frame that shows the token's object, and the distance from its place there; summed
    over the tokens of which something is known."""
    device = t.device
    total = torch.zeros((), device=device)
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
        pair, token = torch.cat(pairs).to(device), torch.cat(tokens).to(device)
        share = mass[pair, token]
        certain = 1 - t[torch.cat(numbers).to(device)]
        slots, inverse = torch.cat(seen).to(device).unique(return_inverse=True)
        pooled = torch.zeros(len(slots), device=device).index_add(0, inverse, share)
        sure = torch.zeros(len(slots), device=device).scatter(0, inverse, certain)
        total = total - (sure * (pooled + 1e-4).log()).sum()
        off = (position[pair, token] - torch.cat(where).to(device)) / 16
        off = torch.nn.functional.smooth_l1_loss(off, torch.zeros_like(off), reduction="none").mean(-1)
        turn = pointed.scale[group.table.target[pair], token] - torch.cat(scales).to(device)
        total = total + (certain * (share.detach() * off + turn.abs().mean(-1) * 0.5)).sum()
    return total
