"""Asks GitHub for the periods of a source, in the way that the source declares."""

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
    """The answers about one period; none where GitHub has nothing (yet).

    `status` is that of the HTTP answer that gave or denied them.
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
    """What GitHub has about each of the periods. Those without an answer come last.

    Raises:
        GitHubError: nothing more can be had; it concerns all periods that have not come yet.
        RecordError: an answer about several periods makes no sense.
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
    """The days of pages that hold several each, every day as a document of its own."""
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
