"""Turns unexpected exceptions into a one-line error, and logs their traceback."""

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
    """A bug in copilot_pipeline, or an unknown condition of its environment."""


class DiskFullError(CopilotPipelineError):
    """There is no space left for a report while it is read."""


def described(error: Exception) -> CopilotPipelineError:
    """Return the error itself if it is a `CopilotPipelineError`, otherwise an `UnexpectedError`.

    The traceback of an unexpected error is logged without local variables and messages, because
    both may contain data from GitHub.
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
    """Return the innermost line of copilot_pipeline in the traceback."""
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
