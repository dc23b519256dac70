"""The exceptions of this package."""

from __future__ import annotations


class KernelError(Exception):
    """Base class."""


class ArgumentError(KernelError, ValueError):
    """An argument is wrong: the message names it, what was wanted and what came."""


class BackendError(KernelError, RuntimeError):
    """The requested backend cannot run here."""
