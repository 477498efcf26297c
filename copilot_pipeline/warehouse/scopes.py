"""Scopes: the rows of `_tool_copilot_scopes` and of the removed scopes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from copilot_pipeline.clock import utc_now
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.schema import UtcDateTime
from copilot_pipeline.sources import sources_of
from copilot_pipeline.sources.aggregate import org_metrics
from copilot_pipeline.sources.source import MetricsApi, PeriodKind, Source
from copilot_pipeline.vault import Identity
from copilot_pipeline.warehouse.tables import accounts, removed_scopes, scopes


@dataclass(frozen=True)
class Scope:
    """An organization or enterprise that an account collects."""

    id: int
    account_id: int
    kind: ScopeKind
    slug: str
    name: str | None
    metrics_api: MetricsApi
    implementation_date: date | None
    # The reports to collect. None means all reports of its kind.
    reports: tuple[str, ...] | None

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that the scope collects, in the order of their declarations."""
        return sources_of(self.kind, self.metrics_api, self.reports)

    @property
    def metrics(self) -> tuple[Source, ...]:
        """The sources of daily metrics, with the aggregate first."""
        return tuple(source for source in self.sources if source.period is PeriodKind.DAY)

    def __str__(self) -> str:
        return f"{self.kind} {self.slug}"


def list_scopes(connection: Connection, account_id: int | None = None) -> list[Scope]:
    """Return the scopes of the account. None means all accounts."""
    query = sa.select(*(scopes.c[name] for name in Scope.__annotations__)).order_by(scopes.c.id)
    if account_id is not None:
        query = query.where(scopes.c.account_id == account_id)
    return [_scope(row) for row in connection.execute(query)]


def newest_days(connection: Connection) -> dict[int, date]:
    """Return the newest day with metrics by the id of the scope."""
    days = org_metrics.c
    query = sa.select(days.scope_id, sa.func.max(days.day).label("day")).group_by(days.scope_id)
    return {row.scope_id: row.day for row in connection.execute(query)}


def save_scope(
    connection: Connection, account_id: int, kind: str, slug: str, **values: Any
) -> None:
    """Add the scope to the account, or set the given columns of an existing scope.

    A scope that was removed before gets its former id, and with it its history.
    """
    now = utc_now()
    changed = {"updated_at": now, **values}
    same = (scopes.c.account_id == account_id, *_is(scopes, kind, slug))
    if connection.execute(sa.update(scopes).where(*same).values(**changed)).rowcount == 0:
        new = {
            "account_id": account_id,
            "kind": kind,
            "slug": slug,
            "metrics_api": MetricsApi.REPORTS,
            "created_at": now,
        }
        remembered = _take_back(connection, account_id, kind, slug)
        connection.execute(sa.insert(scopes).values({**new, **remembered, **changed}))


def update_scope(connection: Connection, scope_id: int, **values: Any) -> None:
    """Set the given columns of the scope."""
    values["updated_at"] = utc_now()
    connection.execute(sa.update(scopes).where(scopes.c.id == scope_id).values(**values))


def delete_scope(connection: Connection, scope_id: int) -> None:
    """Delete the scope, and store its id, because its rows are kept."""
    kept = sa.select(
        scopes.c.id,
        accounts.c.endpoint,
        scopes.c.kind,
        scopes.c.slug,
        scopes.c.name,
        scopes.c.metrics_api,
        scopes.c.implementation_date,
        scopes.c.reports,
        sa.literal(utc_now(), UtcDateTime).label("removed_at"),
    )
    source = kept.join_from(scopes, accounts).where(scopes.c.id == scope_id)
    names = list(source.selected_columns.keys())
    connection.execute(sa.insert(removed_scopes).from_select(names, source))
    connection.execute(sa.delete(scopes).where(scopes.c.id == scope_id))


def removed_endpoints(connection: Connection) -> list[str]:
    """Return the endpoints of the removed scopes."""
    return list(connection.execute(sa.select(removed_scopes.c.endpoint).distinct()).scalars())


def find_collecting_login(
    connection: Connection, identity: Identity, kind: str, slugs: Sequence[str]
) -> tuple[str, str] | None:
    """Return (slug, login) of a scope that another account of the endpoint already collects."""
    query = (
        sa.select(scopes.c.slug, accounts.c.login)
        .join_from(scopes, accounts)
        .where(
            accounts.c.endpoint == identity.endpoint,
            accounts.c.github_user_id != identity.github_user_id,
            scopes.c.kind == kind,
            sa.func.lower(scopes.c.slug).in_([slug.lower() for slug in slugs]),
        )
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.slug, row.login)


def _scope(row: Row[Any]) -> Scope:
    return Scope(
        **{
            **row._mapping,
            "kind": ScopeKind(row.kind),
            "metrics_api": MetricsApi(row.metrics_api),
            "reports": row.reports and tuple(row.reports.split(",")),
        }
    )


def _is(table: sa.Table, kind: str, slug: str) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.kind == kind, sa.func.lower(table.c.slug) == slug.lower()


def _take_back(connection: Connection, account_id: int, kind: str, slug: str) -> dict[str, Any]:
    """Return the settings of the last removed scope with the name, and forget it."""
    endpoint = sa.select(accounts.c.endpoint).where(accounts.c.id == account_id)
    columns = removed_scopes.c
    query = (
        sa.select(
            columns.id,
            columns.name,
            columns.metrics_api,
            columns.implementation_date,
            columns.reports,
        )
        .where(columns.endpoint == endpoint.scalar_subquery(), *_is(removed_scopes, kind, slug))
        .order_by(columns.removed_at.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return {}
    connection.execute(sa.delete(removed_scopes).where(columns.id == row.id))
    return dict(row._mapping)
