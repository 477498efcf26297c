"""Turns outcomes into Dagster's materializations with row counts, or into a failure."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
import sqlalchemy as sa

from copilot_pipeline.assets.specs import asset_tables
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState, describe_errors
from copilot_pipeline.days import describe_days
from copilot_pipeline.sources import source_named
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.rows import count_rows

Result = dg.MaterializeResult[None] | dg.AssetMaterialization


def report(
    context: dg.AssetExecutionContext,
    database: Database,
    step: str,
    done: list[Outcome],
) -> Iterator[Result]:
    """Yields a result for each selected asset.

    Complete days are recorded as materialized even if another day failed. This includes earlier
    days outside the run's partitions that filled a gap.

    Raises:
        Failure: a scope failed; the description names every failed scope.
    """
    names = [key.path[-1] for key in context.selected_asset_keys]
    tables = asset_tables(step)
    selected = {name: of_asset for name, of_asset in tables.items() if name in names}
    partitions = set(context.partition_keys)
    # A gap that remains does not fail the run. A check warns about it.
    asked = [outcome for outcome in done if str(outcome.day) in partitions]
    failures = describe_errors(asked, OutcomeState.FAILED)
    if failures:
        yield from _complete_days(selected, done)
        raise dg.Failure(
            description="\n".join(failures), metadata=_summary(done), allow_retries=False
        )
    with database.read() as connection:
        # Only the first table of the asset is counted. The others may have millions of rows.
        totals = {name: count_rows(connection, each[0]) for name, each in selected.items()}
    gaps = [outcome for outcome in done if str(outcome.day) not in partitions]
    yield from _complete_days(selected, gaps)
    for name, of_asset in selected.items():
        for day, rows in _rows_by_day(asked, of_asset).items():
            context.add_asset_metadata(
                {"dagster/partition_row_count": rows}, asset_key=name, partition_key=day
            )
        yield dg.MaterializeResult(
            asset_key=name, metadata={**_summary(done), "dagster/row_count": totals[name]}
        )


def _summary(outcomes: list[Outcome]) -> dict[str, dg.MetadataValue]:
    """Returns counts, days and scopes, without payloads."""
    scopes = sorted({outcome.scope for outcome in outcomes})
    summary: dict[str, dg.MetadataValue] = {"scopes": dg.MetadataValue.text(", ".join(scopes))}
    for state in OutcomeState:
        days = [outcome.day for outcome in outcomes if outcome.state is state]
        if days:
            summary[f"reports_{state.name.lower()}"] = dg.MetadataValue.int(len(days))
            if state is not OutcomeState.LOADED:
                text = describe_days(sorted(set(days)))
                summary[f"days_{state.name.lower()}"] = dg.MetadataValue.text(text)
    for note in sorted({note for outcome in outcomes for note in outcome.notes}):
        count = sum(outcome.notes.get(note, 0) for outcome in outcomes)
        summary[note] = dg.MetadataValue.int(count)
    return summary


def _rows_by_day(outcomes: list[Outcome], tables: Sequence[sa.Table]) -> dict[str, int]:
    """Returns the number of written rows by day. Days that were only kept are left out."""
    names = {table.name for table in tables}
    rows: dict[str, int] = {}
    for outcome in outcomes:
        if outcome.state is not OutcomeState.KEPT:
            day = str(outcome.day)
            written = sum(count for name, count in outcome.rows.items() if name in names)
            rows[day] = rows.get(day, 0) + written
    return rows


def _complete_days(
    tables: Mapping[str, Sequence[sa.Table]], outcomes: list[Outcome]
) -> Iterator[dg.AssetMaterialization]:
    """Yields the days of each asset on which no report of its tables failed."""
    for name, of_asset in tables.items():
        own = [outcome for outcome in outcomes if _fills(outcome.source, name)]
        bad = {outcome.day for outcome in own if outcome.state is OutcomeState.FAILED}
        rows = _rows_by_day(own, of_asset)
        for day in sorted({outcome.day for outcome in own} - bad):
            count = rows.get(str(day))
            metadata = {} if count is None else {"dagster/partition_row_count": count}
            yield dg.AssetMaterialization(asset_key=name, partition=str(day), metadata=metadata)


def _fills(source_name: str, asset: str) -> bool:
    """Whether the source writes a table of the asset."""
    source = source_named(source_name)
    return asset in {source.raw.asset, *(target.asset for target in source.tables)}
