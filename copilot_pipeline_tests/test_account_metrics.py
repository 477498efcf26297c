"""Account metrics: an account's own Copilot plan and quota, fetched, stored and shown."""

import json
from pathlib import Path

import dagster as dg
import pytest

from copilot_pipeline.simulated_github import (
    SimulatedGitHub,
    authenticated_user,
    copilot_user,
    faults,
)
from copilot_pipeline_tests.commands import Output, fail, import_with, succeed
from copilot_pipeline_tests.loading import execute, failure, read_table

ENDPOINT = "/copilot_internal/user$"
SECOND_TOKEN = "ghp_second_account_0000000000000000000000"


@pytest.fixture
def two_accounts(
    warehouse_environment: str,
    github: SimulatedGitHub,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """A warehouse with the accounts 1 (demo-admin) and 2 (octo-second); its URL."""
    github.accept(SECOND_TOKEN, authenticated_user("octo-second", 2))
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    monkeypatch.setenv("SECOND", SECOND_TOKEN)
    succeed(import_with(github), capsys)
    succeed(import_with(github, "--token-env", "SECOND"), capsys)
    return warehouse_environment


def expected(github: SimulatedGitHub, login: str) -> dict[str, object]:
    payload = copilot_user(login, github.today)
    del payload["analytics_tracking_id"]
    return payload


def test_a_payload_is_stored_as_json_text_and_shown_as_an_object(
    two_accounts: str, github: SimulatedGitHub, capsys: Output
) -> None:
    assert succeed(["metrics", "fetch", "2"], capsys) == {"metrics_id": 1}
    assert github.requests[-1].headers["authorization"] == f"Bearer {SECOND_TOKEN}"
    latest = succeed(["metrics", "latest", "2"], capsys)
    assert set(latest) == {"id", "account_id", "fetched_at", "payload"}
    assert (latest["id"], latest["account_id"]) == (1, 2)
    assert latest["fetched_at"].endswith("+00:00")
    assert latest["payload"] == expected(github, "octo-second")
    (row,) = read_table(two_accounts, "copilot_metrics", "id")
    assert json.loads(row["payload"]) == latest["payload"]


@pytest.mark.both_databases
def test_the_latest_of_one_account_or_a_list_of_all(
    two_accounts: str, github: SimulatedGitHub, capsys: Output
) -> None:
    assert succeed(["metrics", "latest"], capsys) == []
    assert "metrics fetch 1" in fail(["metrics", "latest", "1"], capsys)
    for account in ("1", "2", "1"):
        succeed(["metrics", "fetch", account], capsys)
    assert succeed(["metrics", "latest", "1"], capsys)["id"] == 3
    listed = succeed(["metrics", "latest"], capsys)
    assert [(each["account_id"], each["id"]) for each in listed] == [(1, 3), (2, 2)]
    assert len(read_table(two_accounts, "copilot_metrics", "id")) == 3


def test_the_tracking_id_is_stored_nowhere(
    two_accounts: str, github: SimulatedGitHub, capsys: Output
) -> None:
    nested = {"analytics_tracking_id": "x", "seats": [{"analytics_tracking_id": "y", "kept": None}]}
    github.faults.add(ENDPOINT, body=nested)
    succeed(["metrics", "fetch", "1"], capsys)
    (row,) = read_table(two_accounts, "copilot_metrics", "id")
    assert json.loads(row["payload"]) == {"seats": [{"kept": None}]}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (faults.copilot_user_refused(), "may refuse a personal access token"),
        (faults.not_owner(), "may refuse a personal access token"),
        (faults.not_found(), "may refuse a personal access token"),
        (faults.bad_credentials(), "import the account again"),
        ({"status": 200, "body": "[1]"}, "not an object"),
        ({"status": 200, "body": "<html>"}, "not JSON"),
        ({"status": 200, "body": '{"a":' * 900 + "1" + "}" * 900}, "nested too deeply"),
        ({"status": 200, "body": '{"a": "\0"}'}, "NUL"),
    ],
)
def test_a_refusal_or_an_odd_answer_is_explained_and_stores_nothing(
    two_accounts: str, github: SimulatedGitHub, capsys: Output, answer: faults.Answer, words: str
) -> None:
    github.faults.add(ENDPOINT, **answer)
    said = fail(["metrics", "fetch", "1"], capsys)
    assert "account demo-admin" in said
    assert words in said
    assert read_table(two_accounts, "copilot_metrics", "id") == []


@pytest.mark.both_databases
def test_texts_that_databases_dislike_are_kept(
    two_accounts: str, github: SimulatedGitHub, capsys: Output
) -> None:
    payload = {"copilot_plan": "a\u0000'\"\u202e\n\U0001f600\ud800" + "x" * 300}
    github.faults.add(ENDPOINT, body=payload)
    succeed(["metrics", "fetch", "1"], capsys)
    (row,) = read_table(two_accounts, "copilot_metrics", "id")
    assert json.loads(row["payload"]) == payload


def test_the_job_fetches_all_accounts_and_one_refusal_does_not_stop_the_others(
    two_accounts: str, github: SimulatedGitHub
) -> None:
    # On the instance of DAGSTER_HOME: what it keeps is searched for tokens after the test.
    with dg.DagsterInstance.get() as instance:
        assert execute("fetch_account_metrics", instance=instance).success
        github.faults.add(ENDPOINT, times=1, **faults.copilot_user_refused())
        result = execute("fetch_account_metrics", instance=instance)
    assert not result.success
    assert "account demo-admin, GET /copilot_internal/user: 403" in failure(result)
    rows = read_table(two_accounts, "copilot_metrics", "id")
    assert [row["account_id"] for row in rows] == [1, 2, 2]


def test_the_job_fetches_the_accounts_that_are_named(two_accounts: str) -> None:
    def config(*account_ids: int) -> dict[str, object]:
        return {"fetch_account_metrics": {"config": {"account_ids": list(account_ids)}}}

    assert execute("fetch_account_metrics", config=config(2)).success
    rows = read_table(two_accounts, "copilot_metrics", "id")
    assert [row["account_id"] for row in rows] == [2]
    result = execute("fetch_account_metrics", config=config(2, 7))
    assert "there is no account 7" in failure(result)


@pytest.mark.usefixtures("warehouse_environment")
def test_the_job_without_an_account_says_what_to_do() -> None:
    assert "accounts import" in failure(execute("fetch_account_metrics"))


@pytest.mark.parametrize("name", ["business_seat_requests", "free_plan", "no_access.partial"])
def test_the_known_shapes_are_stored_as_they_are(
    two_accounts: str, github: SimulatedGitHub, reference: Path, capsys: Output, name: str
) -> None:
    file = reference / "examples" / "copilot_internal_user" / f"{name}.json"
    payload = json.loads(file.read_text())
    github.faults.add(ENDPOINT, body=payload)
    succeed(["metrics", "fetch", "1"], capsys)
    payload.pop("analytics_tracking_id", None)
    assert succeed(["metrics", "latest", "1"], capsys)["payload"] == payload
