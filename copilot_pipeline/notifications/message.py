"""A message to people, in plain text and without secrets."""

from collections.abc import Sequence
from dataclasses import dataclass

from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.redaction import redact

# Slack shortens a text of more than 40,000 characters, and Teams refuses a message of more than
# 28 KB (documentation of both). These limits stay below half of that.
MAX_LINES = 20
MAX_LINE_LENGTH = 500


class NotificationError(CopilotPipelineError):
    """A message could not be sent. It is sent again later."""


@dataclass(frozen=True)
class Message:
    """A message of a subject and some lines. Make it with `Message.of`."""

    subject: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, subject: str, lines: Sequence[str]) -> "Message":
        """Return a message of at most `MAX_LINES` lines, with tokens and URL queries masked."""
        shown = [_shorten(redact(line)) for line in lines[:MAX_LINES]]
        if len(lines) > MAX_LINES:
            shown.append(f"and {len(lines) - MAX_LINES} more")
        return cls(_shorten(redact(subject)), tuple(shown))

    @property
    def text(self) -> str:
        """The subject and the lines, one below the other."""
        return "\n".join([self.subject, *self.lines])


def _shorten(line: str) -> str:
    return line if len(line) <= MAX_LINE_LENGTH else f"{line[: MAX_LINE_LENGTH - 1]}…"
