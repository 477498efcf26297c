"""The warehouse as a Dagster resource."""

import dagster as dg

from copilot_pipeline import settings
from copilot_pipeline.warehouse.database import Database


class DatabaseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The warehouse of `DATABASE_URL`, opened for as long as the caller needs it."""

    def open(self) -> Database:
        """The warehouse, upgraded; close it after use (it is a context manager)."""
        return Database(settings.database_url())
