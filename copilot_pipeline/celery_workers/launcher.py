"""Dagster's launcher for Celery, which also finds out that a worker is gone."""

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

# A worker answers within milliseconds, also while it runs a task. A machine may pause.
ANSWER_SECONDS = 30


class WatchingCeleryRunLauncher(CeleryRunLauncher):
    """Starts runs as Celery tasks, and reports a run as failed if its worker no longer has it.

    If a worker is killed, or its machine goes down, the task stays "started" in Celery's results,
    and Dagster would wait until the run has reached its maximum time.
    """

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return whether the run's task is alive. Dagster's run monitoring asks for it."""
        if DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            # One of the command line, which runs in its own process.
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        health: CheckRunHealthResult = super().check_run_worker_health(run)
        if health.status is not WorkerStatus.RUNNING:
            return health
        task_id = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        # What Celery stores of a started task.
        started = self.celery.AsyncResult(task_id).info
        worker = started.get("hostname") if isinstance(started, dict) else None
        if worker is None or self._has_task(worker, task_id):
            return health
        return CheckRunHealthResult(
            WorkerStatus.FAILED, f"The Celery worker {worker} is gone, or was started again."
        )

    def _has_task(self, worker: str, task_id: str) -> bool:
        inspect = self.celery.control.inspect([worker], timeout=ANSWER_SECONDS, limit=1)
        answers = inspect.query_task(task_id) or {}
        return any(task_id in tasks for tasks in answers.values())
