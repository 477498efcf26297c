"""Whatever GitHub sends: rows or one clear refusal, and a day that is whole before and after."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

import pandas as pd
import pytest
import sqlalchemy as sa
from copilot_pipeline.collect.metrics import load_metrics
from copilot_pipeline.collect.snapshots import load_seats
from copilot_pipeline.reports import LEGACY
from copilot_pipeline.transform import language_metrics, org_metrics, seats
from copilot_pipeline.transform.records import (
    aggregate_day,
    legacy_day,
    legacy_days,
    parse_records,
)
from copilot_pipeline.transform.reports import TRANSFORMS, derive
from copilot_pipeline.transform.values import TransformError, json_text
from hypothesis import example, given
from hypothesis import strategies as st

from copilot_pipeline.collect.outcomes import Outcome, State
from copilot_pipeline.collect.scopes import select_scopes
from copilot_pipeline.days import newest_complete_day
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.credentials import PersonalAccessToken
from copilot_pipeline.github.transport import Connection
from copilot_pipeline.simulated_github import (
    Organization,
    ReportFiles,
    SimulatedGitHub,
    report_records,
)
from copilot_pipeline.warehouse import tables
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.rows import frame_rows
from copilot_pipeline_tests.fuzzing import (
    FORMS,
    aggregates,
    any_text,
    damaged,
    examples,
    legacy_records,
    nearly,
    nearly_objects,
    odd_values,
    report_files,
    seat_pages,
    written,
)
from copilot_pipeline_tests.loading import import_organizations

DAY = date(2026, 11, 20)
SLUG = "octo-demo"
REPORT = "organization-1-day"
TOOL_TABLES = tuple(TRANSFORMS[REPORT])

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def made(
    function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result | None:
    """What the function gives, or None where it refuses with words. Anything else is a bug."""
    try:
        return function(*args, **kwargs)
    except TransformError as error:
        said = str(error)
    assert said.isprintable()
    assert 0 < len(said) < 300
    return None


def all_records(text: str) -> list[Mapping[str, Any]]:
    return list(parse_records(text))


def assert_storable(frame: pd.DataFrame) -> None:
    """Every value is one that both databases can hold in its column."""
    for value in frame.to_numpy(dtype=object).flatten():
        assert value is None or type(value) in (int, str, date, datetime)
        if isinstance(value, int):
            assert -(2**63) <= value < 2**63
        if isinstance(value, str):
            assert "\0" not in value
            value.encode()
        if isinstance(value, datetime):
            assert value.utcoffset() == timedelta(0)


# --- pure functions -----------------------------------------------------------------------------

any_file = st.one_of(
    report_files(DAY),
    damaged(st.builds(json.dumps, st.lists(nearly(legacy_records(DAY)), max_size=2))),
    damaged(st.builds(json.dumps, nearly(seat_pages))),
    damaged(st.builds(json.dumps, odd_values)),
    damaged(any_text),
).map(lambda body: body.decode(errors="replace"))


@examples(150)
@given(text=any_file, other=any_file)
def test_any_text_is_read_or_refused_with_words(text: str, other: str) -> None:
    records = made(all_records, text)
    assert records is None or all(isinstance(record, dict) for record in records)
    aggregate = made(aggregate_day, [text, other], DAY)
    assert aggregate is None or str(aggregate["day"]).startswith(str(DAY))
    made(legacy_days, text)
    made(legacy_day, text, DAY)
    page = made(seats.from_page, text, SLUG)
    if page is not None:
        assert_storable(page.seats)


@examples(150)
@given(record=nearly_objects(aggregates(DAY)) | st.dictionaries(any_text, odd_values, max_size=3))
def test_any_record_gives_rows_of_its_numbers_or_is_refused_with_words(
    record: dict[str, Any],
) -> None:
    frame = made(org_metrics.from_report, record)
    if frame is not None:
        assert_storable(frame)
        (row,) = frame.to_dict("records")
        assert row["total_active_users"] == record.get("daily_active_users")
        assert {name: row[name] for name in tables.REPORT_COUNTERS} == {
            name: record.get(name) for name in tables.REPORT_COUNTERS
        }
    languages = made(language_metrics.from_report, record)
    if languages is not None:
        assert_storable(languages)
        assert not languages.duplicated(["editor", "language"]).any()
        completions = [
            entry
            for entry in record.get("totals_by_language_feature") or []
            if entry.get("feature") == "code_completion"
        ]
        said = [entry.get("code_acceptance_activity_count") for entry in completions]
        assert known_sum(languages["acceptances"]) == known_sum(said)


@examples(150)
@given(day=nearly_objects(legacy_records(DAY)) | st.dictionaries(any_text, odd_values, max_size=3))
def test_any_legacy_day_gives_rows_or_is_refused_with_words(day: dict[str, Any]) -> None:
    frame = made(org_metrics.from_legacy, day)
    languages = made(language_metrics.from_legacy, day)
    for found in (frame, languages):
        if found is not None:
            assert_storable(found)
    if frame is not None and languages is not None:
        (row,) = frame.to_dict("records")
        assert len(row) == len(org_metrics.COLUMNS)
        assert not languages.duplicated(["editor", "language"]).any()
        assert (known_sum(languages["suggestions"]) or 0) == (row["completion_suggestions"] or 0)


@examples(150)
@given(page=nearly_objects(seat_pages))
def test_any_page_of_seats_gives_a_row_for_each_assignee_or_is_refused_with_words(
    page: dict[str, Any],
) -> None:
    found = made(seats.from_page, json.dumps(page), SLUG)
    if found is not None:
        assert_storable(found.seats)
        assert len(found.seats) + found.unassigned == len(page["seats"])
        assert found.seats["user_id"].notna().all()
        assert (found.seats["organization"] != "").all()


@examples(40)
@given(records=st.lists(aggregates(DAY), min_size=1, max_size=3), ascii_only=st.booleans())
def test_every_form_of_a_report_holds_the_same_records(
    records: list[dict[str, Any]], ascii_only: bool
) -> None:
    expected = json.loads(json.dumps(records, ensure_ascii=ascii_only))
    for form in FORMS:
        # Of several records, each is on a line of its own; only one may be printed over several.
        if form != "pretty" or len(records) == 1:
            found = list(parse_records(written(records, form, ascii_only=ascii_only)))
            if "wrapped" in form:
                found = [entry for wrapper in found for entry in wrapper["day_totals"]]
            assert found == expected


@examples(80)
@given(
    record=aggregates(DAY),
    form=st.sampled_from(["lines", "pretty", "array", "pretty array", "wrapped"]),
    place=st.integers(0, 10**4),
)
def test_a_report_that_was_cut_is_never_taken_for_a_whole_one(
    record: dict[str, Any], form: str, place: int
) -> None:
    text = written([record], form)
    assert not made(all_records, text[: place % len(text)])


def test_nesting_at_the_edge_of_what_python_reads_is_read_or_refused_with_words() -> None:
    limit, refused = sys.getrecursionlimit(), 0
    for depth in range(limit - 150, limit + 5):
        nested = "[" * depth + "]" * depth
        record = f'{{"day": "{DAY}", "totals_by_feature": [{{"feature": {nested}}}]}}'
        aggregate = made(aggregate_day, [record, record], DAY)
        if aggregate is None:
            refused += 1
        else:
            made(org_metrics.from_report, aggregate)
            made(language_metrics.from_report, aggregate)
        day = f'{{"date": "{DAY}", "more": {nested}}}'
        for found in (made(legacy_days, f"[{day}, {day}]") or {}).values():
            assert made(legacy_day, json_text(found), DAY) == found
    assert refused


def known_sum(values: Iterable[int | None]) -> int | None:
    """The sum of what is known; None if nothing is."""
    known = [int(value) for value in values if value is not None]
    return sum(known) if known else None


# --- from the wire into the tables --------------------------------------------------------------


@dataclass(frozen=True)
class Warehouse:
    """A warehouse that was loaded once from the simulated GitHub."""

    database: Database
    github: SimulatedGitHub

    def load_metrics(self, days: Sequence[date]) -> dict[date, Outcome]:
        scopes = select_scopes(self.database)
        loaded = load_metrics(self.database, self._open_client, scopes, days)
        return {outcome.day: outcome for outcome in loaded}

    def load_seats(self, day: date) -> Outcome:
        scopes = select_scopes(self.database)
        (outcome,) = load_seats(self.database, self._open_client, scopes, [day])
        return outcome

    def rows(self, *of: sa.Table, day: date | None = None) -> dict[str, list[dict[str, Any]]]:
        """The tables' rows, of that day only, by table."""
        found = {}
        with self.database.read() as connection:
            for table in of:
                query = sa.select(table)
                if day is not None:
                    query = query.where(table.c.day == day)
                found[table.name] = [dict(row._mapping) for row in connection.execute(query)]
        return found

    def _open_client(self, *_: object) -> GitHubClient:
        # The token's key takes a tenth of a second to derive, which these tests are not about.
        return GitHubClient(
            Connection(self.github.url, PersonalAccessToken(self.github.token)), "demo-admin"
        )


@pytest.fixture
def warehouse(database: Database, database_url: str) -> Iterator[Warehouse]:
    organization = Organization(SLUG, seat_count=3, legacy=True)
    with SimulatedGitHub([organization]) as github:
        import_organizations(database_url, github, SLUG)
        yield Warehouse(database, github)


def tables_of(report: str, record: Any) -> dict[str, pd.DataFrame] | None:
    """The rows that a record becomes, by table; None where there is no sense in it."""
    derived = None if record is None else made(derive, report, [record])
    return None if derived is None else {table.name: frame for table, frame in derived.items()}


def as_rows(frame: pd.DataFrame, day: date) -> list[dict[str, Any]]:
    return frame_rows(frame, scope_id=1, day=day)


def unordered(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows in an order that does not depend on the database."""
    return sorted(repr(sorted(row.items())) for row in rows)


def decoded(bodies: Sequence[bytes]) -> list[str] | None:
    try:
        return [body.decode("utf-8-sig") for body in bodies]
    except UnicodeDecodeError:
        return None


def assert_refused(outcome: Outcome) -> None:
    assert outcome.state is State.FAILED
    assert isinstance(outcome.error, CopilotPipelineError)
    assert str(outcome.error).isprintable()


def test_any_report_replaces_its_day_as_a_whole_or_changes_nothing(warehouse: Warehouse) -> None:
    day = newest_complete_day()
    raw_and_tool = (tables.raw_metrics, *TOOL_TABLES)
    first = warehouse.load_metrics([day - timedelta(days=1), day])
    assert [outcome.state for outcome in first.values()] == [State.LOADED] * 2
    seen: set[State] = set()

    @examples(30)
    @given(files=st.lists(report_files(day), min_size=1, max_size=2))
    @example(files=[json.dumps(*report_records(Organization(SLUG), REPORT, day)).encode()])
    def check(files: list[bytes]) -> None:
        before = warehouse.rows(*raw_and_tool)
        warehouse.github.organization(SLUG).reports[REPORT, day] = ReportFiles([*files])
        outcome = warehouse.load_metrics([day])[day]
        after = warehouse.rows(*raw_and_tool)
        seen.add(outcome.state)

        texts = decoded(files)
        record = None if texts is None else made(aggregate_day, texts, day)
        frames = tables_of(REPORT, record)
        if outcome.state is not State.LOADED:
            assert after == before
            assert frames is None
        if outcome.state is State.NOT_READY:
            assert texts is not None
            assert aggregate_day(texts, day) is None
        elif outcome.state is State.LOADED:
            assert texts is not None
            stored = warehouse.rows(*raw_and_tool, day=day)
            payloads = {row["part"]: row["payload"] for row in stored[tables.raw_metrics.name]}
            assert payloads == dict(enumerate(texts))
            assert frames is not None
            for name, frame in frames.items():
                assert unordered(stored[name]) == unordered(as_rows(frame, day))
            for name, rows in before.items():
                untouched = [row for row in rows if row["day"] != day]
                assert unordered(untouched) == unordered(
                    [row for row in after[name] if row["day"] != day]
                )
        else:
            assert_refused(outcome)

    check()
    assert seen >= {State.LOADED, State.FAILED}


def test_any_page_of_legacy_days_replaces_each_day_as_a_whole_or_leaves_it(
    database: Database, database_url: str
) -> None:
    newest = newest_complete_day()
    days = [newest - timedelta(days=n) for n in range(2)]
    raw_and_tool = (tables.raw_metrics, *TOOL_TABLES)
    seen: set[State] = set()
    legacy_pages = st.tuples(*(nearly(legacy_records(day)) for day in days)).flatmap(
        lambda records: st.sampled_from([records, records, records[:1], (*records, records[0])])
    )

    @examples(30)
    @given(body=damaged(st.builds(json.dumps, legacy_pages)))
    def check(body: bytes) -> None:
        before = {day: warehouse.rows(*raw_and_tool, day=day) for day in days}
        github.faults.clear()
        github.faults.add("/copilot/metrics$", status=200, body=body)
        outcomes = warehouse.load_metrics(days)
        assert sorted(outcomes) == sorted(days)
        seen.update(outcome.state for outcome in outcomes.values())

        texts = decoded([body])
        records = None if texts is None else made(legacy_days, texts[0])
        for day, outcome in outcomes.items():
            after = warehouse.rows(*raw_and_tool, day=day)
            record = (records or {}).get(day)
            frames = tables_of(LEGACY, record)
            if outcome.state is State.LOADED:
                assert frames is not None
                for name, frame in frames.items():
                    assert unordered(after[name]) == unordered(as_rows(frame, day))
                (raw,) = after[tables.raw_metrics.name]
                assert legacy_day(raw["payload"], day) == record
                continue
            assert after == before[day]
            if outcome.state is State.NOT_READY:
                assert records is not None
                assert day not in records
            else:
                assert_refused(outcome)
                assert frames is None

    with SimulatedGitHub([Organization(SLUG, legacy=True)]) as github:
        import_organizations(database_url, github, SLUG, metrics_api="legacy")
        warehouse = Warehouse(database, github)
        first = warehouse.load_metrics(days)
        assert [outcome.state for outcome in first.values()] == [State.LOADED] * 2
        check()
    assert seen == {State.LOADED, State.FAILED, State.NOT_READY}


def test_any_pages_of_seats_replace_the_snapshot_as_a_whole_or_change_nothing(
    warehouse: Warehouse,
) -> None:
    day = newest_complete_day()
    github = warehouse.github
    seat_tables = (tables.raw_seats, tables.seats)
    assert warehouse.load_seats(day).state is State.LOADED
    seen: set[State] = set()

    @examples(30)
    @given(
        pages=st.lists(damaged(st.builds(json.dumps, nearly(seat_pages))), min_size=1, max_size=2)
    )
    # NUL, which PostgreSQL cannot hold, where no reader of JSON has looked yet.
    @example(pages=[b'{"total_seats": 0, "seats": []}', b'{"seats": []}\0'])
    def check(pages: list[bytes]) -> None:
        before = warehouse.rows(*seat_tables)
        github.faults.clear()
        path = f"/orgs/{SLUG}/copilot/billing/seats"
        for page in pages[1:]:
            github.faults.add(path, query={"page": "2"}, status=200, body=page)
        link = f'<{github.url}{path}?per_page=100&page=2>; rel="next"'
        github.faults.add(
            path, status=200, body=pages[0], headers={"link": link} if pages[1:] else {}
        )
        outcome = warehouse.load_seats(day)
        after = warehouse.rows(*seat_tables)
        seen.add(outcome.state)

        texts = decoded(pages)
        found = [made(seats.from_page, text, SLUG) for text in texts or []]
        if outcome.state is State.LOADED:
            assert texts is not None
            stored = {row["page"]: row["payload"] for row in after[tables.raw_seats.name]}
            assert stored == dict(enumerate(texts, 1))
            frames = [page.seats for page in found if page is not None]
            assert len(frames) == len(pages)
            expected = newest_of_each([row for frame in frames for row in as_rows(frame, day)])
            assert unordered(after[tables.seats.name]) == unordered(expected)
        else:
            assert_refused(outcome)
            assert after == before
            assert texts is None or any(page is None for page in found)

    check()
    assert seen == {State.LOADED, State.FAILED}


def newest_of_each(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row of each person: the one with the latest activity, the first of those alike."""
    kept: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows:
        person = (row["organization"], row["user_id"])
        earlier = kept.get(person, {}).get("last_activity_at")
        latest = row["last_activity_at"]
        if earlier is None or (latest is not None and latest > earlier):
            kept[person] = row
    return list(kept.values())
