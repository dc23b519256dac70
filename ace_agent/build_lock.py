"""One model is built at a time, whichever thread asks."""

from __future__ import annotations

import threading

building = threading.RLock()
"""Held while diffusers or transformers build a model: diffusers patches torch's modules for everyone meanwhile, and a
model that another thread builds then is left without weights, on the meta device."""
