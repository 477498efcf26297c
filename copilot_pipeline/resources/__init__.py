"""Dagster resources: wiring and life cycle only."""
