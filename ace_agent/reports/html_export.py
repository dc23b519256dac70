"""A conversation as one self-contained HTML page: its tree of turns, plans, before and after, recipes."""

from __future__ import annotations

import json
import time
from html import escape
from pathlib import Path

from PIL import Image

from ace_agent.conversation import Conversation
from ace_agent.files import write_file
from ace_agent.plan import Plan
from ace_agent.reports.html_page import document, jpeg_url, png_url
from ace_agent.turns import Picture, Turn

MAX_SIDE = 512
"""Pixels; larger pictures are embedded at this size, which is enough for a page."""
MAX_WIDTH = 320
"""Pixels that a picture takes on the page at most, as in the style below."""

_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8881; --mark: #c2410c; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 2rem 1rem; }
h1 { margin: 0; } header p, time, figcaption, .note { color: color-mix(in srgb, currentColor 65%, transparent); }
article { border: 1px solid var(--line); border-radius: .75rem; margin: 1rem 0; padding: 1rem; }
article.tip { border-color: var(--mark); box-shadow: 0 0 0 1px var(--mark); }
article.off { background: var(--soft); }
h2 { font-size: 1.1rem; margin: 0; overflow-wrap: anywhere; } h2 small { font-weight: normal; }
.branch { border-left: 3px solid var(--line); margin-left: .5rem; padding-left: 1rem; }
.branch .branch .branch { margin-left: 0; padding-left: .25rem; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; margin: .75rem 0; }
figure { margin: 0; max-width: 100%; } figcaption { font-size: .85rem; }
img { display: block; border-radius: .4rem; max-width: min(100%, 20rem); min-width: 8rem; height: auto;
  background: repeating-conic-gradient(#8883 0 25%, transparent 0 50%) 0 0 / 16px 16px; }
.arrow { font-size: 1.5rem; } .status { color: var(--mark); }
details { margin-top: .4rem; } summary { cursor: pointer; }
pre { background: var(--soft); border-radius: .4rem; font-size: .8rem; overflow-x: auto; padding: .6rem; }
"""


def write_gallery(talk: Conversation, path: Path, force: bool = False) -> Path:
    """Write the page, over another file only with `force`. Raises InputError where it cannot be written."""
    return write_file(Path(path), page(talk), force=force, parents=False)


def page(talk: Conversation) -> str:
    """The page's HTML."""
    turns = talk.turns(everything=True)
    on_path = [turn.id for turn in talk.turns()]
    children: dict[int | None, list[Turn]] = {}
    for turn in turns:
        children.setdefault(turn.parent, []).append(turn)
    count = sum(len(turn.made) for turn in turns)
    header = f"<h1>{escape(talk.name)}</h1><p>{len(turns)} turns, {count} pictures made</p>"
    body = f"<header>{header}</header>\n<main>\n{_tree(talk, children, on_path)}\n</main>"
    return document(talk.name, _STYLE, body)


def _tree(talk: Conversation, children: dict[int | None, list[Turn]], on_path: list[int]) -> str:
    """The turns in order, each after its parent.

    At a fork the branch that leads to the tip (else the youngest) continues at the same depth, after the other
    branches, which are indented. It does not recurse, since every turn may be a fork.
    """
    parts: list[str] = []
    todo: list[Turn | str] = _below(children.get(None, []), on_path)
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            parts.append(item)
        else:
            parts.append(_turn(talk, item, on_path))
            todo += _below(children.get(item.id, []), on_path)
    return "\n".join(parts)


def _below(turns: list[Turn], on_path: list[int]) -> list[Turn | str]:
    """A turn's children, as a stack: the last is popped first."""
    if not turns:
        return []
    main = next((turn for turn in turns if turn.id in on_path), turns[-1])
    shown: list[Turn | str] = [main]
    for turn in reversed([turn for turn in turns if turn is not main]):
        shown += ["</section>", turn, '<section class="branch">']
    return shown


def _turn(talk: Conversation, turn: Turn, on_path: list[int]) -> str:
    kind = "tip" if on_path and turn.id == on_path[-1] else "on" if turn.id in on_path else "off"
    status = "" if turn.status == "done" else f' <span class="status">{escape(turn.status)}</span>'
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(turn.created))
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in turn.notes)
    return f"""<article class="{kind}" id="turn-{turn.number}">
<h2>{turn.number}. {escape(turn.request)}{status} <small><time>{when}</time></small></h2>
{_pictures(talk, turn)}{notes}
{_details("plan", _plan_text(turn.plan)) if turn.plan.steps else ""}
</article>"""


def _pictures(talk: Conversation, turn: Turn) -> str:
    """The attached pictures, then each result after the picture it was made from."""
    parts = []
    shown = set()
    last = ""
    for picture in turn.made:
        before = None if picture.forgotten else talk.before(picture.id)
        if before is not None and before.id not in shown:
            parts.append(_figure(before))
            shown.add(before.id)
            last = before.id
        if before is not None and before.id == last:
            parts.append('<span class="arrow" aria-hidden="true">→</span>')
        parts.append(_figure(picture))
        shown.add(picture.id)
        last = picture.id
    parts = [_figure(picture) for picture in turn.attached if picture.id not in shown] + parts
    return f'<div class="pictures">{"".join(parts)}</div>' if parts else ""


def _figure(picture: Picture) -> str:
    label = f"{picture.id}, {picture.size[0]} x {picture.size[1]}"
    label += ", mask" if picture.kind == "mask" else f", {picture.source}" if picture.source else ""
    if picture.forgotten:
        return f"<figure><figcaption>{escape(label)}, forgotten</figcaption></figure>"
    recipe = ""
    if picture.recipe is not None:
        recipe = _details("recipe", json.dumps(picture.recipe, indent=1, ensure_ascii=False))
    alt = escape(picture.caption or picture.source or picture.kind, quote=True)
    image = f'<img src="{_data_url(picture.image)}" alt="{alt}" width="{min(picture.size[0], MAX_WIDTH)}">'
    return f"<figure>{image}<figcaption>{escape(label)}</figcaption>{recipe}</figure>"


def _data_url(image: Image.Image) -> str:
    if max(image.size) <= MAX_SIDE:
        return png_url(image)
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return png_url(image) if image.mode == "RGBA" else jpeg_url(image, quality=90)


def _plan_text(plan: Plan) -> str:
    from ace_agent.plan.yaml_file import PlanFile

    return PlanFile.new(plan).text()


def _details(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary><pre>{escape(text)}</pre></details>"
