"""What `make bench` measures, in a process of its own: it prints its figures as JSON.

The bare loop is the least that a script can do: it fetches the same answers with httpx, one request
after the other, parses them with json, and copies the same rows into the same tables. It derives,
compresses and checks nothing: its rows are those that a load left in another warehouse.
"""

import json
import os
import resource
import sqlite3
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import wraps
from itertools import groupby
from operator import itemgetter
from typing import Any

import httpx
import psycopg
import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from copilot_pipeline import sources
from copilot_pipeline.accounts import AccountOptions, import_account, open_client
from copilot_pipeline.collect import derive, loader, store
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today, day_range
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.sources.shape import Record
from copilot_pipeline.sources.source import Source
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.bench_github import Address, slug_of
from copilot_pipeline_tests.peak_memory import peak

Figures = dict[str, Any]
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Work:
    """The newest days of a source, of the organization with so many seats."""

    source: str
    seats: int
    days: int

    @property
    def of(self) -> Source:
        return sources.source_named(self.source)

    @property
    def tables(self) -> list[str]:
        return [self.of.raw.table.name, *(each.table.name for each in self.of.tables)]

    def requested(self) -> Sequence[date]:
        newest = Today.from_clock().newest
        return day_range(newest - timedelta(days=self.days - 1), newest)


def timed(work: Callable[[], int]) -> Figures:
    """Seconds by the clock and of this process's processors, its peak MiB, and the rows."""
    clock, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    rows = work()
    seconds, after = time.perf_counter() - clock, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": cpu, "peak": peak(), "rows": rows}


def ours(work: Work, address: Address) -> Figures:
    """Loads with the loader alone, as a run does between Dagster's events."""
    with imported(work, address) as database:
        scopes = select_scopes(database)
        request = LoadRequest(Today.from_clock(), work.requested())

        def loaded() -> int:
            outcomes = load(database, open_client, scopes, work.of.step, request)
            assert not [outcome.message for outcome in outcomes if outcome.message]
            return sum(
                count
                for outcome in outcomes
                for table, count in outcome.rows.items()
                if table in work.tables
            )

        return timed(loaded)


def dagster(work: Work, address: Address) -> Figures:
    """Loads with a run of Dagster, which records its events."""
    from copilot_pipeline.running import run_days

    with imported(work, address) as database:

        def run() -> int:
            run_days(database, Today.from_clock(), work.requested())
            return 0

        return timed(run)


@contextmanager
def imported(work: Work, address: Address) -> Iterator[Database]:
    with Database(os.environ["DATABASE_URL"]) as database:
        report = work.source if work.of in sources.REPORTS else sources.ORGANIZATION_DAY.name
        wanted = AccountOptions(address.url, None, [slug_of(work.seats)], reports=[report])
        import_account(database, address.token, wanted)
        yield database


def bare(work: Work, address: Address) -> Figures:
    rows = filled_rows(work)
    with copying(work) as copy, api(address) as client, httpx.Client() as downloads:

        def looped() -> int:
            for day in work.requested():
                for body in bodies(work, day, address, client, downloads):
                    [json.loads(line) for line in body.splitlines()]
                copy(rows[str(day)])
            return sum(len(table) for of_day in rows.values() for table in of_day.values())

        return timed(looped)


def api(address: Address) -> httpx.Client:
    headers = {"Authorization": f"Bearer {address.token}"}
    return httpx.Client(base_url=address.url, headers=headers)


def bodies(
    work: Work, day: date, address: Address, client: httpx.Client, downloads: httpx.Client
) -> Iterator[bytes]:
    """What GitHub answers about the day."""
    path = f"/orgs/{slug_of(work.seats)}/copilot"
    if work.of in sources.REPORTS:
        query = {"day": str(day)}
        envelope = client.get(f"{path}/metrics/reports/{work.source}", params=query).json()
        for link in envelope["download_links"]:
            yield downloads.get(link).content
        return
    following: str | None = f"{path}/billing/seats?per_page=100"
    while following:
        answer = client.get(following)
        yield answer.content
        following = answer.links.get("next", {}).get("url")


def filled_rows(work: Work) -> dict[str, Rows]:
    """The rows of each day in the warehouse that was filled before, by table."""
    found: dict[str, Rows] = {}
    with sqlite3.connect(os.environ["BENCH_FILLED"]) as connection:
        for table in work.tables:
            rows = connection.execute(f"SELECT * FROM {table} ORDER BY day").fetchall()
            for day, of_day in groupby(rows, key=itemgetter(1)):
                found.setdefault(day, {})[table] = list(of_day)
    return found


@contextmanager
def copying(work: Work) -> Iterator[Callable[[Rows], None]]:
    """Writes rows in one transaction, as fast as the driver can."""
    url = sa.make_url(os.environ["DATABASE_URL"])
    if url.get_backend_name() == "sqlite":
        yield from _inserting(sqlite3.connect(str(url.database)))
    else:
        address = url.render_as_string(hide_password=False)
        yield from _copying(psycopg.connect(address))


def _inserting(connection: sqlite3.Connection) -> Iterator[Callable[[Rows], None]]:
    def insert(rows: Rows) -> None:
        with connection:
            for table, of_table in rows.items():
                marks = ", ".join("?" * len(of_table[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", of_table)

    yield insert
    connection.close()


def _copying(connection: psycopg.Connection) -> Iterator[Callable[[Rows], None]]:
    def copy(rows: Rows) -> None:
        with connection.transaction(), connection.cursor() as cursor:
            for table, of_table in rows.items():
                with cursor.copy(f"COPY {table} FROM STDIN") as writer:
                    for row in of_table:
                        writer.write_row(row)

    yield copy
    connection.close()


class Stopwatch:
    """Adds up the seconds of phases, without those of the phases that run within them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running = ["other"]
        self._since = time.perf_counter()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self._note()
        self._running.append(name)
        try:
            yield
        finally:
            self._note()
            self._running.pop()

    def _note(self) -> None:
        now = time.perf_counter()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now

    def watch(self, phase: str, owner: Any, name: str) -> None:
        """Replaces a function by one that counts as the phase."""
        function = getattr(owner, name)

        @wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            with self.phase(phase):
                return function(*arguments, **named)

        setattr(owner, name, watched)


class Inline(Executor):
    """Compresses in the thread that decodes, so that a stopwatch sees one phase at a time."""

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*arguments, **named))
        return done


def phases(work: Work, address: Address) -> Figures:
    """Loads in one thread, and returns the seconds by phase."""
    watch = Stopwatch()
    for name in ("report", "document"):
        watch.watch("fetch", GitHubClient, name)
    pages = GitHubClient.pages
    loader.ThreadPoolExecutor = lambda *_, **__: Inline()  # type: ignore[attr-defined, assignment]
    watch.watch("decode", Record, "decode")
    watch.watch("digest", Record, "encode")
    watch.watch("derive", derive.Derivation, "__init__")
    watch.watch("write", derive.Derivation, "write")
    watch.watch("count seats", derive, "after_writing")
    watch.watch("compress", store, "compress_ahead")
    watch.watch("write raw", store, "replace_raw")
    watch.watch("lock", store, "lock_scope")
    watch.watch("commit", DefaultDialect, "do_commit")

    def all_pages(*arguments: Any) -> Any:
        with watch.phase("fetch"):
            return iter(list(pages(*arguments)))

    GitHubClient.pages = all_pages  # type: ignore[method-assign, assignment]
    with imported(work, address) as database:
        scopes, request = select_scopes(database), LoadRequest(Today.from_clock(), work.requested())
        watch.seconds.clear()
        watch._since = time.perf_counter()
        load(database, open_client, scopes, work.of.step, request)
        with watch.phase("other"):
            pass
    return dict(watch.seconds)


if __name__ == "__main__":
    how, source, seats, days, url, token = sys.argv[1:]
    measured = {"ours": ours, "bare": bare, "phases": phases, "dagster": dagster}[how]
    print(json.dumps(measured(Work(source, int(seats), int(days)), Address(url, token))))
