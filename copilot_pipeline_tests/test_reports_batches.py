"""Reports in pieces: batches that are merged, files that come broken first, wrapped records."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from copilot_pipeline.collect import derive
from copilot_pipeline.simulated_github import ReportFiles, SimulatedGitHub
from copilot_pipeline.sources.seats import SEATS
from copilot_pipeline.warehouse import bulk
from copilot_pipeline.warehouse.bulk import insert_rows
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.months import make_months
from copilot_pipeline_tests.loading import (
    USERS,
    execute,
    import_organizations,
    load_metrics,
    read_table,
)

pytestmark = pytest.mark.both_databases

SLUG = "octo-demo"
TABLES = {
    "_tool_copilot_user_metrics": "user_id",
    "_tool_copilot_user_metrics_by_language_feature": "user_id, language, feature",
    "_tool_copilot_unknown_names": "kind, name",
    "_tool_copilot_restatements": "metric",
}
STATUS = "_tool_copilot_collection_status"


def line(day: date, number: int, **more: Any) -> str:
    record = {"day": str(day), "user_id": number, **more}
    return json.dumps(record, ensure_ascii=False) + "\n"


def give(github: SimulatedGitHub, files: Sequence[str]) -> None:
    reports = github.organization(SLUG).reports
    reports[USERS, github.newest_day] = ReportFiles([*files])


def languages(*counts: int | None) -> list[dict[str, Any]]:
    return [
        {"language": f"octo-{n}", "feature": "agent_edit", "loc_added_sum": count}
        for n, count in enumerate(counts)
    ]


def twice(day: date) -> list[str]:
    """Users who come in two files, with values that differ, are missing, or come once."""
    field = "totals_by_language_feature"
    first: list[dict[str, Any]] = [
        {"loc_added_sum": 3, "used_chat": False, "user_login": "octo-B", field: languages(1, None)},
        {
            "loc_added_sum": None,
            "used_chat": None,
            "ai_credits_used": 0.25,
            "user_login": "octo-\u00e9",
        },
        {"loc_added_sum": 7, "new_field": 1, "user_login": "octo-z"},
    ]
    second: list[dict[str, Any]] = [
        {
            "loc_added_sum": 2,
            "used_chat": True,
            "user_login": "octo-a",
            field: languages(None, 5, 6),
        },
        {"loc_added_sum": 4, "used_chat": False, "ai_credits_used": 0.125, "user_login": "octo-z"},
        {"loc_added_sum": 8, "new_field": 2, "user_login": None},
    ]
    return ["".join(line(day, n, **each) for n, each in enumerate(f, 1)) for f in (first, second)]


def test_a_report_in_many_batches_gives_the_same_rows_as_in_one(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_organizations(warehouse_environment, github, SLUG, reports=[USERS])
    day = github.newest_day
    found = []
    for size in (1_000, 1):
        monkeypatch.setattr(derive, "BATCH_ROWS", size)
        give(github, [line(day, 1, loc_added_sum=1), line(day, 9)])
        assert load_metrics([day]) == []
        give(github, twice(day))
        assert load_metrics([day]) == []
        assert execute("metrics_backfill", [day], assets=["user_metrics"]).success
        tables = [
            [
                {k: v for k, v in row.items() if k != "seen_at"}
                for row in read_table(warehouse_environment, table, order)
            ]
            for table, order in TABLES.items()
        ]
        (status,) = read_table(warehouse_environment, STATUS)
        found.append([*tables[:3], status["sha256"], status["row_count"]])
    assert found[0] == found[1]
    assert [len(table) for table in found[0][:3]] == [3, 3, 4]
    assert {(r["metric"], r["old"], r["new"]) for r in tables[3]} >= {
        ("row_count", 2.0, 3.0),
        ("loc_added_sum", 1.0, 15.0),
    }
    # From one to the other, back, and again: the same values each time.
    assert len(tables[3]) % 3 == 0


def test_records_that_come_many_times_are_merged_in_one_batch(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, SLUG, reports=[USERS])
    day = github.newest_day
    files = [
        "".join(line(day, user, loc_added_sum=count) for user in range(1, 51))
        for count in (2, 3, 1, 0)
    ]
    give(github, files)
    statements: list[bool] = []

    def count(*arguments: Any) -> None:
        if "ON CONFLICT" in arguments[2] and "copilot_user_metrics " in arguments[2]:
            statements.append(arguments[5])

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        assert execute("metrics_backfill", [day]).success
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)
    rows = read_table(warehouse_environment, "_tool_copilot_user_metrics")
    assert [row["loc_added_sum"] for row in rows] == [3] * 50
    assert statements == [True]


@pytest.mark.parametrize(
    ("counts", "total"),
    [
        pytest.param([2**62, 2**62 - 1, None], 2**63 - 1, id="within 64 bits"),
        pytest.param([2**63 - 1, 2**63 - 1, 5], 2**64, id="above 64 bits"),
        pytest.param([-1, -(2**40), 3], 2 - 2**40, id="below zero"),
    ],
)
def test_the_headline_of_counters_is_their_sum_even_above_64_bits(
    warehouse_environment: str, github: SimulatedGitHub, counts: list[int | None], total: int
) -> None:
    import_organizations(warehouse_environment, github, SLUG, reports=[USERS])
    day = github.newest_day
    give(github, [line(day, 1, loc_added_sum=1)])
    assert execute("metrics_backfill", [day]).success
    give(github, [line(day, n, loc_added_sum=count) for n, count in enumerate(counts, 1)])
    assert execute("metrics_backfill", [day]).success
    rows = read_table(warehouse_environment, "_tool_copilot_restatements", "metric")
    (restated,) = (row for row in rows if row["metric"] == "loc_added_sum")
    assert restated["new"] == pytest.approx(total)


def test_a_bad_line_in_a_later_batch_changes_nothing(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derive, "BATCH_ROWS", 1)
    import_organizations(warehouse_environment, github, SLUG, reports=[USERS])
    day = github.newest_day
    give(github, [line(day, 1), line(day, 2)])
    assert load_metrics([day]) == []
    before = read_table(warehouse_environment, "_tool_copilot_user_metrics")
    give(github, [line(day, 3), line(day, 4), "nonsense\n" + line(day, 5)])
    assert "line 1: not JSON" in "\n".join(load_metrics([day]))
    assert read_table(warehouse_environment, "_tool_copilot_user_metrics") == before
    assert len(read_table(warehouse_environment, "_raw_copilot_metrics")) == 2


@pytest.mark.parametrize("broken", ['{"day": "2026-', "<html>Sign in</html>"])
def test_a_file_that_is_not_json_is_fetched_once_more_with_new_links(
    warehouse_environment: str, github: SimulatedGitHub, broken: str
) -> None:
    import_organizations(warehouse_environment, github, SLUG, reports=[USERS])
    day = github.newest_day
    give(github, [line(day, 1), line(day, 2)])
    github.faults.add("-1.json$", origin="download", body=broken, times=1)
    assert load_metrics([day]) == []
    assert len(read_table(warehouse_environment, "_tool_copilot_user_metrics")) == 2
    envelopes = [each for each in github.requests if each.path.endswith(USERS)]
    assert len(envelopes) == 2


def test_users_wrapped_in_day_totals_are_read_if_they_are_of_the_day(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, SLUG, reports=[USERS])
    day = github.newest_day
    entries = [{"day": str(day), "user_id": number} for number in (1, 2)]
    give(github, [json.dumps({"report_day": str(day), "day_totals": entries}), line(day, 3)])
    assert load_metrics([day]) == []
    rows = read_table(warehouse_environment, "_tool_copilot_user_metrics")
    assert [row["user_id"] for row in rows] == [1, 2, 3]
    give(github, [json.dumps({"day_totals": [*entries, {"day": "2026-01-01", "user_id": 3}]})])
    said = "\n".join(load_metrics([day]))
    assert "the report is about 2026-01-01" in said


def test_rows_that_are_merged_are_counted_once(database: Database) -> None:
    (target,) = SEATS.tables
    seats = [("octo-demo", number, *[None] * 10) for number in (1, 2)]
    day = date(2026, 11, 1)
    make_months(database, [target.table], day)
    with database.write() as connection:
        writer = bulk.SliceWriter(connection, target, 1, day)
        writer.add(seats[:1])
        writer.merge(seats)
        assert writer.finish() == 2


def test_rows_written_in_bulk_are_stored_as_sqlalchemy_stores_them(database: Database) -> None:
    table, day = SEATS.tables[0].table, date(2026, 11, 1)
    make_months(database, [table], day)
    tokyo = timezone(timedelta(hours=9))
    values = {
        **{column.name: None for column in table.c},
        "scope_id": 1,
        "day": day,
        "organization": "octo-demo",
        "user_id": 1,
        "created_at": datetime(2026, 11, 1, 8, 30, tzinfo=tokyo),
        "updated_at": datetime(2026, 11, 1, 8, 30, 1, 5, tzinfo=UTC),
        "pending_cancellation_date": day,
    }
    texts = [sa.cast(column, sa.Text) for column in table.c]
    stored = []
    for in_bulk in (True, False):
        with database.write() as connection:
            connection.execute(sa.delete(table))
            if in_bulk:
                insert_rows(connection, table, (1, day), [tuple(values.values())[2:]])
            else:
                connection.execute(sa.insert(table), values)
            stored.append(connection.execute(sa.select(*texts)).one())
    assert stored[0] == stored[1]
