"""The report: the command, its page and its summary, from the first day to many organizations."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from copilot_pipeline import settings
from copilot_pipeline.accounts import AccountOptions, import_account
from copilot_pipeline.cli import run_command
from copilot_pipeline.clock import utc_now
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.demo.history import take_snapshots
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.report.page import ReportOptions, render_page, render_summary
from copilot_pipeline.report_job import write_report_schedule
from copilot_pipeline.simulated_github import Enterprise, Organization, SimulatedGitHub
from copilot_pipeline.sources.aggregate import language_metrics, org_metrics
from copilot_pipeline.sources.user_teams import user_teams
from copilot_pipeline.sources.users import user_metrics
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import DayState
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline.warehouse.months import make_months
from copilot_pipeline.warehouse.scopes import save_scope
from copilot_pipeline.warehouse.seat_days import seat_days
from copilot_pipeline_tests.commands import Output, fail, succeed
from copilot_pipeline_tests.loading import (
    execute,
    failure,
    import_organizations,
    load_metrics,
    newest_complete_day,
)

MAX_BYTES = 2_000_000
REPORTS = ("organization-1-day", "users-1-day", "user-teams-1-day")


class Elements(HTMLParser):
    """The tags of a page with their attributes, and its text outside the style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._in_style = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self.text += data

    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def first_day(warehouse_environment: str, github: SimulatedGitHub) -> str:
    """A warehouse with the newest complete day and one snapshot."""
    newest = newest_complete_day()
    import_organizations(warehouse_environment, github, "octo-demo", reports=REPORTS)
    assert load_metrics([newest]) == []
    with Database(warehouse_environment) as database:
        assert take_snapshots(database, github, [newest]) == []
    return warehouse_environment


def page_of(url: str, **options: Any) -> str:
    with Database(url) as database:
        options = {"days": 90, **options}
        return render_page(
            database, Today.from_clock(), ReportOptions(select_scopes(database), **options)
        )


@pytest.mark.both_databases
def test_the_command_writes_a_page_that_answers_and_prints_its_path(
    first_day: str, tmp_path: Path, capsys: Output
) -> None:
    target = tmp_path / "page.html"
    assert succeed(["report", "--output", str(target)], capsys) == {"file": str(target)}
    text = Elements(target.read_text(encoding="utf-8")).text
    for question in (
        "How many use it?",
        "Is it growing?",
        "Which teams lag?",
        "What does it cost?",
    ):
        assert question in text
    assert re.search(r"\d+ people\s+used Copilot in the 28 days up to", text)
    assert "Too early to say" in text
    assert re.search(r"\$\d+ a month\s+for 40 seats", text)
    assert [path.name for path in tmp_path.glob("*page*")] == ["page.html"]


def test_the_page_lies_in_the_working_directory_and_replaces_an_older_one(
    first_day: str, tmp_path: Path, capsys: Output
) -> None:
    older = tmp_path / "copilot-report.html"
    older.write_text("an older one")
    umask = os.umask(0o027)
    try:
        assert succeed(["report", "--days", "7"], capsys) == {"file": str(older)}
    finally:
        os.umask(umask)
    assert "(7 days, UTC)" in older.read_text(encoding="utf-8")
    # As of every export, the umask decides who may read it.
    assert stat.S_IMODE(older.stat().st_mode) == 0o640


def test_one_snapshot_is_a_point_and_not_an_empty_chart(first_day: str) -> None:
    page = page_of(first_day)
    charts = re.findall(r'<div role="img" aria-label="([^"]*)">(.*?)</div>', page, re.DOTALL)
    drawn = {label.split(".")[0]: svg for label, svg in charts}
    assert {"Active users", "Seats held and active", "Acceptance rate"} <= set(drawn)
    for title in ("Active users", "Seats held and active", "Acceptance rate"):
        # A filled circle, because a line of one day would show nothing.
        assert re.search(r'd="M[\d.]+,0A[\d.]+', drawn[title]), title
    assert "Suggested and accepted" in drawn


def test_a_warehouse_without_a_scope_says_what_to_do(
    warehouse_environment: str, capsys: Output
) -> None:
    assert "Import an account first" in fail(["report"], capsys)


def test_a_scope_without_a_loaded_day_is_on_the_page_with_a_sentence(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    text = Elements(page_of(warehouse_environment)).text
    assert "No day of the period is loaded yet." in text
    assert "No snapshot of the seats is stored." in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scope", "octo-nobody"], "no account collects this scope"),
        (["--output", "nowhere/page.html"], "there is no folder"),
        (["--output", "."], "is a folder: name a file in it"),
        (["--output", ""], "is not the name of a file"),
        (["--people", "--markdown"], "give --people without --markdown"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    warehouse_environment: str,
    github: SimulatedGitHub,
    capsys: Output,
    arguments: list[str],
    message: str,
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    assert message in fail(["report", *arguments], capsys)


def test_no_person_is_named_unless_it_is_asked_for(first_day: str) -> None:
    with Database(first_day) as database, database.read() as connection:
        logins = set(
            connection.execute(
                sa.text(
                    "SELECT user_login FROM _tool_copilot_seats UNION SELECT login FROM "
                    "copilot_github_accounts"
                )
            ).scalars()
        )
        unused = set(
            connection.execute(
                sa.text("SELECT user_login FROM copilot_seat_people WHERE is_idle OR is_never_used")
            ).scalars()
        )
    assert unused
    page = page_of(first_day)
    assert [login for login in logins if login in page] == []
    named = Elements(page_of(first_day, with_people=True)).text
    assert [login for login in unused if login not in named] == []


def test_a_problem_names_its_account_by_number(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    with Database(warehouse_environment) as database, database.write() as connection:
        login = connection.execute(
            sa.text("SELECT login FROM copilot_github_accounts")
        ).scalar_one()
        connection.execute(
            sa.text("UPDATE copilot_github_accounts SET token_expires_at = :past"),
            {"past": utc_now() - timedelta(days=1)},
        )
    page = page_of(warehouse_environment)
    assert "account 1: " in page
    assert "expired" in page
    assert login not in page
    assert login in page_of(warehouse_environment, with_people=True)


def test_the_summary_is_short_markdown_with_the_answers(first_day: str, capsys: Output) -> None:
    assert run_command(["report", "--markdown"]) == 0
    summary = capsys.readouterr().out
    assert summary.startswith("**GitHub Copilot at octo-demo**")
    assert len(re.findall(r"(?m)^- .*\?", summary)) == 6
    assert len(summary) < 2_000


def test_the_summary_can_be_written_to_a_file(
    first_day: str, tmp_path: Path, capsys: Output
) -> None:
    target = tmp_path / "summary.md"
    assert succeed(["report", "--markdown", "--output", str(target)], capsys) == {
        "file": str(target)
    }
    assert "How many use it?" in target.read_text(encoding="utf-8")


HOSTILE = "<script>alert(1)</script>\"'`[x](https://evil.example)@team|*{{ 7*7 }}"


def test_hostile_names_are_text_everywhere(first_day: str) -> None:
    tables = {
        "_tool_copilot_language_metrics": "language",
        "_tool_copilot_metrics_by_ide": "ide",
        "_tool_copilot_metrics_by_model_feature": "model",
        "_tool_copilot_metrics_by_feature": "feature",
        "_tool_copilot_user_teams": "slug",
        "_tool_copilot_seats": "last_activity_editor",
        "_tool_copilot_scopes": "name",
    }
    with Database(first_day) as database, database.write() as connection:
        for table, column in tables.items():
            one = sa.text(f"SELECT min({column}) FROM {table}")
            name = connection.execute(one).scalar()
            where = f"WHERE {column} = :name" if name else ""
            changed = sa.text(f"UPDATE {table} SET {column} = :hostile {where}")
            connection.execute(
                changed, {"hostile": HOSTILE, "name": name} if name else {"hostile": HOSTILE}
            )
    page = page_of(first_day, with_people=True)
    elements = Elements(page)
    assert elements.of("script") == []
    assert elements.text.count(HOSTILE) >= 5
    assert {tag for tag, _ in elements.tags if tag in ("a", "img", "iframe", "object")} == {"a"}
    assert all(str(each["href"]).startswith("#") for each in elements.of("a"))
    with Database(first_day) as database:
        options = ReportOptions(select_scopes(database), 90)
        summary = render_summary(database, Today.from_clock(), options)
    # Markup, links and mentions are escaped.
    assert "script" in summary
    assert re.findall(r"(?<!\\)[<\[`]", summary) == []
    assert "@team" not in summary


def test_the_page_is_accessible_without_its_charts(first_day: str) -> None:
    page = page_of(first_day)
    elements = Elements(page)
    assert elements.of("html")[0]["lang"] == "en"
    assert [len(elements.of(tag)) for tag in ("header", "main", "footer", "nav", "h1")] == [1] * 5
    ids = elements.ids()
    assert len(ids) == len(set(ids))
    for attributes in elements.of("section") + elements.of("figure"):
        assert attributes["aria-labelledby"] in ids
    targets = [str(each["href"]).removeprefix("#") for each in elements.of("a")]
    assert set(targets) <= set(ids)
    # Each chart has a text and a table.
    charts = [each for each in elements.of("div") if each.get("role") == "img"]
    assert charts
    assert all(each["aria-label"] for each in charts)
    assert len(elements.of("details")) == len(charts)
    levels = [int(tag[1]) for tag, _ in elements.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    # Scrolled tables are reached by keyboard.
    scrolled = [
        each for each in elements.of("div") if "scroll" in (each.get("class") or "").split()
    ]
    assert all(each.get("tabindex") == "0" and each.get("aria-label") for each in scrolled)


def test_the_page_loads_nothing(first_day: str) -> None:
    page = page_of(first_day)
    assert re.findall(r"(?:src|href|xlink:href|action)\s*=\s*\"(?!#|data:,)[^\"]*", page) == []
    assert re.findall(r"@import|url\(", page) == []
    addresses = set(re.findall(r"https?://[^\"'<\s]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}


@pytest.fixture
def two_organizations(warehouse_environment: str) -> Iterator[str]:
    newest = newest_complete_day()
    organizations = [
        Organization("octo-one", seat_count=12),
        Organization("octo-two", seat_count=9),
    ]
    with SimulatedGitHub(organizations) as github:
        import_organizations(warehouse_environment, github, "octo-one", "octo-two", reports=REPORTS)
        assert load_metrics(day_range(newest - timedelta(days=2), newest)) == []
        with Database(warehouse_environment) as database:
            assert take_snapshots(database, github, [newest]) == []
        yield warehouse_environment


def test_organizations_without_an_enterprise_have_a_table_and_a_section_each(
    two_organizations: str,
) -> None:
    text = Elements(page_of(two_organizations)).text
    assert "GitHub Copilot at 2 organizations" in text
    assert "Organization octo-one" in text
    assert "Organization octo-two" in text
    assert "People of several organizations cannot be added" in text
    assert "for 21 seats" in text


def test_one_scope_can_be_chosen(two_organizations: str, tmp_path: Path, capsys: Output) -> None:
    target = tmp_path / "one.html"
    succeed(["report", "--scope", "OCTO-ONE", "--output", str(target)], capsys)
    text = Elements(target.read_text(encoding="utf-8")).text
    assert "GitHub Copilot at octo-one" in text
    assert "octo-two" not in text


@pytest.mark.usefixtures("environment")
def test_an_enterprise_alone_is_the_subject(warehouse_environment: str) -> None:
    newest = newest_complete_day()
    enterprise = Enterprise("octo-corp", [Organization("octo-one", seat_count=12)])
    with SimulatedGitHub([], enterprises=[enterprise]) as github:
        options = AccountOptions(github.url, None, (), ("octo-corp",), "reports", REPORTS)
        with Database(warehouse_environment) as database:
            import_account(database, github.token, options)
        assert load_metrics([newest]) == []
    text = Elements(page_of(warehouse_environment)).text
    assert "GitHub Copilot at octo-corp" in text
    assert "Enterprise octo-corp" in text
    assert "All scopes" not in text


def answer(url: str, question: str) -> str:
    """The answer with its verdict, as text."""
    with Database(url) as database:
        options = ReportOptions(select_scopes(database), 90)
        summary = render_summary(database, Today.from_clock(), options)
    (line,) = [line for line in summary.splitlines() if question in line]
    return line.split("?", 1)[1].strip()


def store_active_users(url: str, people: dict[int, int]) -> None:
    """Stores the people active in 28 days by the age of the day, for the only scope."""
    newest = newest_complete_day()
    with Database(url) as database, database.write() as connection:
        (scope_id,) = connection.execute(sa.text("SELECT id FROM _tool_copilot_scopes")).scalars()
        days = {"scope_id": scope_id, "source": "reports"}
        rows = [
            {**days, "day": newest - timedelta(days=age), "monthly_active_users": count}
            for age, count in people.items()
        ]
        _insert(connection, org_metrics, rows)


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [(100, 106, "Growing, +6%"), (100, 94, "Shrinking, -6%"), (100, 104, "Steady, +4%")],
)
def test_growth_is_the_change_of_active_users_in_28_days(
    warehouse_environment: str, github: SimulatedGitHub, before: int, now: int, verdict: str
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    store_active_users(warehouse_environment, {28: before, 27: 1, 0: now})
    said = answer(warehouse_environment, "Is it growing?")
    assert said.startswith(f"**{verdict}** {now} people in the last 28 days, {before} people")


def test_growth_is_unknown_if_the_day_to_compare_with_is_missing(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    store_active_users(warehouse_environment, {29: 100, 27: 100, 0: 106})
    assert "Too early to say" in answer(warehouse_environment, "Is it growing?")


def test_late_data_is_not_to_be_trusted(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    store_active_users(warehouse_environment, {3: 100})
    assert "**Yes, up to" in answer(warehouse_environment, "Can I trust")
    with Database(warehouse_environment) as database, database.write() as connection:
        connection.execute(sa.delete(org_metrics))
    store_active_users(warehouse_environment, {9: 100})
    late = newest_complete_day() - timedelta(days=9)
    said = answer(warehouse_environment, "Can I trust")
    assert said.startswith(f"**Not all of them** The newest day is {late.day} ")


# --- the job


def test_the_job_writes_the_page_to_the_folder_of_the_settings(
    first_day: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    monkeypatch.setenv(settings.REPORT_DIR, str(folder))
    assert execute("write_report").success
    page = (folder / "copilot-report.html").read_text(encoding="utf-8")
    assert "How many use it?" in Elements(page).text
    assert "No person is named" in page


def test_the_job_says_which_setting_or_folder_is_missing(
    first_day: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "COPILOT_METRICS__REPORT_DIR is not set" in failure(execute("write_report"))
    monkeypatch.setenv(settings.REPORT_DIR, str(tmp_path / "nowhere"))
    assert "there is no folder" in failure(execute("write_report"))


def test_the_schedule_writes_after_each_tick_of_the_daily_one_if_the_folder_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.build_schedule_context() as context:
        skipped = write_report_schedule.evaluate_tick(context)
        assert "COPILOT_METRICS__REPORT_DIR is not set" in (skipped.skip_message or "")
        monkeypatch.setenv(settings.REPORT_DIR, str(tmp_path))
        assert len(write_report_schedule.evaluate_tick(context).run_requests or ()) == 1
    assert write_report_schedule.cron_schedule == "30 6,9,12,15,18,21 * * *"


# --- size


def add_scopes(url: str, scopes: int, days: int, teams: int, members: int = 5) -> None:
    """Fills the warehouse with many organizations, without GitHub."""
    newest = newest_complete_day()
    dates = day_range(newest - timedelta(days=days - 1), newest)
    with Database(url) as database:
        make_months(database, [user_teams, user_metrics], dates[-28])
        _fill(database, dates, scopes, teams, members)


def _fill(database: Database, dates: list[date], scopes: int, teams: int, members: int) -> None:
    with database.write() as connection:
        for number in range(scopes):
            save_scope(connection, 1, ScopeKind.ORGANIZATION, f"octo-organization-{number:03}")
        ids = list(connection.execute(sa.text("SELECT id FROM _tool_copilot_scopes")).scalars())
        for scope_id in ids:
            _insert(connection, org_metrics, _days(scope_id, dates))
            _insert(connection, seat_days, _seats(scope_id, dates))
            _insert(connection, language_metrics, _languages(scope_id, dates))
            _insert(connection, collection_status, _statuses(scope_id, dates))
            month = dates[-28:]
            _insert(connection, user_teams, _members(scope_id, month, teams, members))
            _insert(connection, user_metrics, _users(scope_id, month, teams * members))


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    connection.execute(sa.insert(table), list(rows))


def _days(scope_id: int, days: list[date]) -> Iterator[dict[str, Any]]:
    for index, day in enumerate(days):
        people = 40 + scope_id % 50 + index // 7
        yield {
            "scope_id": scope_id,
            "day": day,
            "source": "reports",
            "total_active_users": people * (3 if day.weekday() < 5 else 1) // 4,
            "weekly_active_users": people - 3,
            "monthly_active_users": people,
            "completion_suggestions": people * 120 + index * 7 % 50,
            "completion_acceptances": people * 33,
            "completion_lines_suggested": people * 200,
            "completion_lines_accepted": people * 50,
            "ide_chats": people * 9,
            "monthly_active_chat_users": people * 8 // 10,
            "monthly_active_agent_users": people * (30 + index % 40) // 100,
            "monthly_active_cli_users": people * 3 // 10,
        }


def _seats(scope_id: int, days: list[date]) -> Iterator[dict[str, Any]]:
    for index, day in enumerate(days):
        seats = 60 + scope_id % 50 + index // 7
        yield {
            "scope_id": scope_id,
            "day": day,
            "seats": seats,
            "seats_enterprise": seats // 3,
            "active_users": seats * (70 + index % 20) // 100,
            "active_seats": seats * 8 // 10,
            "idle_seats": index % 9,
            "never_used_seats": index % 5,
            "unused_seats_enterprise": 1,
            "new_seats": 2,
            "pending_seats": 1,
            "is_stale": False,
        }


def _languages(scope_id: int, days: list[date]) -> Iterator[dict[str, Any]]:
    names = ("typescript", "python", "go", "java", "c#", "rust", "kotlin", "ruby", "yaml", "css")
    for day in days[:: max(1, len(days) // 10)]:
        for name in names:
            counts = {"suggestions": 500, "acceptances": 150}
            yield {"scope_id": scope_id, "day": day, "editor": "all", "language": name, **counts}


def _statuses(scope_id: int, days: list[date]) -> Iterator[dict[str, Any]]:
    for report in ("organization-1-day", "users-1-day", "user-teams-1-day", "repos-1-day"):
        for index, day in enumerate(days):
            failed = (index + scope_id) % 60 == 7
            yield {
                "scope_id": scope_id,
                "day": day,
                "report": report,
                "state": DayState.FAILED if failed else DayState.LOADED,
                "last_fetched_at": utc_now(),
                "change_count": int(index % 50 == 3),
            }


def _members(scope_id: int, days: list[date], teams: int, members: int) -> Iterator[dict[str, Any]]:
    for day in days[::7]:
        for team in range(teams):
            for member in range(members):
                yield {
                    "scope_id": scope_id,
                    "day": day,
                    "user_id": scope_id * 10_000 + team * members + member,
                    "team_id": scope_id * 100 + team,
                    "slug": f"a-team-with-a-long-name-{team:02}",
                }


def _users(scope_id: int, days: list[date], people: int) -> Iterator[dict[str, Any]]:
    for day in days[::7]:
        for person in range(0, people, 2):
            yield {
                "scope_id": scope_id,
                "day": day,
                "user_id": scope_id * 10_000 + person,
                "user_initiated_interaction_count": person % 7,
                "code_generation_activity_count": person,
            }


@pytest.mark.slow
def test_two_hundred_organizations_and_a_year_stay_below_two_megabytes(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    add_scopes(warehouse_environment, 199, 365, 20)
    page = page_of(warehouse_environment, days=365)
    assert len(page.encode()) < MAX_BYTES
    text = Elements(page).text
    assert text.count("a-team-with-a-long-name-") >= 200 * 20
    assert "The page has charts of the 7 largest scopes." in text
