"""Errors of the scene world, and of making pairs and shards."""

from ace_agent.errors import AceError, InputError


class DataError(Exception):
    """Root of this room's errors."""


class UnknownTask(DataError, KeyError):
    """A task id that the world has no generator for."""

    def __str__(self) -> str:
        return str(self.args[0])


class Unfit(DataError):
    """A random draw that makes no good sample (a no-op, say); the world draws again."""


class BadInput(DataError, InputError):
    """User input that cannot be used; the message names the file and line."""


class RunStopped(DataError, AceError):
    """A run cannot go on (a full disk, a lost worker, a failing model); finished shards are kept."""
