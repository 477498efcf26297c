"""`make bench-large`: a PostgreSQL warehouse with 5 million rows of users, partitioned by month.

It is the warehouse of `bench_dashboards.py` and an enterprise of 20,000 people. The benchmark
replaces a day of the enterprise, here and in an empty warehouse, shows which months a query reads,
and measures the dashboards of the 200 organizations.
"""

import re
import statistics
import time
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from copilot_pipeline import sources
from copilot_pipeline.sources.source import Row, ToolTable
from copilot_pipeline.sources.users import user_metrics
from copilot_pipeline.warehouse.bulk import SliceWriter
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.months import make_months
from copilot_pipeline_tests.bench_dashboards import ROOT, report_all, server, warehouse

ENTERPRISE = 1000
RUNS = 7


def main() -> None:
    print("Filling PostgreSQL takes minutes.\n", flush=True)
    with server() as create:
        fill = (ROOT / "copilot_pipeline_tests/bench_large.sql").read_bytes()
        large, empty = warehouse(create("large"), fill), create("empty")
        with Database(large) as database, Database(empty) as other:
            print(f"{count(database):,} rows of users")
            replace_days(database, other)
            show_pruning(database)
        print("\nDashboards of 200 organizations, median in ms:\n", flush=True)
        report_all(large, {"level": "organization"})


def count(database: Database) -> int:
    with database.read() as connection:
        query = sa.select(sa.func.count()).select_from(user_metrics)
        return int(connection.execute(query).scalar_one())


def replace_days(large: Database, empty: Database) -> None:
    """Prints how long it takes to replace a day of 12,000 people, in turns in both warehouses."""
    (target,) = [each for each in sources.USERS.tables if each.table is user_metrics]
    middle = datetime.now(UTC).date() - timedelta(days=180)
    rows = stored_rows(large, middle)
    make_months(empty, [user_metrics], middle)
    seconds: dict[Database, list[float]] = {large: [], empty: []}
    for _ in range(RUNS):
        for database, found in seconds.items():
            found.append(replace(database, target, middle, rows))
    full, new = (statistics.median(found[1:]) for found in seconds.values())
    print(
        f"Replacing a day of {len(rows):,} rows: {full:.2f} s; in an empty warehouse {new:.2f} s: "
        f"{full / new:.2f}x",
        flush=True,
    )


def stored_rows(database: Database, day: date) -> list[Row]:
    with database.read() as connection:
        query = sa.select(user_metrics).where(
            user_metrics.c.scope_id == ENTERPRISE, user_metrics.c.day == day
        )
        return [tuple(row)[2:] for row in connection.execute(query)]


def replace(database: Database, target: ToolTable, day: date, rows: list[Row]) -> float:
    begin = time.perf_counter()
    make_months(database, [target.table], day)
    with database.write() as connection:
        writer = SliceWriter(connection, target, ENTERPRISE, day)
        writer.add(rows)
        assert writer.finish() == len(rows)
    return time.perf_counter() - begin


def show_pruning(database: Database) -> None:
    """Prints which partitions PostgreSQL reads."""
    newest = datetime.now(UTC).date() - timedelta(days=1)
    first = newest - timedelta(days=27)
    table = user_metrics.name
    day = f"scope_id = {ENTERPRISE} AND day = '{newest}'"
    days = f"scope_id = {ENTERPRISE} AND day BETWEEN '{first}' AND '{newest}'"
    with database.read() as connection:
        for label, statement in (
            ("replacing a day", f"DELETE FROM {table} WHERE {day}"),
            ("28 days of users", f"SELECT sum(prompts) FROM copilot_user_days WHERE {days}"),
        ):
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}").scalars())
            read = sorted(set(re.findall(rf"\b{table}_(\d{{4}}_\d{{2}})\b", plan)))
            print(f"EXPLAIN {label}: reads {', '.join(read)}")


if __name__ == "__main__":
    main()
