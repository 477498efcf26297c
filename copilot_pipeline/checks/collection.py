"""Checks of the collection: what is collected, refused, failed, or about to end."""

from collections.abc import Sequence
from datetime import date
from textwrap import shorten

import dagster as dg

from copilot_pipeline.access_check import describe_expiry
from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.checks.results import Row, check_result
from copilot_pipeline.clock import utc_now
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState, describe_errors
from copilot_pipeline.collection_health import (
    ProblemKind,
    SourceHealth,
    collection_health,
    problems,
)
from copilot_pipeline.days import Today
from copilot_pipeline.redaction import one_line
from copilot_pipeline.rules import EXPIRES_SOON_DAYS
from copilot_pipeline.sources import SEAT_BILLING, SEATS, SOURCES, source_named
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.sources.source import PeriodKind
from copilot_pipeline.warehouse.data_health import (
    list_from_the_future,
    list_incomplete,
    list_refusals,
)
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope

# The length of an error in the table of sources.
MAX_MESSAGE = 100

TOKEN_EXPIRY = dg.AssetCheckSpec(
    "token_expiry",
    asset="raw_billing",
    description=f"Warns {EXPIRES_SOON_DAYS} days before the token of an account expires.",
)
READABLE = dg.AssetCheckSpec(
    "reports_are_readable",
    asset="raw_metrics",
    description="Warns about reports that a token cannot read. The other reports are collected.",
)
COMPLETE = dg.AssetCheckSpec(
    "history_is_complete",
    asset="raw_metrics",
    description="Warns about days whose last attempt failed. The schedule collects them again.",
)
PAST_TIMES = dg.AssetCheckSpec(
    "times_are_past",
    asset="raw_metrics",
    description=(
        "Warns of days and times that lie in the future: a clock was ahead when they were stored."
    ),
)
HAS_DATA = dg.AssetCheckSpec(
    "has_data",
    asset="raw_metrics",
    description=(
        "Warns about scopes that never had a report, and fails for those that have no new one. Its "
        "table has the days of each scope and source, as `copilot-pipeline status` shows them."
    ),
)


def _scopes_are_collected(asset: str, what: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        "scopes_are_collected",
        asset=asset,
        description=(
            f"Fails if the {what} of a scope could not be collected. Its table has one row for "
            "each scope."
        ),
    )


# By step. The collection of the other scopes goes on if one of them fails.
SCOPES_ARE_COLLECTED = {
    METRICS_STEP: _scopes_are_collected("raw_metrics", "metrics"),
    SEATS.step: _scopes_are_collected("raw_seats", "seats"),
    SEAT_BILLING.step: _scopes_are_collected("raw_billing", "billing"),
}

SNAPSHOTS = {source.name for source in SOURCES if source.period is PeriodKind.SNAPSHOT}

NO_DATA_KINDS = (ProblemKind.NEVER_HAD_DATA, ProblemKind.NO_NEW_DAY, ProblemKind.NOT_COLLECTED)


def check_token_expiry(database: Database) -> dg.AssetCheckResult:
    """Checks the expiry date that GitHub returned when the token was stored."""
    now = utc_now()
    accounts = [account for account, _ in all_accounts(database)]
    warnings = [
        f"Account {account.id}, {one_line(account.login)}: {warning}"
        for account in accounts
        if (warning := describe_expiry(account.token_expires_at, now)) is not None
    ]
    return check_result(
        TOKEN_EXPIRY,
        warnings,
        f"{len(warnings) or 'No'} tokens expire within {EXPIRES_SOON_DAYS} days.",
        {"accounts": len(accounts), "expiring": len(warnings)},
    )


def check_readable(
    database: Database, scopes: Sequence[Scope], days: Sequence[date]
) -> dg.AssetCheckResult:
    by_id = {scope.id: scope for scope in scopes}
    with database.read() as connection:
        refusals = list_refusals(connection, list(by_id), days)
    refused = {(each.scope_id, each.report) for each in refusals}
    outcomes = [
        Outcome(
            str(by_id[each.scope_id]),
            each.report,
            each.day,
            OutcomeState.NO_ACCESS,
            message=each.message,
        )
        for each in refusals
    ]
    return check_result(
        READABLE,
        describe_errors(outcomes, OutcomeState.NO_ACCESS),
        f"{len(refused)} reports cannot be read." if refused else "All reports can be read.",
        {"refused_reports": len(refused), "refused_days": len(refusals)},
        rows=[
            {
                "scope": each.scope,
                "report": each.source,
                "day": str(each.day),
                "message": each.message,
            }
            for each in outcomes
        ],
    )


def check_complete(database: Database, scopes: Sequence[Scope]) -> dg.AssetCheckResult:
    names = {scope.id: str(scope) for scope in scopes}
    with database.read() as connection:
        # A missed snapshot cannot be taken later. Its own step has failed with a message.
        incomplete = [
            each
            for each in list_incomplete(connection, list(names))
            if each.report not in SNAPSHOTS
        ]
    warnings = [
        f"{names[each.scope_id]}, {each.report}: {each.days} days, the oldest {each.oldest}: "
        f"{each.message}"
        for each in incomplete
    ]
    counts = {"incomplete_days": sum(each.days for each in incomplete)}
    days = counts["incomplete_days"]
    summary = (
        f"The last attempt of {days} days failed." if days else "No day's last attempt failed."
    )
    return check_result(COMPLETE, warnings, summary, counts)


def check_times(database: Database, scopes: Sequence[Scope]) -> dg.AssetCheckResult:
    names = {scope.id: str(scope) for scope in scopes}
    with database.read() as connection:
        found = list_from_the_future(connection, list(names), utc_now())
    warnings = []
    for each in found:
        what = f"{names[each.scope_id]}, {each.report}: "
        if each.days:
            warnings.append(
                f"{what}{each.days} days that are not over, the last {each.last_day}. A clock was "
                "ahead: set it right. What is stored of them is replaced when they are collected "
                "in their turn."
            )
        if each.times:
            warnings.append(
                f"{what}{each.times} days with times in the future, the last "
                f"{each.last_time:%Y-%m-%d %H:%M} UTC. A clock was ahead: set it right. The next "
                "load sets them to its own time."
            )
    counts = {
        "days_in_the_future": sum(each.days for each in found),
        "times_in_the_future": sum(each.times for each in found),
    }
    summary = (
        f"{len(found)} reports have days or times in the future."
        if found
        else "No stored day or time lies in the future."
    )
    return check_result(PAST_TIMES, warnings, summary, counts)


def check_data(database: Database, scopes: Sequence[Scope], today: Today) -> dg.AssetCheckResult:
    health = collection_health(database, today, scopes)
    found = [
        problem
        for problem in problems(database, today, scopes)
        if problem.kind in NO_DATA_KINDS and (problem.source not in SNAPSHOTS)
    ]
    main = {scope.metrics[0].name for scope in scopes if scope.metrics}
    with_data = {
        each.scope.id for each in health if each.source in main and each.newest_day is not None
    }
    worked_before = any(problem.kind is not ProblemKind.NEVER_HAD_DATA for problem in found)
    return check_result(
        HAS_DATA,
        [problem.message for problem in found],
        f"{len(found)} scopes have no data or no new data."
        if found
        else "Every scope whose reports can be read has data, or may still get it.",
        {"scopes": len(scopes), "with_data": len(with_data), "problems": len(found)},
        rows=[_row(each) for each in sorted(health, key=lambda each: not each.problems)],
        severity=dg.AssetCheckSeverity.ERROR if worked_before else dg.AssetCheckSeverity.WARN,
    )


def _row(each: SourceHealth) -> Row:
    return {
        "scope": str(each.scope),
        "source": each.source,
        "newest day": str(each.newest_day or "never"),
        "loaded": each.loaded,
        "missing": each.missing,
        "not ready": each.not_ready,
        "no data": each.no_data,
        "refused": each.refused,
        "failed": each.failed,
        "last attempt": f"{each.last_attempt:%Y-%m-%d %H:%M}" if each.last_attempt else "never",
        "next attempt": f"{each.next_attempt:%Y-%m-%d %H:%M}",
        # The whole message is in the check of the scopes. Here it would make each row a page.
        "message": shorten(each.message or "", MAX_MESSAGE, placeholder=" …"),
    }


def check_scopes(
    database: Database,
    scopes: Sequence[Scope],
    today: Today,
    step: str,
    outcomes: Sequence[Outcome] = (),
) -> dg.AssetCheckResult:
    """Checks for each scope whether the step's sources could be collected.

    `outcomes` are those of the run. They also tell what was not stored as an attempt: a token that
    cannot be opened, or a day that GitHub no longer serves.
    """
    health = collection_health(database, today, scopes)
    warnings: list[str] = []
    rows: list[Row] = []
    for scope in scopes:
        of_scope = [
            each
            for each in health
            if each.scope.id == scope.id and source_named(each.source).step == step
        ]
        if not of_scope:
            continue
        found = _uncollected(of_scope)
        run = [outcome for outcome in outcomes if outcome.scope == str(scope)]
        if not found and run and all(each.state is OutcomeState.FAILED for each in run):
            found = describe_errors(run, OutcomeState.FAILED)
        missed = _messages(of_scope, ProblemKind.SNAPSHOT_MISSING)
        warnings += found + missed
        attempts = [each.last_attempt for each in of_scope if each.last_attempt]
        rows.append(
            {
                "scope": str(scope),
                "collected": "no" if found else "yes",
                "newest day": str(of_scope[0].newest_day or "never"),
                "last attempt": f"{max(attempts):%Y-%m-%d %H:%M}" if attempts else "never",
                "message": " ".join(found + missed),
            }
        )
    failed = sum(row["collected"] == "no" for row in rows)
    summary = "Every scope was collected."
    if failed:
        summary = f"{failed} of {len(rows)} scopes could not be collected."
    elif warnings:
        summary = "Every scope was collected, but earlier snapshots are missing."
    return check_result(
        SCOPES_ARE_COLLECTED[step],
        warnings,
        summary,
        {"scopes": len(rows), "not_collected": failed},
        rows=sorted(rows, key=lambda row: row["message"] == ""),
        severity=dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN,
    )


def _uncollected(of_scope: Sequence[SourceHealth]) -> list[str]:
    """Return why the sources of a step could not be collected. Only the first must be readable."""
    refused = _messages(of_scope[:1], ProblemKind.REFUSED)
    return refused + _messages(of_scope, ProblemKind.FAILED)


def _messages(of_scope: Sequence[SourceHealth], kind: ProblemKind) -> list[str]:
    return [
        problem.message for each in of_scope for problem in each.problems if problem.kind is kind
    ]
