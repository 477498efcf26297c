"""`copilot-pipeline demo`: the whole pipeline on a simulated GitHub, then what a manager reads."""

import os
import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import click

from copilot_pipeline import settings
from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.days import REREAD_DAYS, day_range, newest_complete_day
from copilot_pipeline.demo import story as story_of
from copilot_pipeline.demo.github import SimulatedGitHub
from copilot_pipeline.demo.organization import Enterprise, Organization
from copilot_pipeline.demo.story import Story
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.reports import ORGANIZATION
from copilot_pipeline.running import RunResult, import_account_in_job, run_days
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import (
    DayState,
    Restatement,
    Status,
    list_restatements,
    read_statuses,
)
from copilot_pipeline.warehouse.scopes import list_scopes, removed_endpoints
from copilot_pipeline.warehouse.summary import IDLE_DAYS, PERIOD_DAYS, Summary, read_summary

HOME = ".demo"
TOKEN_VARIABLE = "COPILOT_DEMO_TOKEN"  # noqa: S105 (a name)
ENTERPRISE = "octo-corp"
# The first has used Copilot for long, the second began some days ago; with their seats.
OLD, NEW, NEW_FOR = ("octo-demo", 60), ("octo-labs", 30), timedelta(days=35)
MOST_LANGUAGES = 5

# The first load meets a late day, a day that is restated, and a gap; the next run mends them.
LEAST_DAYS = 4


class DemoError(CopilotPipelineError):
    """The demo cannot run here, or did not come through."""


def run_demo(days: int) -> str:
    """Imports an account, loads that many days and a seat snapshot, and returns the summary.

    Then a second run as the schedule makes it: what was late, restated or broken is as it should
    be. Everything it writes lies in `.demo` of the working directory, apart from a warehouse that
    `DATABASE_URL` names; one that holds other accounts is refused.
    """
    home = _prepare_home()
    with Database(settings.database_url()) as database:
        port = _port_of_earlier_demo(database)
        newest = newest_complete_day()
        enterprise = Enterprise(
            ENTERPRISE, [Organization(*OLD), Organization(*NEW, first_day=newest - NEW_FOR)]
        )
        first = newest - timedelta(days=max(days, LEAST_DAYS) - 1)
        story = story_of.begin(enterprise, newest, first)
        with _simulated_github(enterprise, port) as github:
            click.echo(f"A simulated GitHub answers at {github.url}", err=True)
            os.environ[TOKEN_VARIABLE] = github.token
            _require_success(
                import_account_in_job(
                    {
                        "token_env": TOKEN_VARIABLE,
                        "endpoint": github.url,
                        "organizations": [OLD[0], NEW[0]],
                        "enterprises": [ENTERPRISE],
                    }
                )
            )
            has_gap = _load(database, story, day_range(first, newest))
            story_of.end(enterprise)
            with database.read() as connection:
                scopes = list_scopes(connection)
                before = read_statuses(connection, scopes[0].id)
            window = day_range(newest - timedelta(days=REREAD_DAYS - 1), story.late)
            _require_success(run_days(database, window, gap_days=int(has_gap)))
        with database.read() as connection:
            now = datetime.now(UTC)
            summaries = {scope: read_summary(connection, scope.id, now) for scope in scopes}
            restated = list_restatements(connection, story.restated)
    parts = [
        _describe(str(scope), summary)
        for scope, summary in summaries.items()
        if summary is not None
    ]
    return "\n\n".join([*parts, _tell(story, before, restated), _how_to_go_on(home)])


def _load(database: Database, story: Story, days: list[date]) -> bool:
    """The first load: whether it left a gap. Nothing but what the story broke may have failed."""
    result = run_days(database, days)
    others = [line for line in result.failures if str(story.gap) not in line]
    if others:
        raise DemoError("\n".join(others))
    return bool(result.failures)


def _prepare_home() -> Path:
    """A DAGSTER_HOME of the demo's own, so that it touches no real data."""
    home = Path.cwd() / HOME
    home.mkdir(exist_ok=True)
    instance = Path.cwd() / "dagster.yaml"
    if instance.is_file():
        (home / instance.name).write_text(instance.read_text())
    os.environ[settings.DAGSTER_HOME] = str(home)
    # The demo's token opens nothing real; each demo seals it anew.
    os.environ[settings.TOKEN_SECRET] = secrets.token_hex(32)
    return home


def _port_of_earlier_demo(database: Database) -> int:
    """The port of the demo's account, so that a second demo finds its account again; else any."""
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
    return urlsplit(endpoint).hostname == "127.0.0.1"


def _require_success(result: RunResult) -> None:
    if not result.success:
        raise DemoError("\n".join(result.failures) or "a run failed.")


def _describe(name: str, summary: Summary) -> str:
    lines = [
        f"GitHub Copilot at the {name} (simulated), {summary.days_loaded} days up to "
        f"{summary.day:%A, %Y-%m-%d}",
        "",
        f"  Active users       {_number(summary.active_users_1d)} on the day,"
        f" {_number(summary.active_users_7d)} in 7 days,"
        f" {_number(summary.active_users_28d)} in 28 days",
        f"  Acceptance rate    {_rate(summary.acceptances, summary.suggestions)}"
        f" of {_number(summary.suggestions)} code completions in {PERIOD_DAYS} days",
        f"  Top languages      {_languages(summary)}",
        f"  Seats              {_number(summary.seat_total)} held,"
        f" {_number(summary.seats_idle)} idle for {IDLE_DAYS} days or never used",
    ]
    return "\n".join(lines)


def _tell(
    story: Story, before: Mapping[tuple[str, date], Status], restated: Sequence[Restatement]
) -> str:
    """What the tables say of the story; a second demo finds its days loaded already."""
    seen_last = [each for each in restated if each.seen_at == restated[-1].seen_at]
    (users,) = [each for each in seen_last if each.metric == "total_active_users"]
    lines = [
        "What went otherwise than planned, and is as it should be after the second run",
        "",
        f"  Restated  {story.restated} had {users.old:.0f} active users at first, and has"
        f" {users.new:.0f}: {len(seen_last)} numbers changed, the old ones are kept",
    ]
    if before[ORGANIZATION, story.late].state is DayState.NOT_READY:
        lines.append(f"  Late      {story.late} was not there yet, and came")
    if before[ORGANIZATION, story.gap].state is DayState.FAILED:
        lines.append(f"  Gap       {story.gap} had broken files, and was collected again")
    return "\n".join(lines)


def _languages(summary: Summary) -> str:
    everything = sum(language.suggestions for language in summary.languages)
    top = summary.languages[:MOST_LANGUAGES]
    return ", ".join(f"{lang.name} {_rate(lang.suggestions, everything)}" for lang in top)


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _rate(part: int | None, whole: int | None) -> str:
    return f"{part / whole:.0%}" if part is not None and whole else "unknown"


def _how_to_go_on(home: Path) -> str:
    return (
        "Look at it in the Dagster UI, then at http://localhost:3000:\n"
        f"  DAGSTER_HOME={shlex.quote(str(home))} .venv/bin/dagster dev\n"
        "The simulated GitHub is gone now, so new runs there find nothing to collect."
    )
