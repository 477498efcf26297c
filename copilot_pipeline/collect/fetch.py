"""Requests the periods of a source from GitHub, as the source declares."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.documents import Document, Spool
from copilot_pipeline.sources.legacy import split_days
from copilot_pipeline.sources.period import Period
from copilot_pipeline.sources.source import (
    DocumentRequest,
    PagesRequest,
    ReportRequest,
    Source,
)
from copilot_pipeline.warehouse.scopes import Scope


@dataclass(frozen=True)
class Fetched:
    """The answers about one period, or none if GitHub has no data yet.

    `status` is the HTTP status of GitHub's response.
    """

    period: Period
    status: int
    answers: Sequence[Document]


def fetch(
    client: GitHubClient,
    scope: Scope,
    source: Source,
    periods: Sequence[Period],
    spool: Spool,
) -> Iterator[Fetched]:
    """Yields GitHub's answers about each period. Periods without an answer come last.

    Raises:
        GitHubError: a request failed; it concerns all remaining periods.
        RecordError: an answer about several periods is not what GitHub documents.
    """
    needs = source.served[scope.kind].needs
    match source.request:
        case ReportRequest():
            for period in periods:
                report = client.report(
                    scope.kind, scope.slug, source.name, period.first, needs, spool
                )
                yield Fetched(period, report.status, report.files)
        case DocumentRequest(path):
            document = client.document(scope.kind, scope.slug, path, needs, spool)
            yield from (Fetched(period, HTTPStatus.OK, [document]) for period in periods)
        case PagesRequest(path, per_page, by_day=False):
            pages = client.pages(scope.kind, scope.slug, path, {"per_page": per_page}, needs, spool)
            answers = list(pages)
            yield from (Fetched(period, HTTPStatus.OK, answers) for period in periods)
        case PagesRequest():
            yield from _fetch_days(client, scope, source, source.request, periods, spool)


def _fetch_days(
    client: GitHubClient,
    scope: Scope,
    source: Source,
    request: PagesRequest,
    periods: Sequence[Period],
    spool: Spool,
) -> Iterator[Fetched]:
    """Splits pages with several days and yields each day as its own document."""
    params: dict[str, str | int] = {
        "since": str(min(periods).first),
        "until": str(max(periods).last),
        "per_page": request.per_page,
    }
    missing = set(periods)
    needs = source.served[scope.kind].needs
    for page in client.pages(scope.kind, scope.slug, request.path, params, needs, spool):
        for day, text in split_days(page.content()).items():
            period = Period.of_day(day)
            if period in missing:
                missing.discard(period)
                yield Fetched(period, HTTPStatus.OK, [spool.add(page.url, text)])
    yield from (Fetched(period, HTTPStatus.OK, []) for period in sorted(missing))
