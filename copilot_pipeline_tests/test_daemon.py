"""What Dagster's daemon does with the schedule's runs and with the sensors, in `dagster dev`."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from copilot_pipeline import settings
from copilot_pipeline.schedules import RETRY_TAGS
from copilot_pipeline.simulated_github import SimulatedGitHub, faults
from copilot_pipeline_tests.leaks import files_that_leak
from copilot_pipeline_tests.loading import (
    ORGANIZATION,
    USERS,
    import_organizations,
    load_metrics,
    newest_complete_day,
    read_table,
)
from copilot_pipeline_tests.receivers import SECRET_PATH, webhook_server
from copilot_pipeline_tests.test_dagster_commands import dagster_dev, graphql

LAUNCH = """mutation {{ launchRun(executionParams: {{
  selector: {{
    repositoryName: "__repository__"
    repositoryLocationName: "copilot_pipeline"
    jobName: "daily_copilot"
    assetSelection: [{{ path: ["raw_seats"] }}, {{ path: ["seats"] }}]
  }}
  runConfigData: "{{}}"
  executionMetadata: {{ tags: [{tags}] }}
}}) {{ ... on LaunchRunSuccess {{ run {{ runId }} }} }} }}"""


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)


def process_of(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process of the run, from what Dagster logs when it starts."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        if found := re.search(r"Started process for run \(pid: (\d+)\)", entry.message):
            return int(found[1])
    return None


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_daemon_starts_a_crashed_run_again_and_sends_what_is_wrong(
    environment: Path,
    warehouse_environment: str,
    github: SimulatedGitHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo", reports=(ORGANIZATION, USERS))
    github.faults.add("/users-1-day", **faults.not_owner())
    load_metrics([newest_complete_day()])
    github.faults.add("/billing/seats", times=1, delay=60)
    tags = {"dagster/partition": str(newest_complete_day()), **RETRY_TAGS}
    given = ", ".join(
        f"{{ key: {json.dumps(k)}, value: {json.dumps(v)} }}" for k, v in tags.items()
    )
    with webhook_server() as webhook, dg.DagsterInstance.get() as instance:
        monkeypatch.setenv(settings.NOTIFY_WEBHOOK_URL, webhook.url)
        monkeypatch.setenv(settings.NOTIFY_WEBHOOK_FORMAT, "slack")
        with dagster_dev() as url:
            launched = graphql(url, LAUNCH.format(tags=given))["launchRun"]
            first = launched["run"]["runId"]
            wait_until(lambda: any("/seats" in each.path for each in github.requests))
            process = process_of(instance, first)
            assert process is not None
            os.kill(process, signal.SIGKILL)
            succeeded = dg.RunsFilter(
                tags={"dagster/parent_run_id": first}, statuses=[dg.DagsterRunStatus.SUCCESS]
            )
            wait_until(lambda: instance.get_runs(succeeded))
            wait_until(lambda: webhook.received)
            sent = list(webhook.texts)
    assert len(read_table(warehouse_environment, "_tool_copilot_seats")) == 40
    (text,) = sent
    assert "organization octo-demo: GitHub refuses users-1-day" in text
    assert SECRET_PATH not in "".join(
        file.read_bytes().decode("latin-1") for file in environment.rglob("*") if file.is_file()
    )
    assert files_that_leak(environment) == []
