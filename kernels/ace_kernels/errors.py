"""Everything this package raises on purpose."""

from __future__ import annotations


class KernelError(Exception):
    """Base of the package's errors."""


class ArgumentError(KernelError, ValueError):
    """An argument is wrong: the message names it, what was wanted and what came."""


class BackendError(KernelError, RuntimeError):
    """A backend was asked for that cannot run here."""
