"""The daily schedule, and its later ticks that collect what is missing."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.clock import utc_now
from copilot_pipeline.collect.missing import Missing, Report, find_missing
from copilot_pipeline.days import Today
from copilot_pipeline.jobs import METRICS_ASSET_KEYS, SNAPSHOT_ASSET_KEYS, daily_copilot
from copilot_pipeline.partitions import range_tags
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.rules import GAP_DAYS, REREAD_DAYS, SCHEDULE_HOURS
from copilot_pipeline.run_origin import run_tags
from copilot_pipeline.sources import SEAT_BILLING, SEATS
from copilot_pipeline.sources.reports import METRICS_STEP

_MORNING, *_LATER = SCHEDULE_HOURS
_INTERVAL = timedelta(hours=_LATER[0] - _MORNING)

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
            return _morning(today, {account.login for account, _ in accounts})
        if today.newest != Today.from_clock().newest:
            return dg.SkipReason(
                f"This tick of {tick:%Y-%m-%d %H:%M} UTC is late: the snapshot of {today.newest} "
                "can no longer be taken. The tick of the morning collects its reports."
            )
        logins = {scope.id: account.login for account, scopes in accounts for scope in scopes}
        scopes = [scope for _, of_account in accounts for scope in of_account]
        missing = find_missing(warehouse, scopes, today)
    return _catch_up(context.instance, missing, tick, logins)


def _morning(today: Today, logins: Collection[str]) -> list[dg.RunRequest]:
    newest = today.newest
    first, last = newest - timedelta(days=REREAD_DAYS - 1), newest - timedelta(days=1)
    return [
        dg.RunRequest(
            run_key=f"{newest}",
            partition_key=str(newest),
            tags={**run_tags(logins, [newest]), **RETRY_TAGS},
        ),
        # A schedule can start one job only, so this run is part of daily_copilot.
        dg.RunRequest(
            run_key=f"{newest} revised",
            asset_selection=METRICS_ASSET_KEYS,
            run_config={"ops": {METRICS_STEP: {"config": {"gap_days": GAP_DAYS}}}},
            tags={**range_tags(first, last), **run_tags(logins, [first, last]), **RETRY_TAGS},
        ),
    ]


def _catch_up(
    instance: dg.DagsterInstance, missing: Missing, tick: datetime, logins: Mapping[int, str]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Returns a run for snapshots and one for reports, so that snapshots wait for nothing."""
    snapshots = [report for report in missing.available if report.is_snapshot]
    reports = [report for report in missing.available if not report.is_snapshot]
    requests: list[dg.RunRequest] = []
    reasons: list[str] = []
    for what, part, keys, steps in (
        ("snapshots", snapshots, SNAPSHOT_ASSET_KEYS, (SEATS.step, SEAT_BILLING.step)),
        ("reports", reports, METRICS_ASSET_KEYS, (METRICS_STEP,)),
    ):
        if not part:
            reasons.append(f"No {what} are missing.")
        elif running := _running(instance, keys):
            reasons.append(f"The run {running} is still collecting {what}.")
        else:
            run_key = f"{tick:%Y-%m-%d %H:%M} {what}"
            requests.append(_request(run_key, part, keys, steps, logins))
    if requests:
        return requests
    if missing.refused:
        names = sorted({f"{each.scope} {each.source.name}" for each in missing.refused})
        reasons.append(f"Refused today, and asked again tomorrow: {', '.join(names)}.")
    return dg.SkipReason(" ".join(reasons))


def _request(
    run_key: str,
    missing: Sequence[Report],
    keys: Sequence[dg.AssetKey],
    steps: Sequence[str],
    logins: Mapping[int, str],
) -> dg.RunRequest:
    days = sorted({report.day for report in missing})
    is_one_day = len(days) == 1
    tags = {**run_tags({logins[report.scope.id] for report in missing}, days), **RETRY_TAGS}
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=keys,
        run_config={"ops": {step: {"config": {"only_missing": True}} for step in steps}},
        partition_key=str(days[0]) if is_one_day else None,
        tags=tags if is_one_day else {**range_tags(days[0], days[-1]), **tags},
    )


def _running(instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]) -> str | None:
    """Returns the id of an unfinished run that collects these assets.

    A run that began before the last tick does not count: its process may be gone without Dagster
    knowing it yet.
    """
    begun = utc_now() - _INTERVAL
    unfinished = dg.RunsFilter(
        job_name=daily_copilot.name, statuses=_UNFINISHED, created_after=begun
    )
    for run in instance.get_runs(unfinished):
        if run.asset_selection is None or not run.asset_selection.isdisjoint(keys):
            return run.run_id
    return None
