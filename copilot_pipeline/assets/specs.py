"""What the Dagster catalogue says of an asset, taken from its table."""

import dagster as dg
import sqlalchemy as sa


def table_spec(
    name: str, table: sa.Table, *, group: str, kind: str, deps: list[str] | None = None
) -> dg.AssetSpec:
    """An asset that is a table of the warehouse: its comment, columns and name."""
    columns = [
        dg.TableColumn(
            name=column.name,
            type=str(column.type),
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
        )
        for column in table.columns
    ]
    key = ", ".join(column.name for column in table.primary_key)
    return dg.AssetSpec(
        name,
        deps=deps or [],
        description=f"{table.comment}\n\nTable `{table.name}`, key: {key}.",
        group_name=group,
        kinds={kind, "sqlalchemy"},
        metadata={
            "dagster/table_name": table.name,
            "dagster/column_schema": dg.TableSchema(columns=columns),
        },
    )
