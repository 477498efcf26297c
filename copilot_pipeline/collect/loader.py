"""Loads sources: plans the periods, asks GitHub for them, and stores each in one transaction.

A period that fails becomes an outcome with its error; the others go on. A refusal that concerns
more than a day ends the other days of that source too.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from http import HTTPStatus

from copilot_pipeline.collect.fetch import Fetched, fetch
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState, failed
from copilot_pipeline.collect.plan import LoadRequest, plan
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
    RateLimitedError,
    RetryableError,
)
from copilot_pipeline.github.meanings import Meaning
from copilot_pipeline.sources.period import Period
from copilot_pipeline.sources.shape import NotJsonError, RecordError
from copilot_pipeline.sources.source import PagesRequest, PeriodKind, ReportRequest, Source
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import (
    DayState,
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
    """Loads the sources of that step for all scopes that have them.

    Always all tables of a source: a day that counts as loaded is so in each of them. `on_outcome`
    is called with each outcome as it comes.
    """
    loader = _Loader(database, step, request)
    outcomes: list[Outcome] = []
    for outcome in run_tasks(database, open_client, scopes, loader):
        on_outcome(outcome)
        outcomes.append(outcome)
    count_stale_days(database)
    return outcomes


class _Loader:
    """The tasks of one load."""

    def __init__(self, database: Database, step: str, request: LoadRequest) -> None:
        self._database = database
        self._step = step
        self._request = request
        # By scope and source; a refusal of the whole scope has no source.
        self._refusals: dict[tuple[int, str | None], GitHubError] = {}
        self._blockers: dict[tuple[int, str], GitHubError | None] = {}

    def sources(self, scope: Scope) -> Sequence[Source]:
        return [source for source in scope.sources if source.step == self._step]

    def failed(self, scope: Scope, error: CopilotPipelineError) -> list[Outcome]:
        """Every source and day of a scope that cannot be collected at all."""
        return [
            outcome
            for source in self.sources(scope)
            for outcome in failed(str(scope), source.name, self._request.days, error)
        ]

    def tasks(self, client: GitHubClient, scope: Scope) -> list[Task]:
        with self._database.write() as connection:
            healed = heal_future_times(connection, scope.id, self._request.today.now)
            statuses = read_statuses(connection, scope.id)
        if healed:
            logger.warning(
                "%s: the stored times of %d days were in the future, and are set to now. A clock "
                "was ahead when they were stored.",
                scope,
                healed,
            )
        tasks: list[Task] = []
        fetches: list[tuple[Period, Task]] = []
        for source in self.sources(scope):
            of_source = {day: each for (name, day), each in statuses.items() if name == source.name}
            planned = plan(self._request, source, of_source)
            tasks.append(partial(self._beyond, scope, source, planned.beyond))
            tasks.append(partial(_kept, scope, source, planned.keep))
            load = partial(self._load, client, scope, source)
            if isinstance(source.request, PagesRequest) and source.request.by_day:
                if planned.fetch:
                    tasks.append(partial(load, planned.fetch))
            else:
                fetches += [(period, partial(load, [period])) for period in planned.fetch]
        # The oldest first: they are the next that GitHub forgets.
        return tasks + [task for _, task in sorted(fetches, key=lambda each: each[0])]

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
        """Fetches and stores the periods; those that have not come share the error."""
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
        """The numbers of the last attempts, right before GitHub is asked."""
        with self._database.read() as connection:
            return read_attempts(
                connection, scope.id, source.name, [period.first for period in periods]
            )

    def _store(
        self, scope: Scope, source: Source, fetched: Fetched, attempt: int, *, is_last: bool
    ) -> Outcome | None:
        """What became of the answers; None if they are not JSON and GitHub can be asked again."""
        period, today = fetched.period, self._request.today
        is_provisional = today.is_provisional(period.last)
        try:
            if not fetched.answers:
                if fetched.status == HTTPStatus.NOT_FOUND and not is_provisional:
                    missing = f"{scope}, {source.name}: GitHub names files that are not there."
                    raise FileMissingError(missing, "Try again later.")
                raise NoRecordError
            return store(
                self._database,
                scope,
                source,
                fetched,
                attempt=attempt,
                may_come=is_provisional,
            )
        except NoRecordError:
            return self._missing(scope, source, period, fetched.status)
        except RecordError as error:
            if isinstance(error, NotJsonError) and not is_last:
                # Cut within a line, or a proxy's page: with new links the whole may come.
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
        """What a refusal means: a day that GitHub does not have, or a scope that it denies."""
        refusal = error
        if error.meaning is Meaning.NOT_FOUND and isinstance(source.request, ReportRequest):
            blocker = self._blocker(client, scope, source, source.request)
            if blocker is None:
                return [self._missing(scope, source, each, error.http_status) for each in periods]
            if blocker.meaning is not Meaning.NOT_FOUND:
                refusal = blocker
        if refusal.stops_scope:
            # A limit concerns the whole scope; what the token may not read, this source alone.
            of_source = None if isinstance(refusal, RateLimitedError) else source.name
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
        # A page of a proxy is a refusal too, but not GitHub's.
        is_refused = isinstance(error, GitHubError) and (
            (isinstance(error, AccessError) and error.meaning is not Meaning.BAD_ANSWER)
            or error.meaning is Meaning.NOT_FOUND
        )
        state = DayState.NO_ACCESS if is_refused else DayState.FAILED
        # The source that carries the scope has to be readable; another one may be refused.
        carries = source is self.sources(scope)[0]
        shown = OutcomeState.NO_ACCESS if is_refused and not carries else OutcomeState.FAILED
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
        """Writes down what the attempt came to. A database that refuses fails that day alone."""
        message = None if error is None else str(error)
        day = period.first
        try:
            with self._database.write() as connection:
                save_attempt(connection, scope.id, day, source.name, state, http_status, message)
        except CopilotPipelineError as database_error:
            shown, message = OutcomeState.FAILED, str(database_error)
        return Outcome(str(scope), source.name, day, shown, message=message)


def _kept(scope: Scope, source: Source, periods: Sequence[Period]) -> list[Outcome]:
    return [Outcome(str(scope), source.name, each.first, OutcomeState.KEPT) for each in periods]
