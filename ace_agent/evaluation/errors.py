"""Errors of evaluation."""

from ace_agent.errors import AceError


class EvaluationError(AceError):
    """Base class of this package's errors."""


class TemplateError(EvaluationError):
    """A file of instruction templates cannot be used; the message says where and why."""


class DumpError(EvaluationError):
    """A folder of dumped samples cannot be scored; the message names the line of its index."""


class ReaderMissing(EvaluationError):
    """The scene reader has no weights; the hint names the command that trains them."""
