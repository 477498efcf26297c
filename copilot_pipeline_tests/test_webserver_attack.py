"""The real Dagster webserver, asked by a page of another site: no request carries a secret away.

Its UI has no login and checks neither Origin nor Host, and its GraphQL runs mutations from a plain
GET. What a run may send, and where to, is therefore decided by this project alone.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from copilot_pipeline import settings
from copilot_pipeline_tests.conftest import ROOT, copied
from copilot_pipeline_tests.leaks import SECRET, leaked, stored_rows
from copilot_pipeline_tests.loading import newest_complete_day
from copilot_pipeline_tests.test_hardening import send_json, wire

WEBSERVER = str(Path(sys.executable).with_name("dagster-webserver"))
FOREIGN = "https://evil.example"
TOKEN = "ghp_" + "Sentinel0Of1The2Webserver3Attacked45"
PASSWORD = "s3cret-of-the-database"
# Of no form that redaction knows.
PLAIN = "plain0and1plausible"

MODULE = "copilot_pipeline.definitions"
SELECTOR = {
    "repositoryLocationName": MODULE,
    "repositoryName": "__repository__",
}
LAUNCH = """mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PythonError { message stack causes { message } }
    ... on UnauthorizedError { message }
  }
}"""
RUNS = """{ runsOrError { ... on Runs { results { runId jobName status runConfigYaml
  eventConnection { events {
    ... on MessageEvent { message }
    ... on ErrorEvent { error { message stack causes { message stack } } }
  } }
} } } }"""
SCHEDULE = f"""{{ scheduleOrError(scheduleSelector: {{
  repositoryName: "{SELECTOR["repositoryName"]}",
  repositoryLocationName: "{SELECTOR["repositoryLocationName"]}",
  scheduleName: "daily_copilot_schedule"
}}) {{ ... on Schedule {{ scheduleState {{ id status }} }} }} }}"""
STOP = """mutation Stop($id: String!) {
  stopRunningSchedule(id: $id) { __typename ... on UnauthorizedError { message } }
}"""

Variables = dict[str, Any]
Run = dict[str, Any]


@dataclass
class Webserver:
    """A running `dagster-webserver`, and everything that it returned."""

    url: str
    home: Path
    database_url: str
    returned: list[str] = field(default_factory=list)

    def get(self, query: str, variables: Variables | None = None) -> Any:
        """As an image or a link of another site's page asks."""
        return self._ask("GET", query, variables)

    def post_text(self, query: str, variables: Variables | None = None) -> Any:
        """As a form of another site's page asks, without a preflight."""
        return self._ask("POST", query, variables, {"Content-Type": "text/plain"})

    def open_websocket(self, query: str, variables: Variables | None = None) -> Any:
        """As a script of another site's page asks: the first answer to the operation."""
        address = self.url.replace("http://", "ws://") + "/graphql"
        payload = {"query": query, "variables": variables or {}}
        origin, protocol = Origin(FOREIGN), Subprotocol("graphql-ws")
        with connect(address, origin=origin, subprotocols=[protocol], proxy=None) as socket:
            socket.send(json.dumps({"type": "connection_init"}))
            self.returned.append(str(socket.recv(30)))
            socket.send(json.dumps({"type": "start", "id": "1", "payload": payload}))
            self.returned.append(str(socket.recv(30)))
        return json.loads(self.returned[-1])

    def finished_runs(self) -> list[Run]:
        """All runs with what they logged, once each has come to an end."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            runs: list[Run] = self.get(RUNS)["data"]["runsOrError"]["results"]
            if all(run["status"] in ("SUCCESS", "FAILURE", "CANCELED") for run in runs):
                return runs
            time.sleep(0.5)
        raise AssertionError("a run does not end")

    def schedule(self) -> dict[str, str]:
        state: dict[str, str] = self.get(SCHEDULE)["data"]["scheduleOrError"]["scheduleState"]
        return state

    def require_no_secret(self) -> None:
        """Searches everything that was returned, and that is stored in files and in tables."""
        files = [path.read_bytes() for path in self.home.rglob("*") if path.is_file()]
        tables = [row.encode() for _, row in stored_rows(self.database_url)]
        assert files
        for data in (*files, *tables, "\n".join(self.returned).encode()):
            assert leaked(data) == []
            for hidden in (PASSWORD, PLAIN):
                assert hidden.encode() not in data

    def _ask(
        self, method: str, query: str, variables: Variables | None, headers: Any = None
    ) -> Any:
        answer = httpx.request(
            method,
            f"{self.url}/graphql",
            params={"query": query, "variables": json.dumps(variables or {})},
            headers={"Origin": FOREIGN, **(headers or {})},
            timeout=60,
            trust_env=False,
        )
        self.returned.append(answer.text)
        return answer.json()


@contextmanager
def webserver(home: Path, database_url: str, *options: str) -> Iterator[Webserver]:
    """The webserver on a port of its own, stopped with all its processes at the end."""
    (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inherited = {key: value for key, value in os.environ.items() if "COPILOT" not in key}
    process = subprocess.Popen(
        [WEBSERVER, "-h", "127.0.0.1", "-p", str(port), "-m", MODULE, *options],
        cwd=home,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            **inherited,
            settings.DAGSTER_HOME: str(home),
            settings.DATABASE_URL: database_url,
            settings.TOKEN_SECRET: SECRET,
            "GITHUB_TOKEN": TOKEN,
            "SOME_PASSWORD": PLAIN,
        },
    )
    try:
        started = Webserver(f"http://127.0.0.1:{port}", home, database_url)
        _wait_for(started, process)
        yield started
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        finally:
            # Whatever of the group is left after an orderly stop.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(started: Webserver, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the webserver ended"
        with suppress(httpx.TransportError, KeyError):
            started.schedule()
            return
        time.sleep(0.3)
    raise AssertionError("the webserver did not come up")


@pytest.fixture(scope="module")
def warehouse(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """The URL, with a password, of a warehouse that all tests here share."""
    with copied(postgres_server, postgres_template) as url:
        yield sa.make_url(url).set(password=PASSWORD).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def attacked(warehouse: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webserver]:
    with webserver(tmp_path_factory.mktemp("attacked"), warehouse) as started:
        yield started


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """Where the attacker listens, as GitHub would answer; and what was sent there."""
    with wire(lambda connection, _: send_json(connection, {"id": 7, "login": "evil"})) as listening:
        yield listening


def launch(job: str, config: Variables, **tags: str) -> Variables:
    """The variables of the mutation."""
    return {
        "params": {
            "selector": {**SELECTOR, "jobName": job},
            "runConfigData": json.dumps(config),
            "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags.items()]},
        }
    }


def import_from(variable: str, endpoint: str) -> Variables:
    config = {"token_env": variable, "endpoint": endpoint}
    return launch("import_account", {"ops": {"import_account": {"config": config}}})


SECRETS = ("COPILOT_METRICS__TOKEN_SECRET", "DATABASE_URL", "GITHUB_TOKEN")
WAYS = {
    "get": Webserver.get,
    "text": Webserver.post_text,
    "websocket": Webserver.open_websocket,
}


@pytest.mark.parametrize("variable", SECRETS)
@pytest.mark.parametrize("way", WAYS)
def test_a_page_of_another_site_makes_no_run_send_a_variable_to_its_own_host(
    attacked: Webserver, listener: tuple[str, list[str]], way: str, variable: str
) -> None:
    address, received = listener
    answer = WAYS[way](attacked, LAUNCH, import_from(variable, address))
    statuses = {run["status"] for run in attacked.finished_runs()}
    assert received == []
    assert statuses <= {"FAILURE"}
    assert "LaunchRunSuccess" not in json.dumps(answer)
    attacked.require_no_secret()


@pytest.mark.parametrize("variable", ["DATABASE_URL", "SOME_PASSWORD"])
@pytest.mark.parametrize(
    "config",
    [
        {"ops": {"metrics": {"config": {"organizations": [{"env": "VARIABLE"}]}}}},
        {"ops": {"seat_snapshot": {"config": {"organizations": [{"env": "VARIABLE"}]}}}},
        {"ops": {"import_account": {"config": {"organizations": [{"env": "VARIABLE"}]}}}},
        {"ops": {"import_account": {"config": {"token_env": {"env": "VARIABLE"}}}}},
        {"ops": {"import_account": {"config": {"endpoint": {"env": "VARIABLE"}}}}},
        {"ops": {"fetch_account_metrics": {"config": {"account_ids": [{"env": "VARIABLE"}]}}}},
    ],
    ids=["metrics", "seats", "import", "token", "endpoint", "accounts"],
)
def test_no_configuration_of_a_run_takes_its_value_from_a_variable(
    attacked: Webserver, config: Variables, variable: str
) -> None:
    (op,) = config["ops"]
    job = op if op in ("import_account", "fetch_account_metrics") else "daily_copilot"
    named = json.loads(json.dumps(config).replace("VARIABLE", variable))
    tags = {"dagster/partition": str(newest_complete_day())} if job == "daily_copilot" else {}
    answer = attacked.get(LAUNCH, launch(job, named, **tags))
    assert answer["data"]["launchRun"]["__typename"] != "LaunchRunSuccess"
    attacked.finished_runs()
    attacked.require_no_secret()


def test_a_read_only_webserver_launches_no_run_and_stops_no_schedule(
    warehouse: str, tmp_path: Path, listener: tuple[str, list[str]]
) -> None:
    home = tmp_path / "read-only"
    home.mkdir()
    with webserver(home, warehouse, "--read-only") as started:
        asks: list[Callable[[str, Variables], Any]] = [started.get, started.post_text]
        for ask in asks:
            answer = ask(LAUNCH, import_from("GITHUB_TOKEN", listener[0]))
            assert answer["data"]["launchRun"]["__typename"] == "UnauthorizedError"
            answer = ask(STOP, {"id": started.schedule()["id"]})
            assert answer["data"]["stopRunningSchedule"]["__typename"] == "UnauthorizedError"
        assert started.finished_runs() == []
        assert started.schedule()["status"] == "RUNNING"
        assert listener[1] == []
        started.require_no_secret()
