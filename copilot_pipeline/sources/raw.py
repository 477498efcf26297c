"""The raw tables, which store GitHub's answers as received, compressed.

The tool tables are derived only from these tables.
"""

from dataclasses import dataclass

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from copilot_pipeline.schema import UtcDateTime, day, metadata, scope_id, split_by_month

_SNAPSHOT_DAY = "The newest complete UTC day when the snapshot was taken"


def _answer_columns() -> list[Column[object]]:
    return [
        Column("fetched_at", UtcDateTime, nullable=False, comment="When GitHub answered"),
        Column("url", Text, nullable=False, comment="Without the query of a signed link"),
        Column(
            "payload",
            LargeBinary,
            nullable=False,
            comment="GitHub's answer as received, compressed with gzip",
        ),
    ]


@dataclass(frozen=True)
class RawTable:
    """The table that stores the answers of a source.

    `asset` is its Dagster asset. `part` is the column that numbers the files or pages of a day,
    starting at `first_part`; it is None if there is one answer a day. `has_report` means that
    several sources share the table and the column `report` has their name.
    """

    table: Table
    asset: str
    part: str | None = None
    first_part: int = 0
    has_report: bool = False


RAW_METRICS = RawTable(
    Table(
        "_raw_copilot_metrics",
        metadata,
        scope_id(),
        day("The UTC day that the report is about"),
        Column("report", Text, primary_key=True, comment="GitHub's name of the report, or legacy"),
        Column(
            "part",
            Integer,
            primary_key=True,
            autoincrement=False,
            comment="The number of the file, from 0",
        ),
        *_answer_columns(),
        Column(
            "sha256",
            Text,
            nullable=False,
            comment="SHA-256 of the answer before compression, hexadecimal",
        ),
        comment="One row is a file of a report, or a day of the legacy endpoint, as received.",
    ),
    asset="raw_metrics",
    part="part",
    has_report=True,
)

RAW_SEATS = RawTable(
    Table(
        "_raw_copilot_seats",
        metadata,
        scope_id(),
        day(_SNAPSHOT_DAY),
        Column(
            "page",
            Integer,
            primary_key=True,
            autoincrement=False,
            comment="The number of the page, from 1",
        ),
        *_answer_columns(),
        comment="One row is a page of the seat list as GitHub showed it.",
    ),
    asset="raw_seats",
    part="page",
    first_part=1,
)

RAW_BILLING = RawTable(
    Table(
        "_raw_copilot_billing",
        metadata,
        scope_id(),
        day(_SNAPSHOT_DAY),
        *_answer_columns(),
        comment="One row is an organization's seat breakdown and policies as GitHub showed them.",
    ),
    asset="raw_billing",
)

split_by_month(RAW_METRICS.table, RAW_SEATS.table)
