"""The asset specs of a step, derived from the sources and their tables."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import dagster as dg
import sqlalchemy as sa

from copilot_pipeline.rules import FIRST_DAY
from copilot_pipeline.sources import SOURCES
from copilot_pipeline.sources.source import PeriodKind, Source

# An asset is fresh if a run stored a day of it recently. The schedule runs daily at 06:00 UTC; the
# windows leave time for slow runs. A run stores the newest days again that GitHub may still revise
# (`REREAD_DAYS`), so reports that come up to three days late are no alarm, and reports that stop
# are one after the fourth day. A run in which GitHub has no report stores nothing.
FRESHNESS = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=26), fail_window=timedelta(hours=50)
)

OWNERS = ["team:copilot-pipeline"]

# The pool of the steps that send requests to GitHub. It has no limit until an operator sets one.
GITHUB_POOL = "copilot_github"

DOMAIN_TAG = {"domain": "copilot"}
# Tables with these columns have rows about persons; the raw tables have them in their payloads.
PERSON_COLUMNS = {"user_id", "user_login"}
PII_TAG = {"pii": "true"}


def asset_sources(name: str) -> list[Source]:
    """Returns the sources that write a table of the asset."""
    return [
        source
        for source in SOURCES
        if name in {source.raw.asset, *(target.asset for target in source.tables)}
    ]


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


def first_day(name: str) -> date:
    """Returns the first day for which GitHub has data of the asset for any kind of scope."""
    served = [each for source in asset_sources(name) for each in source.served.values()]
    return min(each.since or FIRST_DAY for each in served)


def asset_specs(step: str, *, late: bool = False) -> list[dg.AssetSpec]:
    """Returns the asset specs of the step, with descriptions and columns from their tables.

    These are the assets whose data begins on `FIRST_DAY`, or with `late` those that begin later.
    A Dagster step, and a Dagster job too, has assets with the same partitions only.
    """
    raw = raw_assets(step)
    return [
        _spec(name, tables, sorted(raw) if name not in raw else [])
        for name, tables in asset_tables(step).items()
        if (first_day(name) > FIRST_DAY) is late
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
    description = [*(_describe(table) for table in tables), _describe_partitions(name)]
    if deps:
        description.append(
            f"A run that loads {deps[0]} writes this asset too. Materialized alone, it is derived "
            "again from what is stored."
        )
    return dg.AssetSpec(
        name,
        deps=deps,
        description="\n\n".join(description),
        group_name="tool" if deps else "raw",
        kinds={"github" if not deps else "table", "sqlalchemy"},
        owners=OWNERS,
        tags=DOMAIN_TAG | (PII_TAG if _has_persons(name) else {}),
        metadata={
            "dagster/table_name": tables[0].name,
            "dagster/column_schema": dg.TableSchema(columns=schema),
        },
        freshness_policy=FRESHNESS,
    )


def _has_persons(name: str) -> bool:
    """Whether the asset has rows about persons, or the answers from which such rows derive."""
    return any(
        not PERSON_COLUMNS.isdisjoint(target.table.columns.keys())
        for source in asset_sources(name)
        for target in source.tables
        if name in (target.asset, source.raw.asset)
    )


def _describe(table: sa.Table) -> str:
    key = ", ".join(column.name for column in table.primary_key)
    return f"{table.comment}\n\nTable `{table.name}`, key: {key}."


def _describe_partitions(name: str) -> str:
    """Says when a partition is materialized, and which days cannot be."""
    text = "A day is materialized if its data is stored for at least one scope."
    if any(source.period is PeriodKind.SNAPSHOT for source in asset_sources(name)):
        return (
            f"{text} GitHub shows only the present, so days before the first snapshot stay missing."
        )
    return f"{text} GitHub has data since {first_day(name)}, and serves it for one year."
