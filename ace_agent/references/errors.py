"""What can go wrong with sprites and the library of reference pictures."""

from ace_agent.errors import AceError


class LibraryError(AceError):
    """A sprite file or reference library that is missing or cannot be read."""


class SpritesMissing(LibraryError):
    """There is no sprite file; the hint names the command that builds one."""
