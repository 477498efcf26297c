"""`copilot-pipeline scopes`: list, update and remove scopes."""

from datetime import date
from typing import Any

import click

from copilot_pipeline.accounts import METRICS_APIS, choose_reports
from copilot_pipeline.collected_scopes import (
    CollectedScope,
    all_scopes,
    one_scope,
    remove_scope,
    update_scope,
)
from copilot_pipeline.commands.console import (
    ROW_ID,
    Row,
    combine,
    confirmed,
    json_option,
    open_database,
    print_json,
    print_listing,
    report_option,
)
from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.settings import refuse_token
from copilot_pipeline.sources.source import MetricsApi
from copilot_pipeline.sources.values import storable

# The slug, and the options that distinguish scopes with the same slug.
scope_arguments = combine(
    click.argument("slug", metavar="SLUG"),
    click.option("--kind", type=click.Choice([kind.value for kind in ScopeKind])),
    click.option("--account", "account_id", type=ROW_ID, metavar="ID"),
)


@click.group()
def scopes() -> None:
    """The organizations and enterprises that are collected."""


@scopes.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List all scopes, with the newest day that has metrics."""
    with open_database() as database:
        found = all_scopes(database)
    print_listing(
        [_describe(each) for each in found],
        ("scope", "name", "account", "reports", "rollout", "newest day"),
        [_row(each) for each in found],
        as_json=as_json,
        empty="No scope is collected yet: copilot-pipeline accounts import --org SLUG",
    )


@scopes.command("update")
@scope_arguments
@click.option("--name", help="A display name; '' removes it.")
@click.option(
    "--implementation-date",
    metavar="YYYY-MM-DD",
    help="The first day of the rollout, shown on the dashboards; '' removes it.",
)
@click.option("--metrics-api", type=click.Choice(METRICS_APIS))
@report_option
def update(
    slug: str,
    kind: str | None,
    account_id: int | None,
    name: str | None,
    implementation_date: str | None,
    metrics_api: str | None,
    reports: tuple[str, ...],
) -> None:
    """Change the given options of a scope, and keep the others."""
    values: dict[str, Any] = {}
    if name is not None:
        refuse_token(name)
        values["name"] = storable(name).strip() or None
    if implementation_date is not None:
        values["implementation_date"] = _day(implementation_date) if implementation_date else None
    if metrics_api is not None:
        values["metrics_api"] = metrics_api
    if not values and not reports:
        raise click.UsageError("give --name, --implementation-date, --metrics-api or --report.")
    with open_database() as database:
        found = one_scope(database, slug, kind, account_id)
        values |= choose_reports(found.scope.kind, reports)
        update_scope(database, found.scope, **values)
        print_json(_describe(one_scope(database, slug, found.scope.kind, found.account.id)))


@scopes.command("remove")
@scope_arguments
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(slug: str, kind: str | None, account_id: int | None, yes: bool) -> int:
    """Stop collecting a scope. Its data is kept, and belongs to it again if it is re-added."""
    with open_database() as database:
        found = one_scope(database, slug, kind, account_id)
        question = f"Stop collecting the {found.scope}? Collected data is kept."
        if not confirmed(question, yes):
            return 1
        remove_scope(database, found.scope)
    print_json({"scope_id": found.scope.id, "removed": True})
    return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a day such as 2026-01-15.") from None


def _row(collected: CollectedScope) -> Row:
    scope, account = collected.scope, collected.account
    reports = ", ".join(scope.reports) if scope.reports else "all"
    return (
        scope,
        scope.name,
        account.login,
        reports if scope.metrics_api is MetricsApi.REPORTS else scope.metrics_api,
        scope.implementation_date,
        collected.newest_day or "none",
    )


def _describe(collected: CollectedScope) -> dict[str, Any]:
    scope, account = collected.scope, collected.account
    return {
        "id": scope.id,
        "kind": scope.kind,
        "slug": scope.slug,
        "name": scope.name,
        "account_id": account.id,
        "login": account.login,
        "metrics_api": scope.metrics_api,
        "reports": [source.name for source in scope.metrics],
        "implementation_date": scope.implementation_date,
        "newest_day": collected.newest_day,
    }
