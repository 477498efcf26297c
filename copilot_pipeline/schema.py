"""The words in which tables are declared: their metadata, their common columns, their types.

Every column has a comment: PostgreSQL keeps it, and the Dagster UI shows it. The tables themselves
are declared by their sources (`sources/`) and by the warehouse (`warehouse/`).
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

# SQLite numbers rows by itself only where the key is declared INTEGER (64 bits there anyway).
RowId = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: timezone-aware on the way in, in UTC on the way out.

    SQLite keeps no time zone, so what is stored there is UTC.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def scope_id() -> Column[int]:
    # No foreign key: what was collected stays when its account and scopes are removed.
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
    """Finds the rows of some days of all scopes, which PostgreSQL would collect scope by scope.

    Rows come in the order of their days, so this kind of index costs next to nothing.
    """
    for table in tables:
        Index(
            f"ix_{table.name}_day",
            table.c.day,
            postgresql_using="brin",
            postgresql_with={"pages_per_range": 32},
        ).ddl_if(dialect="postgresql")
