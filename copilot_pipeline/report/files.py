"""Writes the report to a file that is never seen half written."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from copilot_pipeline.errors import CopilotPipelineError


class ReportError(CopilotPipelineError):
    """The report cannot be written."""


def require_file(path: Path) -> None:
    """Check that the path is that of a file, before the work of making the report.

    Raises:
        ReportError: the folder does not exist, or the path is one.
    """
    if not path.parent.is_dir():
        raise ReportError(f"there is no folder {path.parent}: create it, or name another file.")
    if path.is_dir():
        raise ReportError(f"{path} is a folder: name a file in it.")


def write_text(path: Path, text: str) -> None:
    """Write the file under a temporary name beside it, and then give it its name.

    The user's umask decides who may read it, as of every export.

    Raises:
        ReportError: the folder does not exist or cannot be written.
    """
    require_file(path)
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:12]}")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ReportError(f"{path} cannot be written: {error.strerror or error}.") from error
