"""Dagster resources. They only open and close what the assets and jobs need."""
