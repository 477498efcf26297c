"""Dagster's own commands from the project's root: `dagster job launch` and `dagster dev`.

With the warehouse on PostgreSQL, Dagster's own storage is in the same database, as dagster.yaml
describes it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import sqlalchemy as sa

from copilot_pipeline.simulated_github import SimulatedGitHub, faults
from copilot_pipeline_tests.conftest import ROOT
from copilot_pipeline_tests.leaks import files_that_leak, leaked
from copilot_pipeline_tests.loading import import_organizations, newest_complete_day, read_table

SENTINEL = "ghp_sentinelSENTINELsentinelSENTINEL12345"
DAGSTER = str(Path(sys.executable).with_name("dagster"))


@pytest.fixture
def dagster_home(
    environment: Path,
    warehouse_environment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """DAGSTER_HOME; with the warehouse on PostgreSQL, Dagster's storage is there as well."""
    if warehouse_environment.startswith("postgresql"):
        url = sa.make_url(warehouse_environment)
        file = environment / "dagster.yaml"
        file.write_text(_with_postgres_storage(file.read_text(), str(url.query["host"])))
        monkeypatch.setenv("DAGSTER_POSTGRES_DB", str(url.database))
        monkeypatch.setenv("DAGSTER_POSTGRES_USER", str(url.username))
    return environment


def _with_postgres_storage(text: str, socket_folder: str) -> str:
    """dagster.yaml with its commented part put into force, for a server on a Unix socket."""
    before, commented = text.split("# storage:\n")
    part = "storage:\n" + "\n".join(line.removeprefix("# ") for line in commented.splitlines())
    part = part.replace("{ env: DAGSTER_POSTGRES_HOST }", "''")
    part = part.replace("{ env: DAGSTER_POSTGRES_PASSWORD }", "''")
    return f"{before}{part}\n      params:\n        host: {socket_folder}\n"


def launch(job: str, *arguments: str) -> str:
    """Everything that `dagster job launch` prints."""
    command = [DAGSTER, "job", "launch", "-j", job, *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return ended.stdout


def partition(day: object) -> list[str]:
    return ["--tags", json.dumps({"dagster/partition": str(day)})]


def import_config(github: SimulatedGitHub, token_env: str) -> list[str]:
    config = {"token_env": token_env, "endpoint": github.url, "organizations": ["octo-demo"]}
    return ["--config-json", json.dumps({"ops": {"import_account": {"config": config}}})]


def statuses() -> dict[str, str]:
    with dg.DagsterInstance.get() as instance:
        return {run.job_name: run.status.value for run in instance.get_runs()}


def test_jobs_launched_from_the_command_line_store_everything_but_the_token(
    dagster_home: Path,
    warehouse_environment: str,
    github: SimulatedGitHub,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    github.accept(SENTINEL)
    monkeypatch.setenv("MY_TOKEN", SENTINEL)

    output = launch("import_account", *import_config(github, SENTINEL))
    assert "NAME of an environment variable" in output
    assert statuses() == {}

    output += launch("import_account", *import_config(github, "MY_TOKEN"))
    output += launch("daily_copilot", *partition(newest_complete_day()))
    assert statuses() == {"import_account": "SUCCESS", "daily_copilot": "SUCCESS"}
    assert len(read_table(warehouse_environment, "_tool_copilot_org_metrics")) == 1
    assert len(read_table(warehouse_environment, "_tool_copilot_seats")) == 40

    github.faults.add("/orgs/", status=403, body={"message": f"no access with {SENTINEL}"})
    output += launch("daily_copilot", *partition(newest_complete_day() - timedelta(days=1)))
    assert "organization octo-demo" in output
    with dg.DagsterInstance.get() as instance:
        (run, *_) = instance.get_runs(limit=1)
    assert run.status.value == "FAILURE"

    assert leaked(output) == []
    # Dagster's runs, events and logs lie there; what is in PostgreSQL is searched after the test.
    assert files_that_leak(tmp_path) == []


@pytest.mark.slow
def test_a_range_of_days_is_launched_as_one_run(
    dagster_home: Path, warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    newest = newest_complete_day()
    tags = {
        "dagster/asset_partition_range_start": str(newest - timedelta(days=2)),
        "dagster/asset_partition_range_end": str(newest),
    }
    launch("metrics_backfill", "--tags", json.dumps(tags))
    assert statuses() == {"metrics_backfill": "SUCCESS"}
    assert len(read_table(warehouse_environment, "_tool_copilot_org_metrics")) == 3


@pytest.mark.slow
def test_the_pages_that_a_user_opens_first_answer(
    dagster_home: Path, warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.faults.add("/billing$", **faults.not_owner())
    launch("daily_copilot", *partition(newest_complete_day()))
    with dagster_dev() as url:
        for page in ("/assets", "/runs", "/locations/copilot_pipeline/schedules"):
            answer = httpx.get(url + page, trust_env=False)
            assert answer.status_code == 200
            assert "dagster" in answer.text.lower()
        data = graphql(
            url,
            """{
              assetNodes { assetKey { path } }
              runsOrError { ... on Runs { results { jobName status } } }
              schedulesOrError(repositorySelector: {
                repositoryName: "__repository__", repositoryLocationName: "copilot_pipeline"
              }) { ... on Schedules { results { name scheduleState { status } } } }
            }""",
        )
    assert len(data["assetNodes"]) == 11
    (run,) = data["runsOrError"]["results"]
    assert run == {"jobName": "daily_copilot", "status": "FAILURE"}
    schedules = {
        schedule["name"]: schedule["scheduleState"]["status"]
        for schedule in data["schedulesOrError"]["results"]
    }
    assert schedules["daily_copilot_schedule"] == "RUNNING"


@contextmanager
def dagster_dev() -> Iterator[str]:
    """The address of a Dagster UI, stopped with all its processes at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [DAGSTER, "dev", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGINT)
        # On a busy machine Dagster's processes may take longer: the rest of the group is killed.
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    query = "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "dagster dev ended"
        try:
            entries = graphql(url, query)["workspaceOrError"]["locationEntries"]
        except httpx.TransportError:
            entries = []
        if entries and all(entry["loadStatus"] == "LOADED" for entry in entries):
            return
        time.sleep(0.5)
    raise AssertionError("dagster dev did not come up")


def graphql(url: str, query: str) -> dict[str, Any]:
    answer = httpx.post(f"{url}/graphql", json={"query": query}, timeout=30, trust_env=False)
    data: dict[str, Any] = answer.json()["data"]
    return data
