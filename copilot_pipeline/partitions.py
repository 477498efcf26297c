"""The daily partitions of the assets. An asset's partitions begin when its sources begin."""

from datetime import date

import dagster as dg

from copilot_pipeline.rules import FIRST_DAY


def daily_partitions_from(first: date) -> dg.DailyPartitionsDefinition:
    """Return the partitions of every UTC day from `first` on."""
    return dg.DailyPartitionsDefinition(start_date=str(first), timezone="UTC")


daily_partitions = daily_partitions_from(FIRST_DAY)


def requested_days(context: dg.AssetExecutionContext) -> list[date]:
    """Return the days of the run.

    Raises:
        dg.Failure: the run has no partition.
    """
    if not context.has_partition_key and not context.has_partition_key_range:
        raise dg.Failure(
            description="This job needs a partition. Choose a day, such as "
            '--tags \'{"dagster/partition": "2026-11-21"}\'.',
            allow_retries=False,
        )
    return [date.fromisoformat(key) for key in context.partition_keys]


def range_tags(first: date, last: date) -> dict[str, str]:
    """Return the run tags that make Dagster load a range of partitions in one run."""
    return {
        "dagster/asset_partition_range_start": str(first),
        "dagster/asset_partition_range_end": str(last),
    }
