"""What the version of revision 0005 made in an empty database, as each database writes it down.

Made with that version, `sqlite3.Connection.iterdump` and `pg_dump --no-owner --inserts`.
"""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import sqlalchemy as sa


def make_landed(url: str) -> None:
    """Makes an empty warehouse of revision 0005 in the empty database."""
    made = sa.make_url(url)
    name = f"{made.get_backend_name()}.sql.gz"
    script = gzip.decompress((Path(__file__).parent / name).read_bytes())
    if made.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(made.database or "")) as connection:
            connection.executescript(script.decode())
    else:
        with closing(psycopg.connect(url, autocommit=True)) as administrator:
            administrator.execute(script)
