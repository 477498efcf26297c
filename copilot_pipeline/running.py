"""Runs Dagster jobs in this process, with a progress bar on a terminal."""

import logging
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO, Any, cast

import click
import dagster as dg
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from copilot_pipeline import settings
from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.assets.collecting import Progress
from copilot_pipeline.collect.outcomes import Outcome
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.collect.summary import ScopeSummary, begin_summaries
from copilot_pipeline.days import Today
from copilot_pipeline.definitions import build_defs
from copilot_pipeline.disk_full import is_disk_full
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.jobs import MAX_RUNTIME, SNAPSHOT_ASSET_KEYS
from copilot_pipeline.partitions import range_tags
from copilot_pipeline.redaction import redact
from copilot_pipeline.run_origin import run_tags, with_job_origin
from copilot_pipeline.sources import SEAT_BILLING, SEATS
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.sources.source import PeriodKind
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import newest_days

# With this variable, Dagster plans all days of an asset in one event, which saves minutes for a
# year. It also marks no day as failed, if the run fails for one scope and GitHub has no report of
# the day for the others.
PLAN_IN_ONE_EVENT = "DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS"

# Dagster's log goes to the log of the run, not to the terminal.
NO_CONSOLE_LOG = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

# What Dagster writes to stderr before it raises: the error with its statement and parameters.
NOT_STORED = "Exception while writing logger call to event log"


# With less than this, in bytes, a disk counts as full.
LEAST_SPACE = 1024 * 1024


class EventStorageError(CopilotPipelineError):
    """Dagster cannot store its runs and their events."""


@dataclass
class RunResult:
    """The runs with job, id and success; summaries by scope; failures; the warnings' lines.

    The keys of `summaries` are the labels of the scopes, those of `warnings` the names of checks.
    """

    runs: list[dict[str, Any]] = field(default_factory=list)
    summaries: dict[str, ScopeSummary] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    warnings: dict[str, list[str]] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        return all(run["success"] for run in self.runs)

    def as_json(self) -> dict[str, Any]:
        """The result with counts by source over all scopes (`collected`) and by scope."""
        collected: dict[str, Counter[str]] = {}
        for summary in self.summaries.values():
            for source, counts in summary.sources.items():
                collected.setdefault(source, Counter()).update(counts)
        return {
            "success": self.success,
            "runs": self.runs,
            "collected": collected,
            "scopes": [summary.as_json() for summary in self.summaries.values()],
        }


def run_days(
    database: Database,
    today: Today,
    days: Sequence[date],
    organizations: Sequence[str] = (),
    enterprises: Sequence[str] = (),
    *,
    refetch: bool = False,
    gap_days: int = 0,
) -> RunResult:
    """Collect the metrics of all days, and the snapshots if the newest complete day is included.

    A range is one run for the snapshots and one for the metrics of all days. `refetch` and
    `gap_days` are the config of the step `metrics`.

    Raises:
        KeyboardInterrupt: the user interrupted a run.
    """
    scopes = select_scopes(database, organizations, enterprises)
    newest = today.newest
    takes_snapshots = newest in days
    selected = {"organizations": list(organizations), "enterprises": list(enterprises)}
    step_config = {"config": selected}
    chosen = {**selected, "refetch": refetch, "gap_days": gap_days}
    metrics_config = {METRICS_STEP: {"config": chosen}}
    snapshot_config = {SEATS.step: step_config, SEAT_BILLING.step: step_config}
    collected = [source for scope in scopes for source in scope.sources]
    snapshots = sum(source.period is PeriodKind.SNAPSHOT for source in collected)
    total = (len(collected) - snapshots) * len(days) + snapshots * takes_snapshots
    with database.read() as connection:
        result = RunResult(summaries=begin_summaries(scopes, newest_days(connection)))
    chosen_accounts = {scope.account_id for scope in scopes}
    accounts = [each for each, _ in all_accounts(database) if each.id in chosen_accounts]
    full = str(database.disk_full())
    with (
        _instance() as instance,
        _progress(result, total) as progress,
        _environment(PLAN_IN_ONE_EVENT, "1"),
    ):
        resources = {"copilot_today": today, "copilot_progress": progress}
        if list(days) == [newest]:
            config = metrics_config | snapshot_config
            _execute(
                result,
                instance,
                resources,
                "daily_copilot",
                config,
                partition_key=str(newest),
                tags=run_tags(accounts, days),
            )
            return _told_once(result, full)
        # Snapshots come first: a long load may end after midnight UTC, when their day is over.
        if takes_snapshots:
            _execute(
                result,
                instance,
                resources,
                "daily_copilot",
                snapshot_config,
                partition_key=str(newest),
                asset_selection=SNAPSHOT_ASSET_KEYS,
                tags=run_tags(accounts, [newest]),
            )
        # A first load may wait for GitHub's limit for days. Dagster could only call it failed.
        no_limit = {MAX_RUNTIME: "0"}
        tags = {**range_tags(days[0], days[-1]), **run_tags(accounts, days), **no_limit}
        _execute(result, instance, resources, "metrics_backfill", metrics_config, tags=tags)
    return _told_once(result, full)


def import_account_in_job(config: dict[str, Any]) -> RunResult:
    """Run the job `import_account` with this op config."""
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
    with with_job_origin(instance, job):
        outcome = (
            build_defs(resources)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                run_config={"ops": ops, **NO_CONSOLE_LOG},
                raise_on_error=False,
                **kwargs,
            )
        )
    result.runs.append({"job": job, "run_id": outcome.run_id, "success": outcome.success})
    for event in outcome.all_events:
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed:
                lines = result.warnings.setdefault(check.check_name, [])
                lines += (check.description or "").splitlines()
        if event.is_step_failure:
            if _was_interrupted(event):
                raise KeyboardInterrupt
            result.failures += _failure_lines(event)


def _was_interrupted(event: dg.DagsterEvent) -> bool:
    error = event.step_failure_data.error
    return error is not None and error.cls_name == "DagsterExecutionInterruptedError"


def _failure_lines(event: dg.DagsterEvent) -> list[str]:
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description).splitlines()
    root = data.error
    while root is not None and root.cause is not None:
        root = root.cause
    message = root.message.strip() if root else "no message"
    return [f"the step {event.step_key} failed: {message}"]


def _told_once(result: RunResult, message: str) -> RunResult:
    """The result with that failure on one line, where every scope, step and check met it."""
    others = [line for line in result.failures if message not in line]
    if len(others) < len(result.failures):
        result.failures = [*others, message]
        result.warnings = {
            check: kept
            for check, lines in result.warnings.items()
            if (kept := [line for line in lines if message not in line])
        }
    return result


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set an environment variable that Dagster reads, and restore it afterwards."""
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
    """The Dagster instance of DAGSTER_HOME; without one, runs are not kept.

    Raises:
        EventStorageError: Dagster could not store what happens in a run. Errors of the warehouse
            never get here as SQLAlchemy's.
    """
    try:
        with redirect_stderr(cast(IO[str], _WithoutStatements(sys.stderr))), _open_instance() as it:
            yield it
    except (SQLAlchemyError, OSError, dg.DagsterError) as error:
        # SQLite says "disk I/O error" where the disk has no space for its shared memory.
        if is_disk_full(error) or (isinstance(error, SQLAlchemyError) and _has_no_space()):
            raise EventStorageError(
                f"the disk of {_storage()} is full: Dagster cannot store its runs and events. Free "
                "space there (old runs can be deleted in the Dagster UI), then run this again; "
                "the data that was stored before is kept."
            ) from None
        if isinstance(error, SQLAlchemyError):
            said = redact((str(error).splitlines() or [type(error).__name__])[0])
            raise EventStorageError(
                f"Dagster cannot store its runs and events in {_storage()}: {said}. Check that "
                "folder, the storage that its dagster.yaml names, and that this user may write "
                "there; then run this again."
            ) from None
        raise


def _storage() -> str:
    home = settings.dagster_home()
    return f"DAGSTER_HOME ({home})" if home else f"temporary files ({tempfile.gettempdir()})"


def _has_no_space() -> bool:
    return shutil.disk_usage(settings.dagster_home() or tempfile.gettempdir()).free < LEAST_SPACE


class _WithoutStatements:
    """A stream that leaves out what Dagster writes of an event that it could not store."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if text.startswith(NOT_STORED) else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _open_instance() -> Iterator[dg.DagsterInstance]:
    home = settings.dagster_home()
    if not home:
        click.echo(
            "DAGSTER_HOME is not set: the data is stored, but the Dagster UI will not show this "
            "run.",
            err=True,
        )
        with dg.DagsterInstance.ephemeral() as instance:
            yield instance
        return
    if not Path(home).is_absolute() or not Path(home).is_dir():
        raise settings.SettingError(
            f"DAGSTER_HOME is {home}, which is not the absolute path of a directory. Create it "
            "(mkdir -p), copy dagster.yaml into it, and set DAGSTER_HOME to its absolute path."
        )
    try:
        instance = dg.DagsterInstance.get()
    except dg.DagsterError as error:
        if is_disk_full(error):
            raise
        raise settings.SettingError(
            f"Dagster cannot use {home}/dagster.yaml: {' '.join(str(error).split())}"
        ) from error
    with instance:
        yield instance


@contextmanager
def _progress(result: RunResult, total: int) -> Iterator[Progress]:
    """Count the outcomes, show a progress bar on a terminal, and print warnings."""
    warnings = logging.getLogger("copilot_pipeline")
    with tqdm(total=total, unit="report", disable=None, desc="Collecting") as bar:

        def on_outcome(outcome: Outcome) -> None:
            summary = result.summaries.get(outcome.scope)
            if summary is not None:  # it is None for a scope that was added in the meantime
                summary.add(outcome)
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
