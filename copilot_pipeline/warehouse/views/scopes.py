"""The view of scopes with their display names."""

from typing import Any

import sqlalchemy as sa

from copilot_pipeline.warehouse.tables import accounts, removed_scopes, scopes
from copilot_pipeline.warehouse.views.view import View


def _build() -> sa.Select[Any]:
    now, then = scopes.c, removed_scopes.c
    collected = sa.select(
        now.id,
        now.kind,
        now.slug,
        _label(now).label("label"),
        now.metrics_api,
        now.reports,
        now.implementation_date,
        sa.false().label("is_removed"),
        accounts.c.login.label("account_login"),
        accounts.c.token_expires_at,
        now.created_at,
    ).join(accounts, accounts.c.id == now.account_id)
    removed = sa.select(
        then.id,
        then.kind,
        then.slug,
        _label(then),
        then.metrics_api,
        then.reports,
        then.implementation_date,
        sa.true(),
        sa.null(),
        sa.null(),
        sa.null(),
    )
    known = sa.union_all(collected, removed).subquery("known")
    # The id distinguishes scopes with the same name.
    others = sa.func.count().over(partition_by=[known.c.kind, known.c.label])
    label = sa.case((others > 1, known.c.label + " #" + _text(known.c.id)), else_=known.c.label)
    columns = (label.label("label") if each.name == "label" else each for each in known.c)
    return sa.select(*columns)


def _label(scope: Any) -> sa.ColumnElement[str]:
    return sa.func.coalesce(sa.func.nullif(scope.name, ""), scope.slug)


def _text(number: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.cast(number, sa.Text)


SCOPES = View("copilot_scopes", _build())
