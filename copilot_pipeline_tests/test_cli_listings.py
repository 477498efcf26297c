"""Listings: tables on a terminal, JSON in a pipe; and the help of every command."""

import json
from collections.abc import Iterator

import click
import pytest

from copilot_pipeline.cli import cli, run_command
from copilot_pipeline.simulated_github import SimulatedGitHub, authenticated_user, faults
from copilot_pipeline_tests.commands import Output, fail, import_with, on_a_terminal, succeed

SECOND = "ghp_other_token_0000000000000000000000000000"


@pytest.fixture
def imported(
    environment: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that collects octo-demo, with its own metrics."""
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    succeed(["metrics", "fetch", "1"], capsys)


LISTINGS = {
    "accounts list": ("login", "demo-admin", "octo-demo"),
    "accounts show 1": ("github_user_id", "9000001", "organization octo-demo"),
    "accounts check": ("Account 1, demo-admin", "organization octo-demo", "reports", "ok"),
    "accounts check 1": ("Account 1, demo-admin", "organization octo-demo", "reports", "ok"),
    "scopes list": ("newest day", "organization octo-demo", "none"),
    "metrics latest": ("plan", "business"),
    "metrics latest 1": ("copilot_plan", "business"),
}


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize("command", LISTINGS)
def test_a_listing_is_a_table_on_a_terminal_and_json_elsewhere(
    command: str, capsys: Output
) -> None:
    arguments = command.split()
    code, shown = on_a_terminal(arguments)
    assert code == 0
    assert not [word for word in LISTINGS[command] if word not in shown]
    assert not [line for line in shown.splitlines() if len(line) > 80]
    piped = succeed(arguments, capsys)
    assert json.loads(on_a_terminal([*arguments, "--json"])[1]) == piped


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("command", ["accounts list", "scopes list", "metrics latest"])
def test_an_empty_listing_says_on_a_terminal_what_to_do(command: str) -> None:
    code, shown = on_a_terminal(command.split())
    assert code == 0
    assert "yet: copilot-pipeline " in shown


@pytest.mark.usefixtures("imported")
def test_a_name_cannot_steer_the_terminal(capsys: Output) -> None:
    succeed(["scopes", "update", "octo-demo", "--name", "red\x1b[31m\x1b]0;title\x07"], capsys)
    _, shown = on_a_terminal(["scopes", "list"])
    assert "\x1b" not in shown
    assert "\x07" not in shown


@pytest.mark.usefixtures("imported")
def test_accounts_check_without_an_id_checks_all_accounts(
    github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.accept(SECOND, authenticated_user("octo-second", 2))
    monkeypatch.setenv("GITHUB_TOKEN", SECOND)
    succeed(import_with(github, "--org", "no-such-demo"), capsys)
    assert run_command(["accounts", "check"]) == 1
    reports = json.loads(capsys.readouterr().out)
    assert [(each["login"], each["ok"]) for each in reports] == [
        ("demo-admin", True),
        ("octo-second", False),
    ]


@pytest.mark.usefixtures("environment")
def test_without_an_account_there_is_nothing_to_check(capsys: Output) -> None:
    assert "no account is imported yet" in fail(["accounts", "check"], capsys)


@pytest.mark.usefixtures("imported")
def test_a_table_of_checks_says_an_advice_once_for_a_scope(github: SimulatedGitHub) -> None:
    github.faults.add("/orgs/octo-demo/", **faults.not_owner())
    code, shown = on_a_terminal(["accounts", "check", "1"], columns=120)
    assert code == 1
    assert shown.count("must be an owner") == 1, shown
    assert shown.count("(the same)") == 2


def commands(command: click.Command, names: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """The names of the command and of all commands below it."""
    yield [*names]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*names, name))


@pytest.mark.parametrize("names", list(commands(cli)), ids=" ".join)
def test_no_help_is_cut_off_on_a_terminal_of_80_columns(names: list[str]) -> None:
    code, shown = on_a_terminal([*names, "--help"])
    assert code == 0
    cut_off = [line for line in shown.splitlines() if line.rstrip().endswith(("...", "…"))]
    assert [line for line in cut_off if "Usage: " not in line] == []
    assert not [line for line in shown.splitlines() if len(line) > 80]
