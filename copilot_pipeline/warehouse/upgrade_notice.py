"""What is said before a warehouse of an earlier revision is upgraded, and how to go back."""

import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sqlalchemy.engine import URL

from copilot_pipeline.warehouse.backup import dump_command, restore_file_command

# The room that an upgrade needs beside the database, in sizes of the database: a backup of it, and
# a write-ahead log as large as the database, if every row is written again.
ROOM = 2


@dataclass(frozen=True)
class UpgradeNotice:
    """An upgrade that is about to begin. `backup` is the file to which SQLite is copied before."""

    text: str
    backup: Path | None

    def __str__(self) -> str:
        return self.text


def plan_upgrade(url: URL, shown: str, before: str, after: str) -> UpgradeNotice:
    """Say what an upgrade does, and decide whether the warehouse can be backed up before it.

    SQLite is copied to a file beside it, unless that could fill the disk. An earlier one there is
    replaced. `shown` is the URL as it may be printed.
    """
    text = (
        f"The warehouse {shown} has revision {before}. It is upgraded to revision {after} for "
        f"copilot-pipeline {version('copilot-pipeline')}; an older version, of revision {before}, "
        "cannot read it afterwards."
    )
    if url.get_backend_name() != "sqlite":
        dump = Path(f"copilot-{before}.dump")
        how = f"It is not backed up first; this does it: {dump_command(url, dump)}"
        return UpgradeNotice(f"{text} {how}", None)
    warehouse = Path(url.database or "").resolve()
    backup = warehouse.with_name(f"{warehouse.name}.before-upgrade")
    size, free = warehouse.stat().st_size, shutil.disk_usage(warehouse.parent).free
    if free < ROOM * size:
        how = (
            f"It is not backed up first, because a copy of its {size:,} bytes could fill the disk, "
            f"which has {free:,} bytes free. `copilot-pipeline backup FILE` makes one on another "
            "disk."
        )
        return UpgradeNotice(f"{text} {how}", None)
    how = (
        f"It is backed up to {backup} first. To go back, stop everything that uses the warehouse, "
        f"install the older version, and run: {restore_file_command(warehouse, backup)}"
    )
    return UpgradeNotice(f"{text} {how}", backup)
