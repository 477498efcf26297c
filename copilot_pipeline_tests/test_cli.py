"""The command line, called as a user calls it: JSON on stdout, words on stderr, exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from copilot_pipeline import settings
from copilot_pipeline.cli import run_command
from copilot_pipeline.days import day_range
from copilot_pipeline.simulated_github import (
    Organization,
    SimulatedGitHub,
    authenticated_user,
    faults,
)
from copilot_pipeline_tests.commands import Output, fail, import_with, succeed
from copilot_pipeline_tests.loading import (
    ORGANIZATION,
    REPOS,
    USER_TEAMS,
    USERS,
    newest_complete_day,
    read_table,
)


@pytest.fixture
def token(github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    return github.token


@pytest.mark.usefixtures("token")
@pytest.mark.both_databases
def test_an_account_is_imported_listed_and_shown_without_its_token(
    warehouse_environment: str, github: SimulatedGitHub, capsys: Output
) -> None:
    assert succeed(import_with(github, "--org", "octo-demo"), capsys) == {"account_id": 1}
    (listed,) = succeed(["accounts", "list"], capsys)
    shown = succeed(["accounts", "show", "1"], capsys)
    assert listed == shown
    assert (shown["login"], shown["github_user_id"]) == ("demo-admin", 9_000_001)
    assert shown["scopes"] == [
        {
            "id": 1,
            "kind": "organization",
            "slug": "octo-demo",
            "metrics_api": "reports",
            "reports": [ORGANIZATION, USERS, USER_TEAMS, REPOS],
        }
    ]
    assert shown["token_expires_at"].endswith("+00:00")
    (stored,) = read_table(warehouse_environment, "copilot_github_accounts", "id")
    secret = (github.token, stored["token_ciphertext"], stored["token_nonce"], stored["token_salt"])
    assert not any(text in json.dumps(shown) for text in secret)


def test_the_same_user_imported_again_gets_the_new_token_and_further_scopes(
    warehouse_environment: str,
    github: SimulatedGitHub,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    (before,) = read_table(warehouse_environment, "copilot_github_accounts", "id")
    github.accept("ghp_a_newer_token_of_the_same_user_000000000")
    monkeypatch.setenv("NEW_TOKEN", "ghp_a_newer_token_of_the_same_user_000000000")
    arguments = import_with(
        github, "--token-env", "NEW_TOKEN", "--org", "OCTO-demo", "--org", "more"
    )
    assert succeed(arguments, capsys) == {"account_id": 1}
    (after,) = read_table(warehouse_environment, "copilot_github_accounts", "id")
    assert after["token_ciphertext"] != before["token_ciphertext"]
    assert [s["slug"] for s in succeed(["accounts", "show", "1"], capsys)["scopes"]] == [
        "octo-demo",
        "more",
    ]
    github.requests.clear()
    assert run_command(["run", "--org", "octo-demo"]) == 0
    used = {r.headers.get("authorization") for r in github.requests if r.origin == "api"}
    assert used == {"Bearer ghp_a_newer_token_of_the_same_user_000000000"}


@pytest.mark.usefixtures("warehouse_environment", "token")
def test_a_scope_of_another_account_is_refused_naming_it(
    github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    github.accept(
        "ghp_other_token_0000000000000000000000000000", authenticated_user("demo-second", 2)
    )
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_other_token_0000000000000000000000000000")
    assert "demo-admin" in fail(import_with(github, "--org", "Octo-Demo"), capsys)
    assert len(succeed(["accounts", "list"], capsys)) == 1


def test_a_token_may_come_through_a_pipe(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    command = [sys.executable, "-m", "copilot_pipeline", *import_with(github, "--token-stdin")]
    ended = subprocess.run(
        command, input=github.token + "\n", capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {"account_id": 1}
    assert "collects nothing yet" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["accounts", "import"], "GITHUB_TOKEN contains no token"),
        (["accounts", "import", "--token-env", "NO_SUCH"], "NO_SUCH contains no token"),
        (["accounts", "import", "--token-env", "X", "--token-stdin"], "not both"),
        (["accounts", "show", "7"], "there is no account 7"),
        (["accounts", "show", "x"], "not a valid integer"),
        (["accounts", "show", "99999999999999999999"], "is not in the range"),
        (["run", "--last", "1000000"], "is not in the range"),
        (["accounts", "nonsense"], "No such command"),
        (["run", "--day", "2026-13-01"], "does not match"),
        (["run", "--day", "2026-10-01", "--last", "3"], "one of --day"),
        (["run", "--to", "2026-10-01"], "--to needs --from"),
        (["run", "--from", "2026-10-02", "--to", "2026-10-01"], "is after"),
        (["run", "--last", "0"], "is not in the range"),
        (["run"], "accounts import"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_a_mistake_ends_in_one_line_that_says_what_to_do(
    arguments: list[str], words: str, capsys: Output
) -> None:
    said = fail(arguments, capsys)
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.usefixtures("environment")
def test_a_future_day_and_a_day_out_of_reach_are_refused_with_the_window(capsys: Output) -> None:
    newest = newest_complete_day()
    window = f"only the days from {newest - timedelta(days=364)} to {newest}; requested: "
    assert window in fail(["run", "--day", str(newest + timedelta(days=1))], capsys)
    assert window in fail(["run", "--from", str(newest - timedelta(days=365))], capsys)
    assert window in fail(["run", "--last", "366"], capsys)


@pytest.mark.usefixtures("token")
def test_without_a_secret_nothing_is_asked_and_the_variable_is_named(
    github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COPILOT_METRICS__TOKEN_SECRET")
    said = fail(import_with(github), capsys)
    assert "COPILOT_METRICS__TOKEN_SECRET" in said
    assert "openssl rand -hex 32" in said
    assert github.requests == []


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (faults.bad_credentials(), "invalid or expired"),
        ({"status": 200, "body": "<html>"}, "Check the endpoint"),
    ],
)
def test_a_token_that_github_refuses_is_not_stored(
    github: SimulatedGitHub, token: str, capsys: Output, answer: Any, words: str
) -> None:
    github.faults.add("/user$", **answer)
    said = fail(import_with(github), capsys)
    assert words in said
    assert token not in said
    assert succeed(["accounts", "list"], capsys) == []


@pytest.mark.usefixtures("environment", "token")
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--endpoint", "http://api.github.com"),
        ("--endpoint", "https://user:password@api.github.com"),
        ("--endpoint", "nonsense"),
        ("--proxy", "http://user:password@proxy.example:8080"),
        ("--org", "../user"),
        ("--org", "octo demo"),
    ],
)
def test_unsafe_addresses_and_names_are_refused(option: str, value: str, capsys: Output) -> None:
    said = fail(["accounts", "import", option, value], capsys)
    assert "password" not in said.replace("user, password", "")


@pytest.mark.usefixtures("warehouse_environment", "token")
def test_importing_a_token_again_leaves_proxy_and_metrics_api_as_they_are(
    github: SimulatedGitHub, capsys: Output
) -> None:
    succeed(import_with(github, "--org", "octo-demo", "--metrics-api", "legacy"), capsys)
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    (scope,) = succeed(["accounts", "show", "1"], capsys)["scopes"]
    assert scope["metrics_api"] == "legacy"
    succeed(import_with(github, "--org", "octo-demo", "--metrics-api", "reports"), capsys)
    (scope,) = succeed(["accounts", "show", "1"], capsys)["scopes"]
    assert scope["metrics_api"] == "reports"


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("given", ["ghp_0123456789012345678901234567890123456", "deadbeef" * 5])
def test_a_token_given_as_a_variables_name_is_not_repeated(given: str, capsys: Output) -> None:
    assert given not in fail(["accounts", "import", "--token-env", given], capsys)


@pytest.mark.usefixtures("environment")
def test_an_interrupted_run_ends_soon_and_in_one_line(
    github: SimulatedGitHub, token: str, capsys: Output
) -> None:
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    github.faults.add("/reports/", delay=30)
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot_pipeline", "run", "--last", "20"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any("/reports/" in request.path for request in github.requests):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "Error: aborted. Stored data is kept." in err
    assert "Traceback" not in err
    assert token not in out + err


@pytest.mark.usefixtures("token")
def test_run_loads_a_range_and_the_snapshot_of_the_newest_day(
    warehouse_environment: str, github: SimulatedGitHub, capsys: Output
) -> None:
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    result = succeed(["run", "--last", "3"], capsys)
    assert [run["job"] for run in result["runs"]] == ["daily_copilot", "metrics_backfill"]
    assert result["collected"][ORGANIZATION] == {"loaded": 3}
    assert len(read_table(warehouse_environment, "_tool_copilot_org_metrics")) == 3
    assert len(read_table(warehouse_environment, "_tool_copilot_seats")) == 40


@pytest.mark.usefixtures("token")
def test_run_without_options_is_the_daily_job_on_the_newest_complete_day(
    warehouse_environment: str, github: SimulatedGitHub, capsys: Output
) -> None:
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    result = succeed(["run"], capsys)
    assert [run["job"] for run in result["runs"]] == ["daily_copilot"]
    (row,) = read_table(warehouse_environment, "_tool_copilot_org_metrics")
    assert str(row["day"]) == str(newest_complete_day())


@pytest.mark.usefixtures("token")
def test_run_of_a_past_range_takes_metrics_only(
    warehouse_environment: str, github: SimulatedGitHub, capsys: Output
) -> None:
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    past = newest_complete_day() - timedelta(days=10)
    arguments = ["run", "--from", str(past), "--to", str(past + timedelta(days=1))]
    assert len(succeed(arguments, capsys)["runs"]) == 1
    assert len(read_table(warehouse_environment, "_tool_copilot_org_metrics")) == 2
    assert read_table(warehouse_environment, "_tool_copilot_seats") == []


@pytest.mark.usefixtures("token", "environment")
def test_run_exits_with_1_and_a_line_for_each_failed_organization(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedGitHub([Organization("good-demo"), Organization("bad-demo")]) as github:
        succeed(import_with(github, "--org", "good-demo", "--org", "bad-demo"), capsys)
        github.faults.add("/orgs/bad-demo/.*/reports/", **faults.not_owner())
        # By default, a scope that never worked is named and does not fail the run.
        assert run_command(["run"]) == 0
        assert "organization bad-demo: " in capsys.readouterr().err
        monkeypatch.setenv(settings.FAIL_RUN_ON, settings.FailRunOn.ANY_SCOPE)
        assert run_command(["run"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["success"] is False
    (line,) = [line for line in printed.err.splitlines() if line.startswith("Error: ")]
    assert "organization bad-demo" in line
    assert "must be an owner" in line


@pytest.mark.usefixtures("token", "environment")
def test_run_names_an_organization_that_no_account_collects(
    github: SimulatedGitHub, capsys: Output
) -> None:
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    assert "known: octo-demo" in fail(["run", "--org", "nobody"], capsys)


@pytest.mark.usefixtures("token", "environment")
def test_run_without_dagster_home_keeps_the_data_here_and_says_so(
    github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    assert run_command(["run"]) == 0
    assert "DAGSTER_HOME is not set" in capsys.readouterr().err
    assert Path("copilot.db").is_file()


@pytest.mark.usefixtures("token", "warehouse_environment")
def test_a_dagster_home_that_cannot_be_used_is_explained(
    github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    home = tmp_path / "other_home"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    assert "mkdir -p" in fail(["run"], capsys)
    home.mkdir()
    (home / "dagster.yaml").write_text("nonsense: true")
    assert "other_home/dagster.yaml" in fail(["run"], capsys)


@pytest.mark.usefixtures("token", "environment")
def test_a_wait_for_a_rate_limit_is_said_and_the_run_goes_on(
    github: SimulatedGitHub, capsys: Output
) -> None:
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    github.faults.add("/billing$", times=1, **faults.secondary_limit(retry_after=1))
    assert run_command(["run"]) == 0
    assert "Waiting 1 s" in capsys.readouterr().err


@pytest.mark.usefixtures("environment")
def test_another_secret_fails_the_account_and_says_no_more_than_that(
    github: SimulatedGitHub, token: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    monkeypatch.setenv("COPILOT_METRICS__TOKEN_SECRET", "01" * 32)
    assert run_command(["run"]) == 1
    said = capsys.readouterr().err
    assert "account demo-admin: the stored token cannot be decrypted" in said
    assert token not in said


@pytest.mark.usefixtures("environment")
def test_a_dotenv_file_of_the_working_directory_is_honored(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Restored afterwards: the command sets variables of this process.
    monkeypatch.setenv("DATABASE_URL", "sqlite:////of/the/shell.db")
    (tmp_path / ".env").write_text(f"DATABASE_URL=sqlite:///{tmp_path}/from-dotenv.db\n")
    assert run_command(["accounts", "list"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == []
    assert printed.err == f"Read .env: {tmp_path}/.env\n"
    assert (tmp_path / "from-dotenv.db").is_file()


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o777])
def test_a_dotenv_file_that_others_may_write_is_refused(
    capsys: Output, tmp_path: Path, mode: int
) -> None:
    file = tmp_path / ".env"
    file.write_text("DATABASE_URL=s3cret\n")
    file.chmod(mode)
    said = fail(["accounts", "list"], capsys)
    assert (
        f"{file} can be written by other users. Remove the permission with `chmod go-w .env`"
        in said
    )
    assert "s3cret" not in said


@pytest.mark.usefixtures("environment")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another user")
def test_a_dotenv_file_of_another_user_is_refused(capsys: Output, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DATABASE_URL=s3cret\n")
    file.chmod(0o600)
    os.chown(file, 65534, -1)
    said = fail(["accounts", "list"], capsys)
    assert f"{file} belongs to another user" in said
    assert "chown 0 .env" in said
    assert "s3cret" not in said


@pytest.mark.usefixtures("environment")
def test_a_dotenv_file_that_is_not_text_is_refused(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DATABASE_URL=s3cret\xff\n")
    said = fail(["accounts", "list"], capsys)
    assert "not UTF-8" in said
    assert "s3cret" not in said


@pytest.mark.usefixtures("environment")
def test_a_folder_of_that_name_is_no_dotenv_file(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert succeed(["accounts", "list"], capsys) == []


@pytest.mark.slow  # the dashboards' tests run the demo once in any case
@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("times", [1, 2])
def test_the_demo_prints_a_summary_twice_and_keeps_to_its_own_folder(
    tmp_path: Path, times: int
) -> None:
    told = []
    for _ in range(times):
        ended = subprocess.run(
            [sys.executable, "-m", "copilot_pipeline", "demo", "--days", "30"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "DAGSTER_HOME": "/nonexistent"},
        )
        assert ended.returncode == 0, ended.stderr
        report = tmp_path / ".demo" / "report.html"
        assert ended.stdout.startswith(f"The report: {report}\n")
        assert "GitHub Copilot at Octo Corp" in report.read_text(encoding="utf-8")
        assert "30 days up to" in ended.stdout
        assert "60 held" in ended.stdout
        assert ended.stdout.count("active users at first, and has") == 2
        assert "repos-1-day of octo-labs and octo-corp, is still broken" in ended.stdout
        assert "has no seats and no billing" in ended.stdout
        assert "octo-editor, octo-model-1, octo-script" in ended.stdout
        told.append(
            "was not ready at first" in ended.stdout and "was collected again" in ended.stdout
        )
        assert "unknown" not in ended.stdout
        assert "Traceback" not in ended.stderr
    # The second time, those days are there already.
    assert told == [True, False][:times]
    url = f"sqlite:///{tmp_path}/.demo/copilot.db"
    scopes = {row["id"]: row["name"] for row in read_table(url, "_tool_copilot_scopes")}
    days = Counter(
        (scopes[row["scope_id"]], row["source"])
        for row in read_table(url, "_tool_copilot_org_metrics")
    )
    assert days == {
        ("Octo Demo", "reports"): 30,
        ("Octo Labs", "reports"): 30,
        ("Octo Corp", "legacy"): 9,
        ("Octo Corp", "reports"): 21,
    }
    # Each morning but one there is a snapshot of seats too, and of an organization's billing.
    snapshots = 29
    statuses = read_table(url, "_tool_copilot_collection_status")
    states = Counter((scopes[row["scope_id"]], row["state"]) for row in statuses)
    assert states == {
        ("Octo Demo", "loaded"): 120 + 2 * snapshots,
        ("Octo Labs", "loaded"): 119 + 2 * snapshots,
        ("Octo Labs", "failed"): 1,
        ("Octo Corp", "loaded"): 9 + 83 + snapshots,
        ("Octo Corp", "failed"): 1,
        ("Octo Corp", "no_data"): 36,
    }
    newest = newest_complete_day()
    mornings = set(map(str, day_range(newest - timedelta(days=29), newest)))
    mornings.remove(str(newest - timedelta(days=17)))
    for table, held in {"_tool_copilot_seats": 3, "_tool_copilot_billing": 2}.items():
        taken = {(row["scope_id"], row["day"]) for row in read_table(url, table)}
        assert len(taken) == held * len(mornings)
        assert {day for _, day in taken} == mornings


@pytest.mark.usefixtures("token")
def test_the_demo_refuses_a_warehouse_with_real_accounts(
    warehouse_environment: str, github: SimulatedGitHub, capsys: Output, tmp_path: Path
) -> None:
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    import sqlalchemy as sa

    from copilot_pipeline.warehouse.database import Database

    with Database(warehouse_environment) as database, database.write() as connection:
        real = sa.text("UPDATE copilot_github_accounts SET endpoint = 'https://api.github.com'")
        connection.execute(real)
    assert "holds real accounts" in demo_refusal(tmp_path)
    # What a removed account collected is real too.
    succeed(["accounts", "remove", "1", "--yes"], capsys)
    assert "holds real accounts" in demo_refusal(tmp_path)


def demo_refusal(folder: Path) -> str:
    command = [sys.executable, "-m", "copilot_pipeline", "demo"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert ended.returncode == 1
    return ended.stderr
