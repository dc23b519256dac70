"""The training loss of ace-mini: rectified flow with a clean prediction, and the pointer's targets.

Letters: T targets, N packed rows, P patch side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ace_agent.engines.ace.packing import pack_prefix, pack_targets, rows_of
from ace_agent.engines.ace.patches import patchify, unpatchify
from ace_agent.engines.mini.copy_head import HeadGroup, Mixture, head_groups
from ace_agent.engines.mini.pointer import Pointing, pointed
from ace_agent.engines.mini.request_tensors import frame_pictures, target_inputs, text_batch
from ace_agent.engines.mini.text_encoder import MiniTextEncoder
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_agent.plan.tasks import TASKS
from ace_agent.training.batches import Batch
from ace_agent.training.mini.naming import Namer, Naming
from ace_agent.training.mini.stream import Example
from ace_agent.training.processes import Processes
from ace_agent.training.subject import Loss

ABSENT = 0.05
"""Weight of a token that shows nothing of a frame, relative to one that shows the frame's thing."""
NEARLY = 0.03
"""Root of a squared error below which an answer counts as exact; pictures are -1..1."""
NEAR = 8.0
"""An error of the pointer of so many frame pixels costs as much as pointing at another frame."""
SMALLEST = 1 / 8
"""Share of a picture; smaller changes count less than others."""

DECIDED = frozenset(
    {
        task.id
        for task in TASKS.values()
        if task.family in ("generation", "control", "repainting", "reference")
    }
    - {"demosaic", "restore", "try_on", "face_swap"}
    | {"segment", "add", "replace"}
)
"""Tasks where the mean of two likely answers is no answer: of two classes' colours it is a third class's, of two things
a haze."""


@dataclass(frozen=True)
class ObjectiveOptions:
    """Noise levels and weights of the loss."""

    time_low: float = 0.3  # noise levels go from here to 1: sixteen steps of the sampler ask for none below
    time_shift: float = 8.0  # above 1, more of them are high
    pure: float = 0.8  # share of targets that are pure noise
    time_floor: float = 0.05  # the velocity loss divides by t squared
    keep_weight: float = 0.5  # of a target's mean over all pixels, beside the mean over those that change
    pointer_weight: float = 0.8
    gate_weight: float = 0.5
    mixture_weight: float = 1.0
    mixture_spread: float = 0.01  # twice the variance of a source's colours where it is the right one
    mixture_choice: float = 0.15  # of the cross-entropy of the right source, beside the error of its colours
    exact_weight: float = 0.25  # of the root of the error, added to its square
    decided_weight: float = 1.0  # the same for `DECIDED` tasks
    source_weight: float = 0.25  # of the errors of the sources that copy, whatever their share
    naming_weight: float = 0.2
    naming_nothing: float = 0.2  # of a row without a thing, relative to one with a thing
    draws: int = 1  # noise draws per prefix


def draw_times(count: int, options: ObjectiveOptions, generator: torch.Generator) -> Tensor:
    """Shifted times (arXiv 2403.03206, section 5.3), stratified over the batch; a share of them is 1.

    At t = 0.9 much of the low frequencies of 128 x 128 pixels is still visible, so the content is decided above that.
    With uniform times, after 20,000 samples, the squared error of the pixels that change was 0.10 at t = 0.9 and 0.57
    at t = 1, where sampling begins.
    """
    strata = (torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)) / count
    strata = strata / (1 - options.pure)
    shift = options.time_shift
    shifted = shift * strata / (1 + (shift - 1) * strata)
    return torch.where(strata < 1, options.time_low + (1 - options.time_low) * shifted, 1.0)


def flow_loss(
    model: MiniTransformer,
    encoder: MiniTextEncoder,
    batch: Batch[Example],
    options: ObjectiveOptions,
    generator: torch.Generator,
    processes: Processes | None = None,
    namer: Namer | None = None,
) -> Loss:
    """The loss of a batch, packed: all conditioning frames in one call, all targets in another.

    Every process draws the times and the noise of the whole global batch and takes its own, so that their losses add
    up to what one process would have computed.
    """
    patch, device, draws = model.patch, model.device, options.draws
    samples = len(batch.rows) * draws
    processes = processes or Processes()
    examples = batch.examples
    clean = [patchify(example.target, patch) for example in examples for _ in range(draws)]
    every_t = draw_times(samples, options, generator)
    t = every_t[batch.start * draws :][: len(examples) * draws]
    noise = torch.randn(sum(batch.rows) * draws, 3 * patch * patch, generator=generator)
    noise = noise[sum(batch.rows[: batch.start]) * draws :][: sum(map(len, clean))]
    differs = [patchify(example.changed, patch) for example in examples for _ in range(draws)]
    changed = [pixel_weights(one, options) for one in differs]
    slots = draws * sum(len(example.correspondence.tokens.unique()) for example in examples)
    naming = Naming(examples, draws, options.naming_nothing)
    if processes.count == 1:
        normaliser = torch.cat(changed).mean()
    else:
        own = [float(sum(c.sum() for c in changed)), sum(c.numel() for c in changed), slots, naming.total]
        weights, numbers, slots, naming.total = processes.total(
            torch.tensor(own, dtype=torch.float64)
        ).tolist()
        normaliser = torch.tensor(weights / numbers, dtype=torch.float32)
    if not examples:
        return Loss(torch.zeros(()), samples)

    requests = [example.request for example in examples]
    layouts = [request.layout(patch) for request in requests]
    of = [index for index in range(len(examples)) for _ in range(draws)]
    texts = text_batch([tuple(unit.tokens for unit in request.units) for request in requests])
    text = model.encode_text(
        texts.encode(encoder),
        *(part.to(device) for part in (texts.indicators, texts.tags, texts.current, texts.tasks)),
    )
    packed = pack_prefix(layouts)
    frames = [frame for request in requests for frame in request.frames]
    prefix = None
    if packed is not None:
        prefix = model.encode_prefix([one.to(device) for one in frame_pictures(frames)], packed.to(device))
    targets = pack_targets(layouts, [(index, index) for index in of], texts.lengths)
    inputs = target_inputs(requests, of, patch).to(device)
    groups = head_groups(layouts, of, [frame.layer.to(device) for frame in frames], patch, device)
    row_t = t[targets.frames.sample][:, None].to(device)
    right = torch.cat(clean).to(device)
    noisy = (1 - row_t) * right + row_t * noise.to(device)
    t = t.to(device)
    targets = targets.to(device)
    rope, known = model.rope(targets.frames.positions), model.target_rows(targets.frames, inputs, prefix)
    out = model(noisy, t, targets, rope, known, text, prefix, inputs, groups)
    rows = torch.tensor([rows_of(layouts[index].target) for index in of], device=device)
    weight = torch.cat(changed).to(device) / normaliser.to(device)

    def of_targets(error: Tensor) -> Tensor:
        """Weighted mean over each target's pixels; `error` [N, P * P]."""
        total = torch.zeros(len(of), device=device)
        return total.index_add(0, targets.frames.sample, (weight * error).mean(1)) / rows

    error = (out.clean - right).square().unflatten(1, (3, -1)).mean(1)
    flow = of_targets(error / row_t.clamp_min(options.time_floor).square())
    distance = of_targets(_distance(error))
    decided = torch.tensor([examples[index].task in DECIDED for index in of], device=device)
    exact = (distance * torch.where(decided, options.decided_weight, options.exact_weight)).mean()
    unlikely, astray = _source_losses(right, groups, out.mixtures, options)
    mixture = of_targets(unlikely).mean()
    source = of_targets(astray * torch.cat(differs).to(device)).mean()
    pointer = _pointer_loss(examples, of, t, groups, out.pointing) / max(slots, 1)
    gate = _gate_loss(examples, of, groups, [one.shares for one in out.mixtures])
    share = len(examples) / len(batch.rows)
    total = flow.mean() + options.gate_weight * gate + options.mixture_weight * mixture
    total = total + exact + options.source_weight * source
    total = total * share + options.pointer_weight * pointer
    parts = {"pointer": pointer.detach() / share, "gate": gate.detach(), "mixture": mixture.detach()}
    parts |= {"exact": distance.mean().detach(), "source": source.detach()}
    if namer is not None:
        named = naming.loss(namer, encoder.words.weight, prefix.hidden if prefix else None, out.rows)
        total = total + options.naming_weight * named
        parts["naming"] = named.detach() / share
    return Loss(total, samples, flow.detach(), parts)


def pixel_weights(changed: Tensor, options: ObjectiveOptions) -> Tensor:
    """Weights of a target's pixels: those that change (ones in `changed` [N, P * P]) add up to one, however few.

    With a fixed weight a small edit would hardly count beside a new picture.
    """
    return options.keep_weight + changed / changed.mean().clamp_min(SMALLEST)


def _gate_loss(
    examples: Sequence[Example], of: Sequence[int], groups: Sequence[HeadGroup], shares: Sequence[Tensor]
) -> Tensor:
    """Cross-entropy of keeping the base image exactly where the answer does, averaged over pixels and targets.

    Targets without a base image count as zero. The scene says what an instruction changes; with this loss the trunk
    learns the place before it can paint.
    """
    total = torch.zeros((), device=shares[0].device)
    for group, share in zip(groups, shares, strict=True):
        own = [examples[of[member]] for member in group.numbers]
        based = [number for number, example in enumerate(own) if example.request.base is not None]
        if based:
            kept = share[based, :1].float().clamp(1e-4, 1 - 1e-4)
            wanted = 1 - torch.stack([own[number].changed for number in based]).to(kept)
            every = torch.nn.functional.binary_cross_entropy(kept, wanted, reduction="none")
            total = total + every.mean((1, 2, 3)).sum()
    return total / len(of)


def _distance(error: Tensor) -> Tensor:
    """Root of a squared error, smooth at zero.

    Its slope does not vanish as an answer becomes nearly right, and its minimum is one of several likely answers, where
    that of the square is their mean.
    """
    return (error + NEARLY**2).sqrt() - NEARLY


def _source_losses(
    right: Tensor, groups: Sequence[HeadGroup], mixtures: Sequence[Mixture], options: ObjectiveOptions
) -> tuple[Tensor, Tensor]:
    """Two losses [N, P * P] of the mixtures' sources, for the pixels of the answer.

    The first assigns each pixel to one source, up to noise, as competing experts do (Jacobs et al. 1991, "Adaptive
    mixtures of local experts"): it weighs the squared errors of the sources and the cross-entropy of their shares by
    the odds of each source. The mixture's error alone lets sources err together: after 310,000 samples the tinted ones
    were off by 2 to 6, in pictures of -1..1, at shares of a twentieth, and things that the pointer found to two pixels
    were painted. And of two sources that are nearly right it hardly prefers the better one.

    The second is the distance of the warped picture, where it shows anything, and of the recoloured base image,
    whatever their shares: a source that was not used yet learned next to nothing, and so was never used.
    """
    patch = round((right.shape[1] // 3) ** 0.5)
    losses = right.new_empty(2, len(right), patch * patch)
    for group, mixture in zip(groups, mixtures, strict=True):
        answer = unpatchify(right[group.rows], group.grid, patch)
        errors = [(source.float() - answer).square().mean(1, keepdim=True) for source in mixture.sources]
        error = torch.cat(errors, dim=1)
        shares = mixture.shares.float().clamp_min(1e-6).log()
        odds = (shares - error / options.mixture_spread).softmax(1).detach()
        unlikely = (odds * (error - options.mixture_choice * shares)).sum(1, keepdim=True)
        based = mixture.based[:, None, None, None].to(answer)
        astray = mixture.mass.detach() * _distance(errors[1]) + based * _distance(errors[2])
        found = torch.stack([patchify(one, patch).flatten(0, 1) for one in (unlikely, astray)])
        losses = losses.index_copy(1, group.rows.flatten(), found)
    return losses[0], losses[1]


def _absent_loss(
    examples: Sequence[Example], of: Sequence[int], t: Tensor, group: HeadGroup, mass: Tensor
) -> Tensor:
    """Cross-entropy [] of not pointing at frames from tokens that show nothing of them, summed."""
    absent = torch.cat([examples[of[member]].correspondence.absent for member in group.numbers]).to(
        mass.device
    )
    assert group.table is not None
    certain = 1 - t[group.members[group.table.target]] / 2
    away = -(1 - mass.float() + 1e-4).log()
    return (certain[:, None] * away * absent).sum()


def _pointer_loss(
    examples: Sequence[Example],
    of: Sequence[int],
    t: Tensor,
    groups: Sequence[HeadGroup],
    pointing: Sequence[Pointing | None],
) -> Tensor:
    """Cross-entropy of pointing at a frame that shows the token's object, and the distance from its place there.

    Summed over the tokens with a known match. Tokens that show nothing of a frame pay for pointing at it: otherwise
    they showed things a second time, and the head trusted no copy.
    """
    device = t.device
    total = torch.zeros((), device=device)
    for group, point in zip(groups, pointing, strict=True):
        if point is None or group.table is None:
            continue
        looked = pointed(point, group.table)
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
            seen.append(match.tokens + number * looked.mass.shape[2])
            numbers.append(torch.full_like(match.tokens, member))
        total = total + ABSENT * _absent_loss(examples, of, t, group, looked.mass.sum(1))
        if not pairs:
            continue
        pair, token = torch.cat(pairs).to(device), torch.cat(tokens).to(device)
        scale = torch.cat(scales).to(device)
        at = pair, (scale[:, 0] < 0).long(), token
        share = looked.mass[at]
        certain = 1 - t[torch.cat(numbers).to(device)] / 2
        slots, inverse = torch.cat(seen).to(device).unique(return_inverse=True)
        pooled = torch.zeros(len(slots), device=device).index_add(0, inverse, share)
        sure = torch.zeros(len(slots), device=device).scatter(0, inverse, certain)
        total = total - (sure * (pooled + 1e-4).log()).sum()
        off = (looked.position[at] - torch.cat(where).to(device)).abs().mean(-1) / NEAR
        larger = (looked.scale[at].abs() / scale.abs()).log().abs().mean(-1)
        total = total + (certain * (share.detach() * off + larger * 0.5)).sum()
    return total
