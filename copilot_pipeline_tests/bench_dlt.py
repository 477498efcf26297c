"""The same work with dlt, for `make bench-dlt`. Runs in an environment that has dlt alone.

Seats are reduced to the fields that we store, and the arrays of users become dlt's child tables.
Raw answers are not stored, and nothing is checked.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import dlt
from dlt.sources.helpers import requests
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.paginators import HeaderLinkPaginator

PLAIN = (
    "plan_type",
    "created_at",
    "updated_at",
    "last_activity_at",
    "last_activity_editor",
    "last_authenticated_at",
    "pending_cancellation_date",
)


def seats(client: RESTClient, path: str) -> Iterator[list[dict[str, Any]]]:
    pages = client.paginate(
        f"{path}/billing/seats", params={"per_page": 100}, data_selector="seats"
    )
    for page in pages:
        yield [seat_of(each) for each in page]


def seat_of(seat: dict[str, Any]) -> dict[str, Any]:
    team = seat.get("assigning_team") or {}
    return {
        "user_id": seat["assignee"]["id"],
        "user_login": seat["assignee"]["login"],
        "assigning_team_id": team.get("id"),
        "assigning_team_slug": team.get("slug"),
        **{name: seat.get(name) for name in PLAIN},
    }


def users(client: RESTClient, path: str, days: int) -> Iterator[list[dict[str, Any]]]:
    newest = datetime.now(UTC).date() - timedelta(days=1)
    for number in reversed(range(days)):
        day = newest - timedelta(days=number)
        report = f"{path}/metrics/reports/users-1-day"
        for link in client.get(report, params={"day": str(day)}).json()["download_links"]:
            yield [json.loads(line) for line in requests.get(link).content.splitlines()]


def with_host(url: str) -> str:
    """dlt needs a host and a password. The host may be the folder of the server's socket."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query)["host"][0]
    return f"postgresql://postgres:unused@{quote(folder, safe='')}{parts.path}"


def main(source: str, count: str, days: str, url: str, token: str) -> None:
    client = RESTClient(url, auth=BearerTokenAuth(token), paginator=HeaderLinkPaginator())
    path = f"/orgs/bench-{count}/copilot"
    records = seats(client, path) if source == "seats" else users(client, path, int(days))
    url = os.environ["DATABASE_URL"]
    is_sqlite = url.startswith("sqlite")
    destination = dlt.destinations.sqlalchemy if is_sqlite else dlt.destinations.postgres
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=os.environ["BENCH_DLT"],
        destination=destination(credentials=url if is_sqlite else with_host(url)),
        dataset_name="main" if is_sqlite else "bench",
    )
    clock, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    pipeline.run(
        records,
        table_name=source.replace("-", "_"),
        write_disposition="append",
        # Nobody's seat ends, so that dlt does not see the column's type.
        columns={"pending_cancellation_date": {"data_type": "text"}} if source == "seats" else {},
    )
    seconds, after = time.perf_counter() - clock, resource.getrusage(resource.RUSAGE_SELF)
    counts = pipeline.last_trace.last_normalize_info.row_counts
    figures = {
        "seconds": seconds,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak": after.ru_maxrss / 1024,
        "rows": sum(rows for table, rows in counts.items() if not table.startswith("_dlt")),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
