"""Billing and seats: snapshots of the present, page by page, never invented."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from copilot_pipeline.days import day_range
from copilot_pipeline.demo.history import take_snapshots
from copilot_pipeline.simulated_github import Organization, SimulatedGitHub, Tenure, faults
from copilot_pipeline.sources.seats import seats
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline_tests.loading import (
    execute,
    failure,
    import_organizations,
    newest_complete_day,
    read_table,
)

SEATS = "_tool_copilot_seats"
RAW = "_raw_copilot_seats"
BILLING = "_raw_copilot_billing"


def seat(user_id: int, **values: Any) -> dict[str, Any]:
    return {
        "created_at": "2026-01-05T09:00:00Z",
        "assignee": {"login": f"demo-user-{user_id}", "id": user_id},
        **values,
    }


@pytest.mark.both_databases
def test_250_seats_come_in_pages_and_each_becomes_a_row(warehouse_environment: str) -> None:
    newest = newest_complete_day()
    with SimulatedGitHub([Organization("octo-demo", seat_count=250)]) as github:
        import_organizations(warehouse_environment, github, "octo-demo")
        assert execute("daily_copilot", [newest]).success
    pages = read_table(warehouse_environment, RAW, "page")
    served = [entry for page in pages for entry in json.loads(page["payload"])["seats"]]
    rows = read_table(warehouse_environment, SEATS, "user_id")
    assert [page["page"] for page in pages] == [1, 2, 3]
    assert len(rows) == 250
    assert {row["user_id"]: row["user_login"] for row in rows} == {
        entry["assignee"]["id"]: entry["assignee"]["login"] for entry in served
    }
    active = sum(entry["last_activity_at"] is not None for entry in served)
    assert sum(row["last_activity_at"] is not None for row in rows) == active
    (day,) = read_table(warehouse_environment, "copilot_org_days")
    assert (day["seat_total"], day["seat_active_count"]) == (250, active)


def test_a_seat_without_assignee_is_counted_and_left_out(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    github.organization("octo-demo").seats = [seat(1), seat(2, assignee=None)]
    import_organizations(warehouse_environment, github, "octo-demo")
    result = execute("daily_copilot", [newest_complete_day()])
    assert result.success
    assert [row["user_id"] for row in read_table(warehouse_environment, SEATS)] == [1]
    metadata = result.asset_materializations_for_node("seat_snapshot")[0].metadata
    assert metadata["seats_without_assignee"].value == 1
    assert metadata["total_seats_by_github"].value == 2


@pytest.mark.both_databases
def test_a_seat_row_has_utc_instants_team_and_organization(
    database: Database, warehouse_environment: str, github: SimulatedGitHub
) -> None:
    github.organization("octo-demo").seats = [
        seat(
            7,
            last_activity_at="2026-11-01T20:00:00-06:00",
            last_activity_editor="vscode/1.99.0/copilot/1.300.0",
            assigning_team={"id": 12, "slug": "team-a"},
            pending_cancellation_date="2026-12-01",
            plan_type="business",
        )
    ]
    import_organizations(warehouse_environment, github, "octo-demo")
    execute("daily_copilot", [newest_complete_day()])
    with database.read() as connection:
        row = connection.execute(sa.select(seats)).one()
    assert row.organization == "octo-demo"
    assert row.last_activity_at == datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
    assert (row.assigning_team_id, row.assigning_team_slug) == (12, "team-a")
    assert row.pending_cancellation_date == date(2026, 12, 1)


def test_a_list_shorter_than_githubs_own_count_is_warned_about(
    warehouse_environment: str, github: SimulatedGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    answer = {"total_seats": 9, "seats": [seat(1)]}
    github.faults.add("/billing/seats", status=200, body=answer)
    assert execute("daily_copilot", [newest_complete_day()]).success
    assert "organization octo-demo: GitHub reports 9 seats but listed 1." in caplog.text


@pytest.mark.both_databases
def test_the_same_person_twice_is_one_row_with_the_latest_activity(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    github.organization("octo-demo").seats = [
        seat(1, last_activity_at="2026-11-01T00:00:00Z", last_activity_editor="old"),
        seat(1, last_activity_at="2026-11-05T00:00:00Z", last_activity_editor="new"),
        seat(1, last_activity_at=None, last_activity_editor=None),
    ]
    import_organizations(warehouse_environment, github, "octo-demo")
    execute("daily_copilot", [newest_complete_day()])
    rows = read_table(warehouse_environment, SEATS)
    assert [row["last_activity_editor"] for row in rows] == ["new"]


@pytest.mark.both_databases
def test_a_removed_seat_disappears_from_the_days_snapshot(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.organization("octo-demo").seats = [seat(1), seat(2)]
    execute("daily_copilot", [newest_complete_day()])
    github.organization("octo-demo").seats = [seat(2)]
    execute("daily_copilot", [newest_complete_day()])
    assert [row["user_id"] for row in read_table(warehouse_environment, SEATS)] == [2]


def test_an_empty_seat_list_is_a_snapshot_of_no_seats(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    execute("daily_copilot", [newest_complete_day()])
    github.organization("octo-demo").seats = []
    execute("daily_copilot", [newest_complete_day()])
    assert read_table(warehouse_environment, SEATS) == []
    (day,) = read_table(warehouse_environment, "copilot_org_days")
    assert (day["seat_total"], day["seat_active_count"]) == (0, 0)


@pytest.mark.both_databases
def test_an_error_on_a_later_page_keeps_the_old_snapshot(warehouse_environment: str) -> None:
    with SimulatedGitHub([Organization("octo-demo", seat_count=250)]) as github:
        import_organizations(warehouse_environment, github, "octo-demo")
        newest = newest_complete_day()
        execute("daily_copilot", [newest])
        before = [read_table(warehouse_environment, t) for t in (RAW, SEATS)]
        github.organization("octo-demo").seat_count = 220
        github.faults.add("/billing/seats", query={"page": "3"}, **faults.not_found())
        result = execute("daily_copilot", [newest])
    assert not result.success
    assert "GET /orgs/octo-demo/copilot/billing/seats: 404" in failure(result)
    assert [read_table(warehouse_environment, t) for t in (RAW, SEATS)] == before


def test_a_page_that_makes_no_sense_keeps_the_old_snapshot(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    newest = newest_complete_day()
    execute("daily_copilot", [newest])
    before = [read_table(warehouse_environment, t) for t in (RAW, SEATS)]
    github.organization("octo-demo").seats = [seat(1), {"assignee": {"login": "no-id"}}]
    github.organization("octo-demo").billing = {}
    result = execute("daily_copilot", [newest])
    assert not result.success
    assert "page 1 of the seat list: an assignee has no id" in failure(result)
    assert [read_table(warehouse_environment, t) for t in (RAW, SEATS)] == before


def test_raw_seats_alone_never_leave_a_day_that_looks_empty(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    newest = newest_complete_day()
    execute("daily_copilot", [newest], assets=["raw_metrics", "org_metrics", "raw_seats"])
    (day,) = read_table(warehouse_environment, "copilot_org_days")
    assert day["seat_total"] == 40


def test_seats_of_a_day_without_a_snapshot_cannot_be_rebuilt(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    result = execute("daily_copilot", [newest_complete_day()], assets=["seats"])
    assert not result.success
    assert "no snapshot of" in failure(result)


def test_a_past_day_without_a_snapshot_fails_and_its_metrics_land(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    past = newest_complete_day() - timedelta(days=5)
    result = execute("daily_copilot", [past])
    assert not result.success
    assert "only as they are now" in failure(result)
    assert read_table(warehouse_environment, SEATS) == []
    assert len(read_table(warehouse_environment, "_tool_copilot_org_metrics")) == 1
    (day,) = read_table(warehouse_environment, "copilot_org_days")
    assert (day["seat_total"], day["seat_active_count"]) == (None, None)


@pytest.mark.both_databases
def test_a_past_day_keeps_the_snapshot_that_was_taken_then(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    newest = newest_complete_day()
    past = newest - timedelta(days=2)
    execute("daily_copilot", [newest])
    with Database(warehouse_environment) as database, database.write() as connection:
        for table in (RAW, SEATS, BILLING, "_tool_copilot_collection_status"):
            move = sa.text(f"UPDATE {table} SET day = :past")
            connection.execute(move.bindparams(sa.bindparam("past", past, sa.Date)))
        of_snapshots = collection_status.c.report.in_(["seats", "seat-billing"])
        connection.execute(sa.update(collection_status).where(of_snapshots).values(day=past))
    before = [read_table(warehouse_environment, t) for t in (RAW, SEATS, BILLING)]
    github.requests.clear()
    assert execute("daily_copilot", [past]).success
    assert [read_table(warehouse_environment, t) for t in (RAW, SEATS, BILLING)] == before
    assert not [request for request in github.requests if "billing" in request.path]


def test_a_refused_billing_endpoint_does_not_hold_up_seats_and_metrics(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.faults.add("/copilot/billing$", **faults.billing_problem())
    result = execute("daily_copilot", [newest_complete_day()])
    assert not result.success
    assert "payment problem" in failure(result)
    assert read_table(warehouse_environment, BILLING) == []
    assert len(read_table(warehouse_environment, SEATS)) == 40
    assert len(read_table(warehouse_environment, "_tool_copilot_org_metrics")) == 1


def test_billing_is_kept_as_received(warehouse_environment: str, github: SimulatedGitHub) -> None:
    github.organization("octo-demo").billing = {"seat_breakdown": {"total": 5}, "new": "field"}
    import_organizations(warehouse_environment, github, "octo-demo")
    execute("daily_copilot", [newest_complete_day()])
    (row,) = read_table(warehouse_environment, BILLING)
    assert json.loads(row["payload"]) == {"seat_breakdown": {"total": 5}, "new": "field"}
    assert row["url"] == f"{github.url}/orgs/octo-demo/copilot/billing"


def test_a_range_in_one_run_takes_a_snapshot_of_the_newest_day_only(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    newest = newest_complete_day()
    days = day_range(newest - timedelta(days=1), newest)
    result = execute("daily_copilot", days, assets=["raw_seats", "seats"])
    assert not result.success
    assert str(days[0]) in failure(result)
    assert {str(row["day"]) for row in read_table(warehouse_environment, SEATS)} == {str(newest)}


@pytest.mark.both_databases
def test_seats_survive_names_that_databases_dislike(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    hostile = "o'brien\"; DROP TABLE x;--\n\x00\u202e\U0001f600" + "x" * 300
    github.organization("octo-demo").seats = [
        seat(1, assignee={"login": hostile, "id": 1}, assigning_team={"id": 1, "slug": hostile})
    ]
    import_organizations(warehouse_environment, github, "octo-demo")
    assert execute("daily_copilot", [newest_complete_day()]).success
    (row,) = read_table(warehouse_environment, SEATS)
    assert row["user_login"] == hostile.replace("\x00", "\ufffd")


def test_the_demo_takes_a_snapshot_as_of_each_past_day_that_it_is_told(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    newest = newest_complete_day()
    days = day_range(newest - timedelta(days=9), newest - timedelta(days=1))
    missed = days.pop(5)
    organization = github.organization("octo-demo")
    organization.tenures = {39: Tenure(given=days[3]), 38: Tenure(given=days[6])}
    with Database(warehouse_environment) as database:
        assert take_snapshots(database, github, days) == []
        # Once more: the same rows again.
        assert take_snapshots(database, github, days[:2]) == []
    rows = read_table(warehouse_environment, SEATS)
    held = {day: [row for row in rows if str(row["day"]) == str(day)] for day in days}
    assert [len(held[day]) for day in days] == [38, 38, 38, 39, 39, 39, 40, 40]
    assert str(missed) not in {str(row["day"]) for row in rows}
    billed = read_table(warehouse_environment, "_tool_copilot_billing")
    assert {str(row["day"]): row["total"] for row in billed} == {
        str(day): len(seats) for day, seats in held.items()
    }
    last_active = [
        {row["user_id"]: row["last_activity_at"] for row in held[day]}
        for day in (days[0], days[-1])
    ]
    assert any(last_active[1][user] != active for user, active in last_active[0].items())
    # The clock stands where it was: GitHub still shows the present.
    assert execute("daily_copilot", [newest]).success
    assert len(read_table(warehouse_environment, SEATS)) == len(rows) + 40


def test_a_snapshot_that_fails_in_the_demo_is_named(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.faults.add("/billing$", times=1, **faults.not_owner())
    past = newest_complete_day() - timedelta(days=2)
    with Database(warehouse_environment) as database:
        (line,) = take_snapshots(database, github, [past])
    assert line.startswith(f"organization octo-demo, {past}: ")
    assert len(read_table(warehouse_environment, SEATS)) == 40
