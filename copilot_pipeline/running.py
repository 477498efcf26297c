"""Runs the jobs in this process on the Dagster instance, with a progress bar on a terminal."""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import click
import dagster as dg
from tqdm import tqdm

from copilot_pipeline import settings
from copilot_pipeline.collect.scopes import progress, select_scopes
from copilot_pipeline.days import newest_complete_day
from copilot_pipeline.definitions import defs
from copilot_pipeline.jobs import SNAPSHOT_ASSET_KEYS
from copilot_pipeline.partitions import range_tags
from copilot_pipeline.warehouse.database import Database

METRICS_STEP, SEATS_STEP, BILLING_STEP = "metrics", "seat_snapshot", "billing_snapshot"

# Dagster then announces all days of an asset in one event, and marks no day as failed.
ANNOUNCED_TOGETHER = "DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS"

# Dagster's own log lines go to the run's log, not to the terminal.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class RunResult:
    """What became of the runs: their ids by job, counts by report and state, failures, warnings."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    collected: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def success(self) -> bool:
        return all(run["success"] for run in self.runs)

    def as_json(self) -> dict[str, Any]:
        return {"success": self.success, "runs": self.runs, "collected": self.collected}


def run_days(
    database: Database,
    days: Sequence[date],
    organizations: Sequence[str] = (),
    *,
    refetch: bool = False,
    gap_days: int = 0,
) -> RunResult:
    """Collects the metrics of all days, and the snapshots if the newest complete day is among them.

    One run for the metrics, however many days, and one before it for the snapshots of a range.
    `KeyboardInterrupt` ends a run as it does elsewhere. `refetch` and `gap_days` are those of the
    step `metrics`.
    """
    scopes = select_scopes(database, organizations)
    newest = newest_complete_day()
    takes_snapshots = newest in days
    step_config = {"config": {"organizations": list(organizations)}}
    chosen = {**step_config["config"], "refetch": refetch, "gap_days": gap_days}
    metrics_config = {METRICS_STEP: {"config": chosen}}
    snapshot_config = {SEATS_STEP: step_config, BILLING_STEP: step_config}
    billed = sum(scope.kind == "organization" for scope in scopes)
    reports = sum(len(scope.collected_reports) for scope in scopes)
    total = reports * len(days) + (len(scopes) + billed) * takes_snapshots
    result = RunResult()
    with _instance() as instance, _progress(result, total):
        if list(days) == [newest]:
            config = metrics_config | snapshot_config
            _execute(result, instance, "daily_copilot", config, partition_key=str(newest))
            return result
        # The snapshots first: a long load may end after midnight UTC, when their day is past.
        if takes_snapshots:
            _execute(
                result,
                instance,
                "daily_copilot",
                snapshot_config,
                partition_key=str(newest),
                asset_selection=SNAPSHOT_ASSET_KEYS,
            )
        # Otherwise the announcements of a year take as long as its materializations: minutes.
        with _environment(ANNOUNCED_TOGETHER, "1"):
            tags = range_tags(days[0], days[-1])
            _execute(result, instance, "metrics_backfill", metrics_config, tags=tags)
    return result


def import_account_in_job(config: dict[str, Any]) -> RunResult:
    """Runs the job `import_account` with that op config."""
    result = RunResult()
    with _instance() as instance:
        _execute(result, instance, "import_account", {"import_account": {"config": config}})
    return result


def _execute(
    result: RunResult, instance: dg.DagsterInstance, job: str, ops: dict[str, Any], **kwargs: Any
) -> None:
    outcome = defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        run_config={"ops": ops, **QUIET},
        raise_on_error=False,
        **kwargs,
    )
    result.runs.append({"job": job, "run_id": outcome.run_id, "success": outcome.success})
    for event in outcome.all_events:
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            result.warnings += _warning_lines(event)
        if event.is_step_failure:
            if _was_interrupted(event):
                raise KeyboardInterrupt
            result.failures += _failure_lines(event)


def _was_interrupted(event: dg.DagsterEvent) -> bool:
    error = event.step_failure_data.error
    return error is not None and error.cls_name == "DagsterExecutionInterruptedError"


def _warning_lines(event: dg.DagsterEvent) -> list[str]:
    check = event.asset_check_evaluation_data
    if check.passed:
        return []
    lines = (check.description or "").splitlines()
    return [f"{check.check_name}: {line}" for line in lines]


def _failure_lines(event: dg.DagsterEvent) -> list[str]:
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description).splitlines()
    root = data.error
    while root is not None and root.cause is not None:
        root = root.cause
    message = root.message.strip() if root else "no message"
    return [f"the step {event.step_key} failed: {message}"]


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Sets a variable that Dagster reads, for as long as it is needed."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of DAGSTER_HOME; without one, runs are not kept."""
    home = settings.dagster_home()
    if not home:
        click.echo(
            "DAGSTER_HOME is not set: the data is kept, but this run will not be seen in the "
            "Dagster UI.",
            err=True,
        )
        with dg.DagsterInstance.ephemeral() as instance:
            yield instance
        return
    if not Path(home).is_absolute() or not Path(home).is_dir():
        raise settings.SettingError(
            f"DAGSTER_HOME names {home}, which is not a directory by its full path. Create it "
            "(mkdir -p), copy dagster.yaml into it, and set DAGSTER_HOME to the full path."
        )
    try:
        instance = dg.DagsterInstance.get()
    except dg.DagsterError as error:
        raise settings.SettingError(
            f"Dagster cannot use {home}/dagster.yaml: {' '.join(str(error).split())}"
        ) from error
    with instance:
        yield instance


@contextmanager
def _progress(result: RunResult, total: int) -> Iterator[None]:
    """Counts what the collecting room logs; shows a bar on a terminal, and warnings always."""
    warnings = logging.getLogger("copilot_pipeline")
    with tqdm(total=total, unit="report", disable=None, desc="Collecting") as bar:
        handler = _ProgressHandler(bar, result)
        progress.setLevel(logging.INFO)
        for logger in (progress, warnings):
            logger.addHandler(handler)
        try:
            yield
        finally:
            for logger in (progress, warnings):
                logger.removeHandler(handler)


class _ProgressHandler(logging.Handler):
    def __init__(self, bar: "tqdm[Any]", result: RunResult) -> None:
        super().__init__()
        self._bar = bar
        self._result = result

    def emit(self, record: logging.LogRecord) -> None:
        outcome = getattr(record, "outcome", None)
        if outcome is not None:
            counts = self._result.collected.setdefault(outcome.report, Counter())
            counts[outcome.state.name.lower()] += 1
            self._bar.update(1)
        elif record.levelno >= logging.WARNING:
            with self._bar.external_write_mode():
                click.echo(record.getMessage(), err=True)
