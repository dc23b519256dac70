"""What can go wrong in the scene world and on the way to shards."""

from ace_agent.errors import AceError, InputError


class DataError(Exception):
    """Root of everything this package raises."""


class UnknownTask(DataError, KeyError):
    """A task id that the world has no generator for."""

    def __str__(self) -> str:
        return str(self.args[0])


class Unfit(DataError):
    """A draw that makes no good sample (a no-op, no room); the world draws again."""


class BadInput(DataError, InputError):
    """What a person gave cannot be used: one line with the place, and a way out."""


class RunStopped(DataError, AceError):
    """A route could not go on (no space, a lost worker, a model that fails); what is finished is kept."""
