"""No token, secret, signature or password is shown, logged at any level, or kept by Dagster."""

import json
import logging
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from copilot_pipeline import settings
from copilot_pipeline.accounts import one_account, open_client
from copilot_pipeline.cli import run_command
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.credentials import PersonalAccessToken
from copilot_pipeline.github.errors import GitHubError
from copilot_pipeline.github.transport import ConnectionSettings, Transport
from copilot_pipeline.redaction import MASK, redact
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.resources.github import GitHubResource
from copilot_pipeline.simulated_github import Organization, ReportFiles, SimulatedGitHub, faults
from copilot_pipeline.vault import Identity, Vault, VaultError
from copilot_pipeline.warehouse import tables
from copilot_pipeline.warehouse.database import Database, DatabaseError
from copilot_pipeline_tests.asking import ask_report, ask_seats
from copilot_pipeline_tests.commands import Output, import_with, succeed
from copilot_pipeline_tests.conftest import ROOT
from copilot_pipeline_tests.leaks import stored_rows
from copilot_pipeline_tests.loading import execute, import_organizations, newest_complete_day
from copilot_pipeline_tests.test_github_client import QUICK, client_of
from copilot_pipeline_tests.test_hardening import wire

TOKEN = "ghp_" + "Sentinel0Of1The2Masking3Tests45678900"[:36]
SIGNATURE = "s3cret-signature"
PASSWORD = "s3cret-password"
ONCE = replace(QUICK, attempts=1, rate_limit_attempts=1)

Logged = Callable[[], str]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Logged]:
    """What all loggers said, each set to DEBUG by itself; but those of the simulated servers."""
    servers = ("uvicorn", "asyncio")
    names = [name for name in logging.root.manager.loggerDict if not name.startswith(servers)]
    names += ["httpx", "httpcore", "httpcore.connection", "httpcore.http11", "httpcore.proxy"]
    before = {name: logging.getLogger(name).level for name in names}
    with caplog.at_level(logging.DEBUG):
        for name in names:
            logging.getLogger(name).setLevel(logging.DEBUG)
        yield lambda: "\n".join(
            f"{record.name} {record.getMessage()} {record.exc_text}"
            for record in caplog.records
            if not record.name.startswith(servers)
        )
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@pytest.fixture
def accepted(github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch) -> str:
    """A sentinel token that the simulated GitHub knows, in GITHUB_TOKEN."""
    github.accept(TOKEN)
    github.token = TOKEN
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    return TOKEN


def chain(error: BaseException) -> str:
    """The error as it is printed, and the texts of all that it was raised from."""
    shown = "".join(traceback.format_exception(error))
    cause = error.__cause__
    while cause is not None:
        shown += f"{cause!r} {cause}"
        cause = cause.__cause__
    return shown


def files_holding(folder: Path, text: str) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if text.encode() in path.read_bytes()]


def tables_holding(url: str, text: str) -> list[str]:
    """The tables of the database in which any row holds the text."""
    rows = list(stored_rows(url))
    assert rows
    return [name for name, row in rows if text in row]


def events(result: dg.ExecuteInProcessResult) -> str:
    """Everything that a run's events hold: errors with their causes, metadata, descriptions."""
    texts = []
    for event in result.all_events:
        texts.append(repr(event))
        error = event.step_failure_data.error if event.is_step_failure else None
        while error is not None:
            texts.append(error.to_string())
            error = error.cause
    return "\n".join(texts)


# --- HTTP ---------------------------------------------------------------------------------------

ADDRESSES = {
    "no address": "http://[broken/{token}?sig={signature}",
    "control characters": "http://127.0.0.1/a\x07b?sig={signature}&t={token}",
    "port": "http://127.0.0.1:99999/{token}?sig={signature}",
    "idna": "http://\u2028.example/{token}?sig={signature}",
    "long": "http://127.0.0.1/{token}" + "x" * 70_000 + "?sig={signature}",
    "scheme": "ftp://127.0.0.1/{token}?sig={signature}",
    "nothing listens": "http://127.0.0.1:9/file?sig={signature}",
    "no tls": "https://127.0.0.1:9/file?sig={signature}",
    "another host": "https://elsewhere.example/file?sig={signature}",
    "credentials": "http://user:{token}@127.0.0.1:9/file?sig={signature}",
}


@pytest.mark.parametrize("separator", ".-_")
def test_a_token_with_separators_near_its_beginning_is_masked_whole(separator: str) -> None:
    token = "ghu_" + separator.join(["eyJ0", "k1Zz", "9qLm"] * 4)
    assert redact(f"not with {token}, said GitHub") == f"not with {MASK}, said GitHub"


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxy"])
@pytest.mark.parametrize("place", ["download link", "download redirect", "api redirect", "next"])
@pytest.mark.parametrize("name", ADDRESSES)
def test_an_address_that_cannot_be_called_is_neither_logged_nor_raised(
    github: SimulatedGitHub, accepted: str, logged: Logged, name: str, place: str, proxied: bool
) -> None:
    address = ADDRESSES[name].format(token=TOKEN, signature=SIGNATURE)
    printable = "".join(c for c in address if c.isprintable()).encode("ascii", "ignore").decode()
    given = [address] if place == "download link" else [github.signed_link("/file")]
    reports = github.organization("octo-demo").reports
    day = github.newest_day
    reports["organization-1-day", day] = ReportFiles([], links=given)
    if place == "download redirect":
        github.faults.add(".", origin="download", redirect_to=printable)
    elif place == "api redirect":
        github.faults.add("/reports/", redirect_to=printable)
    elif place == "next":
        github.faults.add("/seats$", headers={"link": f'<{printable}>; rel="next"'})
    options: dict[str, Any] = {"proxy": "http://127.0.0.1:9"} if proxied else {}
    with client_of(github, ONCE, **options) as client, pytest.raises(GitHubError) as raised:
        list(ask_seats(client) if place == "next" else ask_report(client, day).files)
    for text in (chain(raised.value), logged()):
        assert TOKEN not in text
        assert SIGNATURE not in text


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no HTTP at all " + TOKEN.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 " + TOKEN.encode() + b"\r\nBad Header " + TOKEN.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + TOKEN.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + TOKEN.encode(),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: " + TOKEN.encode() + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Echo: " + TOKEN.encode() + b"\r\n\r\n{}",
        b"HTTP/1.1 403 " + TOKEN.encode() + b"\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["nothing", "words", "header", "length", "cut", "encoding", "echo", "reason"],
)
def test_a_token_in_an_answer_that_is_no_http_is_neither_logged_nor_raised(
    logged: Logged, answer: bytes
) -> None:
    def script(connection: socket.socket, head: str) -> None:
        assert TOKEN in head
        connection.sendall(answer)

    with (
        wire(script) as (address, seen),
        Transport(ConnectionSettings(address, PersonalAccessToken(TOKEN))) as transport,
    ):
        assert TOKEN not in repr(transport)
    with (
        wire(script) as (address, seen),
        pytest.raises(GitHubError) as raised,
        GitHubClient(
            ConnectionSettings(address, PersonalAccessToken(TOKEN), retry_policy=ONCE)
        ) as client,
    ):
        client.user()
    assert seen
    assert TOKEN not in chain(raised.value)
    assert TOKEN not in logged()


ENTRY_POINTS = {
    "command": "from copilot_pipeline.cli import run_command; run_command(['--version'])",
    "dagster": "import copilot_pipeline.definitions",
}

# Logs everything at DEBUG, and downloads a report.
DOWNLOAD = """
import logging, sys
from datetime import date
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.credentials import PersonalAccessToken
from copilot_pipeline.github.transport import ConnectionSettings
from copilot_pipeline_tests.asking import ask_report

logging.basicConfig(level=logging.DEBUG)
url, token, day = sys.argv[1:]
with GitHubClient(ConnectionSettings(url, PersonalAccessToken(token))) as client:
    assert ask_report(client, date.fromisoformat(day)).files
logging.getLogger("test").debug("the report was downloaded")
"""


@pytest.mark.parametrize("entry", ENTRY_POINTS)
def test_neither_a_token_nor_a_signed_link_is_logged_by_a_process_at_any_level(
    github: SimulatedGitHub, entry: str
) -> None:
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{ENTRY_POINTS[entry]}\n{DOWNLOAD}",
            github.url,
            github.token,
            str(github.newest_day),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "the report was downloaded" in result.stderr
    assert any(request.query.get("sig") for request in github.requests)
    for text in (result.stdout, result.stderr):
        assert github.token not in text
        assert "sig=" not in text


@pytest.mark.parametrize("where", ["message", "permission", "scopes", "limit"])
def test_a_token_of_a_form_that_no_pattern_knows_is_masked_where_github_echoes_it(
    github: SimulatedGitHub, logged: Logged, where: str
) -> None:
    token = "A-token.of/no+known=form"
    github.accept(token)
    headers = {
        "permission": {"x-accepted-github-permissions": token},
        "scopes": {"x-oauth-scopes": token, "x-accepted-oauth-scopes": f"repo, {token}"},
        "limit": {"retry-after": "1"},
    }.get(where, {})
    message = f"not with {token}, nor with {token}"
    github.faults.add("/user$", status=403, body={"message": message}, headers=headers)
    with (
        client_of(github, ONCE, credential=PersonalAccessToken(token)) as client,
        pytest.raises(GitHubError) as raised,
    ):
        client.user()
    assert "not with ***, nor with ***" in str(raised.value)
    assert token not in chain(raised.value) + logged()


def test_a_proxy_that_refuses_learns_no_token_and_is_quoted_nowhere(
    github: SimulatedGitHub, accepted: str, logged: Logged
) -> None:
    def refuse(connection: socket.socket, head: str) -> None:
        words = f"HTTP/1.1 407 {TOKEN}\r\nProxy-Authenticate: Basic realm={TOKEN}\r\n\r\n"
        connection.sendall(words.encode())

    with wire(refuse) as (address, seen):
        options = {"proxy": address, "endpoint": "https://api.octo.example"}
        with client_of(github, ONCE, **options) as client, pytest.raises(GitHubError) as raised:
            client.user()
    (head,) = seen
    assert "authorization" not in head.lower()
    assert TOKEN not in head + chain(raised.value) + logged()


def test_a_signed_link_that_serves_or_redirects_is_not_logged(
    github: SimulatedGitHub, accepted: str, logged: Logged
) -> None:
    target = f"{github.download_url}/moved?sig={SIGNATURE}"
    github.faults.add("/copilot-reports|json$", origin="download", redirect_to=target)
    github.faults.add("/moved$", origin="download", body="{}")
    with client_of(github, ONCE) as client:
        documents = ask_report(client, github.newest_day).files
    assert [document.url for document in documents] == [f"{github.download_url}/moved"]
    assert SIGNATURE not in repr(documents) + logged()
    assert "sig=" not in logged()
    assert TOKEN not in logged()


# --- the database -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://someone:{PASSWORD}@127.0.0.1:1/copilot",
        f"postgresql://someone@127.0.0.1:1/copilot?password={PASSWORD}",
        f"postgresql://someone@127.0.0.1:1/copilot?passwd={PASSWORD}",
        f"postgresql://someone@127.0.0.1:1/copilot?port={PASSWORD}",
        f"postgresql://someone@127.0.0.1:1/copilot?sslpassword={PASSWORD}",
        f"postgresql://someone:p@{PASSWORD}@127.0.0.1:1/copilot",
        f"postgresql://someone:p@{PASSWORD}/x@127.0.0.1:1/copilot",
        f"postgresql://someone:p/{PASSWORD}@127.0.0.1:1/copilot",
        f"postgresql://someone:p:{PASSWORD}@127.0.0.1:1/copilot",
        f"postgresql://someone:p%{PASSWORD}@127.0.0.1:1/copilot",
        f"postgresql://someone:p#{PASSWORD}?@127.0.0.1:1/copilot",
        f"postgresql:///copilot?host=127.0.0.1&port=1&user=someone&password={PASSWORD}",
        f"postgresql+asyncpg://someone:{PASSWORD}@127.0.0.1:1/copilot",
        f"postgres://someone:{PASSWORD}@[::1/copilot",
        f"mysql://someone:{PASSWORD}@127.0.0.1/copilot",
        f"sqlite://someone:{PASSWORD}@host/copilot.db",
        f"sqlite://host/copilot.db?password={PASSWORD}",
        f"sqlite:///copilot.db?timeout={PASSWORD}",
        f"sqlite:////nowhere/copilot.db?password={PASSWORD}",
        f"someone:{PASSWORD}@host/copilot",
    ],
)
def test_a_password_of_database_url_is_in_no_error_of_the_chain_and_in_no_log(
    url: str, logged: Logged, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    with pytest.raises(DatabaseError) as raised:
        Database(url)
    assert PASSWORD not in chain(raised.value) + logged()
    monkeypatch.setenv("DATABASE_URL", url)
    assert run_command(["accounts", "list"]) == 1
    printed = capsys.readouterr()
    assert PASSWORD not in printed.out + printed.err
    assert "Traceback" not in printed.err
    result = execute("daily_copilot", [newest_complete_day()])
    assert not result.success
    assert PASSWORD not in events(result) + logged()
    printed = capsys.readouterr()
    assert PASSWORD not in printed.out + printed.err


@pytest.mark.parametrize("option", ["sslmode", "channel_binding", "hostaddr"])
def test_a_password_in_an_option_that_the_driver_repeats_is_in_no_error(option: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        Database(f"postgresql://someone@127.0.0.1:1/copilot?{option}={PASSWORD}")
    assert PASSWORD not in chain(raised.value)


def test_a_password_of_a_database_that_answers_is_not_logged(
    postgres_url: str, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sa.make_url(postgres_url).set(password=PASSWORD)
    with Database(url.render_as_string(hide_password=False)) as database:
        with database.write() as connection:
            connection.execute(sa.select(sa.text("1")))
        assert PASSWORD not in repr(database) + repr(database.url) + repr(database.engine)
    query = {"password": PASSWORD, "host": str(url.query["host"])}
    with Database(sa.make_url(postgres_url).set(query=query).render_as_string(False)) as database:
        with database.read() as connection:
            connection.execute(sa.select(sa.text("1")))
        assert PASSWORD not in repr(database)
    assert "sqlalchemy" in logged()
    assert PASSWORD not in logged()


@pytest.mark.parametrize("kind", ["missing value", "twice", "wrong type", "unstorable"])
@pytest.mark.both_databases
def test_values_of_a_statement_that_fails_are_in_no_error_and_in_no_log(
    database: Database, logged: Logged, kind: str
) -> None:
    account = {
        "login": f"login-{PASSWORD}",
        "github_user_id": 9_000_001,
        "endpoint": f"https://api.octo.example/{PASSWORD}",
        "token_ciphertext": PASSWORD,
        "token_nonce": PASSWORD,
        "token_salt": PASSWORD,
        "token_kdf": PASSWORD,
        "created_at": sa.func.current_timestamp(),
        "updated_at": sa.func.current_timestamp(),
    }
    changes: dict[str, dict[str, Any]] = {
        "missing value": {"token_kdf": None},
        "twice": {},
        "wrong type": {"created_at": PASSWORD},
        "unstorable": {"node_id": f"{PASSWORD}\x00" if not database.is_sqlite else [PASSWORD]},
    }
    insert = sa.insert(tables.accounts).values(**{**account, **changes[kind]})
    with ExitStack() as stack:
        raised = stack.enter_context(pytest.raises(DatabaseError))
        connection = stack.enter_context(database.write())
        connection.execute(insert)
        connection.execute(insert)
    assert PASSWORD not in chain(raised.value)
    assert "sqlalchemy" in logged()
    assert PASSWORD not in logged()


# --- the vault ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"ciphertext": "AAAA"},
        {"nonce": ""},
        {"salt": "AAAA"},
        {"kdf": "argon2id$v=19$m=8,t=1,p=1"},
        {"kdf": TOKEN},
        {"ciphertext": "\ud800"},
    ],
    ids=str,
)
def test_errors_of_argon2_and_aes_show_neither_token_nor_secret(
    logged: Logged, change: dict[str, str]
) -> None:
    vault, identity = Vault(settings.token_secret()), Identity("https://api.github.com", 7)
    sealed = vault.seal(TOKEN, identity)
    with pytest.raises(VaultError) as raised:
        vault.open(replace(sealed, **change), identity)
    for hidden in (TOKEN, settings.token_secret()):
        assert hidden not in chain(raised.value) + logged() + repr(vault) + repr(sealed)
    assert raised.value.__cause__ is None


# --- the config of the import job ---------------------------------------------------------------

MISTAKES: dict[str, dict[str, Any]] = {
    "token_env": {"token_env": TOKEN},
    "token_env with more": {"token_env": f"TOKEN={TOKEN}"},
    "endpoint": {"endpoint": TOKEN},
    "endpoint's user": {"endpoint": f"https://{TOKEN}@api.github.com"},
    "endpoint's query": {"endpoint": f"https://api.github.com?access_token={TOKEN}"},
    "endpoint's path": {"endpoint": f"https://127.0.0.1:9/{TOKEN}"},
    "proxy": {"proxy": TOKEN},
    "proxy's user": {"proxy": f"http://{TOKEN}@proxy.example:8080"},
    "proxy's path": {"proxy": f"http://127.0.0.1:9/{TOKEN}"},
    "organizations": {"organizations": ["octo-demo", TOKEN]},
    "enterprises": {"enterprises": [TOKEN]},
    "metrics_api": {"metrics_api": TOKEN},
    "unknown field": {"token": TOKEN},
    "unknown fields": {"account": {"login": "octocat", "tokens": [TOKEN]}},
    "token_env, a list": {"token_env": [TOKEN]},
    "token_env, an object": {"token_env": {"value": TOKEN}},
    "token_env, resolved": {"token_env": {"env": "GITHUB_TOKEN"}},
    "organizations, resolved": {"organizations": [{"env": "GITHUB_TOKEN"}]},
    "endpoint, a list": {"endpoint": [TOKEN]},
    "proxy, an object": {"proxy": {"url": TOKEN}},
    "organizations, a text": {"organizations": TOKEN},
    "organizations, an object": {"organizations": {"octo-demo": TOKEN}},
    "organizations, nested": {"organizations": [[TOKEN]]},
    "enterprises, a text": {"enterprises": TOKEN},
    "metrics_api, a list": {"metrics_api": [TOKEN]},
}
# Dagster's own check of a config repeats these to the person who typed them, before any code of
# ours is asked. No run is made of them.
REPEATED: dict[str, dict[str, Any]] = {
    "a field's name": {TOKEN: "octo-demo"},
    "a variable's name": {"token_env": {"env": TOKEN}},
}


def assert_kept_nowhere(
    config: object, capsys: Output, logged: Logged, hidden: str = TOKEN
) -> None:
    """Runs the import with that config, which must fail, on the instance of DAGSTER_HOME."""
    shown = ""
    with dg.DagsterInstance.get() as instance:
        try:
            result = execute(
                "import_account", config={"import_account": {"config": config}}, instance=instance
            )
        except Exception as error:  # Dagster's own, of many kinds
            shown = chain(error)
        else:
            assert not result.success
            shown = events(result)
        for run in instance.get_runs():
            shown += repr(run.run_config)
            shown += "".join(repr(entry) for entry in instance.all_logs(run.run_id))
        home = instance.root_directory
    printed = capsys.readouterr()
    assert shown
    assert hidden not in shown + printed.out + printed.err + logged()
    assert files_holding(Path(home), hidden) == []


@pytest.mark.parametrize("config", MISTAKES.values(), ids=MISTAKES)
def test_a_token_in_a_wrong_place_of_the_import_jobs_config_is_kept_nowhere(
    github: SimulatedGitHub,
    accepted: str,
    capsys: Output,
    logged: Logged,
    config: dict[str, Any],
) -> None:
    given = {"endpoint": github.url, "organizations": ["octo-demo"], **config}
    assert_kept_nowhere(given, capsys, logged)


@pytest.mark.parametrize(
    "config",
    [
        {"token_env": PASSWORD},
        {"endpoint": f"https://someone:{PASSWORD}@api.github.com"},
        {"endpoint": f"https://api.github.com/?access_token={PASSWORD}"},
        {"proxy": f"http://someone:{PASSWORD}@proxy.example:8080"},
    ],
    ids=["token_env", "endpoint's user", "endpoint's query", "proxy's user"],
)
def test_a_secret_of_any_form_in_the_import_jobs_config_is_kept_nowhere(
    github: SimulatedGitHub, accepted: str, capsys: Output, logged: Logged, config: dict[str, str]
) -> None:
    assert_kept_nowhere({"endpoint": github.url, **config}, capsys, logged, PASSWORD)


def test_a_token_instead_of_the_import_jobs_config_is_kept_nowhere(
    capsys: Output, logged: Logged
) -> None:
    assert_kept_nowhere(TOKEN, capsys, logged)


@pytest.mark.parametrize("config", REPEATED.values(), ids=REPEATED)
def test_a_token_as_a_name_in_the_import_jobs_config_is_not_stored(
    github: SimulatedGitHub, config: dict[str, Any]
) -> None:
    given = {"endpoint": github.url, **config}
    with dg.DagsterInstance.get() as instance:
        with pytest.raises(dg.DagsterError):
            execute(
                "import_account", config={"import_account": {"config": given}}, instance=instance
            )
        assert instance.get_runs_count() == 0
        assert files_holding(Path(instance.root_directory), TOKEN) == []


@pytest.mark.parametrize("upper", [False, True])
def test_the_secret_given_as_a_variables_name_is_not_repeated(
    github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch, upper: bool
) -> None:
    secret = "c0ffee" * 10 + "abcd"
    secret = secret.upper() if upper else secret
    monkeypatch.setenv("COPILOT_METRICS__TOKEN_SECRET", secret)
    assert run_command(import_with(github, "--token-env", secret)) == 1
    printed = capsys.readouterr()
    assert secret not in printed.out + printed.err


# --- runs ---------------------------------------------------------------------------------------

# The organizations of one run, and what goes wrong with each.
TROUBLE = ("fine", "echo", "away", "expired", "lured", "garbage", "no-address")


def make_trouble(github: SimulatedGitHub) -> None:
    address = f"https://elsewhere.example/{TOKEN}?sig={SIGNATURE}"
    garbage = f'{{"day": "{TOKEN}", "url": "https://x.example/?sig={SIGNATURE}"'
    echo = {"x-oauth-scopes": TOKEN, "x-accepted-oauth-scopes": TOKEN}
    add = github.faults.add
    add("/octo-echo/", status=403, body={"message": f"bad {TOKEN}"}, headers=echo)
    add("/octo-away/", redirect_to=address)
    add("/expired$", origin="download", **faults.link_expired())
    add("/lured$", origin="download", redirect_to=address)
    add("/garbage$", origin="download", body=garbage)
    for name in ("expired", "lured", "garbage"):
        files = ReportFiles([], links=[f"{github.download_url}/{name}?sig={SIGNATURE}"])
        github.organization(f"octo-{name}").reports["organization-1-day", github.newest_day] = files
    files = ReportFiles([], links=[f"http://[{TOKEN}?sig={SIGNATURE}"])
    github.organization("octo-no-address").reports["organization-1-day", github.newest_day] = files


@pytest.mark.both_databases
def test_a_run_shows_and_keeps_neither_token_nor_secret_nor_signature(
    warehouse_environment: str, capsys: Output, logged: Logged
) -> None:
    slugs = [f"octo-{name}" for name in TROUBLE]
    with SimulatedGitHub([Organization(slug) for slug in slugs], token=TOKEN) as github:
        import_organizations(warehouse_environment, github, *slugs)
        make_trouble(github)
        with dg.DagsterInstance.get() as instance:
            result = execute("daily_copilot", [newest_complete_day()], instance=instance)
            shown = events(result)
            shown += "".join(repr(entry) for entry in instance.all_logs(result.run_id))
            home = instance.root_directory
    printed = capsys.readouterr()
    shown += printed.out + printed.err + logged()
    assert all(f"organization {slug}" in shown for slug in slugs)
    for hidden in (TOKEN, settings.token_secret(), SIGNATURE, "sig="):
        assert hidden not in shown
        assert files_holding(Path(home), hidden) == []
        assert tables_holding(warehouse_environment, hidden) == []


def test_a_run_whose_account_does_not_open_says_nothing_of_the_secrets(
    warehouse_environment: str,
    github: SimulatedGitHub,
    accepted: str,
    logged: Logged,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    first, second = settings.token_secret(), "c0ffee" * 10 + "abcd"
    monkeypatch.setenv("COPILOT_METRICS__TOKEN_SECRET", second)
    result = execute("daily_copilot", [newest_complete_day()])
    assert "cannot be decrypted" in events(result)
    for hidden in (TOKEN, first, second):
        assert hidden not in events(result) + logged()


# --- reprs --------------------------------------------------------------------------------------


def test_no_object_shows_a_secret_in_its_repr(
    warehouse_environment: str,
    github: SimulatedGitHub,
    accepted: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account_id = import_organizations(warehouse_environment, github, "octo-demo")
    with Database(warehouse_environment) as database:
        account, _ = one_account(database, account_id)
        with database.read() as connection:
            (row,) = connection.execute(sa.select(tables.accounts)).all()
        database_repr = repr(database) + str(database) + repr(database.engine)
    connection_of = ConnectionSettings(github.url, PersonalAccessToken(TOKEN))
    with (
        Database(warehouse_environment) as database,
        open_client(database, account) as client,
        Transport(connection_of) as transport,
    ):
        objects: list[object] = [
            connection_of,
            client,
            vars(client),
            transport,
            Vault(settings.token_secret()),
            account,
            DatabaseResource(),
            GitHubResource(),
            github,
            github.requests,
        ]
        shown = database_repr + "".join(f"{each!r} {each}" for each in objects)
    sealed = (row.token_ciphertext, row.token_nonce, row.token_salt)
    for hidden in (TOKEN, settings.token_secret(), *sealed):
        assert hidden not in shown


# --- the command line ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["accounts", "import", TOKEN],
        ["accounts", "import", "--token-env", TOKEN],
        ["accounts", "import", "--token", TOKEN],
        ["accounts", "import", f"--token={TOKEN}"],
        ["accounts", "import", f"--{TOKEN}"],
        ["accounts", "import", "--endpoint", TOKEN],
        ["accounts", "import", "--endpoint", f"https://{TOKEN}@api.github.com"],
        ["accounts", "import", "--endpoint", f"https://127.0.0.1:9/{TOKEN}"],
        ["accounts", "import", "--proxy", TOKEN],
        ["accounts", "import", "--proxy", f"http://{TOKEN}@proxy.example"],
        ["accounts", "import", "--org", TOKEN],
        ["accounts", "import", "--enterprise", TOKEN],
        ["accounts", "import", "--metrics-api", TOKEN],
        ["accounts", "show", TOKEN],
        ["accounts", "update", "1", "--org", TOKEN],
        ["accounts", "update", "1", "--proxy", f"http://127.0.0.1:9/{TOKEN}"],
        ["scopes", "update", "octo-demo", "--name", f"the {TOKEN}"],
        ["scopes", "update", "octo-demo", "--implementation-date", TOKEN],
        ["scopes", "remove", TOKEN, "--yes"],
        ["metrics", "latest", TOKEN],
        ["accounts", TOKEN],
        ["run", "--org", TOKEN],
        ["run", "--day", TOKEN],
        ["demo", "--days", TOKEN],
        [TOKEN],
    ],
    ids=lambda arguments: " ".join(arguments).replace(TOKEN, "TOKEN"),
)
def test_a_token_anywhere_on_the_command_line_is_neither_repeated_nor_stored(
    github: SimulatedGitHub,
    accepted: str,
    capsys: Output,
    logged: Logged,
    environment: Path,
    arguments: list[str],
) -> None:
    succeed(import_with(github, "--org", "octo-demo"), capsys)
    if arguments[:2] == ["accounts", "import"] and "--endpoint" not in arguments:
        arguments = [*arguments, "--endpoint", github.url]
    assert run_command(arguments) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("Error: ")
    assert "Traceback" not in printed.err
    assert TOKEN not in printed.out + printed.err + logged()
    assert files_holding(environment, TOKEN) == []


def test_the_output_of_every_command_holds_no_secret(
    warehouse_environment: str, github: SimulatedGitHub, accepted: str, capsys: Output
) -> None:
    commands = [
        import_with(github, "--org", "octo-demo"),
        ["accounts", "list"],
        ["accounts", "show", "1"],
        ["run", "--last", "2"],
    ]
    for command in commands:
        assert run_command(command) == 0
    printed = capsys.readouterr()
    assert json.dumps("octo-demo") in printed.out
    for hidden in (TOKEN, settings.token_secret(), "sig=", "ciphertext"):
        assert hidden not in printed.out + printed.err
