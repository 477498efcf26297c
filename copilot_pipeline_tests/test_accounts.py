"""Several accounts side by side: changing, removing and handing over what they collect."""

import io
import json
import os
import pty
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from copilot_pipeline.cli import run_command
from copilot_pipeline.simulated_github import Organization, SimulatedGitHub, authenticated_user
from copilot_pipeline.warehouse.accounts import delete_account
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.locks import lock_accounts
from copilot_pipeline.warehouse.scopes import delete_scope, save_scope
from copilot_pipeline_tests.commands import Output, fail, import_with, succeed
from copilot_pipeline_tests.leaks import SECRET
from copilot_pipeline_tests.loading import newest_complete_day, read_table

SECOND_TOKEN = "ghp_second_account_0000000000000000000000"
NEW_TOKEN = "ghp_newer_token_00000000000000000000000000"


@pytest.fixture
def imported(
    warehouse_environment: str,
    github: SimulatedGitHub,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """A warehouse with one account that collects octo-demo; its URL."""
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    monkeypatch.delenv("GITHUB_TOKEN")
    return warehouse_environment


def import_second(github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch, *slugs: str) -> int:
    """Imports another GitHub user with these organizations; the exit code."""
    github.accept(SECOND_TOKEN, authenticated_user("octo-second", 2))
    monkeypatch.setenv("SECOND", SECOND_TOKEN)
    options = [option for slug in slugs for option in ("--org", slug)]
    return run_command(import_with(github, "--token-env", "SECOND", *options))


def tokens_used(github: SimulatedGitHub) -> dict[str, set[str]]:
    """The tokens with which each organization was asked for."""
    used: dict[str, set[str]] = {}
    for request in github.requests:
        if request.path.startswith("/orgs/"):
            token = request.headers["authorization"].removeprefix("Bearer ")
            used.setdefault(request.path.split("/")[2], set()).add(token)
    return used


def sealed(url: str) -> list[Any]:
    columns = ("token_ciphertext", "token_nonce", "token_salt", "endpoint")
    rows = read_table(url, "copilot_github_accounts", "id")
    return [[row[column] for column in columns] for row in rows]


# --- update -----------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["", "***", "ghp_****************", "\u2022" * 8])
def test_a_token_that_is_empty_or_masked_stays_as_stored(
    imported: str,
    github: SimulatedGitHub,
    given: str,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = sealed(imported)
    monkeypatch.setenv("MASKED", given)
    github.requests.clear()
    assert run_command(["accounts", "update", "1", "--token-env", "MASKED"]) == 0
    assert "the stored token is kept" in capsys.readouterr().err
    assert sealed(imported) == before
    assert github.requests == []
    monkeypatch.setattr(sys, "stdin", io.StringIO(given + "\n"))
    succeed(["accounts", "update", "1", "--token-stdin"], capsys)
    assert sealed(imported) == before


@pytest.mark.usefixtures("imported")
def test_a_variable_that_is_not_set_is_a_mistake_and_not_an_empty_token(capsys: Output) -> None:
    said = fail(["accounts", "update", "1", "--token-env", "NO_SUCH"], capsys)
    assert "NO_SUCH contains no token" in said


def test_what_is_not_given_stays_as_it_is(
    imported: str, github: SimulatedGitHub, capsys: Output
) -> None:
    proxy = "http://127.0.0.1:3128"
    before = sealed(imported)
    updated = succeed(["accounts", "update", "1", "--proxy", proxy], capsys)
    assert updated["proxy"] == proxy
    assert [scope["slug"] for scope in updated["scopes"]] == ["octo-demo"]
    arguments = ["accounts", "update", "1", "--org", "more-demo", "--no-check"]
    updated = succeed(arguments, capsys)
    assert updated["proxy"] == proxy
    assert [scope["slug"] for scope in updated["scopes"]] == ["octo-demo", "more-demo"]
    assert succeed(["accounts", "update", "1", "--proxy", ""], capsys)["proxy"] is None
    assert sealed(imported) == before


def test_a_new_token_is_sealed_and_used(
    imported: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.accept(NEW_TOKEN, scopes="read:org, admin:enterprise")
    monkeypatch.setenv("NEW", NEW_TOKEN)
    updated = succeed(["accounts", "update", "1", "--token-env", "NEW"], capsys)
    assert updated["token_scopes"] == "read:org, admin:enterprise"
    assert updated["token_expires_at"] is None
    github.requests.clear()
    assert run_command(["run"]) == 0
    assert tokens_used(github) == {"octo-demo": {NEW_TOKEN}}


def test_a_token_of_another_github_user_is_refused_and_changes_nothing(
    imported: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sealed(imported)
    github.accept(SECOND_TOKEN, authenticated_user("octo-second", 2))
    monkeypatch.setenv("SECOND", SECOND_TOKEN)
    said = fail(["accounts", "update", "1", "--token-env", "SECOND", "--org", "x"], capsys)
    assert "belongs to octo-second, not to demo-admin" in said
    assert sealed(imported) == before
    assert [scope["slug"] for scope in succeed(["scopes", "list"], capsys)] == ["octo-demo"]


def test_the_stored_token_is_not_sent_to_another_endpoint(
    imported: str, github: SimulatedGitHub, capsys: Output
) -> None:
    with SimulatedGitHub([]) as other:
        said = fail(["accounts", "update", "1", "--endpoint", other.url], capsys)
        assert "the stored token is not sent to another endpoint" in said
        assert other.requests == []
    assert succeed(["accounts", "show", "1"], capsys)["endpoint"] == github.url


def test_an_account_moves_to_another_endpoint_with_the_token_given_again(
    imported: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGAIN", github.token)
    with SimulatedGitHub([Organization("octo-demo")]) as other:
        arguments = ["accounts", "update", "1", "--endpoint", other.url, "--token-env", "AGAIN"]
        updated = succeed(arguments, capsys)
        assert updated["endpoint"] == other.url
        github.requests.clear()
        assert run_command(["run"]) == 0
        assert github.requests == []
        assert set(tokens_used(other)) == {"octo-demo"}
    (row,) = read_table(imported, "_tool_copilot_org_metrics")
    assert row["scope_id"] == 1


@pytest.mark.parametrize("option", ["--endpoint", "--proxy"])
@pytest.mark.usefixtures("imported")
def test_an_unsafe_address_is_refused_with_advice(option: str, capsys: Output) -> None:
    said = fail(["accounts", "update", "1", option, "http://user:hidden@proxy.example"], capsys)
    assert "hidden" not in said
    assert "credentials" in said or "without user, password" in said


@pytest.mark.usefixtures("imported")
@pytest.mark.both_databases
def test_the_metrics_api_is_that_of_the_given_scopes_or_of_all(capsys: Output) -> None:
    def apis(*arguments: str) -> dict[str, str]:
        updated = succeed(["accounts", "update", "1", *arguments], capsys)
        return {scope["slug"]: scope["metrics_api"] for scope in updated["scopes"]}

    added = apis("--org", "old-demo", "--metrics-api", "legacy")
    assert added == {"octo-demo": "reports", "old-demo": "legacy"}
    assert apis("--org", "more-demo")["more-demo"] == "reports"
    assert set(apis("--metrics-api", "reports").values()) == {"reports"}


@pytest.mark.usefixtures("imported")
def test_an_update_of_nothing_asks_what_to_change(capsys: Output) -> None:
    assert "give at least one option" in fail(["accounts", "update", "1"], capsys)


@pytest.mark.parametrize("command", ["update --org x", "remove", "check", "show"])
@pytest.mark.usefixtures("imported")
def test_an_unknown_account_is_named(command: str, capsys: Output) -> None:
    name, *options = command.split()
    assert "there is no account 7" in fail(["accounts", name, "7", *options], capsys)


def test_an_answer_that_repeats_the_token_anywhere_is_not_stored(
    warehouse_environment: str,
    github: SimulatedGitHub,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    escaped = f"\\u{ord(github.token[0]):04x}{github.token[1:]}"
    github.faults.add("/user$", times=1, body=f'{{"id": 7, "login": "{escaped}"}}')
    assert "repeats the token" in fail(import_with(github), capsys)
    github.faults.add("/user$", times=1, headers={"x-oauth-scopes": github.token})
    assert "repeats the token" in fail(import_with(github), capsys)
    assert read_table(warehouse_environment, "copilot_github_accounts", "id") == []


def test_a_closed_standard_input_is_a_mistake_with_words(github: SimulatedGitHub) -> None:
    command = [sys.executable, "-m", "copilot_pipeline", *import_with(github, "--token-stdin")]
    closed = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    ended = subprocess.run(closed, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "Error: standard input is closed.\n"


def test_names_are_shown_on_a_terminal_of_any_encoding(imported: str, capsys: Output) -> None:
    succeed(["scopes", "update", "octo-demo", "--name", "Octo \u65e5\u672c"], capsys)
    command = [sys.executable, "-m", "copilot_pipeline", "scopes", "list"]
    for encoding in ("latin-1", "utf-8"):
        variables = {**os.environ, "PYTHONIOENCODING": encoding}
        ended = subprocess.run(command, capture_output=True, check=True, env=variables)
        (scope,) = json.loads(ended.stdout.decode(encoding))
        assert scope["name"] == "Octo \u65e5\u672c"


# --- what may be sent, and where to -----------------------------------------------------------

# Of other variables, and of forms that only resemble those of GitHub's tokens.
NO_TOKENS = {
    "secret": SECRET,
    "url": "postgresql://someone:s3cret-password@127.0.0.1:5432/copilot",
    "words": "s3cret words of somebody",
    "hexadecimal": "0123456789" * 4,
    "short": "ghp_" + "s3cret" * 5,
    "short fine-grained": "github_pat_" + "s3cret0000" * 8,
    "long": "gho_" + "s3cret0000" * 101,
    "installation": "ghs_" + "s3cret" * 6,
    "another alphabet": "ghp_" + "s3cret/+" * 6,
    "upper case": "GHP_" + "s3cret" * 6,
    "beginning": "s3cret ghp_" + "s3cret" * 6,
    "end": "ghp_" + "s3cret" * 6 + " s3cret",
    "lines": "ghp_" + "s3cret" * 6 + "\n" + "s3cret" * 6,
}


@pytest.mark.parametrize("name", NO_TOKENS)
def test_what_has_no_form_of_a_github_token_is_sent_nowhere_and_not_repeated(
    imported: str,
    github: SimulatedGitHub,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    before, given = sealed(imported), NO_TOKENS[name]
    github.requests.clear()
    monkeypatch.setenv("GIVEN", given)
    for command in (import_with(github), ["accounts", "update", "1"]):
        said = fail([*command, "--token-env", "GIVEN"], capsys)
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        said += fail([*command, "--token-stdin"], capsys)
        assert said.count("none of the forms of GitHub's tokens") == 2
        assert "s3cret" not in said
        assert SECRET not in said
    assert github.requests == []
    assert sealed(imported) == before


def test_what_is_typed_at_the_prompt_must_be_a_github_token_too(
    environment: Path, github: SimulatedGitHub
) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot_pipeline", *import_with(github)],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(terminal)
    assert process.stderr is not None
    asked = ""
    while not asked.endswith("GitHub token: "):
        asked += process.stderr.read(1)
    os.write(controller, b"s3cret-password\n")
    out, err = process.communicate(timeout=60)
    os.close(controller)
    assert process.returncode == 1
    assert "none of the forms of GitHub's tokens" in err
    assert "s3cret" not in out + err
    assert github.requests == []


@pytest.mark.parametrize(
    "token",
    [
        "ghp_" + "aB3" * 12,
        "ghp_with_underscores_" + "0" * 20,
        "gho_" + "aB3._-" * 100,
        "ghu_" + "aB3" * 12,
        "github_pat_" + "a_B" * 28,
    ],
)
def test_every_form_of_a_users_token_is_taken(
    warehouse_environment: str,
    github: SimulatedGitHub,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
) -> None:
    github.accept(token)
    monkeypatch.setenv("GITHUB_TOKEN", token)
    assert succeed(import_with(github), capsys) == {"account_id": 1}


def test_an_endpoint_that_the_setting_does_not_name_gets_no_token(
    imported: str,
    github: SimulatedGitHub,
    other: SimulatedGitHub,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = sealed(imported)
    monkeypatch.setenv("COPILOT_METRICS__ENDPOINTS", github.url.removeprefix("http://"))
    monkeypatch.setenv("AGAIN", github.token)
    for command in (["import"], ["update", "1"]):
        arguments = ["accounts", *command, "--endpoint", other.url, "--token-env", "AGAIN"]
        said = fail(arguments, capsys)
        assert f"no token is sent to the host '{other.url.removeprefix('http://')}'" in said
        assert "set COPILOT_METRICS__ENDPOINTS" in said
    assert other.requests == []
    assert sealed(imported) == before


def test_a_stored_account_is_not_used_once_its_endpoint_is_no_longer_named(
    imported: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGAIN", github.token)
    monkeypatch.setenv("COPILOT_METRICS__ENDPOINTS", "")
    github.requests.clear()
    assert run_command(["run"]) == 1
    said = capsys.readouterr().err
    assert "account demo-admin: no token is sent to the host '127.0.0.1:" in said
    assert "no token is sent" in fail(["metrics", "fetch", "1"], capsys)
    assert "no token is sent" in fail(["accounts", "update", "1", "--token-env", "AGAIN"], capsys)
    assert run_command(["accounts", "check", "1"]) == 1
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert {check["status"] for check in checks} == {"refused_address"}
    assert github.requests == []
    # What sends nothing still works.
    succeed(["accounts", "update", "1", "--org", "more-demo"], capsys)


# --- several accounts -------------------------------------------------------------------------


def test_each_scope_is_read_with_its_own_accounts_token(
    imported: str, capsys: Output, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedGitHub([Organization("second-demo"), Organization("octo-demo")]) as other:
        # The same name at another endpoint is another organization.
        assert import_second(other, monkeypatch, "second-demo", "octo-demo") == 0
        github.requests.clear()
        assert run_command(["run"]) == 0
        assert tokens_used(github) == {"octo-demo": {github.token}}
        assert tokens_used(other) == {"second-demo": {SECOND_TOKEN}, "octo-demo": {SECOND_TOKEN}}
    rows = read_table(imported, "_tool_copilot_org_metrics")
    assert sorted(row["scope_id"] for row in rows) == [1, 2, 3]


@pytest.mark.both_databases
def test_a_scope_of_another_account_cannot_be_added_by_an_update(
    imported: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert import_second(github, monkeypatch) == 0
    capsys.readouterr()
    said = fail(["accounts", "update", "2", "--org", "OCTO-demo"], capsys)
    assert "the account demo-admin already collects the organization octo-demo" in said
    assert len(succeed(["scopes", "list"], capsys)) == 1
    # An enterprise of the same name is another scope.
    succeed(["accounts", "update", "2", "--enterprise", "octo-demo"], capsys)


@pytest.mark.both_databases
def test_an_account_cannot_move_to_where_its_scope_is_collected_already(
    imported: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedGitHub([]) as other:
        other.accept(SECOND_TOKEN, authenticated_user("octo-second", 2))
        assert import_second(other, monkeypatch, "octo-demo") == 0
        github.accept(SECOND_TOKEN, authenticated_user("octo-second", 2))
        capsys.readouterr()
        arguments = ["accounts", "update", "2", "--endpoint", github.url, "--token-env", "SECOND"]
        assert "already collects the organization octo-demo" in fail(arguments, capsys)
        assert succeed(["accounts", "show", "2"], capsys)["endpoint"] == other.url


@pytest.mark.both_databases
def test_an_account_cannot_become_another_that_is_there(
    imported: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGAIN", github.token)
    with SimulatedGitHub([]) as other:
        succeed(import_with(other, "--token-env", "AGAIN"), capsys)
        arguments = ["accounts", "update", "2", "--endpoint", github.url, "--token-env", "AGAIN"]
        assert "account 1 already belongs to this GitHub user" in fail(arguments, capsys)


@pytest.mark.both_databases
def test_two_accounts_cannot_take_the_same_scope_at_once(
    imported: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    codes: list[int] = []

    def take() -> None:
        codes.append(import_second(github, monkeypatch, "new-demo"))

    second = threading.Thread(target=take)
    with Database(imported) as database, database.write() as connection:
        lock_accounts(connection)
        save_scope(connection, 1, "organization", "new-demo")
        second.start()
        second.join(1)
        assert codes == []
    second.join()
    assert codes == [1]
    assert "already collects the organization new-demo" in capsys.readouterr().err


@pytest.mark.both_databases
def test_an_account_that_is_removed_during_its_update_is_not_changed(
    imported: str, capsys: Output
) -> None:
    codes: list[int] = []

    def update() -> None:
        codes.append(run_command(["accounts", "update", "1", "--org", "new-demo"]))

    updating = threading.Thread(target=update)
    with Database(imported) as database, database.write() as connection:
        lock_accounts(connection)
        delete_scope(connection, 1)
        delete_account(connection, 1)
        updating.start()
        updating.join(1)
        assert codes == []
    updating.join()
    assert codes == [1]
    assert "account 1 was changed by another process: try again" in capsys.readouterr().err
    assert read_table(imported, "_tool_copilot_scopes") == []


# --- remove -----------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_removing_an_account_deletes_token_and_scopes_and_keeps_what_was_collected(
    imported: str, capsys: Output
) -> None:
    succeed(["run"], capsys)
    succeed(["metrics", "fetch", "1"], capsys)
    removed = succeed(["accounts", "remove", "1", "--yes"], capsys)
    assert removed == {"account_id": 1, "removed": True}
    for table in ("copilot_github_accounts", "_tool_copilot_scopes", "copilot_metrics"):
        assert read_table(imported, table, "id") == []
    assert len(read_table(imported, "_tool_copilot_org_metrics")) == 1
    assert len(read_table(imported, "_tool_copilot_seats")) == 40


@pytest.mark.parametrize(
    ("answer", "code", "left"), [("n\n", 1, 1), ("y\n", 0, 0), ("", 1, 1)], ids=["no", "yes", "eof"]
)
def test_removing_asks_first(imported: str, answer: str, code: int, left: int) -> None:
    command = [sys.executable, "-m", "copilot_pipeline", "accounts", "remove", "1"]
    ended = subprocess.run(command, input=answer, capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert "It collects: organization octo-demo. Collected data is kept." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert bool(ended.stdout) == (code == 0)
    assert len(read_table(imported, "copilot_github_accounts", "id")) == left


@pytest.mark.usefixtures("imported")
def test_an_account_can_be_removed_without_the_secret(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COPILOT_METRICS__TOKEN_SECRET")
    succeed(["accounts", "remove", "1", "--yes"], capsys)


@pytest.mark.both_databases
def test_an_organization_handed_to_another_account_keeps_its_history(
    imported: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    dated = ["--implementation-date", "2026-01-15", "--metrics-api", "legacy"]
    succeed(["scopes", "update", "octo-demo", *dated], capsys)
    github.organization("octo-demo").legacy = True
    past = newest_complete_day() - timedelta(days=1)
    succeed(["run", "--day", str(past)], capsys)
    succeed(["accounts", "remove", "1", "--yes"], capsys)
    assert import_second(github, monkeypatch, "Octo-Demo", "more-demo") == 0
    capsys.readouterr()
    handed_over, new = succeed(["scopes", "list"], capsys)
    assert handed_over == {
        "id": 1,
        "kind": "organization",
        "slug": "Octo-Demo",
        "name": None,
        "account_id": 2,
        "login": "octo-second",
        "metrics_api": "legacy",
        "reports": ["legacy"],
        "implementation_date": "2026-01-15",
        "newest_day": str(past),
    }
    assert (new["id"], new["newest_day"]) == (2, None)
    succeed(["run", "--org", "octo-demo"], capsys)
    rows = read_table(imported, "_tool_copilot_org_metrics")
    assert [row["scope_id"] for row in rows] == [1, 1]


@pytest.mark.both_databases
def test_the_id_of_a_removed_account_or_scope_is_not_given_to_another(
    imported: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(["accounts", "remove", "1", "--yes"], capsys)
    assert import_second(github, monkeypatch, "other-demo") == 0
    capsys.readouterr()
    (scope,) = succeed(["scopes", "list"], capsys)
    assert (scope["id"], scope["account_id"]) == (2, 2)


# --- scopes -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("imported")
@pytest.mark.both_databases
def test_scopes_are_listed_with_account_source_and_newest_day(capsys: Output) -> None:
    (scope,) = succeed(["scopes", "list"], capsys)
    assert scope["newest_day"] is None
    succeed(["run"], capsys)
    (scope,) = succeed(["scopes", "list"], capsys)
    assert scope["newest_day"] == str(newest_complete_day())
    assert (scope["account_id"], scope["login"], scope["metrics_api"]) == (
        1,
        "demo-admin",
        "reports",
    )


@pytest.mark.usefixtures("imported")
def test_a_scope_is_changed_where_something_is_given(capsys: Output) -> None:
    update = ["scopes", "update", "OCTO-DEMO"]
    named = succeed([*update, "--name", "Octo's demo", "--metrics-api", "legacy"], capsys)
    assert (named["name"], named["metrics_api"]) == ("Octo's demo", "legacy")
    dated = succeed([*update, "--implementation-date", "2026-02-01"], capsys)
    assert (dated["name"], dated["implementation_date"]) == ("Octo's demo", "2026-02-01")
    assert succeed([*update, "--name", ""], capsys)["name"] is None
    assert succeed([*update, "--implementation-date", ""], capsys)["implementation_date"] is None
    assert "not a day" in fail([*update, "--implementation-date", "soon"], capsys)
    assert "give --name" in fail(update, capsys)
    assert "Collected scopes: octo-demo" in fail(
        ["scopes", "update", "nobody", "--name", "x"], capsys
    )


@pytest.mark.usefixtures("imported")
@pytest.mark.both_databases
def test_scopes_of_the_same_name_are_told_apart(capsys: Output) -> None:
    succeed(["accounts", "update", "1", "--enterprise", "octo-demo"], capsys)
    update = ["scopes", "update", "octo-demo", "--name", "Demo"]
    said = fail(update, capsys)
    assert "the organization octo-demo of account 1, the enterprise octo-demo of account 1" in said
    assert succeed([*update, "--kind", "enterprise"], capsys)["kind"] == "enterprise"
    assert "Collected scopes" in fail([*update, "--account", "7"], capsys)


@pytest.mark.both_databases
def test_a_removed_scope_is_no_longer_collected_and_keeps_its_rows(
    imported: str, github: SimulatedGitHub, capsys: Output
) -> None:
    succeed(["run"], capsys)
    assert succeed(["scopes", "remove", "octo-demo", "--yes"], capsys)["removed"] is True
    assert succeed(["scopes", "list"], capsys) == []
    assert "accounts import" in fail(["run"], capsys)
    assert len(read_table(imported, "_tool_copilot_org_metrics")) == 1
    succeed(["accounts", "update", "1", "--org", "octo-demo"], capsys)
    (scope,) = succeed(["scopes", "list"], capsys)
    assert (scope["id"], scope["newest_day"]) == (1, str(newest_complete_day()))
