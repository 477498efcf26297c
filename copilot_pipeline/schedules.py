"""The daily schedule, and its later ticks that collect what is missing."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.clock import utc_now
from copilot_pipeline.collect.missing import Missing, Report, find_missing
from copilot_pipeline.days import Today
from copilot_pipeline.jobs import METRICS_ASSET_KEYS, SNAPSHOT_ASSET_KEYS, daily_copilot
from copilot_pipeline.partitions import range_tags
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.rules import GAP_DAYS, REREAD_DAYS, SCHEDULE_HOURS
from copilot_pipeline.run_origin import ACCOUNT_TAG, account_name, run_tags
from copilot_pipeline.sources import SEAT_BILLING, SEATS
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.warehouse.accounts import Account

_MORNING, *_LATER = SCHEDULE_HOURS
_INTERVAL = timedelta(hours=_LATER[0] - _MORNING)

_SNAPSHOT_STEPS = (SEATS.step, SEAT_BILLING.step)

# A run that crashed is started again, once. This is safe, because a run replaces whole days. A run
# in which a step failed is not started again (`run_retries` in dagster.yaml): GitHub refused or did
# not answer, and the next tick requests what may be available then. Only scheduled runs have the
# tag: a run that a person started and ended must not start again.
RETRY_TAGS = {"dagster/max_retries": "1"}

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.schedule(
    job=daily_copilot,
    cron_schedule=[f"0 {_MORNING} * * *", f"0 {','.join(map(str, _LATER))} * * *"],
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    name="daily_copilot_schedule",
    description=(
        f"Collects the newest complete day every day at 0{_MORNING}:00 UTC. Fetches the "
        f"metrics of the {REREAD_DAYS - 1} days before it again, which GitHub may have revised, "
        "and of earlier days that failed or are missing. At "
        f"{', '.join(map(str, _LATER))} o'clock UTC collects what is still missing of these days "
        "and of the snapshot, which cannot be taken after midnight UTC."
    ),
)
def daily_copilot_schedule(
    context: dg.ScheduleEvaluationContext, copilot_warehouse: DatabaseResource
) -> list[dg.RunRequest] | dg.SkipReason:
    tick = context.scheduled_execution_time.astimezone(UTC)
    today = Today(tick)
    with copilot_warehouse.open() as warehouse:
        accounts = [(account, scopes) for account, scopes in all_accounts(warehouse) if scopes]
        if not accounts:
            return dg.SkipReason(
                "No account with an organization is imported yet. Run the job import_account, or "
                "copilot-pipeline accounts import --org SLUG."
            )
        if tick.hour == _MORNING:
            return [each for account, _ in accounts for each in _morning(today, account)]
        if today.newest != Today.from_clock().newest:
            return dg.SkipReason(
                f"This tick of {tick:%Y-%m-%d %H:%M} UTC is late: the snapshot of {today.newest} "
                "can no longer be taken. The tick of the morning collects its reports."
            )
        missing = {account: find_missing(warehouse, scopes, today) for account, scopes in accounts}
    return _catch_up(context.instance, missing, tick)


def _morning(today: Today, account: Account) -> list[dg.RunRequest]:
    newest = today.newest
    first, last = newest - timedelta(days=REREAD_DAYS - 1), newest - timedelta(days=1)
    return [
        dg.RunRequest(
            run_key=f"{newest} {account.id}",
            run_config=_config(account, (METRICS_STEP, *_SNAPSHOT_STEPS)),
            partition_key=str(newest),
            tags={**run_tags([account], [newest]), **RETRY_TAGS},
        ),
        # A schedule can start one job only, so this run is part of daily_copilot.
        dg.RunRequest(
            run_key=f"{newest} {account.id} revised",
            asset_selection=METRICS_ASSET_KEYS,
            run_config=_config(account, (METRICS_STEP,), gap_days=GAP_DAYS),
            tags={**range_tags(first, last), **run_tags([account], [first, last]), **RETRY_TAGS},
        ),
    ]


def _catch_up(
    instance: dg.DagsterInstance, missing: Mapping[Account, Missing], tick: datetime
) -> list[dg.RunRequest] | dg.SkipReason:
    """Returns a run for each account's snapshots and one for its reports.

    Snapshots come first, and wait for nothing.
    """
    requests: list[dg.RunRequest] = []
    reasons: list[str] = []
    for what, is_snapshot, keys, steps in (
        ("snapshots", True, SNAPSHOT_ASSET_KEYS, _SNAPSHOT_STEPS),
        ("reports", False, METRICS_ASSET_KEYS, (METRICS_STEP,)),
    ):
        is_complete = True
        for account, of_account in missing.items():
            part = [each for each in of_account.available if each.is_snapshot is is_snapshot]
            if not part:
                continue
            is_complete = False
            others = {account_name(other) for other in missing if other != account}
            if running := _running(instance, keys, others):
                reasons.append(f"The run {running} is still collecting {what}.")
            else:
                run_key = f"{tick:%Y-%m-%d %H:%M} {account.id} {what}"
                requests.append(_request(run_key, part, keys, steps, account))
        if is_complete:
            reasons.append(f"No {what} are missing.")
    if requests:
        return requests
    refused = {
        f"{each.scope} {each.source.name}"
        for of_account in missing.values()
        for each in of_account.refused
    }
    if refused:
        reasons.append(f"Refused today, and asked again tomorrow: {', '.join(sorted(refused))}.")
    return dg.SkipReason(" ".join(dict.fromkeys(reasons)))


def _request(
    run_key: str,
    missing: Sequence[Report],
    keys: Sequence[dg.AssetKey],
    steps: Sequence[str],
    account: Account,
) -> dg.RunRequest:
    days = sorted({report.day for report in missing})
    is_one_day = len(days) == 1
    tags = {**run_tags([account], days), **RETRY_TAGS}
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=keys,
        run_config=_config(account, steps, only_missing=True),
        partition_key=str(days[0]) if is_one_day else None,
        tags=tags if is_one_day else {**range_tags(days[0], days[-1]), **tags},
    )


def _config(account: Account, steps: Sequence[str], **config: Any) -> dict[str, Any]:
    return {"ops": {step: {"config": {"accounts": [account.id], **config}} for step in steps}}


def _running(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey], others: Collection[str]
) -> str | None:
    """Returns the id of an unfinished run that collects these assets.

    A run that is only of one of the `others`, the names of accounts, does not count.
    A run that began before the last tick does not count: its process may be gone without Dagster
    knowing it yet.
    """
    begun = utc_now() - _INTERVAL
    unfinished = dg.RunsFilter(
        job_name=daily_copilot.name, statuses=_UNFINISHED, created_after=begun
    )
    for run in instance.get_runs(unfinished):
        if run.tags.get(ACCOUNT_TAG) in others:
            continue
        if run.asset_selection is None or not run.asset_selection.isdisjoint(keys):
            return run.run_id
    return None
