"""The sensors that send notifications, with a real webhook and a real mail server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from copilot_pipeline import settings
from copilot_pipeline.definitions import defs
from copilot_pipeline.simulated_github import SimulatedGitHub, faults
from copilot_pipeline_tests.loading import (
    ORGANIZATION,
    USERS,
    execute,
    import_organizations,
    load_metrics,
    newest_complete_day,
)
from copilot_pipeline_tests.receivers import (
    MailServer,
    WebhookServer,
    mail_server,
    webhook_server,
)

FAILED_RUNS, PROBLEMS = "failed_runs_notification", "data_problems_notification"
NOTHING_NEW = "Everything new has been sent."


class Sensor:
    """A sensor with its cursor, as Dagster's daemon evaluates it on the DAGSTER_HOME."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cursor: str | None = None

    def evaluate(self) -> str:
        """Evaluates it once. Returns what it says."""
        sensor = defs.resolve_sensor_def(self.name)
        resources = {"copilot_warehouse": (defs.resources or {})["copilot_warehouse"]}
        with (
            dg.DagsterInstance.get() as instance,
            dg.build_sensor_context(
                instance, self.cursor, resources=resources if self.name == PROBLEMS else None
            ) as context,
        ):
            tick = sensor.evaluate_tick(context)
        self.cursor = tick.cursor
        assert not tick.run_requests
        return str(tick.skip_message)


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebhookServer]:
    with webhook_server() as server:
        monkeypatch.setenv(settings.NOTIFY_WEBHOOK_URL, server.url)
        monkeypatch.setenv(settings.NOTIFY_WEBHOOK_FORMAT, "slack")
        yield server


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with mail_server() as server:
        url = f"smtp://127.0.0.1:{server.port}?from=copilot@example.com&to=ops@example.com"
        monkeypatch.setenv(settings.NOTIFY_SMTP_URL, url)
        yield server


@pytest.fixture
def instance(environment: Path) -> Iterator[dg.DagsterInstance]:
    assert environment.exists()
    with dg.DagsterInstance.get() as instance:
        yield instance


def run(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return execute(
        "daily_copilot", [newest_complete_day()], assets=["raw_seats", "seats"], instance=instance
    )


@pytest.mark.parametrize("name", [FAILED_RUNS, PROBLEMS])
def test_without_settings_a_sensor_is_on_and_does_nothing(name: str) -> None:
    sensor = defs.resolve_sensor_def(name)
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert (sensor.description or "").endswith(".")
    assert Sensor(name).evaluate().startswith("Notifications are off")
    # The warehouse was not opened.
    assert not Path("dagster_home/copilot.db").exists()


def test_the_sensor_of_problems_looks_once_an_hour() -> None:
    assert defs.resolve_sensor_def(PROBLEMS).minimum_interval_seconds == 3600


def test_a_refused_report_is_told_once_and_so_is_its_end(
    warehouse_environment: str, github: SimulatedGitHub, webhook: WebhookServer, mail: MailServer
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo", reports=(ORGANIZATION, USERS))
    newest = newest_complete_day()
    sensor = Sensor(PROBLEMS)
    github.faults.add("/users-1-day", **faults.not_owner())
    load_metrics([newest])
    assert sensor.evaluate() == NOTHING_NEW
    assert sensor.evaluate() == NOTHING_NEW
    (text,) = webhook.texts
    assert text.startswith("Copilot metrics: 1 new problem\norganization octo-demo: GitHub refuses")
    (received,) = mail.received
    assert received["Subject"] == "Copilot metrics: 1 new problem"
    github.faults.clear()
    load_metrics([newest])
    sensor.evaluate()
    sensor.evaluate()
    assert webhook.texts[1:] == [
        f"Copilot metrics: collected again\norganization octo-demo: {USERS} is collected again."
    ]
    assert len(mail.received) == 2


def test_what_a_broken_webhook_does_not_take_is_sent_later_and_the_mail_only_once(
    warehouse_environment: str,
    github: SimulatedGitHub,
    webhook: WebhookServer,
    mail: MailServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.faults.add("/reports/", **faults.not_owner())
    load_metrics([newest_complete_day()])
    webhook.status = 503
    sensor = Sensor(PROBLEMS)
    for _ in range(2):
        said = sensor.evaluate()
        assert said.startswith("Not sent, and tried again next time: The webhook of")
        assert "answered 503" in caplog.text
        assert "secret" not in f"{said} {sensor.cursor} {caplog.text}"
    webhook.status = 200
    assert sensor.evaluate() == NOTHING_NEW
    assert len(webhook.texts) == len(mail.received) == 1


def test_a_failed_run_is_told_once_with_the_reason_and_what_to_do(
    warehouse_environment: str,
    github: SimulatedGitHub,
    webhook: WebhookServer,
    instance: dg.DagsterInstance,
) -> None:
    import_organizations(warehouse_environment, github, "octo-demo")
    github.faults.add("/billing/seats", status=200, body="nonsense")
    sensor = Sensor(FAILED_RUNS)
    # What failed before is not told.
    assert not run(instance).success
    sensor.evaluate()
    assert webhook.texts == []
    failed = run(instance)
    assert not failed.success
    sensor.evaluate()
    sensor.evaluate()
    (text,) = webhook.texts
    subject, what, advice, *reasons = text.splitlines()
    assert subject == "Copilot metrics: daily_copilot failed"
    assert what == f"Job daily_copilot, run {failed.run_id}, {newest_complete_day()}"
    assert "daily_copilot_schedule collects what is still missing" in advice
    assert len(reasons) == 1
    assert reasons[0].startswith("organization octo-demo, ")
    assert "not JSON" in reasons[0]
    github.faults.clear()
    assert run(instance).success
    sensor.evaluate()
    assert len(webhook.texts) == 1


def crash(instance: dg.DagsterInstance, **tags: str) -> str:
    job = defs.resolve_job_def("metrics_backfill")
    begun = instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    # A signed link, whose query is not shown.
    message = "The process ended <unexpectedly> at https://example.com/file?sig=secret"
    instance.report_run_failed(begun, message)
    return str(begun.run_id)


def test_failed_runs_that_could_not_be_told_are_told_later_in_their_order(
    instance: dg.DagsterInstance, webhook: WebhookServer
) -> None:
    sensor = Sensor(FAILED_RUNS)
    sensor.evaluate()
    crashed = [crash(instance) for _ in range(4)]
    webhook.status = 500
    assert sensor.evaluate().startswith("Not sent, and tried again next time")
    webhook.status = 200
    sensor.evaluate()
    # The others have to wait, so that the evaluation ends in time.
    assert len(webhook.texts) == 3
    sensor.evaluate()
    assert len(webhook.texts) == 4
    assert [text.split("run ")[1].split("\n")[0] for text in webhook.texts] == crashed
    assert "&lt;unexpectedly&gt; at https://example.com/file?***" in webhook.texts[0]


def test_a_run_that_dagster_starts_again_is_not_told(
    instance: dg.DagsterInstance, webhook: WebhookServer
) -> None:
    sensor = Sensor(FAILED_RUNS)
    sensor.evaluate()
    crash(instance, **{"dagster/max_retries": "1"})
    assert sensor.evaluate() == NOTHING_NEW
    assert webhook.texts == []


def test_a_wrong_setting_fails_the_evaluation_and_shows_no_secret(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.NOTIFY_WEBHOOK_URL, "http://hooks.example.com/secret")
    with pytest.raises(settings.SettingError) as caught:
        Sensor(FAILED_RUNS).evaluate()
    chain: list[Any] = [caught.value]
    while chain[-1] is not None:
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    assert "begins with https://" in str(chain)
    assert "/secret" not in str(chain)
    assert instance.get_runs() == []
