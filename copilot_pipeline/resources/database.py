"""The warehouse as a Dagster resource."""

import dagster as dg

from copilot_pipeline import settings
from copilot_pipeline.warehouse.database import Database


class DatabaseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens the warehouse of `DATABASE_URL`."""

    def open(self) -> Database:
        """Open and upgrade the warehouse. Close it after use (it is a context manager)."""
        return Database(settings.database_url())
