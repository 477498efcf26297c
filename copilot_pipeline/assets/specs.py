"""The asset specs of a step, derived from the sources and their tables."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import dagster as dg
import sqlalchemy as sa

from copilot_pipeline.sources import SOURCES

# The schedule runs daily at 06:00 UTC. The windows leave time for slow runs.
FRESHNESS = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=26), fail_window=timedelta(hours=50)
)


def asset_tables(step: str) -> Mapping[str, Sequence[sa.Table]]:
    """Returns the tables of each asset of the step by asset name, raw assets first.

    The tables of all breakdowns are one asset. Dagster records each asset for each day, which takes
    longer than loading the day.
    """
    tables: dict[str, list[sa.Table]] = {}
    sources = [source for source in SOURCES if source.step == step]
    for source in sources:
        tables[source.raw.asset] = [source.raw.table]
    for source in sources:
        for target in source.tables:
            of_asset = tables.setdefault(target.asset, [])
            if target.table not in of_asset:
                of_asset.append(target.table)
    return tables


def raw_assets(step: str) -> set[str]:
    """Returns the names of the step's assets that are loaded from GitHub."""
    return {source.raw.asset for source in SOURCES if source.step == step}


def asset_specs(step: str) -> list[dg.AssetSpec]:
    """Returns the asset specs of the step, with descriptions and columns from their tables."""
    raw = raw_assets(step)
    return [
        _spec(name, tables, sorted(raw) if name not in raw else [])
        for name, tables in asset_tables(step).items()
    ]


def _spec(name: str, tables: Sequence[sa.Table], deps: Sequence[str]) -> dg.AssetSpec:
    """Returns a spec with the name of the first table and the columns of all tables."""
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
        group_name="tool" if deps else "raw",
        kinds={"github" if not deps else "table", "sqlalchemy"},
        metadata={
            "dagster/table_name": tables[0].name,
            "dagster/column_schema": dg.TableSchema(columns=schema),
        },
        freshness_policy=FRESHNESS,
    )


def _describe(table: sa.Table) -> str:
    key = ", ".join(column.name for column in table.primary_key)
    return f"{table.comment}\n\nTable `{table.name}`, key: {key}."
