"""The store's errors: a one-line message and a hint."""

from __future__ import annotations


class StoreError(Exception):
    """Base of every error that this package raises. `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message
