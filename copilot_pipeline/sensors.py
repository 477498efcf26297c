"""The sensors that send notifications: of failed runs, and of problems of the collection.

Both are on by default, so that the settings alone switch notifications on, also where the web UI is
read-only. Without the settings they skip. Both remember in their cursor, for each channel, what was
sent. What could not be sent is sent at the next evaluation.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

import dagster as dg

from copilot_pipeline import settings
from copilot_pipeline.collection_health import collection_health, problems
from copilot_pipeline.days import Today
from copilot_pipeline.jobs import daily_copilot
from copilot_pipeline.notifications.channels import Channel, configured_channels
from copilot_pipeline.notifications.message import Message, NotificationError
from copilot_pipeline.notifications.news import find_news
from copilot_pipeline.resources.database import DatabaseResource

logger = logging.getLogger(__name__)

FAILED_RUNS_SECONDS = 60
PROBLEMS_SECONDS = 60 * 60

# An evaluation has 60 seconds. The others are sent by the next one.
MAX_MESSAGES = 3

# Dagster will start the run again, and only its last failure needs a person.
_WILL_RETRY = "dagster/will_retry"

_PARTITION = "dagster/partition"
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

# What a cursor holds for a channel, and how it goes on: what is sent now, and what is held then.
_Send = Callable[[Channel, Any], Any]


@dg.sensor(
    name="failed_runs_notification",
    minimum_interval_seconds=FAILED_RUNS_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Sends a message for each run that failed, to the webhook or the mail addresses of the "
        "settings. A run that Dagster starts again is not reported."
    ),
)
def failed_runs_notification(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    # Dagster's own run failure sensor goes on to the next run although its function failed, so that
    # a message which could not be sent would be lost.
    return _notify(context, lambda channel, position: _send_failures(context, channel, position))


@dg.sensor(
    name="data_problems_notification",
    minimum_interval_seconds=PROBLEMS_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Looks every hour for what needs a person: no new day, a refused or failing report, a "
        "missing snapshot, a token that expires. Sends each problem once, and its end once."
    ),
)
def data_problems_notification(
    context: dg.SensorEvaluationContext, copilot_warehouse: DatabaseResource
) -> dg.SkipReason:
    def send(channel: Channel, told: Any) -> Any:
        today = Today.from_clock()
        with copilot_warehouse.open() as warehouse:
            health, found = collection_health(warehouse, today), problems(warehouse, today)
        news = find_news([tuple(each) for each in told or []], health, found)
        if news.message is not None:
            channel.send(news.message)
        return sorted(news.told)

    return _notify(context, send)


def _notify(context: dg.SensorEvaluationContext, send: _Send) -> dg.SkipReason:
    """Lets each channel send, and remembers what it returns if it could."""
    channels = configured_channels()
    if not channels:
        return dg.SkipReason(
            f"Notifications are off: neither {settings.NOTIFY_WEBHOOK_URL} nor "
            f"{settings.NOTIFY_SMTP_URL} is set."
        )
    held: dict[str, Any] = json.loads(context.cursor or "{}")
    errors: list[str] = []
    for channel in channels:
        try:
            held[channel.name] = send(channel, held.get(channel.name))
        except NotificationError as error:
            logger.warning("A notification is sent again later: %s", error)
            errors.append(str(error))
    context.update_cursor(json.dumps(held))
    if errors:
        return dg.SkipReason("Not sent, and tried again next time: " + " ".join(errors))
    return dg.SkipReason("Everything new has been sent.")


def _send_failures(
    context: dg.SensorEvaluationContext, channel: Channel, position: int | None
) -> int:
    """Sends the failures after the position in Dagster's events, and returns the new position.

    Raises:
        NotificationError: the first one could not be sent. If a later one could not, the position
            is before it.
    """
    if position is None:
        # What failed before notifications were switched on is not reported.
        newest = context.instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1)
        return newest.records[0].storage_id if newest.records else 0
    after = dg.RunStatusChangeRecordsFilter(
        dg.DagsterEventType.RUN_FAILURE, after_storage_id=position
    )
    failures = context.instance.fetch_run_status_changes(after, limit=100, ascending=True)
    sent = 0
    for record in failures.records:
        run = context.instance.get_run_by_id(record.event_log_entry.run_id)
        if run is not None and _is_reported(context, run):
            if sent == MAX_MESSAGES:
                break
            try:
                channel.send(describe_failure(context.instance, run))
            except NotificationError as error:
                if not sent:
                    raise
                logger.warning("A notification is sent again later: %s", error)
                break
            sent += 1
        position = record.storage_id
    return position


def _is_reported(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    """Whether the run is of this code location, and is not started again."""
    of_run, own = run.remote_job_origin, context.code_location_origin
    # A run of the command line has no origin.
    is_ours = of_run is None or own is None or of_run.location_name == own.location_name
    return is_ours and run.tags.get(_WILL_RETRY) != "true"


def describe_failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Message:
    """Return the message about a failed run: what failed, why, and what to do."""
    lines = [f"Job {run.job_name}, run {run.run_id}{_days(run)}"]
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        data = entry.get_dagster_event().step_failure_data
        described = data.user_failure_data and data.user_failure_data.description
        lines += (described or (data.error.message if data.error else "")).splitlines()
    if len(lines) == 1:
        # The process ended, or the run did not start. The event before the failure says more.
        ends = {dg.DagsterEventType.ENGINE_EVENT, dg.DagsterEventType.RUN_FAILURE}
        events = [each.dagster_event for each in instance.all_logs(run.run_id, of_type=ends)]
        failed = max((n for n, each in enumerate(events) if each and each.is_failure), default=0)
        lines += [each.message or "" for each in events[max(failed - 1, 0) : failed + 1] if each]
    lines = [line for line in lines if line.strip()]
    advice = "Do what the messages say, or open the run in the Dagster UI."
    if run.job_name == daily_copilot.name:
        advice += " A later tick of daily_copilot_schedule collects what is still missing."
    return Message.of(f"Copilot metrics: {run.job_name} failed", [lines[0], advice, *lines[1:]])


def _days(run: dg.DagsterRun) -> str:
    first, last = (run.tags.get(tag) for tag in _RANGE)
    if first:
        return f", {first} to {last}"
    day = run.tags.get(_PARTITION)
    return f", {day}" if day else ""
