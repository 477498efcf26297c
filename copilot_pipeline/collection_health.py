"""What is collected of each scope and source, and which problems need a person.

The command `status`, the checks, the notifications and data health all use these statements.
Nothing here asks GitHub. Thresholds are in `rules.py`.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from copilot_pipeline.access_check import describe_expiry
from copilot_pipeline.days import Today, day_range, describe_days
from copilot_pipeline.redaction import one_line
from copilot_pipeline.rules import (
    MISSED_SNAPSHOT_DAYS,
    NO_NEW_DATA_DAYS,
    NO_NEW_DAY_DAYS,
    PROVISIONAL_DAYS,
    READY_DAYS,
    SCHEDULE_HOURS,
)
from copilot_pipeline.sources import SOURCES
from copilot_pipeline.sources.source import PeriodKind
from copilot_pipeline.warehouse.accounts import Account, list_accounts
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.health import StoredHealth, read_health, read_taken_snapshots
from copilot_pipeline.warehouse.scopes import Scope, list_scopes

_SNAPSHOTS = [source.name for source in SOURCES if source.period is PeriodKind.SNAPSHOT]

# What begins an error of GitHub: account, scope and endpoint, before the status.
_SUBJECT = re.compile(r"^.*?: (?=\d{3} )")

# Errors of a host that does not answer or fails: one cause, whatever each request met.
_UNAVAILABLE = re.compile(r": 5\d\d |incomplete response| requests .*in a row since ")

_UNAUTHORIZED = 401

_CHECK_SCHEDULE = (
    "Check in the Dagster UI that the schedule daily_copilot_schedule is on, that the daemon is "
    "running, and what the last runs say."
)


class ProblemKind(StrEnum):
    """What is wrong with the collection. A problem of any kind needs a person."""

    NEVER_HAD_DATA = "never_had_data"
    NO_NEW_DAY = "no_new_day"
    NOT_COLLECTED = "not_collected"
    REFUSED = "refused"
    FAILED = "failed"
    SNAPSHOT_MISSING = "snapshot_missing"
    TOKEN_EXPIRES = "token_expires"  # noqa: S105 (a kind)


@dataclass(frozen=True)
class Problem:
    """Something that needs a person.

    `scope` is a label such as `organization acme` or `account 1, octocat`. `source` is None if the
    problem concerns several sources. `since` is the first day that is missing because of it, if it
    is known. `message` is a sentence that names the scope and says what to do. `lost` is the last
    day of which no snapshot was taken because of it, if there is one.
    """

    kind: ProblemKind
    scope: str
    source: str | None
    since: date | None
    message: str
    lost: date | None = None


@dataclass(frozen=True)
class SourceHealth:
    """What is collected of a source of a scope. Numbers are days.

    `missing` days were never requested although GitHub serves them. `message` is the error of
    the last attempt, or of an earlier one for another day. `next_attempt` is when the
    schedule asks GitHub again.
    """

    scope: Scope
    source: str
    newest_day: date | None
    first_day: date | None
    loaded: int
    missing: int
    not_ready: int
    no_data: int
    refused: int
    failed: int
    message: str | None
    last_attempt: datetime | None
    next_attempt: datetime
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Finding:
    """A problem of one source, before problems with the same cause are put together."""

    kind: ProblemKind
    scope: Scope
    source: str
    cause: str
    since: date | None
    message: str = ""
    days: tuple[date, ...] = ()


def collection_health(
    database: Database, today: Today, scopes: Collection[Scope] | None = None
) -> list[SourceHealth]:
    """Return the health of every source of the scopes, in the order of scopes and sources.

    None means all scopes. `problems` of a source does not contain those of other sources, nor the
    expiry of the token.
    """
    known, stored, findings, accounts = _read(database, today, scopes)
    of_source: dict[tuple[int, str], list[_Finding]] = {}
    for finding in findings:
        of_source.setdefault((finding.scope.id, finding.source), []).append(finding)
    return [
        SourceHealth(
            scope=known[row.scope_id],
            source=row.source,
            newest_day=row.newest_day,
            first_day=row.first_day,
            loaded=row.loaded,
            missing=row.missing,
            not_ready=row.not_ready,
            no_data=row.no_data,
            refused=row.refused,
            failed=row.failed,
            message=row.message,
            last_attempt=row.last_attempt,
            next_attempt=_next_attempt(row, today),
            problems=tuple(
                _problem([finding], accounts)
                for finding in of_source.get((row.scope_id, row.source), [])
            ),
        )
        for row in stored
    ]


def problems(
    database: Database, today: Today, scopes: Collection[Scope] | None = None
) -> list[Problem]:
    """Return everything that needs a person, one problem for each cause.

    A token that has expired is one problem of its account, and not one for each of its scopes.
    """
    known, _, findings, accounts = _read(database, today, scopes)
    used = {scope.account_id for scope in known.values()}
    expiring = {
        account_id: warning
        for account_id, account in accounts.items()
        if account_id in used
        and (warning := describe_expiry(account.token_expires_at, today.now)) is not None
    }
    found = [
        Problem(
            ProblemKind.TOKEN_EXPIRES,
            _label(accounts[account_id]),
            None,
            _expiry_day(accounts[account_id]),
            f"{_label(accounts[account_id])}: {warning}",
        )
        for account_id, warning in expiring.items()
    ]
    groups: dict[tuple[object, ...], list[_Finding]] = {}
    for finding in findings:
        account = accounts[finding.scope.account_id]
        is_token = finding.kind is ProblemKind.REFUSED and finding.cause.startswith(
            f"{_UNAUTHORIZED} "
        )
        expires_at = account.token_expires_at
        if is_token and expires_at is not None and expires_at <= today.now:
            # The same cause as the expiry, which is a problem already.
            continue
        groups.setdefault((*_group(finding, is_token), finding.kind, finding.cause), []).append(
            finding
        )
    return found + [_problem(each, accounts) for each in groups.values()]


def _group(finding: _Finding, is_token: bool) -> tuple[object, ...]:
    """What problems with the same cause share besides it: nothing, the account, or the scope."""
    if finding.kind is ProblemKind.NOT_COLLECTED:
        return ()
    if is_token or finding.kind is ProblemKind.FAILED:
        return ("account", finding.scope.account_id)
    return ("scope", finding.scope.id)


def _read(
    database: Database, today: Today, scopes: Collection[Scope] | None
) -> tuple[dict[int, Scope], list[StoredHealth], list[_Finding], dict[int, Account]]:
    newest = today.newest
    first_missed = newest - timedelta(days=MISSED_SNAPSHOT_DAYS)
    with database.read() as connection:
        known = {
            scope.id: scope for scope in (list_scopes(connection) if scopes is None else scopes)
        }
        accounts = {account.id: account for account in list_accounts(connection)}
        stored = [row for row in read_health(connection, newest) if row.scope_id in known]
        snapshots = read_taken_snapshots(connection, _SNAPSHOTS, first_missed)
    findings: list[_Finding] = []
    main: set[int] = set()
    for row in stored:
        is_main = row.scope_id not in main
        main.add(row.scope_id)
        missed = _missed(row, snapshots, first_missed, newest) if row.source in _SNAPSHOTS else {}
        findings += _findings(known[row.scope_id], row, today, missed, is_main=is_main)
    return known, stored, findings, accounts


def _missed(
    row: StoredHealth,
    snapshots: Mapping[tuple[int, str, date], str | None],
    first: date,
    newest: date,
) -> dict[date, str]:
    """Return the recent days whose snapshot can no longer be taken, with the reason."""
    reasons: dict[date, str] = {}
    # The newest complete day can still be taken.
    for day in day_range(max(first, row.first_expected), newest - timedelta(days=1)):
        key = (row.scope_id, row.source, day)
        reason = snapshots.get(key, f"nothing was collected on {day + timedelta(days=1)}")
        if reason is not None:
            reasons[day] = reason
    return reasons


def _findings(
    scope: Scope,
    row: StoredHealth,
    today: Today,
    missed: Mapping[date, str],
    *,
    is_main: bool,
) -> Iterable[_Finding]:
    """Yield the problems of a source. What follows from another problem is not one of its own."""
    newest = today.newest
    since = row.newest_day + timedelta(days=1) if row.newest_day else row.first_asked
    message = row.last_message or ""
    if row.last_is_refusal:
        days = tuple(missed)
        yield _Finding(
            ProblemKind.REFUSED, scope, row.source, _cause(message), since, message, days
        )
        return
    if row.failing:
        failing = row.failing_message or ""
        yield _Finding(
            ProblemKind.FAILED,
            scope,
            row.source,
            _cause(failing, scope),
            row.failing_first,
            failing,
            tuple(missed),
        )
        return
    if _is_idle(row, today):
        last = row.newest_asked or row.first_expected
        yield _Finding(ProblemKind.NOT_COLLECTED, scope, row.source, str(last), last)
        return
    causes: dict[str, list[date]] = {}
    for day, reason in missed.items():
        causes.setdefault(reason, []).append(day)
    for reason, of_reason in causes.items():
        yield _Finding(
            ProblemKind.SNAPSHOT_MISSING,
            scope,
            row.source,
            _cause(reason),
            of_reason[0],
            reason,
            tuple(of_reason),
        )
    if row.source in _SNAPSHOTS or row.newest_no_data is None:
        return
    if row.newest_day is None:
        if is_main:
            yield _Finding(ProblemKind.NEVER_HAD_DATA, scope, row.source, "", row.first_asked)
    elif (newest - row.newest_day).days >= NO_NEW_DATA_DAYS and row.newest_no_data > row.newest_day:
        yield _Finding(ProblemKind.NO_NEW_DAY, scope, row.source, str(row.newest_day), since)


def _is_idle(row: StoredHealth, today: Today) -> bool:
    """Return whether nothing asked GitHub for days, since the last attempt or the import."""
    if row.newest_asked is None:
        # Only snapshots tell when the scope was added. Every scope has them.
        begin = row.first_expected if row.source in _SNAPSHOTS else today.newest
        return (today.newest - begin).days >= NO_NEW_DAY_DAYS
    ran_lately = row.last_attempt is not None and (
        today.now - row.last_attempt < timedelta(days=NO_NEW_DAY_DAYS)
    )
    return (today.newest - row.newest_asked).days >= NO_NEW_DAY_DAYS and not ran_lately


def _cause(message: str, scope: Scope | None = None) -> str:
    """Return the error without account, scope and endpoint: the same error of other sources."""
    if _UNAVAILABLE.search(message):
        return "unavailable"
    cause = _SUBJECT.sub("", message)
    if scope is not None:
        cause = cause.replace(str(scope), "")
    return cause


def _problem(findings: Sequence[_Finding], accounts: Mapping[int, Account]) -> Problem:
    """Return the problem of findings with the same cause."""
    first = findings[0]
    scopes = list(dict.fromkeys(str(finding.scope) for finding in findings))
    account = _label(accounts[first.scope.account_id])
    label = scopes[0]
    if len(scopes) > 1:
        one_account = len({finding.scope.account_id for finding in findings}) == 1
        label = account if one_account else f"{len(scopes)} scopes"
    sources = list(dict.fromkeys(finding.source for finding in findings))
    since = min((each.since for each in findings if each.since is not None), default=None)
    of_scopes = f" ({', '.join(scopes)})" if len(scopes) > 1 else ""
    named = " and ".join(", ".join(sources).rsplit(", ", 1))
    days = sorted({day for finding in findings for day in finding.days})
    # The message of one source names its scope, which the label has already.
    said = first.message.replace(f", {first.scope}, ", ", ", 1)
    match first.kind:
        case ProblemKind.NEVER_HAD_DATA:
            sentence = (
                f"GitHub has never had a report: it was asked for days since {since}. Likely "
                "reasons: the policy 'Copilot usage metrics' was switched on recently or is off, "
                "fewer people use Copilot there than GitHub reports on, or it is the wrong "
                f"{first.scope.kind}. Check the name and the policy; a day's report comes up to "
                f"{PROVISIONAL_DAYS} days after it."
            )
        case ProblemKind.NO_NEW_DAY:
            sentence = (
                f"GitHub has had no report ({named}) since {since}, and promises one within "
                f"{READY_DAYS} full days. Likely reasons: the policy 'Copilot usage metrics' was "
                "switched off, fewer people use Copilot there than GitHub reports on, or GitHub is "
                "late (www.githubstatus.com). Check the policy under Settings, Copilot, Policies."
            )
        case ProblemKind.NOT_COLLECTED:
            sentence = (
                f"nothing{of_scopes} has been collected since {since}, the newest day that was "
                f"asked for. {_CHECK_SCHEDULE}"
            )
        case ProblemKind.REFUSED:
            sentence = f"GitHub refuses {named}{of_scopes}: {said}{_lost(days)}"
        case ProblemKind.FAILED:
            sentence = (
                f"{named}{of_scopes} could not be collected: {said}{_lost(days)} The schedule "
                "tries again; if it fails again, follow the message."
            )
        case ProblemKind.SNAPSHOT_MISSING:
            advice = _CHECK_SCHEDULE if said.startswith("nothing was") else ""
            sentence = (
                f"the {named} of {describe_days(days)} were not taken and cannot be taken later: "
                f"{said.rstrip('.')}. {advice}"
            )
        case ProblemKind.TOKEN_EXPIRES:
            raise AssertionError("the expiry of a token is not found in a source")
    message = one_line(f"{label}: {sentence}".strip())
    source = sources[0] if len(sources) == 1 else None
    return Problem(first.kind, label, source, since, message, max(days, default=None))


def _lost(days: Sequence[date]) -> str:
    if not days:
        return ""
    return f" No snapshot of {describe_days(days)} was taken, and it cannot be taken later."


def _label(account: Account) -> str:
    return f"account {account.id}, {one_line(account.login)}"


def _expiry_day(account: Account) -> date | None:
    expires_at = account.token_expires_at
    return expires_at and expires_at.astimezone(UTC).date()


def _next_attempt(row: StoredHealth, today: Today) -> datetime:
    """When the schedule asks again.

    Later runs of a day only collect what is still missing, and do not repeat a refusal.
    """
    now = today.now.astimezone(UTC)
    is_complete = row.newest_day == today.newest and not row.failing
    hours = SCHEDULE_HOURS[:1] if is_complete or row.last_is_refusal else SCHEDULE_HOURS
    days = (now.date(), now.date() + timedelta(days=1))
    times = (datetime.combine(day, time(hour), UTC) for day in days for hour in hours)
    return next(instant for instant in times if instant > now)
