"""Whole denoising steps compared with their limits, in one run on one machine.

    python benchmarks/denoise.py                   # everything; on idle cores
    python benchmarks/denoise.py step              # the 0.6B shape compared with matrix multiplication
    python benchmarks/denoise.py turns             # an edit at turn 8 compared with the first, both layouts
    python benchmarks/denoise.py packing           # a mixed batch of eight, packed and padded
    python benchmarks/denoise.py compile           # what torch.compile gains and costs
    python benchmarks/denoise.py --quick           # to check that it runs; the numbers mean nothing

Methods take turns, and each number is a median; read the ratios first. Weights are random, except ace-mini's. On a GPU
a step runs as shipped: float32 weights under autocast to float16.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import time
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from PIL import Image, ImageColor
from timing import Method, add_options, device_peak, measure, peak_gigabytes, report, start
from torch import Tensor

from ace_agent.engines.ace import layers
from ace_agent.engines.ace.condition_unit import ConditionUnit
from ace_agent.engines.ace.trunk import Trunk
from ace_agent.engines.mini.generation import SamplingOptions
from ace_agent.engines.mini.pipeline import ACEPipeline
from ace_agent.engines.mini.prefix_cache import PrefixCache
from ace_agent.engines.mini.sampling import shifted_times
from ace_agent.engines.presets import PRESETS
from ace_agent.engines.released.joint_denoiser import JointDenoiser
from ace_agent.engines.released.joint_packing import JointSample
from ace_agent.engines.released.transformer import ReleasedTransformer
from ace_agent.engines.runtime import Runtime
from ace_kernels import RangePlan, Segment, range_attention

TEXT_ROWS = 30
TEXT_WIDTH = 4096
RELEASED: dict[str, Any] = {
    "channels": 4,
    "patch": 2,
    "width": 1152,
    "depth": 28,
    "heads": 16,
    "text_width": TEXT_WIDTH,
    "shared_qk_norm": True,
    "rope_theta": 10000.0,
    "out_channels": 8,
}


def released(options: argparse.Namespace, depth: int) -> ReleasedTransformer:
    """The released shape with random weights."""
    return _ready(ReleasedTransformer(**RELEASED | {"depth": 1 if options.quick else depth}), options)


def ace_mini(options: argparse.Namespace) -> ACEPipeline:
    return ACEPipeline.from_pretrained(runtime=Runtime(options.device))


def mini_joint(pipeline: ACEPipeline, options: argparse.Namespace) -> ReleasedTransformer:
    """ace-mini's trunk in the `joint` layout, with random weights."""
    config = pipeline.transformer.config
    same = {name: config[name] for name in ("width", "depth", "heads", "mlp_ratio")}
    return _ready(ReleasedTransformer(**RELEASED | same | {"patch": 16}), options)


def _ready(model: ReleasedTransformer, options: argparse.Namespace) -> ReleasedTransformer:
    return model.eval().requires_grad_(False).to(options.device)


def sample(side: int, images: int) -> JointSample:
    """A target and `images` conditioning pictures, each with latents of side x side."""
    latents = tuple(torch.randn(4, side, side) for _ in range(images))
    texts = tuple(torch.randn(TEXT_ROWS, TEXT_WIDTH) for _ in range(images + 1))
    return JointSample((side, side), None, latents, (None,) * images, texts)


def evaluation(model: ReleasedTransformer, samples: list[JointSample]) -> Method:
    """One evaluation of a batch at its own noise."""
    denoiser = JointDenoiser(model, samples)
    x = torch.randn(len(samples), 4, denoiser.longest)
    t = torch.full((len(samples),), 500)
    return lambda: denoiser(x, t)


def linear_flops(model: ReleasedTransformer, tokens: int, targets: int) -> float:
    """Of a step's blocks: q k v o, cross-attention's q o (its k v are made once per request) and the MLP; in the last
    block only k v are of all tokens."""
    config = model.config
    width, depth = config["width"], config["depth"]
    rows = 14 * (depth - 1) * tokens + 2 * tokens + 12 * targets
    return 2.0 * rows * width**2


def attention_flops(model: ReleasedTransformer, tokens: int, targets: int) -> float:
    """Scores and their product with the values, of both attentions."""
    config = model.config
    queries = (config["depth"] - 1) * tokens + targets
    return 4.0 * queries * (tokens + TEXT_ROWS) * config["width"]


def compute_dtype(model: ReleasedTransformer) -> torch.dtype:
    """What products are computed in: autocast's format where it is on."""
    kind = model.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else model.dtype


def multiplications(model: ReleasedTransformer, tokens: int, blocks: int) -> Method:
    """The linear layers of some blocks, with the model's own weights and nothing between them."""
    config = model.config
    dtype = compute_dtype(model)
    x = torch.randn(tokens, config["width"], device=model.device, dtype=dtype)
    y = torch.randn(tokens, model.trunk[0].mlp.fc1.out_features, device=model.device, dtype=dtype)
    # Weights in that format already: casting them is part of a step, not of the limit.
    trunk = [
        block if dtype is model.dtype else copy.deepcopy(block).to(dtype) for block in model.trunk[:blocks]
    ]

    def run() -> None:
        for block in trunk:
            own, cross = block.attn, block.cross_attn
            for layer in (own.q, own.k, own.v, own.o, cross.q, cross.o, block.mlp.fc1):
                layer(x)
            block.mlp.fc2(y)

    return run


def attentions(model: ReleasedTransformer, tokens: int, blocks: int) -> Method:
    """Self-attention of some blocks, with nothing between them."""
    config = model.config
    shape = (3, tokens, config["heads"], config["width"] // config["heads"])
    q, k, v = torch.randn(shape, device=model.device, dtype=compute_dtype(model)).unbind()
    plan = RangePlan.build([Segment((0, tokens), (0, tokens))], tokens, tokens, device=model.device)

    def run() -> None:
        for _ in range(blocks):
            range_attention(q, k, v, plan)

    return run


def run_step(options: argparse.Namespace) -> None:
    """One evaluation of the 0.6B shape, an edit of one picture, as a share of the limit: all its multiplications,
    attention's too, at the speed that the linear layers alone reach between the evaluations. Beside it, how near a
    step could come whose attention takes the time that attention alone does."""
    side = 16 if options.quick else 64
    model = released(options, options.blocks)
    targets = (side // 2) ** 2
    tokens = 2 * targets
    weights = sum(p.numel() * p.element_size() for p in model.parameters()) / 1e9
    blocks = min(4, len(model.trunk))
    before = peak_gigabytes(options.device)
    run = evaluation(model, [sample(side, 1)])
    parts = {
        "step": run,
        "linear": multiplications(model, tokens, blocks),
        "attention": attentions(model, tokens, blocks),
    }
    taken = measure(parts, options)
    config = model.config
    rate = 2.0 * 14 * blocks * tokens * config["width"] ** 2 / taken["linear"]
    flops = linear_flops(model, tokens, targets) + attention_flops(model, tokens, targets)
    attended = attention_flops(model, tokens, targets)
    speed = 4.0 * blocks * tokens**2 * config["width"] / taken["attention"]
    times = {"matrix multiplication alone": flops / rate, "denoising step": taken["step"]}
    title = f"0.6B shape, {tokens} tokens, {len(model.trunk)} blocks, {flops / 1e12:.2f} TFLOP"
    report(title, times, flops, device_peak(options.device))
    near = 1 / (1 + attended * (rate / speed - 1) / flops)
    print(
        f"  {flops / rate / taken['step']:.1%} of the limit; attention alone runs at {speed / rate:.1%} of the linear "
        f"layers' speed, which leaves {near:.1%} to a step that loses nothing else"
    )
    square = tokens**2 * 4 * config["heads"] / 1e9
    print(
        f"  peak {peak_gigabytes(options.device):.2f} GB, {before:.2f} GB before the first step, weights "
        f"{weights:.2f} GB; the scores of one attention would be {square:.2f} GB"
    )


def evaluations(options: SamplingOptions) -> tuple[int, int]:
    """Conditional and null evaluations of one picture."""
    low, high = options.guided
    times = shifted_times(options.steps, options.shift)[:-1]
    return len(times), 0 if options.guidance == 1 else sum(low <= t <= high for t in times)


def joint_edit(model: ReleasedTransformer, side: int, images: int, counts: tuple[int, int]) -> None:
    """Everything an edit evaluates: the prompted and the null branch."""
    for count in counts:
        run = evaluation(model, [sample(side, images)])
        for _ in range(count):
            run()


def run_turns(options: argparse.Namespace) -> None:
    """An edit with seven earlier turns of one picture each, against the first edit; no edit's own picture was met
    before, and the history's only where its rows are kept."""
    pipeline = ace_mini(options)
    side = pipeline.native_size
    colors = itertools.count(1)

    def picture() -> Image.Image:
        return Image.new("RGB", (side, side), ImageColor.getrgb(f"#{next(colors):06x}"))

    history = [ConditionUnit("make it night", (picture(),), (None,)) for _ in range(7)]

    def edit(history: list[ConditionUnit], setting: SamplingOptions, kept: PrefixCache) -> None:
        pipeline.prefixes = kept
        pipeline(
            "make it night", [picture()], task="edit_scene", history=history, seed=1,
            num_inference_steps=setting.steps, guidance_scale=setting.guidance,
        )  # fmt: skip

    default = SamplingOptions(steps=pipeline.default_steps, guidance=pipeline.default_guidance)
    counts = evaluations(default)
    for setting, name in (
        (default, "its default"),
        (SamplingOptions(steps=16, guidance=2.0), "16 steps, guided"),
    ):
        prompted, null = evaluations(setting)
        report(
            f"ace-mini, {name}: {prompted + null} evaluations per picture, {prompted} prompted and {null} null",
            measure(
                {
                    "first edit": partial(edit, [], setting, PrefixCache()),
                    "edit at turn 8": partial(edit, history, setting, PrefixCache()),
                    "the same, no rows kept": partial(edit, history, setting, PrefixCache(0)),
                },
                options,
            ),
        )
    small = mini_joint(pipeline, options)
    report(
        "joint, ace-mini's shape",
        measure(
            {
                "first edit": partial(joint_edit, small, side, 1, counts),
                "edit at turn 8": partial(joint_edit, small, side, 8, counts),
            },
            options,
        ),
    )
    large = released(options, 2)
    size = 16 if options.quick else 64
    report(
        f"joint, 0.6B shape at {8 * size} px, one evaluation of {len(large.trunk)} of its 28 blocks",
        measure(
            {
                "first edit": evaluation(large, [sample(size, 1)]),
                "edit at turn 8": evaluation(large, [sample(size, 8)]),
            },
            options,
        ),
    )


@dataclass(frozen=True)
class Padded:
    """Self-attention of samples padded to one length: which keys are real, [S, 1, 1, rows]."""

    plans: tuple[RangePlan, ...]
    mask: Tensor

    def attend(self, q: Tensor, k: Tensor, v: Tensor, plan: RangePlan) -> Tensor:
        if not any(plan is own for own in self.plans):
            return range_attention(q, k, v, plan)
        q, k, v = (x.unflatten(0, (len(self.mask), -1)).transpose(1, 2) for x in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask).transpose(1, 2).flatten(0, 1)


def padded_evaluation(model: ReleasedTransformer, samples: list[JointSample]) -> Method:
    """The same batch with every sample filled up to the most frames, and the filling masked in self-attention."""
    most = max(len(s.edits) for s in samples)
    height, width = samples[0].shape
    full = []
    for s in samples:
        spare = most - len(s.edits)
        full.append(
            JointSample(
                s.shape,
                None,
                s.edits + (torch.zeros(4, height, width),) * spare,
                (None,) * most,
                s.texts + (torch.zeros(TEXT_ROWS, TEXT_WIDTH),) * spare,
            )
        )
    denoiser = JointDenoiser(model, full)
    rows = height // model.patch * (width // model.patch)
    real = torch.tensor([(len(s.edits) + 1) * rows for s in samples], device=model.device)
    mask = torch.arange((most + 1) * rows, device=model.device) < real[:, None]
    padded = Padded((denoiser.pack.frames.plan, denoiser.pack.target_plan), mask[:, None, None])
    x = torch.randn(len(samples), 4, denoiser.longest)
    t = torch.full((len(samples),), 500)

    def run() -> Tensor:
        with mock.patch.object(layers, "range_attention", padded.attend):
            return denoiser(x, t)

    return run


def run_packing(options: argparse.Namespace) -> None:
    """A mixed batch of eight, packed against padded to its longest, through the same blocks."""
    pipeline = ace_mini(options)
    side = 8 if options.quick else 32
    for name, model, latent, frames in (
        (
            "0.6B shape, 2 blocks, 1 to 4 pictures of 256 tokens",
            released(options, 2),
            side,
            (1, 2, 1, 4, 1, 3, 2, 2),
        ),
        (
            "joint, ace-mini's shape, 1 to 5 pictures of 64 tokens",
            mini_joint(pipeline, options),
            128,
            (1, 2, 1, 5, 2, 3, 1, 5),
        ),
    ):
        samples = [sample(latent, count - 1) for count in frames]
        packed, padded = evaluation(model, samples), padded_evaluation(model, samples)
        agree(model, samples)
        times = measure({"packed": packed, "padded + mask": padded}, options)
        report(f"a step of {name}", times)
        allowed = len(frames) * max(frames) / sum(frames)
        gained = times["padded + mask"] / times["packed"]
        print(f"  {gained:.2f} x gained of {allowed:.2f} x by token counts: {gained / allowed:.0%}")


def agree(model: ReleasedTransformer, samples: list[JointSample]) -> None:
    """Padding must not change the noise that is predicted."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        packed = evaluation(model, samples)()
        torch.manual_seed(0)
        padded = padded_evaluation(model, samples)()
    assert isinstance(packed, Tensor) and isinstance(padded, Tensor)
    error = (packed - padded).abs().max() / packed.abs().max()
    if error > (1e-4 if compute_dtype(model) is torch.float32 else 5e-2):
        raise SystemExit(f"packed and padded disagree by {error:.1e}")


def run_compile(options: argparse.Namespace) -> None:
    """What compiling the blocks gains and costs, and after how many pictures it has paid."""
    pipeline = ace_mini(options)
    compiled = copy.deepcopy(pipeline)
    compile_blocks(compiled.transformer)
    picture = Image.new("RGB", (pipeline.native_size,) * 2, (90, 140, 200))
    edits: dict[str, Method] = {
        name: partial(made, "make it night", [picture], task="edit_scene", seed=1)
        for name, made in (("eager", pipeline), ("compiled", compiled))
    }
    report_compiled("an edit with ace-mini", edits, 1, options)

    plain = released(options, 2)
    made = copy.deepcopy(plain)
    compile_blocks(made)
    samples = [sample(16 if options.quick else 64, 1)]
    steps = {"eager": evaluation(plain, samples), "compiled": evaluation(made, samples)}
    per_picture = 2 * PRESETS["ace-0.6b-512"].steps * RELEASED["depth"] / len(plain.trunk)
    report_compiled(
        f"an evaluation of {len(plain.trunk)} blocks of the 0.6B shape", steps, per_picture, options
    )


def compile_blocks(model: Trunk) -> None:
    for block in model.trunk:
        block.compile(dynamic=True)


def report_compiled(
    name: str, methods: dict[str, Method], per_picture: float, options: argparse.Namespace
) -> None:
    """`per_picture`: how many runs of a method a picture takes."""
    began = time.perf_counter()
    methods["compiled"]()
    cost = time.perf_counter() - began
    times = measure(methods, options)
    report(f"torch.compile, {name}", times)
    gain = per_picture * (times["eager"] - times["compiled"])
    paid = f"paid back after {cost / gain:.1f} pictures of one size" if gain > 0 else "never paid back"
    print(f"  {cost:.1f} s until the first result, {paid}")


SECTIONS = {"step": run_step, "turns": run_turns, "packing": run_packing, "compile": run_compile}


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; default: all"
    )
    add_options(parser, rounds=5)
    parser.add_argument("--blocks", type=int, default=28, help="of the 0.6B shape in `step`")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section called {min(unknown)!r}; there are {', '.join(SECTIONS)}")
    dtype = start(options)
    torch.manual_seed(0)
    began = time.perf_counter()
    kind = torch.device(options.device).type
    with torch.autocast(kind, dtype, enabled=dtype is not torch.float32):
        for name in options.sections or SECTIONS:
            SECTIONS[name](options)
    print(f"\n{time.perf_counter() - began:.0f} s in all")


if __name__ == "__main__":
    main()
