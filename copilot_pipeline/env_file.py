"""The file `.env` of the working directory, whose variables win over the shell's."""

import io
import os
import stat
from pathlib import Path

from dotenv import load_dotenv

from copilot_pipeline.redaction import one_line
from copilot_pipeline.settings import SettingError


def load_env_file(path: Path) -> bool:
    """Sets the variables of the file in this process; False if there is none.

    Whoever can write it chooses where tokens go and which secret seals them, so it must belong to
    the user of this process, or to root, and nobody else may write it.

    Raises:
        SettingError: somebody else could have written it, or it cannot be read.
    """
    shown = one_line(str(path))
    if not path.exists() or path.is_dir():
        return False
    try:
        with path.open("rb") as file:
            # Of the file that is open: another one may lie there a moment later.
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
            f"{shown} belongs to another user, who could set any variable here: make it your own "
            f"with `chown {os.geteuid()} .env`, or start in another directory."
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingError(
            f"others than its owner may write {shown}: take that away with `chmod go-w .env`."
        )
