"""Some samples of every task of a folder of shards, as one self-contained HTML page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ace_agent.images.types import Pixels
from ace_agent.references.types import Frame
from ace_agent.reports.html_page import document, jpeg_url

if TYPE_CHECKING:
    from ace_agent.data.sample import TrainingTurn
    from ace_agent.data.shards import Record, Shards

_SIDE = 192  # of a thumbnail, in pixels
_MOST_SKIPPED = 200
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(27rem, 1fr)); gap: 1rem; }
article { border: 1px solid #8884; border-radius: 8px; padding: .7rem; }
article p { margin: 0 0 .5rem; } .row { display: flex; gap: .4rem; flex-wrap: wrap; align-items: end; }
figure { margin: 0; } figcaption, small { color: #888; font-size: .8rem; } img { display: block; max-width: 100%; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem .15rem 0; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
"""


def page(shards: Shards, title: str, manifest: Mapping[str, Any] | None = None, per_task: int = 6) -> str:
    """The page's HTML: samples spread evenly over the shards.

    Args:
        shards: what to show.
        title: of the page.
        manifest: of the folder, for what was left out.
        per_task: samples of one task at most.
    """
    by_task: dict[str, list[int]] = defaultdict(list)
    for number, entry in enumerate(shards.entries):
        by_task[entry.tasks[-1]].append(number)
    parts = [
        f"<h1>{escape(title)}</h1><p>{len(shards)} samples in {len(shards.indexes)} shards.</p>",
        _counts(by_task),
    ]
    for task, numbers in sorted(by_task.items()):
        shown = numbers[:: max(1, -(-len(numbers) // per_task))][:per_task]
        parts.append(f'<h2 id="{escape(task)}">{escape(task)}</h2><div class="samples">')
        parts += [_article(shards.record(number)) for number in shown]
        parts.append("</div>")
    parts.append(_left_out(manifest or {}))
    return document(title, _STYLE, "\n".join(parts))


def _counts(by_task: Mapping[str, list[int]]) -> str:
    rows = "".join(
        f'<tr><td><a href="#{escape(task)}">{escape(task)}</a></td><td class="n">{len(numbers)}</td></tr>'
        for task, numbers in sorted(by_task.items())
    )
    return f"<table>{rows}</table>"


def _article(record: Record) -> str:
    turns = "".join(_turn(turn) for turn in record.sample.turns)
    return f"<article>{turns}<small>{escape(_origin(record.provenance))}</small></article>"


def _origin(provenance: Mapping[str, Any]) -> str:
    sources = ", ".join(str(source.get("path", "")) for source in provenance.get("sources", ()))
    notes = [f"{name} {provenance[name]}" for name in ("similarity", "writer") if name in provenance]
    return "; ".join([sources, *notes])


def _turn(turn: TrainingTurn) -> str:
    figures = []
    for k, frame in enumerate(turn.frames):
        also = "" if frame.mask is None else " and its mask"
        figures.append(_figure(_overlaid(frame), f"image{k or ''}{also}"))
    figures.append(_figure(turn.target, "target"))
    return f'<p>{escape(turn.instruction)}</p><div class="row">{"".join(figures)}</div>'


def _overlaid(frame: Frame) -> Pixels:
    """The picture, with the masked region tinted."""
    if frame.mask is None:
        return frame.image
    share = (frame.mask[..., None] / 255 * 0.45).astype(np.float32)
    tinted: Pixels = (frame.image * (1 - share) + np.array((255, 0, 90), np.float32) * share).astype(np.uint8)
    return tinted


def _figure(pixels: Pixels, caption: str) -> str:
    image = Image.fromarray(pixels)
    height, width = pixels.shape[:2]
    image.thumbnail((_SIDE, _SIDE))
    return (
        f'<figure><img src="{jpeg_url(image, quality=82)}" width="{image.width}" height="{image.height}" '
        f'alt="{escape(caption)}"><figcaption>{escape(caption)}, {width} × {height}</figcaption></figure>'
    )


def _left_out(manifest: Mapping[str, Any]) -> str:
    parts = []
    if dropped := manifest.get("dropped"):
        text = ", ".join(f"{count} {escape(why)}" for why, count in dropped.items())
        parts.append(f"<h2>Samples that were not kept</h2><p>{text}</p>")
    if skipped := manifest.get("skipped"):
        rows = "".join(
            f"<tr><td>{escape(row['path'])}</td><td>{escape(row['reason'])}</td></tr>"
            for row in skipped[:_MOST_SKIPPED]
        )
        more = len(skipped) - _MOST_SKIPPED
        tail = f"<p>and {more} more, in manifest.json</p>" if more > 0 else ""
        parts.append(f"<h2>Pictures that were left out</h2><table>{rows}</table>{tail}")
    return "".join(parts)
