"""Loads sources: plans the periods, requests them from GitHub, and stores each in one transaction.

A failed period becomes an outcome with its error, and the other periods continue. If GitHub refuses
the whole source, its remaining periods fail without a request.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from http import HTTPStatus

from copilot_pipeline.clock import utc_now
from copilot_pipeline.collect.fetch import Fetched, fetch
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState, failed
from copilot_pipeline.collect.plan import LoadRequest, Plan, affordable_gap_days, plan, statuses_of
from copilot_pipeline.collect.seat_counts import count_stale_days
from copilot_pipeline.collect.store import NoRecordError, store
from copilot_pipeline.collect.workers import OpenClient, Task, run_tasks
from copilot_pipeline.days import DayOutOfReachError
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.documents import Spool
from copilot_pipeline.github.errors import (
    AccessError,
    FileMissingError,
    GitHubError,
    HostDownError,
    RateLimitedError,
    RetryableError,
)
from copilot_pipeline.github.refusals import RefusalReason
from copilot_pipeline.rules import GAP_REQUESTS
from copilot_pipeline.sources.period import Period
from copilot_pipeline.sources.source import PagesRequest, PeriodKind, ReportRequest, Source
from copilot_pipeline.sources.values import NotJsonError, RecordError
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import (
    DayState,
    Status,
    heal_future_times,
    read_attempts,
    read_statuses,
    save_attempt,
)
from copilot_pipeline.warehouse.scopes import Scope

logger = logging.getLogger(__name__)


def load(
    database: Database,
    open_client: OpenClient,
    scopes: Sequence[Scope],
    step: str,
    request: LoadRequest,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Loads the sources of the step for all scopes.

    All tables of a source are written together, so that a loaded day is loaded in each of them.
    `on_outcome` is called with each outcome immediately.
    """
    loader = _Loader(database, scopes, step, request)
    outcomes: list[Outcome] = []
    for outcome in run_tasks(database, open_client, scopes, loader):
        on_outcome(outcome)
        outcomes.append(outcome)
    count_stale_days(database)
    return outcomes


class _Loader:
    """The tasks of one load."""

    def __init__(
        self, database: Database, scopes: Sequence[Scope], step: str, request: LoadRequest
    ) -> None:
        self._database = database
        self._step = step
        self._request = request
        # Compression runs beside the decoding of a day, on another processor.
        self._helper = ThreadPoolExecutor(1, thread_name_prefix="compress")
        # By scope and source. The source is None if the whole scope is refused.
        self._refusals: dict[tuple[int, str | None], GitHubError] = {}
        self._blockers: dict[tuple[int, str], GitHubError | None] = {}
        self._gap_days = self._affordable_gap_days(scopes)

    def sources(self, scope: Scope) -> Sequence[Source]:
        return [source for source in scope.sources if source.step == self._step]

    def failed(self, scope: Scope, error: CopilotPipelineError) -> list[Outcome]:
        """Returns a failed outcome for every source and day of the scope."""
        return [
            outcome
            for source in self.sources(scope)
            for outcome in failed(str(scope), source.name, self._request.days, error)
        ]

    def tasks(self, client: GitHubClient, scope: Scope) -> list[Task]:
        with self._database.write() as connection:
            healed = heal_future_times(connection, scope.id, utc_now())
            statuses = read_statuses(connection, scope.id)
        if healed:
            logger.warning(
                "%s: the stored times of %d days were in the future and are set to now. The clock "
                "was ahead when they were stored.",
                scope,
                healed,
            )
        tasks: list[Task] = []
        fetches: list[tuple[bool, Period, Task]] = []
        request = replace(self._request, gap_days=self._gap_days.get(scope.account_id, 0))
        for source in self.sources(scope):
            of_source = statuses_of(statuses, source)
            planned = plan(request, source, of_source)
            tasks.append(partial(self._beyond, scope, source, planned.beyond))
            tasks.append(partial(_kept, scope, source, planned.keep, of_source))
            load = partial(self._load, client, scope, source)
            if isinstance(source.request, PagesRequest) and source.request.by_day:
                if planned.fetch or planned.gaps:
                    tasks.append(partial(load, planned.gaps + planned.fetch))
            else:
                for is_gap, periods in ((False, planned.fetch), (True, planned.gaps)):
                    fetches += [(is_gap, each, partial(load, [each])) for each in periods]
        # Earlier gaps last, so that the requested days never wait for them. Otherwise the oldest
        # first, because GitHub stops serving them first.
        return tasks + [task for *_, task in sorted(fetches, key=lambda each: each[:2])]

    def _affordable_gap_days(self, scopes: Sequence[Scope]) -> dict[int, int]:
        """Returns how many earlier days of each report to collect, by account."""
        gap_days = self._request.gap_days
        by_account: dict[int, list[Scope]] = {}
        for scope in scopes:
            by_account.setdefault(scope.account_id, []).append(scope)
        affordable: dict[int, int] = {}
        for account_id, own in by_account.items():
            reports = sum(len(self.sources(scope)) for scope in own)
            if reports * gap_days <= GAP_REQUESTS:
                affordable[account_id] = gap_days
            else:
                gaps = [len(each.gaps) for scope in own for each in self._plans(scope)]
                affordable[account_id] = affordable_gap_days(gaps, gap_days, GAP_REQUESTS)
        return affordable

    def _plans(self, scope: Scope) -> list[Plan]:
        with self._database.read() as connection:
            statuses = read_statuses(connection, scope.id)
        return [
            plan(self._request, source, statuses_of(statuses, source))
            for source in self.sources(scope)
        ]

    def _beyond(self, scope: Scope, source: Source, periods: Sequence[Period]) -> list[Outcome]:
        window = self._request.today.window(source.reach_days)
        if source.period is PeriodKind.SNAPSHOT:
            error = DayOutOfReachError(
                "GitHub shows billing and seats only as they are now, and no snapshot of this day "
                f"is stored. Only {window.last}, the newest complete UTC day, can be taken."
            )
        else:
            error = DayOutOfReachError(
                f"GitHub serves {source.name} of {scope} from {window} only."
            )
        return failed(str(scope), source.name, [period.first for period in periods], error)

    def _load(
        self, client: GitHubClient, scope: Scope, source: Source, periods: Sequence[Period]
    ) -> list[Outcome]:
        """Fetches and stores the periods. All remaining periods get the error of a request."""
        left = dict.fromkeys(periods)
        outcomes: list[Outcome] = []
        try:
            for of_source in (source.name, None):
                if (scope.id, of_source) in self._refusals:
                    raise self._refusals[scope.id, of_source]
            attempts = self._attempts(scope, source, periods)
            for is_last in (False, True):
                with Spool() as spool:
                    for fetched in fetch(client, scope, source, list(left), spool):
                        attempt = attempts.get(fetched.period.first, 0)
                        outcome = self._store(scope, source, fetched, attempt, is_last=is_last)
                        if outcome is not None:
                            del left[fetched.period]
                            outcomes.append(outcome)
                if not left:
                    break
        except GitHubError as error:
            outcomes += self._refused(client, scope, source, list(left), error)
        except RecordError as error:
            refused = RecordError(f"{source.name}: {error}. Nothing more was changed.")
            outcomes += [self._failed(scope, source, each, refused, HTTPStatus.OK) for each in left]
        except CopilotPipelineError as error:
            outcomes += [self._failed(scope, source, period, error, None) for period in left]
        return outcomes

    def _attempts(self, scope: Scope, source: Source, periods: Sequence[Period]) -> dict[date, int]:
        """Returns the numbers of the last attempts before the request."""
        with self._database.read() as connection:
            return read_attempts(
                connection, scope.id, source.name, [period.first for period in periods]
            )

    def _store(
        self, scope: Scope, source: Source, fetched: Fetched, attempt: int, *, is_last: bool
    ) -> Outcome | None:
        """Stores the answers. Returns None if they are not JSON and can be requested again."""
        period, today = fetched.period, self._request.today
        is_provisional = today.is_provisional(period.last)
        try:
            if not fetched.answers:
                if fetched.status == HTTPStatus.NOT_FOUND and not is_provisional:
                    missing = f"{scope}, {source.name}: GitHub lists files that do not exist."
                    raise FileMissingError(missing, "Try again later.")
                raise NoRecordError
            return store(
                self._database,
                scope,
                source,
                fetched,
                self._helper,
                attempt=attempt,
                may_come=is_provisional,
            )
        except NoRecordError:
            return self._missing(scope, source, period, fetched.status)
        except RecordError as error:
            if isinstance(error, NotJsonError) and not is_last:
                # A truncated file or a proxy's page. A second request with new links may succeed.
                return None
            refused = RecordError(f"{source.name}: {error}. Nothing of that day was changed.")
            return self._failed(scope, source, period, refused, fetched.status)
        except CopilotPipelineError as error:
            return self._failed(scope, source, period, error, fetched.status)

    def _refused(
        self,
        client: GitHubClient,
        scope: Scope,
        source: Source,
        periods: Sequence[Period],
        error: GitHubError,
    ) -> list[Outcome]:
        """Records a refusal: of a day that GitHub does not have, or of the source or scope."""
        refusal = error
        if error.reason is RefusalReason.NOT_FOUND and isinstance(source.request, ReportRequest):
            blocker = self._blocker(client, scope, source, source.request)
            if blocker is None:
                return [self._missing(scope, source, each, error.http_status) for each in periods]
            if blocker.reason is not RefusalReason.NOT_FOUND:
                refusal = blocker
        if refusal.stops_scope:
            # A rate limit and a host that is down concern the whole scope, missing access only
            # this source.
            is_of_scope = isinstance(refusal, RateLimitedError | HostDownError)
            of_source = None if is_of_scope else source.name
            self._refusals[scope.id, of_source] = refusal
        return [self._failed(scope, source, each, refusal, refusal.http_status) for each in periods]

    def _blocker(
        self, client: GitHubClient, scope: Scope, source: Source, request: ReportRequest
    ) -> GitHubError | None:
        """Why GitHub refuses the whole report, or None if only this day is missing."""
        key = (scope.id, source.name)
        if key not in self._blockers:
            try:
                client.require_reports(
                    scope.kind,
                    scope.slug,
                    request.latest[scope.kind],
                    source.served[scope.kind].needs,
                )
            except RetryableError as error:
                return error
            except GitHubError as error:
                self._blockers[key] = error
            else:
                self._blockers[key] = None
        return self._blockers[key]

    def _missing(
        self, scope: Scope, source: Source, period: Period, http_status: int | None
    ) -> Outcome:
        is_provisional = self._request.today.is_provisional(period.last)
        state = DayState.NOT_READY if is_provisional else DayState.NO_DATA
        shown = OutcomeState[state.name]
        return self._record(scope, source, period, state, http_status, None, shown)

    def _failed(
        self,
        scope: Scope,
        source: Source,
        period: Period,
        error: CopilotPipelineError,
        http_status: int | None,
    ) -> Outcome:
        # A proxy's page is also an AccessError, but not a refusal by GitHub.
        is_refused = isinstance(error, GitHubError) and (
            (isinstance(error, AccessError) and error.reason is not RefusalReason.BAD_ANSWER)
            or error.reason is RefusalReason.NOT_FOUND
        )
        state = DayState.NO_ACCESS if is_refused else DayState.FAILED
        # The first source of a scope must be readable. Others may be refused.
        is_first = source is self.sources(scope)[0]
        shown = OutcomeState.NO_ACCESS if is_refused and not is_first else OutcomeState.FAILED
        return self._record(scope, source, period, state, http_status, error, shown)

    def _record(
        self,
        scope: Scope,
        source: Source,
        period: Period,
        state: DayState,
        http_status: int | None,
        error: CopilotPipelineError | None,
        shown: OutcomeState,
    ) -> Outcome:
        """Records the result of an attempt. An error of the database fails only this day."""
        message = None if error is None else str(error)
        day = period.first
        try:
            with self._database.write() as connection:
                save_attempt(connection, scope.id, day, source.name, state, http_status, message)
        except CopilotPipelineError as database_error:
            shown, message = OutcomeState.FAILED, str(database_error)
        return Outcome(str(scope), source.name, day, shown, message=message)


def _kept(
    scope: Scope, source: Source, periods: Sequence[Period], statuses: Mapping[date, Status]
) -> list[Outcome]:
    """Returns the outcomes of days that are not requested again. Only data can be kept."""
    return [
        Outcome(
            str(scope),
            source.name,
            each.first,
            OutcomeState.KEPT if statuses[each.first].is_loaded else OutcomeState.NO_DATA,
        )
        for each in periods
    ]
