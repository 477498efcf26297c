"""GitHub's usage metrics reports: their names, which a kind of scope has, which a scope collects.

Source: GitHub's REST documentation of the Copilot usage metrics.
"""

# What the closed `/copilot/metrics` endpoint gives, beside the reports.
LEGACY = "legacy"

ORGANIZATION, ENTERPRISE = "organization-1-day", "enterprise-1-day"
USERS = "users-1-day"
USER_TEAMS = "user-teams-1-day"
REPOS = "repos-1-day"

# The report that sums up a scope's day, by the kind of scope.
AGGREGATES = {"organization": ORGANIZATION, "enterprise": ENTERPRISE}

REPORTS = (ORGANIZATION, ENTERPRISE, USERS, USER_TEAMS, REPOS)


def reports_of(kind: str) -> tuple[str, ...]:
    """Every report of such a scope, the aggregate first."""
    return (AGGREGATES[kind], USERS, USER_TEAMS, REPOS)


def collected_reports(
    kind: str, metrics_api: str, chosen: tuple[str, ...] | None
) -> tuple[str, ...]:
    """The reports that a scope collects: the chosen ones that its kind has, or all of them.

    The first one carries the scope: the token has to be able to read it.
    """
    if metrics_api == LEGACY:
        return (LEGACY,)
    return tuple(name for name in reports_of(kind) if chosen is None or name in chosen)
