"""`copilot-pipeline status`: four organizations, four different, true statements."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from copilot_pipeline.accounts import open_client
from copilot_pipeline.cli import run_command
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.simulated_github import (
    NotReady,
    Organization,
    SimulatedGitHub,
    faults,
)
from copilot_pipeline.sources import SEAT_BILLING, SEATS
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.commands import Output, fail
from copilot_pipeline_tests.loading import ORGANIZATION, import_organizations, newest_complete_day
from copilot_pipeline_tests.test_access_check import on_a_terminal

NEWEST = newest_complete_day()
HEALTHY, NEVER, REFUSED, LATE = "octo-healthy", "octo-never", "octo-refused", "octo-late"


def collect(url: str, days: int) -> None:
    """Collects the newest days and the snapshots, as `run --last` does, without Dagster."""
    with Database(url) as database:
        scopes = select_scopes(database)
        last = day_range(NEWEST - timedelta(days=days - 1), NEWEST)
        for step, of_step in (
            (SEATS.step, [NEWEST]),
            (SEAT_BILLING.step, [NEWEST]),
            (METRICS_STEP, last),
        ):
            load(database, open_client, scopes, step, LoadRequest(Today.from_clock(), of_step))


@pytest.fixture
def company() -> Iterator[SimulatedGitHub]:
    """A healthy organization, one without any report, one that refuses, and one that is late."""
    late = Organization(LATE, seat_count=2)
    for day in (NEWEST - timedelta(days=1), NEWEST):
        late.reports[ORGANIZATION, day] = NotReady.NO_CONTENT
    organizations = [
        Organization(HEALTHY, seat_count=2),
        Organization(NEVER, seat_count=2, reports_since=date.max),
        Organization(REFUSED, seat_count=2),
        late,
    ]
    with SimulatedGitHub(organizations) as github:
        github.faults.add(f"/orgs/{REFUSED}/", **faults.policy_off())
        yield github


@pytest.fixture
def collected(company: SimulatedGitHub, warehouse_environment: str) -> str:
    import_organizations(warehouse_environment, company, HEALTHY, NEVER, REFUSED, LATE)
    collect(warehouse_environment, 10)
    return warehouse_environment


def status(output: Output, *arguments: str, code: int = 1) -> dict[str, Any]:
    assert run_command(["status", *arguments]) == code
    printed = output.readouterr()
    assert printed.err == ""
    told = json.loads(printed.out)
    assert told["ok"] is (code == 0)
    return dict(told)


def test_four_organizations_have_four_different_true_statements(
    collected: str, capsys: Output
) -> None:
    assert collected
    told = status(capsys)
    main = {each["slug"]: each for each in told["sources"] if each["source"] == ORGANIZATION}
    days = {
        slug: [each[name] for name in ("loaded", "not_ready", "no_data", "refused", "failed")]
        for slug, each in main.items()
    }
    assert days == {
        HEALTHY: [10, 0, 0, 0, 0],
        NEVER: [0, 3, 7, 0, 0],
        REFUSED: [0, 0, 0, 10, 0],
        LATE: [8, 2, 0, 0, 0],
    }
    assert main[HEALTHY]["newest_day"] == str(NEWEST)
    assert main[NEVER]["newest_day"] is None
    assert main[LATE]["newest_day"] == str(NEWEST - timedelta(days=2))
    assert {slug: each["ok"] for slug, each in main.items()} == {
        HEALTHY: True,
        NEVER: False,
        REFUSED: False,
        LATE: True,
    }
    problems = {each["scope"]: each for each in told["problems"]}
    assert {scope: each["kind"] for scope, each in problems.items()} == {
        f"organization {NEVER}": "never_had_data",
        f"organization {REFUSED}": "refused",
    }
    refusal = problems[f"organization {REFUSED}"]["message"]
    assert "GitHub refuses organization-1-day, seats and seat-billing" in refusal
    assert "The policy 'Copilot usage metrics' is off." in refusal


def test_a_scope_without_problems_exits_with_0(collected: str, capsys: Output) -> None:
    assert collected
    told = status(capsys, "--scope", HEALTHY.upper(), code=0)
    assert {each["slug"] for each in told["sources"]} == {HEALTHY}
    assert told["problems"] == []


def test_a_scope_that_nobody_collects_is_an_error(collected: str, capsys: Output) -> None:
    assert collected
    assert f"Collected scopes: {HEALTHY}" in fail(["status", "--scope", "nobody"], capsys)


def test_a_terminal_gets_a_table_and_the_problems_as_sentences(collected: str) -> None:
    assert collected
    command = [sys.executable, "-m", "copilot_pipeline", "status"]
    shown = on_a_terminal(command)
    assert str(NEWEST) in shown
    assert f"organization {NEVER}: GitHub has never had a report" in shown
    assert f"organization {REFUSED}: GitHub refuses" in shown
    assert HEALTHY not in "".join(line for line in shown.splitlines() if "Warning" in line)


def test_status_does_not_load_dagster(collected: str) -> None:
    assert collected
    code = (
        "import sys; from copilot_pipeline.cli import run_command; run_command(['status']); "
        "sys.exit(any(name.split('.')[0] == 'dagster' for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_without_an_account_it_says_how_to_begin(
    warehouse_environment: str, capsys: Output
) -> None:
    assert warehouse_environment
    assert "Import an account first" in fail(["status"], capsys)
