"""Caches the rows of a conversation's turns between requests.

A turn's rows depend only on its frames, the frames of earlier turns, and the weights (docs/design.md), so a request
that continues a conversation finds the rows of its history here, with the same bits that it would compute.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import torch

from ace_agent.engines.ace.packing import FrameSlot, pack_turn, rows_of
from ace_agent.engines.mini.request_tensors import PreparedRequest, PreparedUnit, frame_pictures
from ace_agent.engines.mini.states import PrefixState
from ace_agent.engines.mini.transformer import MiniTransformer

TURNS = 64
"""Turns kept by default: 50 MB for ace-mini, enough for several conversations of the longest history that it reads."""


class PrefixCache:
    """Turns' rows, keyed by all that they depend on; the least recently used go first.

    Args:
        turns: how many are kept; 0 keeps none.
    """

    def __init__(self, turns: int = TURNS) -> None:
        self.turns = turns
        self._kept: OrderedDict[bytes, PrefixState] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def encode(self, model: MiniTransformer, request: PreparedRequest) -> PrefixState | None:
        """Rows of the request's frames, end to end; None without any.

        Each turn has a call of its own, so that its rows are the same bits whatever else is asked for, and stay the
        same when a turn is appended.
        """
        states: list[PrefixState] = []
        key = _weights(model) if self.turns else b""
        rows = 0
        for unit, slots in zip(request.units, request.turns(model.patch), strict=True):
            if not slots:
                continue
            if self.turns:
                key = _followed(key, unit, slots)
            own = self._kept.pop(key, None)
            if own is None:
                pictures = [one.to(model.device, model.dtype) for one in frame_pictures(unit.frames)]
                packed = pack_turn(slots, rows).to(model.device)
                own = model.encode_prefix(pictures, packed, PrefixState.join(states) if states else None)
            if self.turns:
                self._kept[key] = own
            states.append(own)
            rows += sum(rows_of(slot.grid) for slot in slots)
        while len(self._kept) > self.turns:
            self._kept.popitem(last=False)
        return PrefixState.join(states) if states else None


def _weights(model: MiniTransformer) -> bytes:
    """A key that changes with every in-place change of a weight, and with the number format. Inference tensors have no
    version counter, and cannot be trained."""
    changes = [parameter._version for parameter in model.parameters() if not parameter.is_inference()]
    autocast = torch.is_autocast_enabled(model.device.type)
    return hashlib.blake2b(repr((id(model), model.device, model.dtype, autocast, changes)).encode()).digest()


def _followed(key: bytes, unit: PreparedUnit, slots: tuple[FrameSlot, ...]) -> bytes:
    """The key of a turn that follows the turns of `key`."""
    digest = hashlib.blake2b(key)
    digest.update(repr(slots).encode())
    for picture in frame_pictures(unit.frames):
        digest.update(picture.numpy().tobytes())
    return digest.digest()
