"""The test connection: what `accounts check` says of each faulty scope, and the expiry warning.

It reads accounts and scopes only: on PostgreSQL it is tried once, and each fault on SQLite.
"""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from copilot_pipeline.cli import run_command
from copilot_pipeline.simulated_github import (
    Answer,
    Organization,
    ReportFiles,
    SimulatedGitHub,
    authenticated_user,
    faults,
)
from copilot_pipeline_tests.commands import Output, fail, import_with, succeed
from copilot_pipeline_tests.loading import execute, failure, newest_complete_day

TOKEN = "ghp_token_under_test_00000000000000000000"
FINE_GRAINED = "github_pat_" + "A" * 82
OK = {"billing": "ok", "seats": "ok", "reports": "ok"}

Checks = dict[str, dict[str, Any]]


def check(output: Output, account: int = 1, code: int = 1) -> Checks:
    """The checks by scope (`token` for the token itself) and endpoint."""
    output.readouterr()
    assert run_command(["accounts", "check", str(account), "--json"]) == code
    report = json.loads(output.readouterr().out)
    assert report["ok"] is (code == 0)
    assert report["account_id"] == account
    found: Checks = {}
    for each in report["checks"]:
        scope = each["slug"] or "token"
        assert each["kind"] in ("organization", "enterprise", None)
        found.setdefault(scope, {})[each["endpoint"]] = each
    return found


def statuses(checks: Checks) -> dict[str, dict[str, str]]:
    return {
        scope: {endpoint: each["status"] for endpoint, each in endpoints.items()}
        for scope, endpoints in checks.items()
    }


@pytest.fixture
def imported(github: SimulatedGitHub, token: str, capsys: Output) -> None:
    """An account that collects octo-demo."""
    succeed(import_with(github, "--org", "octo-demo"), capsys)


@pytest.fixture
def token(environment: Path, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    return github.token


@pytest.mark.usefixtures("warehouse_environment", "imported")
def test_a_sound_account_is_ok_at_every_endpoint_and_exits_with_0(
    github: SimulatedGitHub, capsys: Output
) -> None:
    github.requests.clear()
    assert statuses(check(capsys, code=0)) == {"token": {"token": "ok"}, "octo-demo": OK}
    asked = [request.path for request in github.requests if request.origin == "api"]
    assert asked == [
        "/user",
        "/orgs/octo-demo/copilot/billing/seats",
        "/orgs/octo-demo/copilot/billing",
        "/orgs/octo-demo/copilot/metrics/reports/organization-1-day",
        "/orgs/octo-demo/copilot/metrics/reports/users-1-day",
        "/orgs/octo-demo/copilot/metrics/reports/user-teams-1-day",
        "/orgs/octo-demo/copilot/metrics/reports/repos-1-day",
    ]
    # The files come from another host, which may be out of reach where the API is not.
    assert [request.origin for request in github.requests].count("download") == 4


@pytest.mark.usefixtures("imported")
def test_a_report_that_is_refused_alone_is_named_alone(
    github: SimulatedGitHub, capsys: Output
) -> None:
    github.faults.add("/reports/users-1-day$", **faults.not_owner())
    assert statuses(check(capsys))["octo-demo"] == {**OK, "users-1-day": "not_owner"}


FAULTS: dict[str, tuple[str, Answer, dict[str, str], str]] = {
    "not an owner": (
        "/orgs/octo-demo/",
        faults.not_owner(),
        {"billing": "not_owner", "seats": "not_owner", "reports": "not_owner"},
        "must be an owner there",
    ),
    "policy off": (
        "/reports/",
        faults.policy_off(),
        {"billing": "ok", "seats": "ok", "reports": "policy_off"},
        "'Copilot usage metrics' is off",
    ),
    "SSO": (
        "/orgs/octo-demo/",
        faults.sso("octo-demo"),
        dict.fromkeys(OK, "sso_not_authorized"),
        "Configure SSO",
    ),
    "fine-grained permission": (
        "/billing",
        faults.fine_grained_permission("organization_copilot_seat_management=read"),
        {"billing": "missing_permission", "seats": "missing_permission", "reports": "ok"},
        '"GitHub Copilot Business" (organization_copilot_seat_management=read)',
    ),
    "billing problem": (
        "/billing$",
        faults.billing_problem(),
        {"billing": "billing_problem", "seats": "ok", "reports": "ok"},
        "payment problem",
    ),
    "API version": (
        "/seats$",
        Answer(status=410, body={"message": "Gone"}, headers={}),
        {"billing": "ok", "seats": "api_version_unsupported", "reports": "ok"},
        "Upgrade copilot_pipeline",
    ),
    "trouble": (
        "/seats$",
        faults.server_error(503),
        {"billing": "ok", "seats": "unavailable", "reports": "ok"},
        "Try again later",
    ),
    "a page of a proxy": (
        "/user$",
        Answer(status=200, body="<html>", headers={}),
        dict.fromkeys(OK, "bad_answer"),
        "Check the endpoint",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.usefixtures("imported")
def test_each_fault_is_named_where_it_is_with_what_to_do(
    github: SimulatedGitHub, capsys: Output, name: str
) -> None:
    path, answer, expected, advice = FAULTS[name]
    github.faults.add(path, **answer)
    checks = check(capsys)
    assert statuses(checks)["octo-demo"] == expected
    faulty = [each for each in checks["octo-demo"].values() if each["status"] != "ok"]
    assert all(advice in each["message"] for each in faulty)


@pytest.mark.parametrize(
    ("scopes", "expected", "needs"),
    [
        ("repo", dict.fromkeys(OK, "missing_scope"), "it has repo and needs "),
        ("", dict.fromkeys(OK, "missing_scope"), "it has none and needs "),
        ("manage_billing:copilot", OK | {"reports": "missing_scope"}, "needs read:org."),
        ("read:org", OK, ""),
        ("admin:org", OK, ""),
        ("write:org, repo", OK, ""),
        ("admin:enterprise", dict.fromkeys(OK, "missing_scope"), "it has admin:enterprise"),
    ],
)
@pytest.mark.usefixtures("imported")
def test_classic_scopes_are_compared_with_what_they_include(
    github: SimulatedGitHub,
    capsys: Output,
    scopes: str,
    expected: dict[str, str],
    needs: str,
) -> None:
    github.accept(github.token, scopes=scopes)
    checks = check(capsys, code=0 if expected == OK else 1)
    assert statuses(checks)["octo-demo"] == expected
    for each in checks["octo-demo"].values():
        assert each["status"] == "ok" or needs in each["message"]


@pytest.mark.usefixtures("token")
def test_a_wrong_slug_is_told_from_a_day_without_a_report(
    github: SimulatedGitHub, capsys: Output
) -> None:
    succeed(import_with(github, "--org", "octo-demo", "--org", "no-such-demo"), capsys)
    # GitHub may say 404 for a single day too; the 28-day report of the scope tells.
    github.faults.add("/orgs/octo-demo/.*-1-day$", **faults.not_found())
    checks = statuses(check(capsys))
    assert checks["octo-demo"] == OK
    assert checks["no-such-demo"] == dict.fromkeys(OK, "not_found")


@pytest.mark.usefixtures("imported")
def test_a_day_whose_report_is_not_ready_is_ok(github: SimulatedGitHub, capsys: Output) -> None:
    github.faults.add("/reports/", status=204)
    assert statuses(check(capsys, code=0))["octo-demo"] == OK


@pytest.mark.usefixtures("token")
def test_a_rate_limit_is_told_at_once_and_ends_the_questions_about_that_scope(
    github: SimulatedGitHub, capsys: Output
) -> None:
    with SimulatedGitHub([Organization("one-demo"), Organization("two-demo")]) as github:
        succeed(import_with(github, "--org", "one-demo", "--org", "two-demo"), capsys)
        github.faults.add("/orgs/one-demo/", **faults.secondary_limit(1800))
        github.requests.clear()
        checks = check(capsys)
        assert statuses(checks)["one-demo"] == dict.fromkeys(OK, "rate_limited")
        assert statuses(checks)["two-demo"] == OK
        assert "GitHub asks to wait 1800 s" in checks["one-demo"]["billing"]["advice"]
        assert sum("/one-demo/" in request.path for request in github.requests) == 1


@pytest.mark.parametrize("token_kind", [TOKEN, FINE_GRAINED])
@pytest.mark.parametrize(("days", "status"), [(13, "expires_soon"), (15, "ok"), (None, "ok")])
def test_a_token_that_expires_within_two_weeks_is_told(
    github: SimulatedGitHub,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    token_kind: str,
    days: int | None,
    status: str,
) -> None:
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    github.accept(token_kind, expires_at=expires_at)
    monkeypatch.setenv("GITHUB_TOKEN", token_kind)
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    checks = check(capsys, code=0 if status == "ok" else 1)
    assert statuses(checks) == {"token": {"token": status}, "octo-demo": OK}
    if expires_at is not None and status != "ok":
        assert f"expires on {expires_at:%Y-%m-%d}" in checks["token"]["token"]["message"]


@pytest.mark.usefixtures("imported")
def test_an_expired_token_is_told_once_and_asked_with_once(
    github: SimulatedGitHub, capsys: Output
) -> None:
    github.accept(github.token, expires_at=datetime.now(UTC) - timedelta(days=1))
    github.requests.clear()
    checks = check(capsys)
    assert statuses(checks) == {
        "token": {"token": "bad_token"},
        "octo-demo": dict.fromkeys(OK, "bad_token"),
    }
    assert "invalid or expired" in checks["octo-demo"]["seats"]["advice"]
    assert len(github.requests) == 1


@pytest.mark.usefixtures("imported")
def test_a_secret_that_is_not_the_right_one_is_told_without_asking_github(
    github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPILOT_METRICS__TOKEN_SECRET", "01" * 32)
    github.requests.clear()
    checks = check(capsys)
    assert statuses(checks)["octo-demo"] == dict.fromkeys(OK, "does_not_open")
    assert "the stored token cannot be decrypted" in checks["token"]["token"]["message"]
    assert github.requests == []


@pytest.mark.usefixtures("imported")
def test_an_endpoint_that_does_not_answer_is_told(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(["accounts", "update", "1", "--proxy", "http://127.0.0.1:9"], capsys)
    checks = check(capsys)
    assert checks["octo-demo"]["billing"]["status"] == "unavailable"
    assert "the proxy" in checks["token"]["token"]["message"]


@pytest.mark.usefixtures("imported")
def test_a_download_host_that_is_not_allowed_is_told(
    github: SimulatedGitHub, capsys: Output
) -> None:
    day = newest_complete_day() - timedelta(days=2)
    links = ["https://elsewhere.example/file.json?sig=hidden"]
    reports = github.organization("octo-demo").reports
    reports["organization-1-day", day] = ReportFiles([], links=links)
    reports_check = check(capsys)["octo-demo"]["reports"]
    assert reports_check["status"] == "refused_address"
    assert "COPILOT_METRICS__DOWNLOAD_HOSTS" in reports_check["message"]
    assert "hidden" not in json.dumps(reports_check)


@pytest.mark.usefixtures("token")
def test_legacy_scopes_and_enterprises_are_asked_for_their_own_endpoints(
    github: SimulatedGitHub, capsys: Output
) -> None:
    legacy = ["--org", "octo-demo", "--metrics-api", "legacy"]
    succeed(import_with(github, *legacy), capsys)
    succeed(import_with(github, "--enterprise", "octo-corp"), capsys)
    github.faults.add("/enterprises/octo-corp/copilot/billing/seats$", body={"seats": []})
    github.faults.add("/enterprises/octo-corp/.*-1-day$", status=204)
    checks = check(capsys)
    assert statuses(checks)["octo-demo"] == {
        "billing": "ok",
        "seats": "ok",
        "legacy metrics": "endpoint_closed",
    }
    assert "--metrics-api reports" in checks["octo-demo"]["legacy metrics"]["advice"]
    assert statuses(checks)["octo-corp"] == {"seats": "ok", "reports": "ok"}
    github.faults.clear()
    github.accept(github.token, scopes="admin:org")
    missing = check(capsys)["octo-corp"]["reports"]
    assert missing["status"] == "missing_scope"
    assert "needs read:enterprise or manage_billing:copilot" in missing["advice"]


@pytest.mark.usefixtures("imported")
def test_an_unknown_account_cannot_be_checked(capsys: Output) -> None:
    assert "there is no account 2" in fail(["accounts", "check", "2"], capsys)


@pytest.mark.usefixtures("imported")
def test_a_terminal_gets_a_table_and_a_pipe_gets_json(github: SimulatedGitHub) -> None:
    github.faults.add("/reports/", **faults.policy_off())
    command = [sys.executable, "-m", "copilot_pipeline", "accounts", "check", "1"]
    piped = subprocess.run(command, capture_output=True, text=True, check=False)
    assert piped.returncode == 1
    assert json.loads(piped.stdout)["ok"] is False
    shown = on_a_terminal(command)
    assert "demo-admin" in shown
    assert "organization octo-demo" in shown
    assert "policy_off" in shown
    assert "An owner can enable it" in shown
    assert json.loads(on_a_terminal([*command, "--json"]))["ok"] is False


def on_a_terminal(command: list[str]) -> str:
    """What the command shows on a terminal of 120 columns."""
    controller, terminal = pty.openpty()
    variables = {**os.environ, "COLUMNS": "120", "LINES": "50", "TERM": "dumb"}
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, env=variables)
    os.close(terminal)
    shown = b""
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:
            # Linux's way to say that the other end is closed.
            break
        if not part:
            break
        shown += part
    os.close(controller)
    process.wait()
    return shown.decode()


# --- the asset check --------------------------------------------------------------------------


def evaluations(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    found = result.get_asset_check_evaluations()
    return [evaluation for evaluation in found if evaluation.check_name == "token_expiry"]


@pytest.mark.parametrize(
    ("expires_in", "passed"),
    [(timedelta(days=13), False), (timedelta(seconds=-1), False), (timedelta(days=15), True)],
)
def test_a_token_near_its_end_is_a_warning_on_raw_billing(
    warehouse_environment: str,
    github: SimulatedGitHub,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    expires_in: timedelta,
    passed: bool,
) -> None:
    second = authenticated_user("octo-second", 2)
    github.accept(TOKEN, second)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    # The expiry that counts is the one that was stored with the token.
    github.faults.add(
        "/user$", headers={"github-authentication-token-expiration": expiration(expires_in)}
    )
    succeed(import_with(github), capsys)
    (evaluation,) = evaluations(execute("daily_copilot", [newest_complete_day()]))
    assert evaluation.asset_key == dg.AssetKey("raw_billing")
    assert evaluation.severity is dg.AssetCheckSeverity.WARN
    assert evaluation.passed is passed
    assert ("octo-second: The token" in str(evaluation.description)) is not passed


def expiration(expires_in: timedelta) -> str:
    return f"{datetime.now(UTC) + expires_in:%Y-%m-%d %H:%M:%S} UTC"


@pytest.mark.usefixtures("imported")
def test_the_expiry_is_looked_at_where_billing_is_refused_too(github: SimulatedGitHub) -> None:
    github.faults.add("/billing$", **faults.not_owner())
    result = execute("daily_copilot", [newest_complete_day()])
    assert "must be an owner" in failure(result)
    assert [evaluation.passed for evaluation in evaluations(result)] == [True]
