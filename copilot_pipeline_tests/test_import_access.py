"""What an import says about the token that it stored: on stderr, and without failing."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from copilot_pipeline.cli import run_command
from copilot_pipeline.simulated_github import SimulatedGitHub, authenticated_user, faults
from copilot_pipeline_tests.commands import Output, on_a_terminal, succeed

IMPORT = ["accounts", "import", "--org", "octo-demo"]


@pytest.fixture(autouse=True)
def token(
    environment: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> str:
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    return github.token


def said_by(arguments: list[str], github: SimulatedGitHub, output: Output) -> str:
    """What the import says on stderr; stdout holds nothing but the id."""
    assert run_command([*arguments, "--endpoint", github.url]) == 0
    printed = output.readouterr()
    assert json.loads(printed.out) == {"account_id": 1}
    return printed.err


def test_an_import_says_whose_the_token_is_what_it_can_read_and_what_comes_next(
    github: SimulatedGitHub, capsys: Output
) -> None:
    github.accept(github.token, expires_at=datetime(2099, 1, 2, tzinfo=UTC))
    assert said_by(IMPORT, github, capsys).splitlines() == [
        f"The token belongs to demo-admin at {github.url} and expires on 2099-01-02; its scopes "
        "are manage_billing:copilot, read:org.",
        "organization octo-demo: ok",
        "Next: copilot-pipeline run --last 365",
    ]


def test_an_import_without_the_check_asks_only_for_the_user(
    github: SimulatedGitHub, capsys: Output
) -> None:
    assert said_by([*IMPORT, "--no-check"], github, capsys) == ""
    assert [request.path for request in github.requests] == ["/user"]


def test_what_is_missing_is_said_by_organization_and_the_account_is_stored(
    github: SimulatedGitHub, capsys: Output
) -> None:
    github.faults.add("/orgs/octo-demo/.*/reports/", **faults.policy_off())
    said = said_by(IMPORT, github, capsys)
    assert "organization octo-demo, reports: policy_off. The policy 'Copilot usage" in said
    assert "An owner can enable it" in said
    assert succeed(["accounts", "show", "1"], capsys)["login"] == "demo-admin"


def test_a_token_that_can_read_nothing_is_to_be_checked_again(
    github: SimulatedGitHub, capsys: Output
) -> None:
    github.faults.add("/orgs/octo-demo/", **faults.not_owner())
    said = said_by(IMPORT, github, capsys)
    assert said.splitlines()[-1].endswith("copilot-pipeline accounts check 1")
    assert "--last 365" not in said


def test_an_organization_that_does_not_exist_is_a_warning(
    github: SimulatedGitHub, capsys: Output
) -> None:
    said = said_by([*IMPORT, "--org", "no-such-demo"], github, capsys)
    assert "organization octo-demo: ok" in said
    warning = "Warning: organization no-such-demo, seats, billing, reports: not_found. The name is"
    assert [line for line in said.splitlines() if line.startswith(warning)]


def test_people_who_are_collected_twice_are_said_with_the_command_that_ends_it(
    github: SimulatedGitHub, capsys: Output
) -> None:
    both = ["accounts", "import", "--no-check", "--enterprise", "octo-corp", "--org", "octo-demo"]
    said = said_by(both, github, capsys)
    assert said.startswith("People are collected of the enterprise octo-corp, whose reports cover")
    command = said.split("collect people once: copilot-pipeline ")[1].split()
    assert command == [
        *("accounts", "update", "1", "--org", "octo-demo"),
        *("--report", "organization-1-day", "--report", "repos-1-day"),
    ]
    assert run_command([*command, "--no-check"]) == 0
    printed = capsys.readouterr()
    reports = {each["slug"]: each["reports"] for each in json.loads(printed.out)["scopes"]}
    assert reports["octo-demo"] == ["organization-1-day", "repos-1-day"]
    assert "users-1-day" in reports["octo-corp"]
    assert printed.err == ""
    # One of many organizations that collects people anew is told again, and not among 30 others.
    many = [argument for n in range(30) for argument in ("--org", f"octo-{n}")]
    assert run_command(["accounts", "update", "1", "--no-check", *many]) == 0
    said = capsys.readouterr().err
    assert "of organizations (30) as well" in said
    assert said.rstrip().endswith(
        "for each organization, copilot-pipeline scopes update SLUG --report organization-1-day "
        "--report repos-1-day"
    )


@pytest.mark.parametrize("check", [[], ["--no-check"]])
def test_an_account_that_collects_nothing_is_a_warning(
    github: SimulatedGitHub, capsys: Output, check: list[str]
) -> None:
    said = said_by(["accounts", "import", *check], github, capsys)
    assert "Warning: the account collects nothing yet: import it again with --org SLUG." in said


def test_a_warning_stands_out_on_a_terminal(github: SimulatedGitHub) -> None:
    arguments = ["accounts", "import", "--no-check", "--endpoint", github.url]
    _, shown = on_a_terminal(arguments, colors=True)
    assert "\x1b[33m\x1b[1mWarning:\x1b[0m" in shown


def test_a_token_that_expires_soon_is_a_warning(github: SimulatedGitHub, capsys: Output) -> None:
    github.accept(github.token, expires_at=datetime.now(UTC) + timedelta(days=3))
    said = said_by(IMPORT, github, capsys)
    assert "Warning: The token expires on" in said
    assert "organization octo-demo: ok" in said


@pytest.mark.parametrize("fault", [faults.bad_credentials(), faults.primary_limit()])
def test_a_check_that_fails_does_not_fail_the_import(
    github: SimulatedGitHub, capsys: Output, fault: dict[str, object]
) -> None:
    user = json.dumps(authenticated_user("demo-admin", 9_000_001))
    github.faults.add("/user$", status=200, times=1, body=user)
    github.faults.add("/user$", **fault)
    said = said_by(IMPORT, github, capsys)
    assert "Warning: 127.0.0.1:" in said
    assert ", account demo-admin, " in said
    assert "octo-demo: ok" not in said


def test_a_new_token_is_checked_too_and_a_new_proxy_alone_is_not(
    github: SimulatedGitHub, capsys: Output
) -> None:
    said_by([*IMPORT, "--no-check"], github, capsys)
    assert run_command(["accounts", "update", "1", "--token-env", "GITHUB_TOKEN"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["login"] == "demo-admin"
    assert "organization octo-demo: ok" in printed.err
    assert run_command(["accounts", "update", "1", "--proxy", ""]) == 0
    assert capsys.readouterr().err == ""
