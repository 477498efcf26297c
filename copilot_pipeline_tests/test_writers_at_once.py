"""Writers of the same day on PostgreSQL: the second waits for the first, and raw and tool agree."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from copilot_pipeline.accounts import open_client
from copilot_pipeline.collect import store
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.rebuild import rebuild
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.simulated_github import SimulatedGitHub
from copilot_pipeline.sources import SEAT_BILLING, seat_billing
from copilot_pipeline.sources.raw import RAW_BILLING
from copilot_pipeline.sources.seat_billing import billing
from copilot_pipeline.sources.values import parse_json
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.raw import replace_raw
from copilot_pipeline_tests.loading import import_organizations, read_table

SLUG = "octo-demo"
SOON, LATE = 1.5, 30


ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class Pause:
    """Stops the first call of a function, until it may go on."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._is_first = True
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        if self._is_first:
            self._is_first = False
            self.reached.set()
            assert self.go_on.wait(LATE)
        return self._function(*arguments)


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def load_billing(url: str) -> list[Outcome]:
    with Database(url) as database:
        today = Today.from_clock()
        order = LoadRequest(today, [today.newest])
        return load(database, open_client, select_scopes(database), SEAT_BILLING.step, order)


def rebuild_billing(url: str) -> list[Outcome]:
    with Database(url) as database:
        days = [Today.from_clock().newest]
        scopes = select_scopes(database)
        return list(rebuild(database, scopes, SEAT_BILLING.step, days, {"billing"}))


def serve(github: SimulatedGitHub, total: int) -> None:
    github.organization(SLUG).billing = {"seat_breakdown": {"total": total}}


def totals(url: str) -> tuple[int, int]:
    """The seats in the raw answer, and in the tool row."""
    (raw,) = read_table(url, RAW_BILLING.table.name, "1, 2")
    (row,) = read_table(url, billing.name, "1, 2")
    return json.loads(raw["payload"])["seat_breakdown"]["total"], row["total"]


def states(done: Future[list[Outcome]]) -> list[OutcomeState]:
    return [outcome.state for outcome in done.result(LATE)]


@ON_POSTGRESQL
@pytest.mark.parametrize(
    ("second", "state"), [(load_billing, OutcomeState.KEPT), (rebuild_billing, OutcomeState.LOADED)]
)
def test_a_second_writer_waits_for_the_load_of_the_same_snapshot(
    warehouse_environment: str,
    github: SimulatedGitHub,
    workers: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    second: Callable[[str], list[Outcome]],
    state: OutcomeState,
) -> None:
    url = warehouse_environment
    import_organizations(url, github, SLUG)
    serve(github, 1)
    load_billing(url)
    serve(github, 2)
    # Its tool rows are replaced, its raw rows are not.
    pause = Pause(replace_raw)
    monkeypatch.setattr(store, "replace_raw", pause)
    loading = workers.submit(load_billing, url)
    try:
        assert pause.reached.wait(LATE)
        serve(github, 3)
        waiting = workers.submit(second, url)
        with pytest.raises(TimeoutError):
            waiting.result(SOON)
    finally:
        pause.go_on.set()
    assert states(loading) == [OutcomeState.LOADED]
    assert states(waiting) == [state]
    assert totals(url) == (2, 2)


@pytest.mark.both_databases
def test_a_day_that_is_being_read_keeps_no_other_writer_waiting(
    warehouse_environment: str,
    github: SimulatedGitHub,
    workers: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = warehouse_environment
    import_organizations(url, github, SLUG)
    serve(github, 1)
    load_billing(url)
    serve(github, 2)
    pause = Pause(parse_json)
    monkeypatch.setattr(seat_billing, "parse_json", pause)
    loading = workers.submit(load_billing, url)
    try:
        assert pause.reached.wait(LATE)
        assert states(workers.submit(rebuild_billing, url)) == [OutcomeState.LOADED]
    finally:
        pause.go_on.set()
    assert states(loading) == [OutcomeState.LOADED]
    assert totals(url) == (2, 2)
