"""Runs the jobs in this process on the Dagster instance, with a progress bar on a terminal."""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import click
import dagster as dg
from tqdm import tqdm

from copilot_pipeline import settings
from copilot_pipeline.assets.collecting import Progress
from copilot_pipeline.collect.outcomes import Outcome
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.definitions import build_defs
from copilot_pipeline.jobs import SNAPSHOT_ASSET_KEYS
from copilot_pipeline.partitions import range_tags
from copilot_pipeline.sources import SEAT_BILLING, SEATS
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.sources.source import PeriodKind
from copilot_pipeline.warehouse.database import Database

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
    today: Today,
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
    newest = today.newest
    takes_snapshots = newest in days
    step_config = {"config": {"organizations": list(organizations)}}
    chosen = {**step_config["config"], "refetch": refetch, "gap_days": gap_days}
    metrics_config = {METRICS_STEP: {"config": chosen}}
    snapshot_config = {SEATS.step: step_config, SEAT_BILLING.step: step_config}
    collected = [source for scope in scopes for source in scope.sources]
    snapshots = sum(source.period is PeriodKind.SNAPSHOT for source in collected)
    total = (len(collected) - snapshots) * len(days) + snapshots * takes_snapshots
    result = RunResult()
    with _instance() as instance, _progress(result, total) as progress:
        resources = {"today": today, "progress": progress}
        if list(days) == [newest]:
            config = metrics_config | snapshot_config
            _execute(
                result, instance, resources, "daily_copilot", config, partition_key=str(newest)
            )
            return result
        # The snapshots first: a long load may end after midnight UTC, when their day is past.
        if takes_snapshots:
            _execute(
                result,
                instance,
                resources,
                "daily_copilot",
                snapshot_config,
                partition_key=str(newest),
                asset_selection=SNAPSHOT_ASSET_KEYS,
            )
        # Otherwise the announcements of a year take as long as its materializations: minutes.
        with _environment(ANNOUNCED_TOGETHER, "1"):
            tags = range_tags(days[0], days[-1])
            _execute(result, instance, resources, "metrics_backfill", metrics_config, tags=tags)
    return result


def import_account_in_job(config: dict[str, Any]) -> RunResult:
    """Runs the job `import_account` with that op config."""
    result = RunResult()
    with _instance() as instance:
        ops = {"import_account": {"config": config}}
        _execute(result, instance, {}, "import_account", ops)
    return result


def _execute(
    result: RunResult,
    instance: dg.DagsterInstance,
    resources: Mapping[str, Any],
    job: str,
    ops: dict[str, Any],
    **kwargs: Any,
) -> None:
    outcome = (
        build_defs(resources)
        .resolve_job_def(job)
        .execute_in_process(
            instance=instance,
            run_config={"ops": ops, **QUIET},
            raise_on_error=False,
            **kwargs,
        )
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
def _progress(result: RunResult, total: int) -> Iterator[Progress]:
    """Counts the outcomes; shows a bar on a terminal, and warnings always."""
    warnings = logging.getLogger("copilot_pipeline")
    with tqdm(total=total, unit="report", disable=None, desc="Collecting") as bar:

        def on_outcome(outcome: Outcome) -> None:
            counts = result.collected.setdefault(outcome.source, Counter())
            counts[outcome.state.name.lower()] += 1
            bar.update(1)

        handler = _WarningHandler(bar)
        warnings.addHandler(handler)
        try:
            yield Progress(on_outcome)
        finally:
            warnings.removeHandler(handler)


class _WarningHandler(logging.Handler):
    """Prints warnings above the progress bar."""

    def __init__(self, bar: "tqdm[Any]") -> None:
        super().__init__(logging.WARNING)
        self._bar = bar

    def emit(self, record: logging.LogRecord) -> None:
        with self._bar.external_write_mode():
            click.echo(record.getMessage(), err=True)
