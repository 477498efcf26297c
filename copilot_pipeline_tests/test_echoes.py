"""A token that an answer repeats, however it is escaped, is refused and not stored."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from copilot_pipeline.github import documents
from copilot_pipeline.github.echoes import repeats
from copilot_pipeline.github.errors import GitHubError
from copilot_pipeline.simulated_github import SimulatedGitHub
from copilot_pipeline.simulated_github.faults import Origin
from copilot_pipeline_tests.asking import ask_report, ask_seats
from copilot_pipeline_tests.loading import execute, failure, import_organizations, read_table
from copilot_pipeline_tests.test_github_client import client_of, give


def number(character: str) -> str:
    return f"\\u{ord(character):04x}"


# How a token may be written within a JSON string.
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda token: token,
    "first by its number": lambda token: number(token[0]) + token[1:],
    "all by their numbers": lambda token: "".join(map(number, token)),
    "percent": lambda token: f"%{ord(token[0]):02x}{token[1:]}",
    "percent by its number": lambda token: f"{number('%')}{ord(token[0]):02X}{token[1:]}",
}


@pytest.mark.parametrize("place", ["page", "envelope", "download"])
@pytest.mark.parametrize("form", FORMS)
def test_a_token_that_is_repeated_escaped_is_refused_and_not_stored(
    github: SimulatedGitHub, form: str, place: str
) -> None:
    said = FORMS[form](github.token)
    body = f'{{"seats": [], "x": "{said}", "download_links": [], "day": "2026-11-20"}}\n'
    origin: Origin = "download" if place == "download" else "api"
    github.faults.add(".", origin=origin, body=body)

    def ask() -> object:
        with client_of(github) as client:
            if place == "page":
                return list(ask_seats(client))
            return ask_report(client, github.newest_day)

    with pytest.raises(GitHubError, match=r"octo-demo.*the response repeats the token") as raised:
        ask()
    assert said not in str(raised.value)


def test_a_slash_of_a_token_may_be_escaped_too() -> None:
    assert repeats("A-token.of/no", [b'{"x": "A-token.of\\/no"}'])


def test_a_token_across_two_blocks_of_a_file_is_found(
    github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_BLOCK", 64)
    escaped = "".join(map(number, github.token))
    give(github, [json.dumps({"n": "x" * 90}) + f'\n{{"x": "{escaped}"}}'], github.newest_day)
    with client_of(github) as client, pytest.raises(GitHubError, match="repeats the token"):
        ask_report(client, github.newest_day)


def test_other_escapes_are_no_token(github: SimulatedGitHub) -> None:
    text = json.dumps({"name": "é \u2028 100% /", "t": github.token[:-1]}).replace("/", "\\/")
    give(github, [text], github.newest_day)
    with client_of(github) as client:
        (file,) = ask_report(client, github.newest_day).files
        assert file.content().decode() == text


def test_a_file_with_the_token_fails_its_day_and_leaves_no_row(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    day = github.newest_day
    said = FORMS["first by its number"](github.token)
    give(github, [f'{{"day": "{day}", "daily_active_users": 3, "x": "{said}"}}'], day)
    result = execute("metrics_backfill", [day - timedelta(days=1), day])
    assert "repeats the token" in failure(result)
    rows = read_table(warehouse_environment, "_raw_copilot_metrics")
    assert [str(row["day"]) for row in rows] == [str(day - timedelta(days=1))]
