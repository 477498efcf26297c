"""Whatever GitHub sends: rows or one clear refusal, and a day that is whole before and after."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st

from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.credentials import PersonalAccessToken
from copilot_pipeline.github.transport import ConnectionSettings
from copilot_pipeline.simulated_github import (
    Organization,
    ReportFiles,
    SimulatedGitHub,
    report_records,
)
from copilot_pipeline.sources import LEGACY, ORGANIZATION_DAY, SEATS, SOURCES
from copilot_pipeline.sources.aggregate import RECORD, org_metrics
from copilot_pipeline.sources.legacy import split_days
from copilot_pipeline.sources.raw import RAW_METRICS, RAW_SEATS
from copilot_pipeline.sources.reading import read_many
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.sources.seats import seats
from copilot_pipeline.sources.source import Source
from copilot_pipeline.sources.values import RecordError
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.answers import DAY, Row, answer, reading_of
from copilot_pipeline_tests.fuzzing import (
    FORMS,
    REPORT_COUNTERS,
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
from copilot_pipeline_tests.loading import decompressed, import_organizations, newest_complete_day

pytestmark = [pytest.mark.fuzz, pytest.mark.both_databases]

SLUG = "octo-demo"
REPORT = ORGANIZATION_DAY.name
TOOL_TABLES = tuple(target.table for target in ORGANIZATION_DAY.tables)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Tables = dict[str, list[Row]]


def made(
    function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result | None:
    """What the function gives, or None where it refuses with words. Anything else is a bug."""
    try:
        return function(*args, **kwargs)
    except RecordError as error:
        message = str(error)
    assert message.isprintable()
    assert 0 < len(message) < 300
    return None


def tables_of(source: Source, texts: Sequence[str], day: date = DAY) -> Tables | None:
    """The rows that the texts become, by table; None where there is no sense in them."""

    def derived() -> Tables:
        found: Tables = {target.table.name: [] for target in source.tables}
        for record in source.read(map(answer, texts), reading_of(day, SLUG)):
            assert source.record.encode(record)
            for target in source.tables:
                names = [column.name for column in target.table.c][2:]
                for row in target.rows(record):
                    values = dict(zip(names, row, strict=True))
                    found[target.table.name].append({"scope_id": 1, "day": day, **values})
        return found

    found = made(derived)
    for rows in (found or {}).values():
        for row in rows:
            assert_storable(row)
    return found


def assert_storable(row: Row) -> None:
    """Every value is one that both databases can hold in its column."""
    for value in row.values():
        assert value is None or type(value) in (bool, int, float, str, date, datetime)
        if isinstance(value, int):
            assert -(2**63) <= value < 2**63
        if isinstance(value, str):
            assert "\0" not in value
            value.encode()
        if isinstance(value, datetime):
            assert value.utcoffset() == timedelta(0)


def assert_distinct(rows: Sequence[Row], *names: str) -> None:
    keys = [tuple(row[name] for name in names) for row in rows]
    assert len(set(keys)) == len(keys)


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
    for source in SOURCES:
        tables_of(source, [text])
        tables_of(source, [text, other])
    for day, content in (made(split_days, text.encode()) or {}).items():
        tables_of(LEGACY, [content.decode()], day)


@examples(150)
@given(record=nearly_objects(aggregates(DAY)) | st.dictionaries(any_text, odd_values, max_size=3))
def test_any_record_gives_rows_of_its_numbers_or_is_refused_with_words(
    record: dict[str, Any],
) -> None:
    found = tables_of(ORGANIZATION_DAY, [json.dumps({**record, "day": str(DAY)})])
    if found is not None:
        (row,) = found[org_metrics.name]
        assert row["total_active_users"] == record.get("daily_active_users")
        assert {name: row[name] for name in REPORT_COUNTERS} == {
            name: record.get(name) for name in REPORT_COUNTERS
        }
        languages = found["_tool_copilot_language_metrics"]
        assert_distinct(languages, "editor", "language")
        completions = [
            entry
            for entry in record.get("totals_by_language_feature") or []
            if entry.get("feature") == "code_completion"
        ]
        said = [entry.get("code_acceptance_activity_count") for entry in completions]
        assert known_sum(row["acceptances"] for row in languages) == known_sum(said)


@examples(150)
@given(day=nearly_objects(legacy_records(DAY)) | st.dictionaries(any_text, odd_values, max_size=3))
def test_any_legacy_day_gives_rows_or_is_refused_with_words(day: dict[str, Any]) -> None:
    found = tables_of(LEGACY, [json.dumps({**day, "date": str(DAY)})])
    if found is not None:
        (row,) = found[org_metrics.name]
        languages = found["_tool_copilot_language_metrics"]
        assert_distinct(languages, "editor", "language")
        suggestions = known_sum(row["suggestions"] for row in languages)
        assert (suggestions or 0) == (row["completion_suggestions"] or 0)


@examples(150)
@given(page=nearly_objects(seat_pages))
def test_any_page_of_seats_gives_a_row_for_each_assignee_or_is_refused_with_words(
    page: dict[str, Any],
) -> None:
    found = tables_of(SEATS, [json.dumps(page)])
    if found is not None:
        rows = found[seats.name]
        assert len(rows) == sum(seat.get("assignee") is not None for seat in page["seats"])
        assert all(row["user_id"] is not None for row in rows)
        assert all(row["organization"] != "" for row in rows)


read_records = read_many(RECORD)


@examples(40)
@given(records=st.lists(aggregates(DAY), min_size=1, max_size=3), ascii_only=st.booleans())
def test_every_form_of_a_report_holds_the_same_records(
    records: list[dict[str, Any]], ascii_only: bool
) -> None:
    expected = None
    for form in FORMS:
        # Of several records, each is on a line of its own; only one may be printed over several.
        if form != "pretty" or len(records) == 1:
            text = written(records, form, ascii_only=ascii_only)
            # Surrogates that stand for themselves are no UTF-8, which the client refuses.
            body = text.encode(errors="replace").decode()
            found = read_records([answer(body)], reading_of())
            contents = [RECORD.encode(record) for record in found]
            assert len(contents) == len(records)
            assert contents == (expected or contents)
            expected = contents


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
    cut = answer(text[: place % len(text)])
    assert not made(lambda: list(read_records([cut], reading_of())))


def test_nesting_at_the_edge_of_what_python_reads_is_read_or_refused_with_words() -> None:
    limit, refused = sys.getrecursionlimit(), 0
    for depth in range(limit - 150, limit + 5):
        nested = "[" * depth + "]" * depth
        record = f'{{"day": "{DAY}", "etl_id": {nested}, "new": {nested}}}'
        refused += tables_of(ORGANIZATION_DAY, [record, record]) is None
        day = f'{{"date": "{DAY}", "more": {nested}}}'
        for content in (made(split_days, f"[{day}, {day}]".encode()) or {}).values():
            assert json.loads(content) == json.loads(day)
            tables_of(LEGACY, [content.decode()])
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
        return {outcome.day: outcome for outcome in self._load(METRICS_STEP, days)}

    def load_seats(self, day: date) -> Outcome:
        (outcome,) = self._load(SEATS.step, [day])
        return outcome

    def _load(self, step: str, days: Sequence[date]) -> list[Outcome]:
        scopes, request = select_scopes(self.database), LoadRequest(Today.from_clock(), days)
        return load(self.database, self._open_client, scopes, step, request)

    def rows(self, *of: sa.Table, day: date | None = None) -> dict[str, list[dict[str, Any]]]:
        """The tables' rows, of that day only, by table."""
        found = {}
        with self.database.read() as connection:
            for table in of:
                query = sa.select(table)
                if day is not None:
                    query = query.where(table.c.day == day)
                found[table.name] = [
                    decompressed(row._asdict()) for row in connection.execute(query)
                ]
        return found

    def _open_client(self, *_: object) -> GitHubClient:
        # The token's key takes a tenth of a second to derive, which these tests are not about.
        return GitHubClient(
            ConnectionSettings(self.github.url, PersonalAccessToken(self.github.token)),
            "demo-admin",
        )


@pytest.fixture
def warehouse(database: Database, database_url: str) -> Iterator[Warehouse]:
    organization = Organization(SLUG, seat_count=3, legacy=True)
    with SimulatedGitHub([organization]) as github:
        import_organizations(database_url, github, SLUG)
        yield Warehouse(database, github)


def unordered(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows in an order that does not depend on the database."""
    return sorted(repr(sorted(row.items())) for row in rows)


def decoded(bodies: Sequence[bytes]) -> list[str] | None:
    try:
        return [body.decode("utf-8-sig") for body in bodies]
    except UnicodeDecodeError:
        return None


def assert_refused(outcome: Outcome) -> None:
    assert outcome.state is OutcomeState.FAILED
    assert outcome.message is not None
    assert outcome.message.isprintable()
    assert "bug" not in outcome.message


def test_any_report_replaces_its_day_as_a_whole_or_changes_nothing(warehouse: Warehouse) -> None:
    day = newest_complete_day()
    raw_and_tool = (RAW_METRICS.table, *TOOL_TABLES)
    first = warehouse.load_metrics([day - timedelta(days=1), day])
    assert [outcome.state for outcome in first.values()] == [OutcomeState.LOADED] * 2
    seen: set[OutcomeState] = set()

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
        expected = None if texts is None else tables_of(ORGANIZATION_DAY, texts, day)
        if outcome.state is not OutcomeState.LOADED:
            assert after == before
        if outcome.state is OutcomeState.NOT_READY:
            assert expected == {table.name: [] for table in TOOL_TABLES}
        elif outcome.state is OutcomeState.LOADED:
            assert texts is not None
            stored = warehouse.rows(*raw_and_tool, day=day)
            payloads = {row["part"]: row["payload"] for row in stored[RAW_METRICS.table.name]}
            assert payloads == dict(enumerate(texts))
            assert expected is not None
            for name, rows in expected.items():
                assert unordered(stored[name]) == unordered(rows)
            for name, rows in before.items():
                untouched = [row for row in rows if row["day"] != day]
                assert unordered(untouched) == unordered(
                    [row for row in after[name] if row["day"] != day]
                )
        else:
            assert_refused(outcome)
            assert expected is None

    check()
    assert seen >= {OutcomeState.LOADED, OutcomeState.FAILED}


def test_any_page_of_legacy_days_replaces_each_day_as_a_whole_or_leaves_it(
    database: Database, database_url: str
) -> None:
    newest = newest_complete_day()
    days = [newest - timedelta(days=n) for n in range(2)]
    raw_and_tool = (RAW_METRICS.table, *TOOL_TABLES)
    seen: set[OutcomeState] = set()
    legacy_pages = st.tuples(*(nearly(legacy_records(day)) for day in days)).flatmap(
        lambda records: st.sampled_from([records, records, records[:1], (*records, records[0])])
    )

    @examples(30)
    @given(body=damaged(st.builds(json.dumps, legacy_pages)))
    @example(body=b"[]")
    def check(body: bytes) -> None:
        before = {day: warehouse.rows(*raw_and_tool, day=day) for day in days}
        github.faults.clear()
        github.faults.add("/copilot/metrics$", status=200, body=body)
        outcomes = warehouse.load_metrics(days)
        assert sorted(outcomes) == sorted(days)
        seen.update(outcome.state for outcome in outcomes.values())

        texts = decoded([body])
        contents = None if texts is None else made(split_days, texts[0].encode())
        for day, outcome in outcomes.items():
            after = warehouse.rows(*raw_and_tool, day=day)
            content = (contents or {}).get(day)
            expected = None if content is None else tables_of(LEGACY, [content.decode()], day)
            if outcome.state is OutcomeState.LOADED:
                assert content is not None
                assert expected is not None
                for name, rows in expected.items():
                    assert unordered(after[name]) == unordered(rows)
                (raw,) = after[RAW_METRICS.table.name]
                assert raw["payload"] == content.decode()
                continue
            assert after == before[day]
            if outcome.state is OutcomeState.NOT_READY:
                assert contents is not None
                assert day not in contents
            else:
                assert_refused(outcome)
                assert expected is None

    with SimulatedGitHub([Organization(SLUG, legacy=True)]) as github:
        import_organizations(database_url, github, SLUG, metrics_api="legacy")
        warehouse = Warehouse(database, github)
        first = warehouse.load_metrics(days)
        assert [outcome.state for outcome in first.values()] == [OutcomeState.LOADED] * 2
        check()
    assert seen == {OutcomeState.LOADED, OutcomeState.FAILED, OutcomeState.NOT_READY}


def test_any_pages_of_seats_replace_the_snapshot_as_a_whole_or_change_nothing(
    warehouse: Warehouse,
) -> None:
    day = newest_complete_day()
    github = warehouse.github
    seat_tables = (RAW_SEATS.table, seats)
    assert warehouse.load_seats(day).state is OutcomeState.LOADED
    seen: set[OutcomeState] = set()

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
        found = None if texts is None else tables_of(SEATS, texts, day)
        if outcome.state is OutcomeState.LOADED:
            assert texts is not None
            stored = {row["page"]: row["payload"] for row in after[RAW_SEATS.table.name]}
            assert stored == dict(enumerate(texts, 1))
            assert found is not None
            expected = newest_of_each(found[seats.name])
            assert unordered(after[seats.name]) == unordered(expected)
        else:
            assert_refused(outcome)
            assert after == before
            assert found is None

    check()
    assert seen == {OutcomeState.LOADED, OutcomeState.FAILED}


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
