"""Compares this engine with the released code's numbers: `python -m ace_agent.evaluation.parity DIR`.

Every golden file of the directory is recomputed: schedules, picture preparation, forward passes, guided sampling, the
training loss with its gradients, whole inference. Tolerances are absolute for one forward pass and shares of a tensor's
own largest value for trajectories, losses and gradients.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ace_agent.engines.ace.packing import rows_of
from ace_agent.engines.released.autoencoder import LATENT_SCALE, to_picture
from ace_agent.engines.released.checkpoints import our_name
from ace_agent.engines.released.denoising import DenoisingOptions, Texts, denoise
from ace_agent.engines.released.frame_texts import frame_texts, null_prompts, number_history
from ace_agent.engines.released.joint_denoiser import JointDenoiser
from ace_agent.engines.released.joint_packing import pad_targets
from ace_agent.engines.released.objective import released_loss
from ace_agent.engines.released.preprocess import prepare_image
from ace_agent.engines.released.sampling import Denoiser, guided, sample_ddim
from ace_agent.engines.released.schedule import linear_schedule, trailing_grid
from ace_agent.engines.released.t5 import INDICATORS
from ace_agent.engines.released.transformer import ReleasedTransformer
from ace_agent.errors import AceError
from ace_agent.evaluation.golden import (
    Case,
    GoldenError,
    Kind,
    difference,
    grid_numbers,
    largest,
    load_transformer,
    read_cases,
    weights_of,
)

FORWARD = 1e-5
RELATIVE = 1e-5
INFERENCE_STEPS = 3
GUIDANCE, RESCALE = 4.5, 0.5


@dataclass(frozen=True)
class Row:
    """One quantity of one golden file."""

    file: str
    quantity: str
    difference: float
    tolerance: float

    @property
    def ok(self) -> bool:
        return self.difference <= self.tolerance


Check = Callable[[Case], Iterator[Row]]


def exact(case: Case, quantity: str, same: bool) -> Row:
    return Row(case.name, quantity, 0.0 if same else 1.0, 0.0)


def absolute(case: Case, quantity: str, found: Tensor, wanted: Tensor, tolerance: float) -> Row:
    return Row(case.name, quantity, difference(found, wanted), tolerance)


def relative(case: Case, quantity: str, found: Tensor, wanted: Tensor) -> Row:
    """Tolerance as a share of the wanted tensor's own largest value."""
    return Row(case.name, quantity, difference(found, wanted), RELATIVE * largest(wanted))


def check_schedule(case: Case) -> Iterator[Row]:
    schedule = linear_schedule()
    for name, table in (
        ("betas", schedule.betas),
        ("sigmas", schedule.sigmas),
        ("alphas_bar", schedule.alphas),
    ):
        yield relative(case, name, table, case[name])
    for steps in grid_numbers(case):
        yield from _check_grid(case, trailing_grid(steps, faithful=True), f"steps{steps}.")


def _check_grid(case: Case, grid: Tensor, prefix: str) -> Iterator[Row]:
    schedule = linear_schedule()
    exploding, preserving = schedule.interpolated_sigmas(grid)
    sigmas, alphas = schedule.at_floor(grid)
    found = {
        "timesteps": grid,
        "sigmas_ve": exploding,
        "sigmas_vp": torch.cat([preserving, torch.zeros(1)]),
        "sigmas_init": sigmas,
        "alphas_bar_init": alphas,
        "model_t": grid.round().long(),
    }
    for name, tensor in found.items():
        if prefix + name in case.tensors:
            yield relative(case, prefix + name, tensor, case[prefix + name])


def check_preprocess(case: Case) -> Iterator[Row]:
    prefix = case.name[: case.name.index("h_")] if "h_" in case.name else ""
    names = (f"{case.name}_inputs", f"{prefix}preprocess_inputs", "preprocess_inputs")
    folder = next((case.path.parent / n for n in names if (case.path.parent / n).is_dir()), None)
    if folder is None:
        raise GoldenError(f"{case.path} needs the pictures of preprocess_inputs/ beside it")
    for i, spec in enumerate(case.json("specs")):
        mask = case.tensors.get(f"in_mask.{i}")
        with Image.open(folder / f"{i}.png", formats=["PNG"]) as image:
            prepared = prepare_image(
                image,
                None if mask is None else Image.fromarray(mask.numpy(), "L"),
                max_tokens=spec["max_seq_len"],
                task=spec["task"],
            )
        yield absolute(case, f"pixels.{i}", prepared.pixels[:, ::5, ::5], case[f"out_stride5.{i}"], 0.0)
        yield absolute(case, f"mean.{i}", prepared.pixels.mean((1, 2)), case[f"out_mean.{i}"], RELATIVE)
        yield absolute(case, f"mask.{i}", prepared.mask, case[f"out_mask.{i}"], 0.0)
        yield absolute(case, f"latent_mask.{i}", prepared.latent_mask[None], case[f"latent_mask.{i}"], 0.0)


class _Probe:
    """Records what goes through the blocks, under the names of the golden files' `dbg` entries."""

    def __init__(self, model: ReleasedTransformer) -> None:
        self.seen: dict[str, Tensor] = {}
        self._hooks = [model.blocks[0].register_forward_pre_hook(self._first)]
        for number, block in enumerate(model.blocks):
            self._watch(block, f"block{number}")
            self._watch(block.attn.o, f"block{number}.self_attn")  # type: ignore[union-attr, arg-type]
            self._watch(block.cross_attn.o, f"block{number}.cross_attn")  # type: ignore[union-attr, arg-type]
        self._watch(model.output, "final_layer_tokens")

    def _first(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self.seen["tokens_in"] = inputs[0]

    def _watch(self, module: nn.Module, name: str) -> None:
        def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            self.seen[name] = output[0] if isinstance(output, tuple) else output

        self._hooks.append(module.register_forward_hook(note))

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()


@torch.no_grad()
def check_forward(case: Case) -> Iterator[Row]:
    model = _model(weights_of(case))
    samples = case.samples()
    for b in range(len(samples)):
        turns = case.texts(b, "turn_text")
        if turns:
            spread = frame_texts(turns, len(samples[b].edits))
            same = len(spread) == len(samples[b].texts) and all(map(torch.equal, spread, samples[b].texts))
            yield exact(case, f"frame_text.{b}", same)
    probe = _Probe(model)
    denoiser = JointDenoiser(model, samples, case.indicators)
    out = denoiser(case["x"], case["t"])
    probe.close()
    for name, found in probe.seen.items():
        if f"dbg.{name}" in case.tensors:
            wanted = case[f"dbg.{name}"]
            if len(found) < len(wanted):  # our last block and head leave the conditioning frames out
                wanted = wanted[denoiser.pack.targets]
            # Inside the model values reach tens; the tolerance is for values of about one.
            yield absolute(case, f"dbg.{name}", found, wanted, FORWARD * max(1.0, largest(wanted)))
    yield absolute(case, "out", out, case["out"], FORWARD)
    for b, sample in enumerate(samples):
        if f"out.{b}" in case.tensors:
            alone = JointDenoiser(model, [sample], case.indicators)
            size = sample.shape[0] * sample.shape[1]
            found = alone(case["x"][b : b + 1, :, :size], case["t"][b : b + 1])
            yield absolute(
                case, f"out.{b} alone", found.unflatten(2, sample.shape), case[f"out.{b}"], FORWARD
            )


@torch.no_grad()
def check_sampling(case: Case) -> Iterator[Row]:
    model = _model(weights_of(case))
    steps = int(case.number("steps", len(case["timesteps"])))
    scale, rescale = case.number("guide_scale", GUIDANCE), case.number("guide_rescale", RESCALE)
    yield from _check_grid(case, trailing_grid(steps, faithful=True), "")
    seen: dict[str, list[Tensor]] = {"model_t": [], "eps_cond": [], "eps_uncond": [], "x_after_step": []}

    def recorded(name: str, denoiser: Denoiser) -> Denoiser:
        def run(x: Tensor, t: Tensor) -> Tensor:
            eps = denoiser(x, t)
            seen[name].append(eps)
            if name == "eps_cond":
                seen["model_t"].append(t)
            return eps

        return run

    conditional = recorded("eps_cond", JointDenoiser(model, case.samples(), case.indicators))
    unconditional = conditional
    if "null.frame_text.0.0" in case.tensors:
        yield exact(case, "null frames", _null_frames_agree(case))
        unconditional = recorded("eps_uncond", JointDenoiser(model, case.samples("null."), case.indicators))
    final = sample_ddim(
        guided(conditional, unconditional, scale, rescale),
        case["x_T"],
        steps,
        schedule=linear_schedule(),
        callback=lambda step, timestep, x: seen["x_after_step"].append(x),
        faithful=True,
    )
    for name, tensors in seen.items():
        for i, wanted in case.numbered(name):
            found = tensors[i] if i < len(tensors) else torch.empty(0)
            yield relative(case, f"{name}.{i}", found, wanted)
    yield relative(case, "x_final", final, case["x_final"])


def _null_frames_agree(case: Case) -> bool:
    """The null branch replaces the text of the target and of the last image, and no other."""
    for b in range(len(case.shapes)):
        texts, null = case.texts(b), case.texts(b, "null.frame_text")
        if len(texts) != len(null) or not torch.equal(null[0], null[-1]):
            return False
        if not all(torch.equal(a, n) for a, n in zip(texts[1:-1], null[1:-1], strict=True)):
            return False
    return True


def check_loss(case: Case) -> Iterator[Row]:
    """The loss of the right noise schedule; `ace_repo.*` has a bug of its time and is not reproduced."""
    model = load_transformer(weights_of(case))
    terms = released_loss(
        model, case.samples(), case.indicators, case["x_0"], case["noise"], case["t"], faithful=True
    )
    yield relative(case, "x_t", terms.noisy, case["scepter.x_t"])
    yield absolute(case, "out", terms.predicted.detach(), case["scepter.out"], FORWARD)
    yield relative(case, "loss", terms.per_sample.detach(), case["scepter.loss"])
    yield relative(case, "loss_mean", terms.loss.detach(), case["scepter.loss_mean"])
    terms.loss.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}

    def gradient(released: str, like: Tensor | None = None) -> Tensor:
        found = gradients.get(our_name(released))
        if found is None:  # a parameter that takes no part, as `norm_k`
            return torch.zeros(1)
        return found if like is None else found.reshape(like.shape)

    if "grad_norm_keys" in case.metadata:
        norms = torch.stack([gradient(name).norm() for name in case.json("grad_norm_keys")])
        yield relative(case, "grad_norms", norms, case["scepter.grad_norms"])
    for name, wanted in case.tensors.items():
        if name.startswith("scepter.grad."):
            released = name.removeprefix("scepter.grad.")
            yield relative(case, f"grad.{released}", gradient(released, wanted), wanted)
    if "derived.scepter_loss_valid_only" in case.tensors:
        with torch.no_grad():
            ours = released_loss(
                model, case.samples(), case.indicators, case["x_0"], case["noise"], case["t"]
            )
        yield relative(case, "loss_valid_only", ours.per_sample, case["derived.scepter_loss_valid_only"])


class _KnownTexts:
    """A text encoder with the stored texts of one golden file."""

    def __init__(self, states: dict[str, Tensor], indicators: Tensor) -> None:
        self.states = states
        self.indicators = indicators

    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        found = []
        for text in texts:
            token = re.fullmatch(r"\{image(\d*)\}", text)
            if token is not None and text not in self.states:
                found.append(self.indicators[int(token.group(1) or 0)][None])
            else:
                found.append(self.states[text])
        return found


@torch.no_grad()
def check_inference(case: Case) -> Iterator[Row]:
    """The inference call from its conditioning latents on; the pictures they came from are not in the file."""
    model = _model(weights_of(case))
    branches = {"": case.json("frame_texts"), "null.": case.json("null_frame_texts")}
    latents = [edit[0] for _, edit in case.numbered("edit.0")]
    encoded = [texts for texts in case.json("encoded") if texts != list(INDICATORS)]
    prompts, null = encoded[0], encoded[-1]
    plain = [p if i == 0 else p.replace(f"{{image{i}}}", "{image}") for i, p in enumerate(prompts)]
    numbered = not any("{image}" in prompt for prompt in prompts[1:])
    if len(set(prompts)) > 1 and numbered:  # history; without it a list of prompts is used as it is
        yield exact(case, "history numbering", number_history(plain) == prompts)
    yield exact(case, "null prompts", null_prompts(prompts, null[-1]) == null)
    for prefix, texts in branches.items():
        own = prompts if not prefix else null
        spread = frame_texts(own, len(latents))
        yield exact(case, f"{prefix}frame_texts", [[text] for text in spread] == texts)

    states: dict[str, Tensor] = {}
    for prefix, texts in branches.items():
        for (text,), rows in zip(texts, case.texts(0, f"{prefix}frame_text"), strict=True):
            states[text] = rows
    height, width = case.shapes[0]
    # The oldest picture gives the target its size and mask.
    shape = (latents[0].shape[1], latents[0].shape[2]) if latents else (height, width)
    yield exact(case, "x_shapes", shape == (height, width))
    sample = case.samples()[0]
    if latents and sample.mask is not None and sample.edit_masks[0] is not None:
        yield exact(case, "target mask", torch.equal(sample.mask, sample.edit_masks[0]))
    if case.indicators is None:
        raise GoldenError(f"{case.path} lacks tpe")
    texts_ready = Texts.encode(_KnownTexts(states, case.indicators), prompts, null[-1])
    prompted, null_sample = texts_ready.samples(shape, sample.mask, tuple(latents), sample.edit_masks)
    options = DenoisingOptions(
        int(case.number("steps", INFERENCE_STEPS)),
        case.number("guide_scale", GUIDANCE),
        case.number("guide_rescale", RESCALE),
        faithful=True,
    )
    noise = case["x_T"][0][:, : rows_of(shape)].unflatten(1, shape)
    final = denoise(model, prompted, null_sample, texts_ready.indicators, noise, options)
    yield relative(case, "latent_final", pad_targets([final]), case["latent_final"].flatten(2))
    # The golden files' first stage draws the first three channels, each value an 8 by 8 block.
    pixels = (final[:3] / LATENT_SCALE).repeat_interleave(8, 1).repeat_interleave(8, 2)
    drawn = to_picture(pixels, truncate=True)
    yield exact(case, "out_size", list(drawn.size) == case.json("out_size"))
    # One level: rounding down turns any difference at a whole value into a level.
    yield absolute(case, "out_image", torch.from_numpy(np.array(drawn)), case["out_image"], 1.0)


CHECKS: dict[Kind, Check] = {
    "schedule": check_schedule,
    "preprocess": check_preprocess,
    "forward": check_forward,
    "sampling": check_sampling,
    "loss": check_loss,
    "inference": check_inference,
}


@cache
def _model(weights: Path) -> ReleasedTransformer:
    return load_transformer(weights).requires_grad_(False)


def check_directory(folder: Path) -> Iterator[Row]:
    """A row per quantity; a file whose weights do not fit, or that lacks something, is a row that fails.

    Raises GoldenError for a directory or file that cannot be read."""
    _model.cache_clear()
    for case in read_cases(folder):
        if case.kind is None:
            yield Row(case.name, "unknown kind of file", float("inf"), 0.0)
            continue
        try:
            yield from CHECKS[case.kind](case)
        except (AceError, LookupError, ValueError, TypeError, RuntimeError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            yield Row(case.name, f"cannot be checked: {reason}", float("inf"), 0.0)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ace_agent.evaluation.parity",
        description="Recompute every golden file of a directory and compare.",
    )
    parser.add_argument("directory", type=Path)
    folder = parser.parse_args(arguments).directory
    torch.set_num_threads(1)
    print(f"{'file':<28} {'quantity':<44} {'difference':>11} {'tolerance':>11}  ok")
    count = failed = 0
    try:
        for row in check_directory(folder):
            count += 1
            failed += not row.ok
            verdict = "ok" if row.ok else "FAIL"
            print(
                f"{row.file:<28} {row.quantity:<44} {row.difference:>11.2e} {row.tolerance:>11.2e}  {verdict}"
            )
    except AceError as error:
        print(f"parity: {error}", file=sys.stderr)
        return 1
    if not count:
        print(f"parity: no golden file in {folder}", file=sys.stderr)
        return 1
    print(f"parity: {count - failed} of {count} quantities agree" + (f", {failed} do not" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
