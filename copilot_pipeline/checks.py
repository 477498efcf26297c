"""Asset checks that warn in the Dagster UI."""

from collections.abc import Callable, Iterator, Sequence, Set
from datetime import date
from functools import partial

import dagster as dg
from sqlalchemy.engine import Connection

from copilot_pipeline.access_check import describe_expiry
from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.clock import utc_now
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState, describe_errors
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.redaction import one_line
from copilot_pipeline.rules import EXPIRES_SOON_DAYS, IDLE_DAYS
from copilot_pipeline.sources import SOURCES
from copilot_pipeline.sources.source import PeriodKind
from copilot_pipeline.warehouse.data_health import (
    list_from_the_future,
    list_incomplete,
    list_refusals,
)
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.reconciliation import (
    Comparison,
    compare_active_users,
    compare_breakdowns,
    compare_idle_seats,
    compare_seats,
)
from copilot_pipeline.warehouse.scopes import Scope
from copilot_pipeline.warehouse.unknown_names import list_unknown_names, mark_shown

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
KNOWN_NAMES = dg.AssetCheckSpec(
    "names_are_known",
    asset="raw_metrics",
    description=(
        "Warns once about each field, feature, editor, model and language in GitHub's reports that "
        "this version does not know. The raw tables keep them."
    ),
)
ACTIVE_USERS = dg.AssetCheckSpec(
    "active_users_agree",
    asset="user_metrics",
    description=(
        "Compares daily_active_users with the users in the users report that have activity. "
        "GitHub's reports may differ."
    ),
)
BREAKDOWNS = dg.AssetCheckSpec(
    "breakdowns_agree",
    asset="metrics_breakdowns",
    description=(
        "Compares the day's output events with the sum of each breakdown, or with the part of the "
        "events that the breakdown covers. GitHub's breakdowns may differ."
    ),
)
SEATS = dg.AssetCheckSpec(
    "active_users_have_seats",
    asset="user_metrics",
    description="Counts users with activity who hold no seat, on days with a seat snapshot.",
)
IDLE_SEATS = dg.AssetCheckSpec(
    "idle_seats_are_idle",
    asset="user_metrics",
    description=(
        f"Counts seat holders who are idle for {IDLE_DAYS} days in the seat list although the "
        "users reports show activity. The seat list only includes editors that send telemetry."
    ),
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
METRICS_CHECKS = [
    READABLE,
    COMPLETE,
    PAST_TIMES,
    KNOWN_NAMES,
    ACTIVE_USERS,
    BREAKDOWNS,
    SEATS,
    IDLE_SEATS,
]

# The number of warnings that a check lists. The others are only counted.
MAX_LINES = 20

SNAPSHOTS = {source.name for source in SOURCES if source.period is PeriodKind.SNAPSHOT}

Compare = Callable[[Connection, Sequence[int], Sequence[date]], list[Comparison]]


COMPARISONS: list[tuple[dg.AssetCheckSpec, Compare, str]] = [
    (ACTIVE_USERS, compare_active_users, "{expected} active users, {found} with activity"),
    (BREAKDOWNS, compare_breakdowns, "{expected} output events in total, {found} by {what}"),
    (SEATS, compare_seats, "{expected} users with activity, {found} of them with a seat"),
    (IDLE_SEATS, compare_idle_seats, "{expected} seat holders idle, {found} without activity"),
]


def check_token_expiry(database: Database) -> dg.AssetCheckResult:
    """Checks the expiry date that GitHub returned when the token was stored."""
    now = utc_now()
    accounts = [account for account, _ in all_accounts(database)]
    warnings = [
        f"Account {account.id}, {one_line(account.login)}: {warning}"
        for account in accounts
        if (warning := describe_expiry(account.token_expires_at, now)) is not None
    ]
    return _result(
        TOKEN_EXPIRY,
        warnings,
        f"No token expires within {EXPIRES_SOON_DAYS} days.",
        {"accounts": len(accounts), "expiring": len(warnings)},
    )


def check_metrics(
    database: Database,
    scopes: Sequence[Scope],
    days: Sequence[date],
    wanted: Set[dg.AssetCheckKey],
) -> Iterator[dg.AssetCheckResult]:
    """Runs the wanted checks on the stored days."""
    checks: list[tuple[dg.AssetCheckSpec, Callable[[], dg.AssetCheckResult]]] = [
        (READABLE, partial(_check_readable, database, scopes, days)),
        (COMPLETE, partial(_check_complete, database, scopes)),
        (PAST_TIMES, partial(_check_times, database, scopes)),
        (KNOWN_NAMES, partial(_check_names, database)),
    ]
    for spec, compare, words in COMPARISONS:
        checks.append((spec, partial(_compare, database, scopes, days, spec, compare, words)))
    for spec, check in checks:
        if spec.key in wanted:
            try:
                yield check()
            except CopilotPipelineError as error:
                # A check that fails does not invalidate the collected data.
                yield _result(spec, [f"The check failed: {error}"], "", {})


def _compare(
    database: Database,
    scopes: Sequence[Scope],
    days: Sequence[date],
    spec: dg.AssetCheckSpec,
    compare: Compare,
    words: str,
) -> dg.AssetCheckResult:
    names = {scope.id: str(scope) for scope in scopes}
    with database.read() as connection:
        compared = compare(connection, list(names), days)
    differing = [each for each in compared if each.expected != each.found]
    warnings = [
        f"{names[each.scope_id]}, {each.day}: "
        f"{words.format(expected=each.expected, found=each.found, what=each.what)} "
        f"({each.found - each.expected:+d})"
        for each in sorted(differing, key=lambda each: each.day, reverse=True)
    ]
    counts = {"compared": len(compared), "differing": len(differing)}
    return _result(spec, warnings, "All compared numbers agree.", counts)


def _check_readable(
    database: Database, scopes: Sequence[Scope], days: Sequence[date]
) -> dg.AssetCheckResult:
    by_id = {scope.id: scope for scope in scopes}
    with database.read() as connection:
        refusals = list_refusals(connection, list(by_id), days)
    refused = {(each.scope_id, each.report) for each in refusals}
    # If the main report of a scope is refused, the run itself has failed with a message.
    optional = {
        (scope.id, report)
        for scope in scopes
        if (scope.id, scope.metrics[0].name) not in refused
        for report in [source.name for source in scope.metrics]
    }
    shown = [
        Outcome(
            str(by_id[each.scope_id]),
            each.report,
            each.day,
            OutcomeState.NO_ACCESS,
            message=each.message,
        )
        for each in refusals
        if (each.scope_id, each.report) in optional
    ]
    counts = {"refused_reports": len(refused & optional)}
    warnings = describe_errors(shown, OutcomeState.NO_ACCESS)
    return _result(READABLE, warnings, "All reports can be read.", counts)


def _check_complete(database: Database, scopes: Sequence[Scope]) -> dg.AssetCheckResult:
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
    return _result(COMPLETE, warnings, "No day's last attempt failed.", counts)


def _check_times(database: Database, scopes: Sequence[Scope]) -> dg.AssetCheckResult:
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
    return _result(PAST_TIMES, warnings, "No stored day or time lies in the future.", counts)


def _check_names(database: Database) -> dg.AssetCheckResult:
    with database.write() as connection:
        unknown = list_unknown_names(connection)
        new = [each for each in unknown if not each.was_shown]
        mark_shown(connection, new[:MAX_LINES])
    warnings = [f"{each.kind} {each.name!r}: {each.occurrences} times" for each in new]
    return _result(
        KNOWN_NAMES,
        warnings,
        "There are no new unknown names.",
        {"new_names": len(new), "unknown_names": len(unknown)},
    )


def _result(
    spec: dg.AssetCheckSpec, warnings: Sequence[str], otherwise: str, counts: dict[str, int]
) -> dg.AssetCheckResult:
    lines = [one_line(warning) for warning in warnings[:MAX_LINES]]
    if len(warnings) > MAX_LINES:
        lines.append(f"and {len(warnings) - MAX_LINES} more")
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(lines) or otherwise,
        metadata=counts,
    )
