"""`copilot-pipeline demo`: the whole pipeline on a simulated GitHub, and a summary of it."""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import click

from copilot_pipeline import settings
from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.collected_scopes import update_scope
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.demo import story as story_of
from copilot_pipeline.demo.history import take_snapshots
from copilot_pipeline.demo.octo_corp import ENTERPRISE, LABELS, NEW, OLD, octo_corp
from copilot_pipeline.demo.story import Story
from copilot_pipeline.demo.telling import Statuses, describe, how_to_go_on, tell
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.report import DEFAULT_DAYS
from copilot_pipeline.report.files import write_text
from copilot_pipeline.report.page import ReportOptions, render_page
from copilot_pipeline.rules import REREAD_DAYS
from copilot_pipeline.running import RunResult, import_account_in_job, run_days
from copilot_pipeline.simulated_github import Enterprise, SimulatedGitHub
from copilot_pipeline.sources import ORGANIZATION_DAY
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import DayState, read_statuses
from copilot_pipeline.warehouse.scopes import Scope, removed_endpoints
from copilot_pipeline.warehouse.summary import read_summary

HOME = ".demo"
REPORT_FILE = "report.html"
TOKEN_VARIABLE = "COPILOT_DEMO_TOKEN"  # noqa: S105 (a name)
TOKEN_LIFETIME = timedelta(days=41)
LOOPBACK = "127.0.0.1"


class DemoError(CopilotPipelineError):
    """The demo cannot run here, or did not come through."""


def run_demo(days: int) -> str:
    """Imports an account, loads that many days with their seat snapshots, and returns the summary.

    The enterprise's first days come from the old metrics API. Then it runs once more, as the
    schedule does, and collects what was late, restated or broken, but for one gap. Everything is
    written to `.demo` in the working directory, apart from a warehouse that `DATABASE_URL` names.

    Raises:
        DemoError: the warehouse holds real accounts, or a run failed.
    """
    home = _prepare_home()
    with Database(settings.database_url()) as database:
        port = _port_of_earlier_demo(database)
        today = Today.from_clock()
        newest = today.newest
        asked = day_range(newest - timedelta(days=max(days, story_of.LEAST_DAYS) - 1), newest)
        enterprise = octo_corp(newest)
        story = story_of.begin(enterprise, newest, asked[0])
        with _simulated_github(enterprise, port) as github:
            click.echo(f"A simulated GitHub answers at {github.url}", err=True)
            expires_on = datetime.combine(newest + TOKEN_LIFETIME, time(tzinfo=UTC))
            github.accept(github.token, expires_at=expires_on)
            _import(github, "legacy", enterprises=[ENTERPRISE])
            _load(database, today, story, story.legacy)
            story_of.close_legacy(enterprise)
            _import(github, "reports", enterprises=[ENTERPRISE], organizations=[OLD, NEW])
            scopes = _name_scopes(database, enterprise)
            _load(database, today, story, asked)
            mornings = [day for day in asked if day not in (story.missed, newest)]
            _require_none(take_snapshots(database, github, mornings))
            before = _statuses(database, scopes[OLD])
            story_of.end(enterprise, story)
            _run_as_scheduled(database, today, story, before)
        report = _write_report(database, today, scopes, home)
        with database.read() as connection:
            summaries = [(each, read_summary(connection, each.id)) for each in scopes.values()]
            parts = [describe(scope, summary) for scope, summary in summaries if summary]
            parts.append(tell(connection, scopes, story, before))
    return "\n\n".join([f"The report: {report}", *parts, how_to_go_on(home)])


def _write_report(
    database: Database, today: Today, scopes: Mapping[str, Scope], home: Path
) -> Path:
    """Writes the report of all scopes, and returns its path."""
    target = home / REPORT_FILE
    options = ReportOptions(list(scopes.values()), DEFAULT_DAYS, note="Invented data of the demo.")
    write_text(target, render_page(database, today, options))
    return target


def _import(github: SimulatedGitHub, metrics_api: str, **scopes: list[str]) -> None:
    os.environ[TOKEN_VARIABLE] = github.token
    config = {
        "token_env": TOKEN_VARIABLE,
        "endpoint": github.url,
        "metrics_api": metrics_api,
        **scopes,
    }
    _require_success(import_account_in_job(config))


def _load(database: Database, today: Today, story: Story, days: list[date]) -> None:
    """Loads the days; only what the story broke may fail."""
    broken = [str(story.gap), str(story.lasting_gap)]
    failures = run_days(database, today, days).failures
    _require_none([line for line in failures if not any(day in line for day in broken)])


def _name_scopes(database: Database, enterprise: Enterprise) -> dict[str, Scope]:
    """Gives the scopes names and days of roll-out; returns them by slug."""
    first_days = {each.slug: each.first_day for each in enterprise.organizations}
    scopes = {scope.slug: scope for scope in select_scopes(database)}
    for slug, label in LABELS.items():
        first_day = first_days.get(slug)
        update_scope(database, scopes[slug], name=label, implementation_date=first_day)
    return {slug: scopes[slug] for slug in (OLD, NEW, ENTERPRISE)}


def _statuses(database: Database, scope: Scope) -> Statuses:
    with database.read() as connection:
        return read_statuses(connection, scope.id)


def _run_as_scheduled(database: Database, today: Today, story: Story, before: Statuses) -> None:
    """Loads again the days that GitHub revises, and the gap of each report if there is one."""
    has_gap = before[ORGANIZATION_DAY.name, story.gap].state is DayState.FAILED
    window = day_range(today.newest - timedelta(days=REREAD_DAYS - 1), story.late)
    _require_success(run_days(database, today, window, gap_days=int(has_gap)))


def _prepare_home() -> Path:
    """Makes a DAGSTER_HOME of the demo's own, so that it touches no real data."""
    home = Path.cwd() / HOME
    instance = Path.cwd() / "dagster.yaml"
    try:
        home.mkdir(exist_ok=True)
        if instance.is_file():
            (home / instance.name).write_text(instance.read_text())
    except OSError as error:
        raise DemoError(f"the folder {home} cannot be written: {error.strerror}.") from error
    os.environ[settings.DAGSTER_HOME] = str(home)
    # The demo's token opens nothing real; each demo seals it anew.
    os.environ[settings.TOKEN_SECRET] = secrets.token_hex(32)
    # The simulated GitHub listens here, and no real account is to be called.
    os.environ[settings.ENDPOINTS] = LOOPBACK
    for name in (
        f"{settings.TOKEN_SECRET}_FILE",
        settings.TOKEN_SECRET_PREVIOUS,
        f"{settings.TOKEN_SECRET_PREVIOUS}_FILE",
    ):
        os.environ.pop(name, None)
    return home


def _port_of_earlier_demo(database: Database) -> int:
    """Returns the port of the demo's account, so that a second demo finds it again; else 0, any."""
    accounts = [account for account, _ in all_accounts(database)]
    with database.read() as connection:
        endpoints = [account.endpoint for account in accounts] + removed_endpoints(connection)
    if not all(_is_demo(endpoint) for endpoint in endpoints):
        raise DemoError(
            "the database that DATABASE_URL names holds real accounts, or what they collected: the "
            "demo would mix invented numbers into it. Unset DATABASE_URL, or name an empty "
            "database."
        )
    ports = [urlsplit(account.endpoint).port for account in accounts]
    return ports[0] or 0 if ports else 0


@contextmanager
def _simulated_github(enterprise: Enterprise, port: int) -> Iterator[SimulatedGitHub]:
    try:
        github = SimulatedGitHub([], enterprises=[enterprise], port=port).__enter__()
    except OSError as error:
        raise DemoError(
            f"port {port}, which the earlier demo used, is taken: {error.strerror}. "
            f"Stop that program, or delete {HOME} to begin anew."
        ) from error
    try:
        yield github
    finally:
        github.__exit__()


def _is_demo(endpoint: str) -> bool:
    return urlsplit(endpoint).hostname == LOOPBACK


def _require_success(result: RunResult) -> None:
    if not result.success:
        raise DemoError("\n".join(result.failures) or "a run failed.")


def _require_none(failures: Sequence[str]) -> None:
    if failures:
        raise DemoError("\n".join(failures))
