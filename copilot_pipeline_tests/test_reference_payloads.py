"""GitHub's documented payloads and peers' samples go through the client and the sources.

The files are not part of the project: COPILOT_PIPELINE_REFERENCE names their folder.
"""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.credentials import PersonalAccessToken
from copilot_pipeline.github.errors import (
    AccessError,
    Answer,
    FileMissingError,
    GitHubError,
    LinkExpiredError,
    RateLimitedError,
    RefusedUrlError,
    RetryableError,
    Subject,
    raise_for_answer,
    raise_for_download,
)
from copilot_pipeline.github.retries import RetryPolicy
from copilot_pipeline.github.transport import ConnectionSettings
from copilot_pipeline.simulated_github import SimulatedGitHub
from copilot_pipeline.sources import LEGACY, ORGANIZATION_DAY, SEATS
from copilot_pipeline.sources.legacy import split_days
from copilot_pipeline.sources.source import Source
from copilot_pipeline.sources.values import RecordError
from copilot_pipeline_tests import answers
from copilot_pipeline_tests.answers import Row, known, reading_of
from copilot_pipeline_tests.asking import ask_report

VIEWER = "peer_samples/copilot-metrics-viewer"
FAROS = "peer_samples/faros-airbyte-connectors"
REPORTS = "examples/reports"


def rows(source: Source, table: str, text: str, day: date) -> list[Row]:
    """The rows without the values that are missing."""
    return [known(row) for row in answers.rows(source, table, text, day=day)]


def org_row(source: Source, text: str, day: date) -> Row:
    (row,) = rows(source, "org_metrics", text, day)
    return row


def languages(source: Source, text: str, day: date) -> list[Row]:
    """In the order of editors and languages."""
    found = rows(source, "language_metrics", text, day)
    return sorted(found, key=lambda row: (row["editor"], row["language"]))


# --- aggregate reports ------------------------------------------------------------------------

ONE_DAY_FILES = {
    f"{REPORTS}/constructed_aggregate_1_day_all_fields.json": date(2026, 10, 1),
    f"{REPORTS}/constructed_aggregate_1_day_all_fields.ndjson": date(2026, 10, 1),
    f"{VIEWER}/organization-1-day-report.json": date(2026, 4, 25),
}

# With the days they hold, in their order.
WRAPPED_FILES = {
    f"{REPORTS}/constructed_28_day_wrapper.json": ["2026-10-01", "2026-09-30"],
    f"{REPORTS}/docs_enterprise_28day_example_2026-05.json": ["2025-10-01", "2025-10-01"],
    f"{REPORTS}/docs_enterprise_28day_example_2026-05.ndjson": ["2025-10-01", "2025-10-01"],
    f"{VIEWER}/organization-1-day-report.json": ["2026-04-25"],
}

COUNTERS = ("daily_active_users", "weekly_active_users", "code_generation_activity_count")


def entries_of(path: Path) -> list[dict[str, Any]]:
    """Every day of a wrapper file, read without the code under test."""
    text = path.read_text()
    if path.suffix == ".ndjson":
        records = [json.loads(line) for line in text.splitlines() if line.strip()]
    else:
        value = json.loads(text)
        records = value if isinstance(value, list) else [value]
    return [entry for record in records for entry in record["day_totals"]]


def assert_rows_say_what_the_entry_says(text: str, entry: dict[str, Any]) -> None:
    day = date.fromisoformat(entry["day"])
    row = org_row(ORGANIZATION_DAY, text, day)
    assert row["source"] == "reports"
    assert row["total_active_users"] == entry["daily_active_users"]
    for name in COUNTERS[1:]:
        assert row[name] == entry[name]
    said = [e for e in entry["totals_by_language_feature"] if e["feature"] == "code_completion"]
    found = languages(ORGANIZATION_DAY, text, day)
    assert [r["language"] for r in found] == sorted({e["language"] for e in said})
    assert sum(r["suggestions"] for r in found) == sum(
        e["code_generation_activity_count"] for e in said
    )


@pytest.mark.parametrize("file", ONE_DAY_FILES)
def test_every_aggregate_1_day_file_gives_its_day(reference: Path, file: str) -> None:
    text, day = (reference / file).read_text(), ONE_DAY_FILES[file]
    value = json.loads(text)
    (entry,) = value.get("day_totals", [value])
    assert entry["day"] == str(day)
    assert_rows_say_what_the_entry_says(text, entry)


@pytest.mark.parametrize("file", WRAPPED_FILES)
def test_every_day_of_a_wrapper_goes_through_as_a_file_of_its_own(
    reference: Path, file: str
) -> None:
    entries = entries_of(reference / file)
    assert [entry["day"] for entry in entries] == WRAPPED_FILES[file]
    for entry in entries:
        for text in (json.dumps(entry), json.dumps({"day_totals": [entry]}, indent=2)):
            assert_rows_say_what_the_entry_says(text, entry)


def test_a_peers_aggregate_gives_the_rows_that_a_person_reads_in_it(reference: Path) -> None:
    text = (reference / VIEWER / "organization-1-day-report.json").read_text()
    day = date(2026, 4, 25)
    row = org_row(ORGANIZATION_DAY, text, day)
    headline = ("total_active_users", "ide_chats", "monthly_active_users", "loc_added_sum")
    assert [row[name] for name in headline] == [2, 12, 6, 435]
    assert "completion_suggestions" not in row  # no such feature in this file
    found = languages(ORGANIZATION_DAY, text, day)
    names = ("language", "suggestions", "acceptances", "lines_suggested", "lines_accepted")
    assert [tuple(r[name] for name in names) for r in found] == [
        ("go", 4, 0, 36, 7),
        ("javascript", 7, 1, 66, 13),
        ("markdown", 4, 0, 33, 7),
        ("python", 11, 1, 102, 20),
        ("typescript", 14, 2, 126, 25),
    ]


@pytest.mark.parametrize(
    ("file", "day", "message"),
    [
        (
            f"{VIEWER}/enterprise-users-1-day-report.json",
            date(2026, 3, 3),
            "about no day",
        ),
        (
            f"{VIEWER}/organization-users-1-day-report.json",
            date(2026, 4, 25),
            "two different records",
        ),
        (f"{REPORTS}/constructed_28_day_wrapper.json", date(2026, 10, 1), "about 2026-09-30"),
        (
            f"{REPORTS}/docs_enterprise_28day_example_2026-05.ndjson",
            date(2025, 10, 1),
            "two different records",
        ),
        (f"{REPORTS}/constructed_not_ready_string.json", date(2026, 10, 1), "not an object"),
    ],
)
def test_a_file_that_is_not_the_aggregate_of_one_day_is_refused(
    reference: Path, file: str, day: date, message: str
) -> None:
    reading = reading_of(day)
    with pytest.raises(RecordError, match=message):
        answers.records(ORGANIZATION_DAY, (reference / file).read_text(), reading=reading)


# --- legacy -----------------------------------------------------------------------------------

# By file: suggestions, acceptances, lines suggested, lines accepted, added up by hand.
LEGACY_FILES = {
    "examples/legacy_metrics.json": (989, 499, 1042, 538),
    f"{FAROS}/copilot_usage/copilot_usage_ga.json": (1734, 875, 1787, 943),
}


@pytest.mark.parametrize("file", LEGACY_FILES)
def test_every_legacy_file_gives_its_day(reference: Path, file: str) -> None:
    days = split_days((reference / file).read_bytes())
    ((day, content),) = days.items()
    text = content.decode()
    assert day == date(2024, 6, 24)
    suggestions, acceptances, lines_suggested, lines_accepted = LEGACY_FILES[file]
    assert org_row(LEGACY, text, day) == {
        "source": "legacy",
        "total_active_users": 24,
        "total_engaged_users": 20,
        "completion_suggestions": suggestions,
        "completion_acceptances": acceptances,
        "completion_lines_suggested": lines_suggested,
        "completion_lines_accepted": lines_accepted,
        "ide_chats": 55,
        "ide_chat_copy_events": 19,
        "ide_chat_insertion_events": 23,
        "ide_chat_engaged_users": 13,
        "dotcom_chats": 38,
        "dotcom_chat_engaged_users": 14,
        "pr_summaries_created": 16,
        "pr_engaged_users": 12,
    }
    found = languages(LEGACY, text, day)
    assert [(r["editor"], r["language"], r["engaged_users"]) for r in found] == [
        ("neovim", "go", 4),
        ("neovim", "typescript", 3),
        ("vscode", "python", 6),
        ("vscode", "ruby", 7),
    ]
    assert sum(r["suggestions"] for r in found) == suggestions


def test_the_oldest_shape_of_the_usage_endpoint_is_refused(reference: Path) -> None:
    with pytest.raises(RecordError, match="a day has no date"):
        split_days((reference / FAROS / "copilot_usage/copilot_usage.json").read_bytes())


# --- seats ------------------------------------------------------------------------------------

# By file: GitHub's total, and of each seat login, plan and team.
SEAT_FILES: dict[str, tuple[int, list[tuple[str | None, ...]]]] = {
    "examples/seats.json": (
        2,
        [("octocat", "business", "justice-league"), ("octokitten", None, None)],
    ),
    f"{FAROS}/copilot_seats/copilot_seats.json": (
        2,
        [("octocat", "enterprise", "justice-league"), ("octokitten", "enterprise", None)],
    ),
    f"{FAROS}/copilot_seats/copilot_seats_empty.json": (0, []),
    f"{VIEWER}/enterprise_seats_with_duplicates.json": (
        2,
        [
            ("octocat", None, "team-alpha"),
            ("octocat", None, "team-beta"),
            ("octokitten", None, "team-alpha"),
            ("octokitten", None, "team-beta"),
        ],
    ),
}


@pytest.mark.parametrize("file", SEAT_FILES)
def test_every_seats_file_gives_its_seats(reference: Path, file: str) -> None:
    total, seats = SEAT_FILES[file]
    page, reading = (reference / file).read_text(), reading_of()
    answers.records(SEATS, page, reading=reading)
    assert reading.notes == {"total_seats_by_github": total, "seats_without_assignee": 0}
    names = ("user_login", "plan_type", "assigning_team_slug")
    found = [known(row) for row in answers.rows(SEATS, "seats", page)]
    assert [tuple(row.get(name) for name in names) for row in found] == seats
    assert {row["organization"] for row in found} <= {"asked-org"}
    assert all(row["created_at"].utcoffset().total_seconds() == 0 for row in found)


def test_no_seats_or_aggregate_file_of_the_reference_is_left_out(reference: Path) -> None:
    def named(pattern: str) -> set[str]:
        found = reference.rglob(pattern)
        return {str(path.relative_to(reference)) for path in found if path.is_file()}

    assert named("*seats*.json") == set(SEAT_FILES)
    assert named("*legacy_metrics.json") | named("*usage_ga.json") == set(LEGACY_FILES)
    wrapped = named("*28_day_wrapper*") | named("*28day_example*")
    one_day = named("*aggregate_1_day*") | named("organization-1-day-*")
    assert wrapped | one_day == set(ONE_DAY_FILES) | set(WRAPPED_FILES)


# --- errors -----------------------------------------------------------------------------------

SUBJECT = Subject(
    "api.github.com",
    "account octocat",
    "organization octo-org",
    "GET /orgs/octo-org/copilot/billing",
)

# By file: the error (exactly), and the words that tell what to do. None: no error.
ERRORS: dict[str, tuple[type[GitHubError], str] | None] = {
    "200_empty_body": None,
    "200_no_links": None,
    "204_no_report": None,
    "401_bad_credentials": (AccessError, "import the account again"),
    "403_app_permission": (AccessError, "organization_copilot_metrics=read"),
    "403_fine_grained_permission": (AccessError, "organization_copilot_metrics=read"),
    "403_no_user_agent": (AccessError, "a proxy or firewall"),
    "403_not_owner": (AccessError, "must be an owner there"),
    "403_policy_off": (AccessError, "'Copilot usage metrics' is off"),
    "403_primary_rate_limit": (RateLimitedError, "asks to wait 1 s"),
    "403_saml": (AccessError, "Configure SSO"),
    "403_secondary_rate_limit": (RateLimitedError, "asks to wait 60 s"),
    "404_legacy_closed": (AccessError, "--metrics-api reports"),
    "404_not_found": (GitHubError, "Check the name"),
    "410_unsupported_api_version": (AccessError, "Upgrade copilot_pipeline"),
    "422_billing_problem": (AccessError, "billing settings"),
    "422_legacy_policy_off": (AccessError, "Policies"),
    "429_no_hint": (RateLimitedError, "rate limit is used up"),
    "429_retry_after": (RateLimitedError, "asks to wait 60 s"),
    "500_internal": (RetryableError, "Try again later"),
    "503_unavailable": (RetryableError, "Try again later"),
    "download_403_expired_link": (LinkExpiredError, "The download link expired"),
    "download_404_blob": (FileMissingError, "file is missing"),
}

# What the files' own `meaning` says; every other meaning is permanent.
MEANINGS: dict[str, type[GitHubError]] = {
    "rate_limited": RateLimitedError,
    "server_error": RetryableError,
    "link_expired": LinkExpiredError,
    "blob_missing": FileMissingError,
}


def stored_answer(reference: Path, name: str) -> tuple[dict[str, Any], Answer]:
    case = json.loads((reference / "examples" / "errors" / f"{name}.json").read_text())
    body = json.dumps(case["body"]) if "body" in case else case["body_text"]
    headers = httpx.Headers(case["headers"])
    return case, Answer(case["status"], headers, body.encode(), "https://api.github.com/x")


def raised(name: str, answer: Answer) -> GitHubError | None:
    try:
        if name.startswith("download_"):
            raise_for_download(answer, SUBJECT)
        else:
            raise_for_answer(answer, SUBJECT)
    except GitHubError as error:
        return error
    return None


def test_no_error_of_the_reference_is_left_out(reference: Path) -> None:
    assert {path.stem for path in (reference / "examples" / "errors").iterdir()} == set(ERRORS)


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_means_what_its_file_says(reference: Path, name: str) -> None:
    case, answer = stored_answer(reference, name)
    error, expected = raised(name, answer), ERRORS[name]
    if case["meaning"] == "not_ready_or_no_data":
        assert error is None
        assert expected is None
        return
    assert error is not None
    asks_again = isinstance(error, RetryableError | LinkExpiredError)
    assert asks_again == case["retry"]
    assert asks_again == (case["meaning"] in MEANINGS)
    if asks_again:
        assert type(error) is MEANINGS[case["meaning"]]


@pytest.mark.parametrize("name", [name for name, expected in ERRORS.items() if expected])
def test_every_error_names_for_whom_what_failed_and_what_to_do(reference: Path, name: str) -> None:
    case, answer = stored_answer(reference, name)
    error, expected = raised(name, answer), ERRORS[name]
    assert expected is not None
    assert type(error) is expected[0]
    assert str(error).startswith(f"{SUBJECT}: ")
    assert str(case["status"]) in str(error)
    assert expected[1] in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("name", "wait"),
    [("403_secondary_rate_limit", 60.0), ("429_retry_after", 60.0), ("429_no_hint", None)],
)
def test_a_rate_limit_waits_as_long_as_github_says(
    reference: Path, name: str, wait: float | None
) -> None:
    error = raised(name, stored_answer(reference, name)[1])
    assert isinstance(error, RateLimitedError)
    assert error.wait == wait


# --- envelopes, over HTTP ---------------------------------------------------------------------

ENVELOPES = {
    "examples/envelope_1_day.json": (date(2025, 7, 1), 2),
    f"{REPORTS}/docs_user_teams_1day_envelope.json": (date(2026, 5, 7), 1),
    f"{FAROS}/enterprise_copilot_user_usage/daily_response.json": (date(2025, 7, 5), 1),
}
REPORT = "organization-1-day"
REPORT_PATH = f"/metrics/reports/{REPORT}$"


@pytest.fixture
def client(github: SimulatedGitHub) -> Iterator[GitHubClient]:
    at_once = RetryPolicy(attempts=1, rate_limit_attempts=1)
    with GitHubClient(
        ConnectionSettings(github.url, PersonalAccessToken(github.token), retry_policy=at_once)
    ) as client:
        yield client


@pytest.mark.parametrize("file", ENVELOPES)
def test_every_file_of_an_envelope_is_downloaded(
    reference: Path, github: SimulatedGitHub, client: GitHubClient, file: str
) -> None:
    day, links = ENVELOPES[file]
    envelope = json.loads((reference / file).read_text())
    assert len(envelope["download_links"]) == links
    for number in range(links):
        path = f"/shard-{number}.ndjson"
        envelope["download_links"][number] = github.signed_link(path)
        github.faults.add(f"^{path}$", body=f'{{"shard": {number}}}\n', origin="download")
    github.faults.add(REPORT_PATH, body=envelope)

    files = ask_report(client, day).files

    assert [file.content().decode() for file in files] == [
        f'{{"shard": {n}}}\n' for n in range(links)
    ]
    assert [file.url for file in files] == [
        f"{github.download_url}/shard-{n}.ndjson" for n in range(links)
    ]


@pytest.mark.parametrize("file", ENVELOPES)
def test_an_envelope_with_links_to_a_foreign_host_is_refused(
    reference: Path, github: SimulatedGitHub, client: GitHubClient, file: str
) -> None:
    github.faults.add(REPORT_PATH, body=(reference / file).read_text())
    with pytest.raises(RefusedUrlError, match=r"example\.com.*not allowed"):
        ask_report(client, ENVELOPES[file][0])
    assert [request.origin for request in github.requests] == ["api"]


@pytest.mark.parametrize("file", ENVELOPES)
def test_an_envelope_of_another_day_is_refused(
    reference: Path, github: SimulatedGitHub, client: GitHubClient, file: str
) -> None:
    github.faults.add(REPORT_PATH, body=(reference / file).read_text())
    with pytest.raises(GitHubError, match="a day other than 2026-10-01"):
        ask_report(client, date(2026, 10, 1))


@pytest.mark.parametrize("name", [name for name, expected in ERRORS.items() if expected is None])
def test_an_answer_that_is_not_ready_is_no_report(
    reference: Path, github: SimulatedGitHub, client: GitHubClient, name: str
) -> None:
    case, answer = stored_answer(reference, name)
    github.faults.add(REPORT_PATH, status=case["status"], body=answer.body, headers=case["headers"])
    assert ask_report(client, date(2026, 10, 1)).files == []


@pytest.mark.parametrize("name", ["empty_string", "string"])
def test_a_json_text_instead_of_an_envelope_is_no_report(
    reference: Path, github: SimulatedGitHub, client: GitHubClient, name: str
) -> None:
    text = (reference / REPORTS / f"constructed_not_ready_{name}.json").read_text()
    github.faults.add(REPORT_PATH, body=text)
    assert ask_report(client, date(2026, 10, 1)).files == []
