"""What the Dagster catalogue says of an asset, taken from its tables."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg
import sqlalchemy as sa

# The schedule runs daily at 06:00 UTC, and GitHub may need a while.
FRESHNESS = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=26), fail_window=timedelta(hours=50)
)


def table_spec(
    name: str, *tables: sa.Table, group: str, kind: str, deps: Sequence[str] = ()
) -> dg.AssetSpec:
    """An asset that is a table of the warehouse, or several alike: comments, columns and names.

    The name and the columns of several are those of the first, and what the others have besides.
    """
    columns = {column.name: column for table in tables for column in table.columns}
    schema = [
        dg.TableColumn(
            name=column.name,
            type=str(column.type),
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
        )
        for column in columns.values()
    ]
    return dg.AssetSpec(
        name,
        deps=deps,
        description="\n\n".join(_describe(table) for table in tables),
        group_name=group,
        kinds={kind, "sqlalchemy"},
        metadata={
            "dagster/table_name": tables[0].name,
            "dagster/column_schema": dg.TableSchema(columns=schema),
        },
        freshness_policy=FRESHNESS,
    )


def _describe(table: sa.Table) -> str:
    key = ", ".join(column.name for column in table.primary_key)
    return f"{table.comment}\n\nTable `{table.name}`, key: {key}."
