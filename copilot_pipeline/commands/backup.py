"""`copilot-pipeline backup`: copies the warehouse, without upgrading it."""

from pathlib import Path

import click

from copilot_pipeline import settings
from copilot_pipeline.commands.console import file_path, print_error, print_json, print_message
from copilot_pipeline.settings import refuse_token
from copilot_pipeline.warehouse.backup import (
    back_up_file,
    dump_command,
    restore_dump_command,
    restore_file_command,
)
from copilot_pipeline.warehouse.database import parse_url

_NOT_WITHOUT_SECRET = (
    f"{settings.TOKEN_SECRET} is not in the backup: keep a copy of it elsewhere, because no token "
    "opens without it."
)


@click.command()
@click.argument("file", metavar="FILE")
def backup(file: str) -> int:
    """Copy an SQLite warehouse to a new FILE.

    Other processes may use the warehouse meanwhile. It is not upgraded. For PostgreSQL the command
    line of pg_dump is printed, nothing is copied, and the exit code is 1.
    """
    refuse_token(file)
    url, target = parse_url(settings.database_url()), file_path(file)
    if url.get_backend_name() != "sqlite":
        print_error("nothing was backed up: PostgreSQL has a program of its own for it.")
        print_message(
            "Run this. pg_dump must not be older than the server. It asks for the password, or "
            "takes it from PGPASSWORD or ~/.pgpass:\n"
            f"  {dump_command(url, target)}\n"
            "To restore, create an empty database and run this, with its name after --dbname:\n"
            f"  {restore_dump_command(url, target)}\n"
            "If Grafana reads it, run grafana/reader.sql there again.\n" + _NOT_WITHOUT_SECRET
        )
        return 1
    warehouse = Path(url.database or "").absolute()
    size = back_up_file(warehouse, target)
    print_json({"file": str(target), "bytes": size})
    print_message(
        "To restore it, stop everything that uses the warehouse, and run:\n"
        f"  {restore_file_command(warehouse, target)}\n" + _NOT_WITHOUT_SECRET
    )
    return 0
