"""The partitions that every daily asset shares."""

from datetime import date

import dagster as dg

from copilot_pipeline.days import FIRST_DAY

daily_partitions = dg.DailyPartitionsDefinition(start_date=str(FIRST_DAY), timezone="UTC")


def range_tags(first: date, last: date) -> dict[str, str]:
    """The run tags by which Dagster loads a range of partitions in a single run."""
    return {
        "dagster/asset_partition_range_start": str(first),
        "dagster/asset_partition_range_end": str(last),
    }
