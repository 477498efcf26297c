"""Loads the file `.env` of the working directory. Its variables override those of the shell."""

import io
import os
import stat
from pathlib import Path

from dotenv import load_dotenv

from copilot_pipeline.redaction import one_line
from copilot_pipeline.settings import SettingError


def load_env_file(path: Path) -> bool:
    """Set the variables of the file in this process. Returns False if there is no file.

    A user who can write the file controls where tokens are sent and which secret seals them.
    Therefore the file must belong to the user of this process or to root, and no other user may
    write it.

    Raises:
        SettingError: another user can write the file, or it cannot be read.
    """
    shown = one_line(str(path))
    if not path.exists() or path.is_dir():
        return False
    try:
        with path.open("rb") as file:
            # Check the open file, because the path may be replaced in the meantime.
            _require_own(os.fstat(file.fileno()), shown)
            text = file.read().decode()
    except OSError as error:
        raise SettingError(f"{shown} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingError("the file .env is not UTF-8 text.") from None
    load_dotenv(stream=io.StringIO(text), override=True)
    return True


def _require_own(status: os.stat_result, shown: str) -> None:
    if status.st_uid not in (os.geteuid(), 0):
        raise SettingError(
            f"{shown} belongs to another user, who could set any variable. Take ownership with "
            f"`chown {os.geteuid()} .env`, or start in another directory."
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingError(
            f"{shown} can be written by other users. Remove the permission with `chmod go-w .env`."
        )
