"""What can go wrong in training."""

from ace_agent.errors import AceError


class TrainingError(AceError):
    """A run cannot start or go on: one line, and a way out; the last checkpoint is whole."""
