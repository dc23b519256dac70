"""The released model once more, from its description alone: one sample at a time, plain loops, float64.

It shares nothing with the engine but the table of sinusoid frequencies, and writes golden directories of any
configuration, so that the parity command is tested on more than the one it was developed against.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, silu, softmax

from ace_agent.engines.ace.layers import released_frequencies
from tests.released_checkpoint import dit_tensors

TEXT_ROWS = 12


@dataclass
class Configuration:
    width: int = 96
    heads: int = 4
    depth: int = 2
    text_width: int = 32
    mlp_ratio: float = 4.0
    qk_norm: bool = True
    sigma_half: bool = True
    seed: int = 0
    weights: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        stored = dit_tensors(
            self.width,
            self.depth,
            self.text_width,
            mlp_ratio=self.mlp_ratio,
            qk_norm=self.qk_norm,
            sigma_half=self.sigma_half,
            seed=self.seed,
        )
        self.stored = {name: tensor.half() for name, tensor in stored.items()}
        self.weights = {name: tensor.double() for name, tensor in self.stored.items()}

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def write(self, folder: Path, prefix: str = "", *, terse: bool = False) -> None:
        save_file(self.stored, folder / f"{prefix}weights.safetensors")
        config = {"HIDDEN_SIZE": self.width, "DEPTH": self.depth, "NUM_HEADS": self.heads}
        if not terse:
            config |= {
                "QK_NORM": self.qk_norm,
                "PRED_SIGMA": self.sigma_half,
                "Y_CHANNELS": self.text_width,
                "MLP_RATIO": self.mlp_ratio,
            }
        (folder / f"{prefix}weights.config.json").write_text(json.dumps(config))


def rotate(x: Tensor, positions: list[tuple[int, int, int]]) -> Tensor:
    """x [N, D]: pair by pair, section by section."""
    width = x.shape[1]
    spatial = 2 * (width // 6)
    sections = (width - 2 * spatial, spatial, spatial)
    out = x.clone()
    for row, position in enumerate(positions):
        start = 0
        for section, place in zip(sections, position, strict=True):
            for i in range(section // 2):
                angle = place * 10000 ** (-2 * i / section)
                a, b = x[row, start + 2 * i], x[row, start + 2 * i + 1]
                out[row, start + 2 * i] = a * math.cos(angle) - b * math.sin(angle)
                out[row, start + 2 * i + 1] = a * math.sin(angle) + b * math.cos(angle)
            start += section
    return out


def attention(
    c: Configuration, name: str, x: Tensor, read: Tensor, positions: list[tuple[int, int, int]] | None
) -> Tensor:
    q, k, v = c.linear(f"{name}.q", x), c.linear(f"{name}.k", read), c.linear(f"{name}.v", read)
    if c.qk_norm:
        gain = c.weights[f"{name}.norm_q.weight"]  # on the keys too
        q = q / (q.square().mean(1, keepdim=True) + 1e-6).sqrt() * gain
        k = k / (k.square().mean(1, keepdim=True) + 1e-6).sqrt() * gain
    heads = []
    for qh, kh, vh in zip(*(t.chunk(c.heads, 1) for t in (q, k, v)), strict=True):
        if positions is not None:
            qh, kh = rotate(qh, positions), rotate(kh, positions)
        heads.append(softmax(qh @ kh.T / math.sqrt(qh.shape[1]), dim=1) @ vh)
    return c.linear(f"{name}.o", torch.cat(heads, 1))


@dataclass
class Sample:
    """latents [4, h, w] of the target first, masks [1, h, w] or None likewise, one text per frame."""

    latents: list[Tensor]
    masks: list[Tensor | None]
    texts: list[Tensor]
    t: int


def forward(c: Configuration, sample: Sample, indicators: Tensor | None) -> Tensor:
    """Noise predicted in the target, float64 [4, h, w]."""

    def text_mlp(x: Tensor) -> Tensor:
        return c.linear("y_embedder.fc2", gelu(c.linear("y_embedder.fc1", x), approximate="tanh"))

    images = len(sample.latents) - 1
    named = None if indicators is None else text_mlp(indicators.double())
    rows, positions, texts, frame_of = [], [], [], []
    for frame, (latent, mask, text) in enumerate(
        zip(sample.latents, sample.masks, sample.texts, strict=True)
    ):
        ones = torch.ones_like(latent[:1])
        stacked = torch.cat([latent, ones if mask is None else mask]).double()
        kernel, bias = c.weights["x_embedder.proj.weight"], c.weights["x_embedder.proj.bias"]
        own = named[images if frame == 0 else frame - 1] if named is not None else 0
        for y in range(0, stacked.shape[1], 2):
            for x in range(0, stacked.shape[2], 2):
                patch = stacked[:, y : y + 2, x : x + 2]
                rows.append((kernel * patch).sum((1, 2, 3)) + bias + own)
                positions.append((frame, y // 2, x // 2))
                frame_of.append(frame)
        texts.append(text_mlp(text.double()) + own)
    tokens = torch.stack(rows)

    angle = float(sample.t) * released_frequencies()  # float32, as the released code has it
    sinusoid = torch.cat([angle.cos(), angle.sin()]).double()
    e = c.linear("t_embedder.mlp.2", silu(c.linear("t_embedder.mlp.0", sinusoid)))
    m6 = c.linear("t_block.1", silu(e)).view(6, -1)

    def norm(x: Tensor) -> Tensor:
        return layer_norm(x, x.shape[-1:], eps=1e-6)

    for b in range(c.depth):
        shift1, scale1, gate1, shift2, scale2, gate2 = c.weights[f"blocks.{b}.scale_shift_table"] + m6
        y = norm(tokens) * (1 + scale1) + shift1
        tokens = tokens + gate1 * attention(c, f"blocks.{b}.attn", y, y, positions)
        crossed = torch.zeros_like(tokens)
        for frame, text in enumerate(texts):
            own_rows = [i for i, f in enumerate(frame_of) if f == frame]
            crossed[own_rows] = attention(c, f"blocks.{b}.cross_attn", tokens[own_rows], text, None)
        tokens = tokens + crossed
        y = norm(tokens) * (1 + scale2) + shift2
        hidden = gelu(c.linear(f"blocks.{b}.mlp.fc1", y), approximate="tanh")
        tokens = tokens + gate2 * c.linear(f"blocks.{b}.mlp.fc2", hidden)
    shift, scale = c.weights["final_layer.scale_shift_table"] + e
    out = c.linear("final_layer.linear", norm(tokens) * (1 + scale) + shift)
    target = torch.zeros(sample.latents[0].shape, dtype=torch.float64)
    channels = out.shape[1] // 4
    for row, (frame, y, x) in enumerate(positions):
        if frame == 0:
            for py in range(2):
                for px in range(2):
                    start = (2 * py + px) * channels
                    target[:, 2 * y + py, 2 * x + px] = out[row, start : start + 4]
    return target


def single(value: float) -> float:
    """Rounded to float32."""
    return float(torch.tensor(value, dtype=torch.float64).float())


def tables() -> tuple[Tensor, Tensor]:
    """sigma and alpha with the released roundings."""
    survival, one = [], 1.0
    for beta in torch.linspace(1e-4, 0.02, 1000):
        one *= float(1 - beta)
        survival.append(one)
    rest = 1 - torch.tensor(survival, dtype=torch.float64).float()
    sigma = rest.double().sqrt().float()
    return sigma, (1 - sigma**2).double().sqrt().float()


class Writer:
    """Golden files of one configuration in one directory."""

    def __init__(self, folder: Path, configuration: Configuration, prefix: str = "") -> None:
        self.folder, self.c, self.prefix = folder, configuration, prefix
        self.generator = torch.Generator().manual_seed(7)
        configuration.write(folder, prefix, terse=configuration.seed % 2 == 1)
        self.indicators = self.draw(10, configuration.text_width)

    def draw(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)

    def sample(self, sizes: list[tuple[int, int]], t: int, *, masks: bool = True) -> Sample:
        """Turns are the images in order; the target and the last image read the last turn."""
        turns = [self.draw(3 + 2 * k, self.c.text_width) for k in range(max(len(sizes) - 1, 1))]
        texts = [turns[-1], *turns] if len(sizes) > 1 else turns
        masked = [(self.draw(1, *size) > 0).float() if masks else None for size in sizes]
        return Sample([self.draw(4, *size) for size in sizes], masked, texts, t)

    def inputs(self, samples: list[Sample]) -> dict[str, Tensor]:
        """Everything but the noisy targets, as the golden files name it."""
        held = {
            "x_shapes": torch.tensor([s.latents[0].shape[1:] for s in samples]),
            "text_position_embeddings": self.indicators,
        }
        for b, s in enumerate(samples):
            for frame, (latent, mask) in enumerate(zip(s.latents, s.masks, strict=True)):
                if frame:
                    held[f"edit.{b}.{frame - 1}"] = latent[None]
                if mask is not None:
                    held[f"edit_mask.{b}.{frame - 1}" if frame else f"x_mask.{b}"] = mask[None]
            held |= self.texts(f"frame_text.{b}", f"frame_text_mask.{b}", s.texts)
            turns = s.texts[1:] or s.texts
            held |= self.texts(f"turn_text.{b}", f"turn_text_mask.{b}", turns)
        return held

    def texts(self, name: str, mask: str, texts: list[Tensor]) -> dict[str, Tensor]:
        """Padded to TEXT_ROWS with noise that nobody must read."""
        held = {}
        for f, text in enumerate(texts):
            padding = self.draw(TEXT_ROWS + 20 - len(text), self.c.text_width)
            held[f"{name}.{f}"] = torch.cat([text, padding])
            held[f"{mask}.{f}"] = (torch.arange(TEXT_ROWS + 20) < len(text)).long()
        return held

    def save(self, name: str, tensors: dict[str, Tensor], **metadata: object) -> None:
        written = {
            k: str(v) if isinstance(v, int | float | str) else json.dumps(v) for k, v in metadata.items()
        }
        contiguous = {k: v.float().contiguous() if v.is_floating_point() else v for k, v in tensors.items()}
        save_file(contiguous, self.folder / f"{self.prefix}{name}.safetensors", written)

    def forward_case(self, name: str, samples: list[Sample]) -> None:
        outs = [forward(self.c, s, self.indicators) for s in samples]
        padded = pad([s.latents[0] for s in samples])
        held = self.inputs(samples) | {
            "x": padded,
            "t": torch.tensor([s.t for s in samples]),
            "out": pad(outs),
        }
        held |= {f"out.{b}": out[None] for b, out in enumerate(outs)}
        self.save(name, held, case=name)

    def sampling_case(
        self, name: str, samples: list[Sample], steps: int, scale: float, rescale: float
    ) -> None:
        """Guided DDIM with both branches and every step."""
        null = self.draw(2, self.c.text_width)
        nulled = [[null, *s.texts[1:-1], null][: len(s.texts)] for s in samples]
        held = self.inputs(samples) | {"timesteps": torch.tensor(grid_of(steps))}
        for b, texts in enumerate(nulled):
            held |= self.texts(f"null.frame_text.{b}", f"null.frame_text_mask.{b}", texts)
        held |= self.trajectory(samples, nulled, steps, scale, rescale)
        self.save(name, held, steps=steps, guide_scale=scale, guide_rescale=rescale)

    def trajectory(
        self, samples: list[Sample], nulled: list[list[Tensor]], steps: int, scale: float, rescale: float
    ) -> dict[str, Tensor]:
        """Guided DDIM on a fractional grid, in float64 but for the coefficients, which are rounded as released."""
        sigma, alpha = (table.double() for table in tables())
        grid = grid_of(steps)
        ratio = [
            single(math.log(single(math.sqrt(single(single(v * v) / single(1 - single(v * v)))))))
            for v in sigma.tolist()
        ]
        preserving = []
        for t in grid:
            low, high, w = math.floor(t), math.ceil(t), t - math.floor(t)
            log = single(single(single(1 - w) * ratio[low]) + single(w * ratio[high]))
            square = single(single(math.exp(log)) ** 2)
            preserving.append(single(math.sqrt(single(square / single(1 + square)))))
        preserving.append(0.0)
        signal = [single(math.sqrt(single(1 - single(s * s)))) for s in preserving]
        sizes = [s.latents[0].shape for s in samples]
        x = pad([s.latents[0] for s in samples]).double()
        held = {"x_T": x}
        for i, t in enumerate(grid):
            eps = []
            for branch in ([s.texts for s in samples], nulled):
                outs = []
                for s, size, texts, flat in zip(samples, sizes, branch, x, strict=True):
                    noisy = flat[:, : size[1] * size[2]].view(size)
                    latents = [noisy, *s.latents[1:]]
                    outs.append(forward(self.c, Sample(latents, s.masks, texts, round(t)), self.indicators))
                eps.append(pad(outs))
            mixed = eps[1] + scale * (eps[0] - eps[1])
            for b in range(len(samples)):
                spread = float(eps[0][b].std()) / (float(mixed[b].std()) + 1e-12)
                mixed[b] *= rescale * spread + 1 - rescale
            clean = (x - sigma[math.floor(t)] * mixed) / alpha[math.floor(t)]
            now, then = preserving[i], preserving[i + 1]
            direction = (x - signal[i] * clean) / now
            x = signal[i + 1] * clean + then * direction
            held[f"eps_cond.{i}"], held[f"eps_uncond.{i}"] = eps
            held[f"x_after_step.{i}"] = x
            held[f"model_t.{i}"] = torch.tensor([round(t)] * len(samples))
        return held | {"x_final": x}

    def loss_case(self, name: str, samples: list[Sample]) -> None:
        """The loss over the padded block, where the noise is drawn too and the model says zero, and over what is
        real; gradients of the former."""
        sigma, alpha = (table.double() for table in tables())
        for weight in self.c.weights.values():
            weight.requires_grad_().grad = None
        clean = pad([s.latents[0] for s in samples])
        noise = self.draw(*clean.shape)
        noisy, outs, padded, valid = [], [], [], []
        for b, s in enumerate(samples):
            noisy.append(alpha[s.t] * clean[b].double() + sigma[s.t] * noise[b].double())
            size = s.latents[0].shape
            real = size[1] * size[2]
            latents = [noisy[-1][:, :real].view(size), *s.latents[1:]]
            outs.append(forward(self.c, Sample(latents, s.masks, s.texts, s.t), self.indicators))
            own = torch.zeros(clean.shape[1:], dtype=torch.float64)
            own[:, :real] = outs[-1].flatten(1)
            padded.append((own - noise[b].double()).square().mean())
            valid.append((outs[-1].flatten(1) - noise[b, :, :real].double()).square().mean())
        loss = torch.stack(padded).mean()
        loss.backward()
        gradients = {n: torch.zeros_like(w) if w.grad is None else w.grad for n, w in self.c.weights.items()}
        shown = ("x_embedder.proj.weight", "blocks.0.cross_attn.k.weight", "t_block.1.bias")
        held = self.inputs(samples) | {
            "x_0": clean,
            "noise": noise,
            "t": torch.tensor([s.t for s in samples]),
            "scepter.x_t": torch.stack(noisy),
            "scepter.out": pad([out.detach() for out in outs]),
            "scepter.loss": torch.stack(padded).detach(),
            "scepter.loss_mean": loss.detach(),
            "scepter.grad_norms": torch.stack([g.norm() for g in gradients.values()]),
            "derived.scepter_loss_valid_only": torch.stack(valid).detach(),
        }
        held |= {f"scepter.grad.{n}": gradients[n] for n in shown}
        for weight in self.c.weights.values():
            weight.requires_grad_(False)
        self.save(name, held, grad_norm_keys=list(gradients))

    def inference_case(self, name: str, prompts: list[str], sizes: list[tuple[int, int]]) -> None:
        """The whole call from conditioning latents on: one prompt per image, the target sized like the oldest."""
        states = {text: self.draw(2 + len(text) % 5, self.c.text_width) for text in [*prompts, ""]}
        null = [*prompts[:-1], ""]
        spread = [[own[-1], *own] if sizes else own[-1:] for own in (prompts, null)]
        shape = sizes[0] if sizes else (4, 6)
        masks = [(self.draw(1, *size) > 0).float() for size in sizes]
        latents = [self.draw(4, *size) for size in (shape, *sizes)]
        frames = [[states[text] for text in texts] for texts in spread]
        sample = Sample(latents, [masks[0].clone() if sizes else None, *masks], frames[0], 0)
        made = self.trajectory([sample], [frames[1]], 3, 4.5, 0.5)
        final = made["x_final"].view(1, 4, *shape)
        held = self.inputs([sample]) | {"x_T": made["x_T"], "latent_final": final}
        held["tpe"] = held.pop("text_position_embeddings")
        held |= self.texts("null.frame_text.0", "null.frame_text_mask.0", frames[1])
        held = {n: t for n, t in held.items() if not n.startswith(("turn_text", "x_shapes"))}
        levels = ((final[0, :3] / 0.18215 + 1) / 2).clamp(0, 1) * 255
        drawn = levels.to(torch.uint8).repeat_interleave(8, 1).repeat_interleave(8, 2)
        held["out_image"] = drawn.permute(1, 2, 0).contiguous()
        self.save(
            name,
            held,
            frame_texts=[[text] for text in spread[0]],
            null_frame_texts=[[text] for text in spread[1]],
            encoded=[prompts, null],
            out_size=[8 * shape[1], 8 * shape[0]],
            x_shapes=[list(shape)],
        )


def grid_of(steps: int) -> list[float]:
    """999, 999 - 1000 / steps ... in float32."""
    return [single(999 - i * 1000 / steps) for i in range(steps)]


def pad(latents: list[Tensor]) -> Tensor:
    longest = max(latent[0].numel() for latent in latents)
    out = torch.zeros(len(latents), 4, longest, dtype=latents[0].dtype)
    for row, latent in zip(out, latents, strict=True):
        row[:, : latent[0].numel()] = latent.flatten(1)
    return out
