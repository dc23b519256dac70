"""What can go wrong in the scene world."""


class DataError(Exception):
    """Root of everything this package raises."""


class SpritesMissing(DataError):
    """No sprite file was found; the message names the command that builds one."""


class UnknownTask(DataError, KeyError):
    """A task id that the world has no generator for."""

    def __str__(self) -> str:
        return str(self.args[0])


class Unfit(DataError):
    """A draw that makes no good sample (a no-op, no room); the world draws again."""
