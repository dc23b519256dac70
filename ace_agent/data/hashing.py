"""Hashes of images and samples, exact and perceptual.

The perceptual hash is the difference hash (is each pixel of a tiny grey image brighter than its neighbour?), once
across and once down: 128 bits. Re-saving an image as JPEG, or at another size, flips a few of them; `NEAR` bounds how
many.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np
from PIL import Image

from ace_agent.data.sample import Sample
from ace_agent.images.types import Pixels

NEAR = 7
"""Images whose hashes differ in at most this many of 128 bits count as duplicates."""

_SIDE = 8
_BANDS = 8  # with more bands than NEAR, two near hashes agree in at least one whole band
_BAND_BITS = 16


def content_hash(data: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal, as ``sha256sum`` prints it."""
    return hashlib.sha256(data).hexdigest()


def sample_hash(sample: Sample) -> str:
    """A hash of a sample's instructions and pixels, 24 hexadecimal digits, independent of file formats."""
    digest = hashlib.sha256()
    for turn in sample.turns:
        digest.update(f"{turn.task}\0{turn.instruction}\0{turn.base}\0".encode())
        for frame in turn.frames:
            for plane in (frame.image, frame.mask):
                _update(digest, plane)
        _update(digest, turn.target)
    return digest.hexdigest()[:24]


def _update(digest: hashlib._Hash, plane: Pixels | None) -> None:
    digest.update(str(None if plane is None else plane.shape).encode())
    if plane is not None:
        digest.update(np.ascontiguousarray(plane).data)


def perceptual_hash(image: Image.Image) -> int:
    """The 128-bit difference hash of an image."""
    plane = image.convert("L")
    wide = np.asarray(plane.resize((_SIDE + 1, _SIDE), Image.Resampling.BOX), np.int16)
    tall = np.asarray(plane.resize((_SIDE, _SIDE + 1), Image.Resampling.BOX), np.int16)
    bits = np.concatenate([(wide[:, 1:] > wide[:, :-1]).ravel(), (tall[1:] > tall[:-1]).ravel()])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


class NearDuplicates:
    """Finds earlier images that look the same, in about constant time."""

    def __init__(self) -> None:
        self._hashes: list[int] = []
        self._bands: list[dict[int, list[int]]] = [defaultdict(list) for _ in range(_BANDS)]

    def add(self, hashed: int) -> int | None:
        """Add a hash, or return the number of an earlier one that is near it, counted in order of adding."""
        keys = [hashed >> (_BAND_BITS * band) & 0xFFFF for band in range(_BANDS)]
        for key, band in zip(keys, self._bands, strict=True):
            for number in band.get(key, ()):
                if (self._hashes[number] ^ hashed).bit_count() <= NEAR:
                    return number
        for key, band in zip(keys, self._bands, strict=True):
            band[key].append(len(self._hashes))
        self._hashes.append(hashed)
        return None
