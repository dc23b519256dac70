"""What can go wrong in training."""

from ace_agent.errors import AceError


class TrainingError(AceError):
    """A run cannot start or continue; its last checkpoint is intact."""
