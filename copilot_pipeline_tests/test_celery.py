"""Runs on Celery's workers, with a Redis, a PostgreSQL and Dagster's daemon: `make test-celery`."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.launcher.base import WorkerStatus

from copilot_pipeline import settings
from copilot_pipeline.definitions import defs
from copilot_pipeline.schedules import RETRY_TAGS
from copilot_pipeline.simulated_github import Organization, SimulatedGitHub
from copilot_pipeline_tests.conftest import ROOT
from copilot_pipeline_tests.loading import (
    ORGANIZATION,
    USERS,
    import_organizations,
    newest_complete_day,
    read_table,
)
from copilot_pipeline_tests.test_dagster_commands import DAGSTER

pytestmark = pytest.mark.celery

BIN = Path(DAGSTER).parent
TABLES = ("_tool_copilot_org_metrics", "_tool_copilot_user_metrics", "_tool_copilot_seats")


@dataclass
class Worker:
    """A worker with one process for runs."""

    name: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Kills the worker with its process, as if its machine went down."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Deployment:
    """Redis and two workers, with an instance of deploy/celery/dagster.yaml."""

    instance: dg.DagsterInstance
    workers: dict[str, Worker]
    stack: ExitStack
    folder: Path

    def start_daemon(self) -> None:
        command = (str(BIN / "dagster-daemon"), "run", "-w", "workspace.yaml")
        self.stack.enter_context(running(self.folder / "daemon.log", *command))

    def launch(self, account: int, **tags: str) -> subprocess.Popen[bytes]:
        """Submits a run of the newest day of the account; the command that does it."""
        steps = ("metrics", "seat_snapshot", "billing_snapshot")
        config = {"ops": {step: {"config": {"accounts": [account]}} for step in steps}}
        tags |= {
            "dagster/partition": str(newest_complete_day()),
            "copilot/account": f"{account}-demo-admin",
        }
        command = [DAGSTER, "job", "launch", "-w", "workspace.yaml", "-j", "daily_copilot"]
        arguments = ["--tags", json.dumps(tags), "--config-json", json.dumps(config)]
        return subprocess.Popen([*command, *arguments], cwd=ROOT)

    def finished(self, number: int) -> list[dg.DagsterRun]:
        """All runs, once there are so many and each of them is at its end."""

        def done() -> bool:
            runs = self.instance.get_runs()
            return len(runs) >= number and all(run.is_finished for run in runs)

        wait_until(done)
        return list(self.instance.get_runs())

    def worker_of(self, run_id: str) -> str | None:
        """The name of the worker that runs or ran it, as Celery's results say."""
        run = self.instance.get_run_by_id(run_id)
        task = run.tags.get("dagster-celery/task_id") if run else None
        launcher: Any = self.instance.run_launcher
        info = launcher.celery.AsyncResult(task).info if task else None
        return str(info["hostname"]).split("@")[0] if isinstance(info, dict) else None


def wait_until(condition: Callable[[], object], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)


@contextmanager
def running(log: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command in a process group of its own, whose output goes to the log."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis on loopback that keeps nothing; its URL."""
    server = shutil.which("redis-server")
    assert server is not None, "redis-server is missing: install the package `redis`"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder))
    with running(folder / "redis.log", server, *options):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture
def deployment(
    environment: Path, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    text = (ROOT / "deploy/celery/dagster.yaml").read_text()
    polls = "poll_interval_seconds: 60"
    assert polls in text
    (environment / "dagster.yaml").write_text(text.replace(polls, "poll_interval_seconds: 2"))
    psycopg2 = sa.make_url(postgres_url).set(drivername="postgresql+psycopg2")
    monkeypatch.setenv("COPILOT_DAGSTER_URL", psycopg2.render_as_string(hide_password=False))
    monkeypatch.setenv(settings.DATABASE_URL, postgres_url)
    with ExitStack() as stack:
        monkeypatch.setenv("COPILOT_CELERY_URL", stack.enter_context(redis(tmp_path)))
        instance = stack.enter_context(dg.DagsterInstance.get())
        workers = {}
        for name in ("one", "two"):
            command = [str(BIN / "celery"), "--app", "copilot_pipeline.celery_workers.app"]
            command += ["worker", "--queues", "dagster", "--concurrency", "1"]
            command += ["--hostname", f"{name}@%h", "--loglevel", "INFO"]
            log = tmp_path / f"{name}.log"
            workers[name] = Worker(name, stack.enter_context(running(log, *command)))
        wait_until(
            lambda: all(" ready." in (tmp_path / f"{name}.log").read_text() for name in workers)
        )
        yield Deployment(instance, workers, stack, tmp_path)


@pytest.fixture
def two_accounts(postgres_url: str) -> Iterator[tuple[SimulatedGitHub, SimulatedGitHub]]:
    """The GitHub of account 1 with octo-demo, and that of account 2 with octo-labs."""
    with (
        SimulatedGitHub([Organization("octo-demo")]) as first,
        SimulatedGitHub([Organization("octo-labs")]) as second,
    ):
        import_organizations(postgres_url, first, "octo-demo", reports=(ORGANIZATION, USERS))
        import_organizations(postgres_url, second, "octo-labs", reports=(ORGANIZATION, USERS))
        yield first, second


def test_two_accounts_run_at_once_on_two_workers_and_one_account_never_twice(
    deployment: Deployment, two_accounts: tuple[SimulatedGitHub, SimulatedGitHub]
) -> None:
    for github in two_accounts:
        github.faults.add("/copilot/billing$", delay=5)
    # Both runs of the first account come first in the queue, and two workers wait for them.
    for account in (1, 2):
        launches = [deployment.launch(account) for _ in range(2)]
        assert [launch.wait() for launch in launches] == [0, 0]
    deployment.start_daemon()
    runs = deployment.finished(4)
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}

    times: dict[str, list[tuple[float, float]]] = {}
    for run in runs:
        stats = deployment.instance.get_run_stats(run.run_id)
        assert stats.start_time is not None
        assert stats.end_time is not None
        of_account = times.setdefault(run.tags["copilot/account"], [])
        of_account.append((stats.start_time, stats.end_time))
    first, second = sorted(times["1-demo-admin"]), sorted(times["2-demo-admin"])
    for earlier, later in (first, second):
        assert earlier[1] <= later[0]
    assert any(a[0] < b[1] and b[0] < a[1] for a in first for b in second)
    # One of the command line has no task, and is left alone.
    job = defs.resolve_job_def("daily_copilot")
    own = deployment.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    health = deployment.instance.run_launcher.check_run_worker_health(own)
    assert health.status is WorkerStatus.RUNNING


@pytest.mark.parametrize("what", ["worker", "process"])
def test_a_run_whose_worker_is_killed_fails_and_the_next_one_goes_on(
    deployment: Deployment,
    two_accounts: tuple[SimulatedGitHub, SimulatedGitHub],
    postgres_url: str,
    what: str,
) -> None:
    github, _ = two_accounts
    github.faults.add("/billing/seats", times=1, delay=600)
    deployment.start_daemon()
    assert deployment.launch(1, **RETRY_TAGS).wait() == 0
    wait_until(lambda: any("/seats" in each.path for each in github.requests))
    (run,) = deployment.instance.get_runs()
    name = deployment.worker_of(run.run_id)
    assert name is not None
    if what == "worker":
        deployment.workers[name].kill()
    else:
        os.kill(process_of(deployment.instance, run.run_id), signal.SIGKILL)

    wait_until(lambda: len(deployment.instance.get_runs()) == 2)
    again, killed = deployment.finished(2)
    assert killed.run_id == run.run_id
    assert killed.status is dg.DagsterRunStatus.FAILURE
    assert again.tags["dagster/parent_run_id"] == killed.run_id
    assert again.status is dg.DagsterRunStatus.SUCCESS
    rows = {table: read_table(postgres_url, table) for table in TABLES}
    assert len(rows["_tool_copilot_seats"]) == 40
    assert len(rows["_tool_copilot_org_metrics"]) == 1

    # Loading the day again changes no row, so none was lost or doubled.
    assert deployment.launch(1).wait() == 0
    assert deployment.finished(3)[0].status is dg.DagsterRunStatus.SUCCESS
    assert {table: read_table(postgres_url, table) for table in TABLES} == rows


def process_of(instance: dg.DagsterInstance, run_id: str) -> int:
    """The process of the run, from what Dagster logs when it starts."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        if "Started process for run (pid: " in entry.message:
            return int(entry.message.split("(pid: ")[1].split(")")[0])
    raise AssertionError("the run did not start")
