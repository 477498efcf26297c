"""Exceptions that nobody foresaw: one line for the person at the keyboard, a trace for the log."""

import logging
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import copilot_pipeline
from copilot_pipeline.disk_full import is_disk_full
from copilot_pipeline.errors import CopilotPipelineError

logger = logging.getLogger(__name__)

_ROOT = Path(copilot_pipeline.__file__).parent.parent


class UnexpectedError(CopilotPipelineError):
    """A bug of this program, or something that it does not know of its surroundings."""


class DiskFullError(CopilotPipelineError):
    """There is no space left for a report while it is read."""


def described(error: Exception) -> CopilotPipelineError:
    """The error itself if it is meant for people; otherwise one that names its class and place.

    The traceback of the latter is logged, without local variables and without the texts of the
    exceptions: both may hold what GitHub sent.
    """
    if isinstance(error, CopilotPipelineError):
        return error
    if is_disk_full(error):
        return DiskFullError(
            f"the disk of the folder for temporary files, {tempfile.gettempdir()}, is full: a "
            "report is kept there while it is read. Free space there, or name another folder with "
            "TMPDIR, then run this again."
        )
    what = f"unexpected {type(error).__name__} in {_place(error)}"
    logger.error("%s\n%s", what, "".join(_trace(error)))
    return UnexpectedError(
        f"{what}. This is a bug: please report it with the traceback in the log."
    )


def _place(error: Exception) -> str:
    """The innermost line of this program that the error passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame for frame in frames if Path(frame.filename).is_relative_to(_ROOT / "copilot_pipeline")
    ]
    frame = (own or frames)[-1]
    path = Path(frame.filename)
    return f"{path.relative_to(_ROOT) if own else path.name}:{frame.lineno}"


def _trace(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _trace(cause)
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__name__}\n"
