"""All sources, one module for each.

To add a source, write a module and add it to `SOURCES`. The declaration is used to collect it, to
show it in Dagster, and by `--report`, `accounts check` and REPORTS.md.
"""

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.sources.aggregate import ENTERPRISE_DAY, ORGANIZATION_DAY
from copilot_pipeline.sources.legacy import LEGACY
from copilot_pipeline.sources.repos import REPOS
from copilot_pipeline.sources.seat_billing import SEAT_BILLING
from copilot_pipeline.sources.seats import SEATS
from copilot_pipeline.sources.source import MetricsApi, PeriodKind, ReportRequest, Source
from copilot_pipeline.sources.user_teams import USER_TEAMS
from copilot_pipeline.sources.users import USERS

__all__ = [
    "AGGREGATES",
    "ENTERPRISE_DAY",
    "LEGACY",
    "ORGANIZATION_DAY",
    "REPORTS",
    "REPOS",
    "SEATS",
    "SEAT_BILLING",
    "SOURCES",
    "USERS",
    "USER_TEAMS",
    "source_named",
    "sources_of",
]

# The order in which sources are collected and shown.
SOURCES: tuple[Source, ...] = (
    ORGANIZATION_DAY,
    ENTERPRISE_DAY,
    USERS,
    USER_TEAMS,
    REPOS,
    LEGACY,
    SEATS,
    SEAT_BILLING,
)

REPORTS = tuple(source for source in SOURCES if isinstance(source.request, ReportRequest))
AGGREGATES = {
    ScopeKind.ORGANIZATION: ORGANIZATION_DAY,
    ScopeKind.ENTERPRISE: ENTERPRISE_DAY,
}

_BY_NAME = {source.name: source for source in SOURCES}


def source_named(name: str) -> Source:
    """Return the source with the name.

    Raises:
        KeyError: there is no such source.
    """
    return _BY_NAME[name]


def sources_of(
    kind: ScopeKind, metrics_api: MetricsApi, chosen: tuple[str, ...] | None
) -> tuple[Source, ...]:
    """Return the sources that a scope collects: the chosen reports of its kind, or all of them.

    The token must be able to read the first source of each step. Others may be refused.
    """

    def is_chosen(source: Source) -> bool:
        if source.period is PeriodKind.SNAPSHOT:
            return True
        if metrics_api is MetricsApi.LEGACY:
            return source is LEGACY
        return source in REPORTS and (chosen is None or source.name in chosen)

    return tuple(source for source in SOURCES if kind in source.served and is_chosen(source))
