"""Metrics: reports or legacy days into the raw table, and from there into the tool tables."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import partial
from http import HTTPStatus

from copilot_pipeline.collect.derived import Content, Derived, Writing
from copilot_pipeline.collect.digest import Digest
from copilot_pipeline.collect.outcomes import Outcome, State, failed
from copilot_pipeline.collect.plan import plan_days
from copilot_pipeline.collect.scopes import OpenClient, Task, collect
from copilot_pipeline.collect.seat_days import count_stale_days
from copilot_pipeline.days import DayOutOfReachError, is_provisional, reachable_window
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.client import Document, GitHubClient
from copilot_pipeline.github.errors import (
    AccessError,
    FileMissingError,
    GitHubError,
    RateLimitedError,
    RetryableError,
)
from copilot_pipeline.github.files import ReportFile
from copilot_pipeline.github.meanings import Meaning
from copilot_pipeline.reports import LEGACY
from copilot_pipeline.transform.records import is_blank, legacy_days
from copilot_pipeline.transform.reports import TRANSFORMS, record_batches
from copilot_pipeline.transform.values import NotJsonError, TransformError, json_text
from copilot_pipeline.warehouse import tables
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import (
    DayState,
    read_status,
    read_statuses,
    save_attempt,
    save_loaded,
    save_restatements,
)
from copilot_pipeline.warehouse.metrics import (
    RawPart,
    replace_report,
    stored_since,
)
from copilot_pipeline.warehouse.rows import lock_scope
from copilot_pipeline.warehouse.scopes import Scope


def load_metrics(
    database: Database,
    open_client: OpenClient,
    scopes: Sequence[Scope],
    days: Sequence[date],
    *,
    refetch: bool = False,
    gap_days: int = 0,
) -> Iterator[Outcome]:
    """Reads the days of all scopes from GitHub and writes raw and tool rows, day by day.

    Always all tables of a report: a day that counts as loaded is so in each of them.

    `plan_days` says which days are fetched; `refetch` and `gap_days` are explained there.
    """
    loader = _Loader(database, days, refetch=refetch, gap_days=gap_days)
    yield from collect(
        database,
        open_client,
        scopes,
        days,
        loader.tasks,
        lambda scope: scope.collected_reports,
    )
    count_stale_days(database)


class _Loader:
    """The tasks of one load. A refusal that concerns more than a day ends the other days too."""

    def __init__(
        self,
        database: Database,
        days: Sequence[date],
        *,
        refetch: bool,
        gap_days: int,
    ) -> None:
        self._database = database
        self._days = days
        self._refetch = refetch
        self._gap_days = gap_days
        # By scope, and by report; a refusal for the whole scope has no report.
        self._refusals: dict[tuple[int, str | None], GitHubError] = {}
        self._refusals_of_any_day: dict[tuple[int, str], GitHubError | None] = {}

    def tasks(self, client: GitHubClient, scope: Scope) -> list[Task]:
        window = reachable_window(scope.metrics_api)
        with self._database.read() as connection:
            statuses = read_statuses(connection, scope.id)
        error = DayOutOfReachError(
            f"GitHub serves {scope.metrics_api} of {scope} from {window} only."
        )
        tasks: list[Task] = []
        fetches: list[tuple[date, Task]] = []
        for report in scope.collected_reports:
            of_report = {day: status for (name, day), status in statuses.items() if name == report}
            plan = plan_days(
                self._days, of_report, window, refetch=self._refetch, gap_days=self._gap_days
            )
            tasks.append(partial(failed, str(scope), report, plan.beyond, error))
            tasks.append(partial(_kept, scope, report, plan.keep))
            if report == LEGACY and plan.fetch:
                tasks.append(partial(self._load_legacy, client, scope, plan.fetch))
            elif report != LEGACY:
                load = partial(self._load_report, client, scope, report)
                fetches += [(day, partial(load, day)) for day in plan.fetch]
        # The oldest first: they are the next that GitHub forgets.
        return tasks + [task for _, task in sorted(fetches, key=lambda each: each[0])]

    def _load_report(
        self, client: GitHubClient, scope: Scope, report: str, day: date
    ) -> list[Outcome]:
        http_status = None

        def load() -> Outcome:
            nonlocal http_status
            answer = client.report(scope.kind, scope.slug, report, day)
            http_status = answer.status
            if http_status == HTTPStatus.NOT_FOUND and not is_provisional(day):
                missing = f"{scope}, {report}: GitHub names files that are not there."
                raise FileMissingError(missing, "Try again later.")
            return self._store(scope, day, report, http_status, answer.files)

        try:
            for of_scope in (report, None):
                if (scope.id, of_scope) in self._refusals:
                    raise self._refusals[scope.id, of_scope]
            try:
                return [load()]
            except NotJsonError:
                # Cut within a line, or a proxy's page: with new links the whole may come.
                return [load()]
        except TransformError as error:
            refused = TransformError(f"{report}: {error}. Nothing of that day was changed.")
            return [self._failed(scope, day, report, refused, http_status)]
        except GitHubError as error:
            refusal = error
            if error.meaning is Meaning.NOT_FOUND:
                standing_in_the_way = self._ask_for_any_day(client, scope, report)
                if standing_in_the_way is None:
                    return [self._missing(scope, day, report, error.http_status)]
                if standing_in_the_way.meaning is not Meaning.NOT_FOUND:
                    refusal = standing_in_the_way
            if refusal.stops_scope:
                # A limit concerns the whole scope; what the token may not read, this report alone.
                of_report = None if isinstance(refusal, RateLimitedError) else report
                self._refusals[scope.id, of_report] = refusal
            return [self._failed(scope, day, report, refusal, refusal.http_status)]
        except CopilotPipelineError as error:
            return [self._failed(scope, day, report, error, http_status)]

    def _ask_for_any_day(
        self, client: GitHubClient, scope: Scope, report: str
    ) -> GitHubError | None:
        """What stands in the way of the newest days' report; nothing: a 404 means the day alone."""
        key = (scope.id, report)
        if key not in self._refusals_of_any_day:
            try:
                client.require_reports(scope.kind, scope.slug, report)
            except RetryableError as error:
                return error
            except GitHubError as error:
                self._refusals_of_any_day[key] = error
            else:
                self._refusals_of_any_day[key] = None
        return self._refusals_of_any_day[key]

    def _load_legacy(self, client: GitHubClient, scope: Scope, days: list[date]) -> list[Outcome]:
        missing = set(days)
        outcomes: list[Outcome] = []
        try:
            pages = client.legacy_metrics(scope.kind, scope.slug, min(days), max(days))
            for page in pages:
                for day, record in legacy_days(page.text).items():
                    if day in missing:
                        missing.discard(day)
                        document = Document(page.url, json_text(record), page.fetched_at)
                        outcomes.append(self._store_legacy(scope, day, document))
        except CopilotPipelineError as error:
            said = error
            if isinstance(error, TransformError):
                said = TransformError(f"the legacy metrics: {error}. Nothing more was changed.")
            status = error.http_status if isinstance(error, GitHubError) else HTTPStatus.OK
            left = [self._failed(scope, day, LEGACY, said, status) for day in sorted(missing)]
            return outcomes + left
        return outcomes + [
            self._missing(scope, day, LEGACY, HTTPStatus.OK) for day in sorted(missing)
        ]

    def _store_legacy(self, scope: Scope, day: date, document: Document) -> Outcome:
        try:
            return self._store(scope, day, LEGACY, HTTPStatus.OK, [document])
        except TransformError as error:
            refused = TransformError(f"the legacy metrics: {error}. That day was not changed.")
            return self._failed(scope, day, LEGACY, refused, HTTPStatus.OK)

    def _store(
        self,
        scope: Scope,
        day: date,
        report: str,
        http_status: int,
        files: Sequence[ReportFile | Document],
    ) -> Outcome:
        """Writes the day's report in one transaction, or nothing of it."""
        # A bad line or another day, in whatever batch, changes nothing. The first batch is all of
        # most reports: it is derived before others have to wait.
        texts = [file.text if isinstance(file, Document) else file.lines() for file in files]
        batches = record_batches(report, texts, day)
        first = next(batches, None) if files else None
        if first is None or (not first and is_provisional(day) and all(map(_is_blank, files))):
            return self._missing(scope, day, report, http_status)
        digest = Digest()
        digest.add(first)
        derived = Derived.of(report, first)
        del first
        fetched_at = max(file.fetched_at for file in files)
        with self._database.write() as connection:
            lock_scope(connection, scope.id)
            status = read_status(connection, scope.id, day, report)
            if status is not None and status.is_loaded and status.last_fetched_at > fetched_at:
                # Another run asked later than this one, and was faster.
                return Outcome(str(scope), report, day, State.KEPT)
            writing = Writing(connection, scope.id, day, report, TRANSFORMS[report])
            writing.add(derived)
            del derived
            for records in batches:
                digest.add(records)
                writing.add(Derived.of(report, records))
            rows = writing.end()
            sha256 = digest.hexdigest()
            first_loaded_at = (status and status.first_loaded_at) or fetched_at
            changed = False
            if status is None or status.sha256 != sha256:
                stored_at = stored_since(connection, scope.id, day, report)
                first_loaded_at = min(first_loaded_at, stored_at or first_loaded_at)
                old = Content.of_stored(connection, scope.id, day, report)
                changed = stored_at is not None and (old is None or old.sha256 != sha256)
                if changed and old is not None:
                    save_restatements(
                        connection,
                        scope.id,
                        day,
                        report,
                        old.headlines,
                        writing.headlines,
                        datetime.now(UTC),
                    )
            raw_rows = replace_report(connection, scope.id, day, report, map(_part, files))
            save_loaded(
                connection,
                scope.id,
                day,
                report,
                http_status=http_status,
                row_count=writing.row_count,
                sha256=sha256,
                fetched_at=fetched_at,
                first_loaded_at=first_loaded_at,
                changed=changed,
            )
        rows = {tables.raw_metrics.name: raw_rows, **rows}
        notes = {"restated": 1} if changed else {}
        return Outcome(str(scope), report, day, State.LOADED, rows, notes)

    def _missing(self, scope: Scope, day: date, report: str, http_status: int | None) -> Outcome:
        state = DayState.NOT_READY if is_provisional(day) else DayState.NO_DATA
        return self._noted(scope, day, report, state, http_status, None, State[state.name])

    def _failed(
        self,
        scope: Scope,
        day: date,
        report: str,
        error: CopilotPipelineError,
        http_status: int | None,
    ) -> Outcome:
        # A page of a proxy is a refusal too, but not GitHub's.
        refused = isinstance(error, GitHubError) and (
            (isinstance(error, AccessError) and error.meaning is not Meaning.BAD_ANSWER)
            or error.meaning is Meaning.NOT_FOUND
        )
        state = DayState.NO_ACCESS if refused else DayState.FAILED
        # The report that carries the scope has to be readable; another one may be refused.
        carries = report == scope.collected_reports[0]
        shown = State.NO_ACCESS if refused and not carries else State.FAILED
        return self._noted(scope, day, report, state, http_status, error, shown)

    def _noted(
        self,
        scope: Scope,
        day: date,
        report: str,
        state: DayState,
        http_status: int | None,
        error: CopilotPipelineError | None,
        shown: State,
    ) -> Outcome:
        """Writes down what the attempt came to. A database that refuses fails that day alone."""
        message = None if error is None else str(error)
        try:
            with self._database.write() as connection:
                save_attempt(connection, scope.id, day, report, state, http_status, message)
        except CopilotPipelineError as of_database:
            return Outcome(str(scope), report, day, State.FAILED, error=of_database)
        return Outcome(str(scope), report, day, shown, error=error)


def _kept(scope: Scope, report: str, days: Sequence[date]) -> list[Outcome]:
    return [Outcome(str(scope), report, day, State.KEPT) for day in days]


def _part(file: ReportFile | Document) -> RawPart:
    return RawPart(file.url, file.text, file.fetched_at)


def _is_blank(file: ReportFile | Document) -> bool:
    return is_blank(file.text if isinstance(file, Document) else file.lines())
