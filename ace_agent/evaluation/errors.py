"""What can go wrong while evaluating."""

from ace_agent.errors import AceError


class EvaluationError(AceError):
    """Root of everything this package raises."""


class TemplateError(EvaluationError):
    """A file of instruction templates that cannot be used; the message says where and why."""


class DumpError(EvaluationError):
    """A folder of dumped samples that cannot be scored; the message names the line of its index."""


class ReaderMissing(EvaluationError):
    """The scene reader has no weights; the hint names the command that trains them."""
