"""What a picture shows, among ImageNet's 1000 kinds, by EfficientNet-Lite0."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageOps

from ace_agent.engines.experts.networks import FOLDER, run

SIDE = 224
SURE = 0.3
"""Probability from which a kind is named."""
LIKELY = 0.04
"""Probability from which a kind that somebody names may be there."""
FIRST = 8
"""Kinds that are looked at when somebody names one."""
_WIDER = {
    "flower": "daisy|yellow lady's slipper|rapeseed|hip|vase|pot|bee|cabbage butterfly|sulphur butterfly",
    "rocket": "missile|projectile|space shuttle",
    "spacecraft": "missile|projectile|space shuttle",
    "ship": "liner|container ship|schooner|aircraft carrier|yawl|catamaran|trimaran|fireboat|pirate",
    "boat": "speedboat|canoe|gondola|yawl|catamaran|trimaran|schooner|lifeboat|paddle",
    "tower": "obelisk|beacon|church|castle|water tower|totem pole|pole|steel arch bridge|bell cote",
    "lighthouse": "beacon",
    "temple": "stupa|palace|monastery|mosque",
    "building": "palace|church|castle|library|monastery|mosque|prison|barn|boathouse|planetarium|greenhouse|tile roof",
    "house": "barn|boathouse|mobile home|thatch|tile roof|patio",
    "bridge": "suspension bridge|steel arch bridge|viaduct",
    "coffee": "espresso|cup|coffee mug",
    "camera": "reflex camera|Polaroid camera|tripod",
    "guitar": "acoustic guitar|electric guitar",
    "helmet": "crash helmet|football helmet|pickelhaube",
    "hat": "cowboy hat|sombrero|bonnet|bathing cap|shower cap",
    "monkey": "guenon|patas|baboon|macaque|langur|colobus|marmoset|capuchin|howler monkey|titi|spider monkey",
    "bread": "French loaf|bagel|pretzel|dough",
    "butterfly": "monarch|ringlet|admiral|cabbage butterfly|sulphur butterfly|lycaenid",
    "fox": "red fox|kit fox|Arctic fox|grey fox",
    "rabbit": "wood rabbit|hare|Angora",
    "fish": "tench|goldfish|coho|rock beauty|anemone fish|lionfish|puffer|gar|sturgeon|eel",
    "snake": "thunder snake|king snake|garter snake|vine snake|boa constrictor|rock python|Indian cobra|green mamba",
    "mountain": "alp|volcano|cliff|valley",
    "beach": "seashore|sandbar|lakeside|promontory",
    "instrument": "violin|cello|acoustic guitar|electric guitar|grand piano|flute|sax|trombone|harp|accordion",
    "piano": "grand piano|upright",
    "shoe": "running shoe|Loafer|clog|sandal|cowboy boot",
    "clock": "analog clock|wall clock|digital clock",
    "watch": "digital watch|stopwatch",
    "ring": "hook|knot|necklace",
    "candle": "candle|torch",
    "lamp": "table lamp|lampshade|spotlight",
    "toy": "teddy|toyshop|maraca",
    "plane": "airliner|warplane|wing",
    "leopard": "leopard|jaguar|cheetah|snow leopard",
    "cheetah": "cheetah|leopard|jaguar",
}
"""Words for several kinds."""


@cache
def names() -> tuple[str, ...]:
    """The names of the 1000 kinds, in the network's order."""
    return tuple((FOLDER / "imagenet.txt").read_text("utf-8").splitlines())


def kinds(image: Image.Image, count: int = 5) -> list[tuple[str, float]]:
    """The likeliest kinds with their probabilities, of the middle of the picture and of the whole."""
    rgb = image.convert("RGB")
    views = (
        ImageOps.fit(rgb, (SIDE, SIDE), Image.Resampling.BICUBIC),
        ImageOps.pad(rgb, (SIDE, SIDE), Image.Resampling.BICUBIC, color=(124, 116, 104)),
    )
    pixels = np.stack([(np.asarray(view, np.float32) - 127) / 128 for view in views]).transpose(0, 3, 1, 2)
    (scores,) = run("efficientnet-lite0", np.ascontiguousarray(pixels))
    weights = np.exp(scores - scores.max(1, keepdims=True))
    chances = (weights / weights.sum(1, keepdims=True)).max(0)
    order = np.argsort(-chances, kind="stable")[:count]
    return [(names()[at], float(chances[at])) for at in order]


def known(word: str) -> bool:
    """Whether a word names one or several of the kinds."""
    return bool(_meant(word))


def shows(image: Image.Image, word: str) -> float:
    """The probability that the picture shows what a word names; 0 under `LIKELY`."""
    wanted = _meant(word)
    chance = sum(p for name, p in kinds(image, FIRST) if name in wanted)
    return chance if chance >= LIKELY else 0.0


@cache
def _meant(word: str) -> frozenset[str]:
    one = word.lower().strip()
    singular = one[:-1] if one.endswith("s") and not one.endswith("ss") else one
    found = {
        name
        for name in names()
        if name.lower() in (one, singular) or name.lower().split()[-1] in (one, singular)
    }
    for wider in (one, singular):
        found |= set(_WIDER.get(wider, "").split("|")) - {""}
    return frozenset(found)
