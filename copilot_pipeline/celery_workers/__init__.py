"""Runs on Celery's workers: the launcher of the Dagster instance, and the app of the workers.

Needs the extra `celery`. deploy/celery/ says how it is set up.
"""
