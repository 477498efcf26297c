"""Everything that GitHub serves, one module for each source.

A new source is a module and a line here. It is collected, shown in Dagster, offered by `--report`,
checked by `accounts check` and documented in REPORTS.md from its declaration.
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

# In this order they are collected, shown and offered.
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
    """The source of that name."""
    return _BY_NAME[name]


def sources_of(
    kind: ScopeKind, metrics_api: MetricsApi, chosen: tuple[str, ...] | None
) -> tuple[Source, ...]:
    """The sources that a scope collects: the chosen reports that its kind has, or all of them.

    The first of a step carries the scope: the token has to be able to read it.
    """

    def is_chosen(source: Source) -> bool:
        if source.period is PeriodKind.SNAPSHOT:
            return True
        if metrics_api is MetricsApi.LEGACY:
            return source is LEGACY
        return source in REPORTS and (chosen is None or source.name in chosen)

    return tuple(source for source in SOURCES if kind in source.served and is_chosen(source))
