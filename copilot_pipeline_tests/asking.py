"""What the tests of the client share: asking for what the sources declare."""

from collections.abc import Iterator
from datetime import date

from copilot_pipeline.github.client import GitHubClient, Report
from copilot_pipeline.github.documents import Document, Spool
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.sources import ORGANIZATION_DAY, SEATS
from copilot_pipeline.sources.seats import SEATS_PER_PAGE

SLUG = "octo-demo"


def ask_report(client: GitHubClient, day: date) -> Report:
    """The files of the organization's report of that day."""
    kind = ScopeKind.ORGANIZATION
    needs = ORGANIZATION_DAY.served[kind].needs
    return client.report(kind, SLUG, ORGANIZATION_DAY.name, day, needs, Spool())


def ask_billing(
    client: GitHubClient, kind: ScopeKind = ScopeKind.ORGANIZATION, slug: str = SLUG
) -> Document:
    """The answer about the seats of a scope."""
    return client.document(kind, slug, "/copilot/billing", SEATS.served[kind].needs, Spool())


def ask_seats(client: GitHubClient) -> Iterator[Document]:
    """The pages of the organization's seat list."""
    return _pages(client, "/copilot/billing/seats", {"per_page": SEATS_PER_PAGE})


def ask_legacy(client: GitHubClient, since: date, until: date) -> Iterator[Document]:
    """The pages of the organization's legacy metrics."""
    days = {"since": str(since), "until": str(until)}
    return _pages(client, "/copilot/metrics", {**days, "per_page": 100})


def _pages(client: GitHubClient, path: str, params: dict[str, str | int]) -> Iterator[Document]:
    kind = ScopeKind.ORGANIZATION
    return client.pages(kind, SLUG, path, params, SEATS.served[kind].needs, Spool())
