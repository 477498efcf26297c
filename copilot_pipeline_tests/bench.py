"""`make bench`: time and peak memory of loading, next to a bare loop, against a simulated GitHub.

The bare loop fetches the same bytes with httpx, one request after the other, and copies the same
rows into the same tables; it parses nothing and checks nothing. Every figure comes from a process
of its own, the simulated GitHub runs in another, and each is the median of several runs.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from copilot_pipeline import sources
from copilot_pipeline.accounts import AccountOptions, import_account, open_client
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.schema import metadata
from copilot_pipeline.simulated_github import Organization, SimulatedGitHub
from copilot_pipeline.sources.raw import RAW_METRICS, RAW_SEATS
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.sources.seats import seats as seats_table
from copilot_pipeline.sources.source import Source
from copilot_pipeline.warehouse.database import Database

RUNS = 3
DAYS = 100
ORGANIZATION = "bench-demo"
SEATS = (1_000, 10_000)

# For the rows of users: a month, and all that GitHub serves.
USER_DAYS = (30, 365)

METRICS_TABLES = (RAW_METRICS.table, *(target.table for target in sources.ORGANIZATION_DAY.tables))
SEAT_TABLES = (RAW_SEATS.table, seats_table)

Figures = dict[str, float]


def main() -> None:
    print(f"Median of {RUNS} runs: seconds of the work, peak MiB of its process.")
    print("A Dagster run also records two events for each asset and day, as Dagster does.\n")
    print(f"{'':22}{'bare loop':>18}{'collecting':>18}{'ratio':>8}{'Dagster run':>18}")
    peaks = {seats: compare(f"{seats:,} seats", "seats", seats) for seats in SEATS}
    compare(f"{DAYS} days", "metrics", SEATS[0])
    growth = peaks[SEATS[1]] - peaks[SEATS[0]]
    print(f"\nPeak memory of collecting {SEATS[1]:,} against {SEATS[0]:,} seats: {growth:+.0f} MiB")
    print("\nThe users report of 1,000 seats, one run each:\n")
    month, year = (collect_users(days) for days in USER_DAYS)
    print(f"\nPeak memory of a year against a month of users: {year - month:+.0f} MiB")


def compare(label: str, what: str, seats: int) -> float:
    """Prints a row; the peak MiB of collecting."""
    bare, collecting, dagster = [], [], []
    with github(seats) as address, tempfile.TemporaryDirectory() as folder:
        for number in range(RUNS):
            home = Path(folder) / str(number)
            home.mkdir()
            shutil.copy("dagster.yaml", home)
            collecting.append(measure(home, "collecting", what, *address))
            bare.append(measure(home, "bare", what, *address))
            dagster.append(measure(home, "dagster", what, *address))
    cells = [median(figures) for figures in (bare, collecting, dagster)]
    ratio = statistics.median(
        ours["seconds"] / theirs["seconds"] for ours, theirs in zip(collecting, bare, strict=True)
    )
    texts = [f"{cell['seconds']:8.2f} s {cell['peak']:4.0f} MiB" for cell in cells]
    print(f"{label:22}{texts[0]:>18}{texts[1]:>18}{ratio:7.2f}x{texts[2]:>18}", flush=True)
    return cells[1]["peak"]


def collect_users(days: int) -> float:
    """Prints a row; the peak MiB of collecting."""
    with github(SEATS[0]) as address, tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), "users", str(days), *address)
    rows, seconds, peak = (figures[name] for name in ("rows", "seconds", "peak"))
    rate = rows / seconds
    print(f"{days} days: {seconds:.0f} s, {peak:.0f} MiB, {rows:,.0f} rows, {rate:,.0f} a second")
    return peak


def median(figures: list[Figures]) -> Figures:
    return {name: statistics.median(run[name] for run in figures) for name in figures[0]}


def measure(home: Path, how: str, what: str, *address: str) -> Figures:
    """What a fresh process measured of itself."""
    command = [sys.executable, "-m", "copilot_pipeline_tests.bench", how, what, *address]
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "DATABASE_URL": f"sqlite:///{home}/{what}.db",
        "COPILOT_METRICS__TOKEN_SECRET": "0123456789abcdef" * 4,
        "COPILOT_METRICS__ENDPOINTS": "127.0.0.1",
    }
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


@contextmanager
def github(seats: int) -> Iterator[tuple[str, str]]:
    """The address and token of a simulated GitHub in a process of its own."""
    command = [sys.executable, "-m", "copilot_pipeline_tests.bench", "serve", str(seats)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url, token = json.loads(process.stdout.readline())
        yield url, token
        assert process.stdin is not None
        process.stdin.close()


def serve(seats: int) -> None:
    with SimulatedGitHub([Organization(ORGANIZATION, seat_count=seats)]) as served:
        print(json.dumps([served.url, served.token]), flush=True)
        sys.stdin.read()


def timed(work: Callable[[], int | None]) -> None:
    """Prints the seconds of the work, the peak memory of this process, and the rows it counted."""
    start = time.perf_counter()
    rows = work()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "rows": rows or 0}))


def import_scope(database: Database, url: str, token: str, report: Source) -> None:
    wanted = AccountOptions(url, None, [ORGANIZATION], reports=[report.name])
    import_account(database, token, wanted)


def collecting(what: str, url: str, token: str) -> None:
    today = Today.from_clock()
    with Database(os.environ["DATABASE_URL"]) as database:
        import_scope(database, url, token, sources.ORGANIZATION_DAY)
        scopes = select_scopes(database)

        def metrics() -> None:
            days = day_range(today.newest - timedelta(days=DAYS - 1), today.newest)
            load(database, open_client, scopes, METRICS_STEP, LoadRequest(today, days))

        def seats() -> None:
            request = LoadRequest(today, [today.newest])
            load(database, open_client, scopes, sources.SEATS.step, request)

        timed(metrics if what == "metrics" else seats)


def users(days: str, url: str, token: str) -> None:
    today = Today.from_clock()
    with Database(os.environ["DATABASE_URL"]) as database:
        import_scope(database, url, token, sources.USERS)
        scopes = select_scopes(database)
        asked = day_range(today.newest - timedelta(days=int(days) - 1), today.newest)

        def load_users() -> int:
            outcomes = load(database, open_client, scopes, METRICS_STEP, LoadRequest(today, asked))
            return sum(sum(outcome.rows.values()) for outcome in outcomes)

        timed(load_users)


def dagster(what: str, url: str, token: str) -> None:
    from copilot_pipeline.running import run_days

    today = Today.from_clock()
    first = today.newest - timedelta(days=DAYS - 1 if what == "metrics" else 0)
    with Database(os.environ["DATABASE_URL"]) as database:
        import_scope(database, url, token, sources.ORGANIZATION_DAY)
        days = day_range(first, today.newest)

        def run() -> None:
            run_days(database, today, days)

        timed(run)


def bare(what: str, url: str, token: str) -> None:
    """Fetches the same bytes, and copies the rows that `collecting` left in its database."""
    copied = METRICS_TABLES if what == "metrics" else SEAT_TABLES
    source = sa.create_engine(os.environ["DATABASE_URL"])
    target = sa.create_engine(os.environ["DATABASE_URL"] + ".bare")
    metadata.create_all(target)
    with source.connect() as connection:
        rows = {t: [dict(r._mapping) for r in connection.execute(sa.select(t))] for t in copied}
    raw = copied[0]
    timed(
        lambda: (
            copy_by_day(url, token, rows, target)
            if what == "metrics"
            else copy_by_page(url, token, rows, target, raw)
        )
    )


def copy_by_day(url: str, token: str, rows: Any, target: sa.Engine) -> None:
    with api(token) as client, httpx.Client() as downloads:
        for day in sorted({row["day"] for row in rows[RAW_METRICS.table]}):
            path = f"{url}/orgs/{ORGANIZATION}/copilot/metrics/reports/organization-1-day"
            for link in client.get(path, params={"day": str(day)}).json()["download_links"]:
                downloads.get(link)
            with target.begin() as connection:
                for table, all_rows in rows.items():
                    of_day = [row for row in all_rows if row["day"] == day]
                    connection.execute(sa.insert(table), of_day)


def copy_by_page(url: str, token: str, rows: Any, target: sa.Engine, raw: sa.Table) -> None:
    pages, seats = rows[raw], rows[seats_table]
    share = -(-len(seats) // len(pages))
    with api(token) as client:
        for number, page in enumerate(pages):
            query = {"page": str(page["page"]), "per_page": "100"}
            client.get(f"{url}/orgs/{ORGANIZATION}/copilot/billing/seats", params=query)
            with target.begin() as connection:
                connection.execute(sa.insert(raw), [page])
                part = seats[number * share : (number + 1) * share]
                connection.execute(sa.insert(seats_table), part)


def api(token: str) -> httpx.Client:
    return httpx.Client(headers={"Authorization": f"Bearer {token}"})


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", seat_count]:
            serve(int(seat_count))
        case [("collecting" | "bare" | "dagster" | "users") as how, what, address, secret]:
            measured = {"collecting": collecting, "bare": bare, "dagster": dagster, "users": users}
            measured[how](what, address, secret)
        case _:
            main()
