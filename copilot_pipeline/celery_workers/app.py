"""The app of Celery's workers: `celery --app copilot_pipeline.celery_workers.app worker`.

A worker imports this module. It reads `dagster.yaml` in DAGSTER_HOME, so that broker, queue and
settings of the workers are those of the launcher. (`dagster-celery worker start` ignores the
broker of a launcher.)
"""

import dagster as dg
from celery import Celery
from dagster_celery.tasks import create_execute_job_task

from copilot_pipeline.celery_workers.launcher import WatchingCeleryRunLauncher
from copilot_pipeline.settings import SettingError


def _make_app() -> Celery:
    with dg.DagsterInstance.get() as instance:
        launcher = instance.run_launcher
        if not isinstance(launcher, WatchingCeleryRunLauncher):
            raise SettingError(
                "dagster.yaml in DAGSTER_HOME does not launch runs with Celery. Start from "
                "deploy/celery/dagster.yaml."
            )
        app: Celery = launcher.celery
    create_execute_job_task(app)
    return app


app = _make_app()
