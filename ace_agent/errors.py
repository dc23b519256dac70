"""Errors for people: one line and a way out."""

from __future__ import annotations


class AceError(Exception):
    """Base of every error that this package raises. `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class InputError(AceError):
    """The request cannot be carried out as given."""


class PlanError(AceError):
    """No plan, or a plan that cannot run."""


class ModelError(AceError):
    """A model cannot be found, read, converted or run here."""


class StoreRefused(AceError):
    """The conversation store refused."""


class Cancelled(AceError):
    """The user declined before any work; nothing was stored."""
