"""The metadata, common columns and column types of all tables.

Comments on columns are stored in PostgreSQL and shown in the Dagster UI. The tables are declared by
their sources (`sources/`) and by the warehouse (`warehouse/`).
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite generates ids only for keys declared as INTEGER, which has 64 bits in SQLite.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time. Accepts timezone-aware values and returns them in UTC.

    SQLite has no time zones, so values are stored in UTC.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the datetime has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def scope_id() -> Column[int]:
    # No foreign key, because collected rows are kept when their scope is removed.
    return Column(
        "scope_id", BigInteger, primary_key=True, autoincrement=False, comment="The scope"
    )


def day(comment: str = "UTC day") -> Column[object]:
    return Column("day", Date, primary_key=True, comment=comment)


def key_id(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False, comment=comment)


def key_text(name: str, comment: str) -> Column[str]:
    return Column(name, Text, primary_key=True, comment=comment)


def index_days(*tables: Table) -> None:
    """Adds an index on the day alone, for queries over all scopes on PostgreSQL.

    Rows are inserted in the order of their days, so a BRIN index is small and cheap.
    """
    for table in tables:
        Index(
            f"ix_{table.name}_day",
            table.c.day,
            postgresql_using="brin",
            postgresql_with={"pages_per_range": 32},
        ).ddl_if(dialect="postgresql")


def split_by_month(*tables: Table) -> None:
    """Declares that the tables grow with people: on PostgreSQL, each month is a partition.

    The primary key has to contain `day`. `warehouse/months.py` creates the months.
    """
    for table in tables:
        table.dialect_options["postgresql"]["partition_by"] = "RANGE (day)"


def is_split_by_month(table: Table) -> bool:
    return table.dialect_options["postgresql"]["partition_by"] is not None
