"""`copilot-pipeline accounts`: import, list, show, update, remove and check accounts."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

import click

from copilot_pipeline import settings
from copilot_pipeline.access_check import OK, AccessReport, check_access, what_to_do
from copilot_pipeline.accounts import (
    METRICS_APIS,
    AccountError,
    AccountOptions,
    all_accounts,
    import_account,
    is_masked,
    one_account,
    remove_account,
    select_accounts,
    update_account,
)
from copilot_pipeline.commands.access import print_access
from copilot_pipeline.commands.console import (
    ROW_ID,
    Cell,
    Row,
    combine,
    confirmed,
    json_option,
    open_database,
    print_json,
    print_listing,
    print_message,
    print_table,
    print_warning,
    prints_json,
    report_option,
    short_name,
)
from copilot_pipeline.commands.overlap import print_overlap
from copilot_pipeline.github.urls import GITHUB_ENDPOINT
from copilot_pipeline.redaction import one_line
from copilot_pipeline.warehouse.accounts import Account
from copilot_pipeline.warehouse.scopes import Scope

DEFAULT_TOKEN_VARIABLE = "GITHUB_TOKEN"  # noqa: S105 (a name)

# The options of import and update.
account_options = combine(
    click.option("--token-env", metavar="NAME", help="Environment variable with the token."),
    click.option("--token-stdin", is_flag=True, help="Read the token from standard input."),
    click.option("--endpoint", metavar="URL", help=f"REST API. The default is {GITHUB_ENDPOINT}"),
    click.option("--proxy", metavar="URL", help="Proxy for all requests with this token."),
    click.option("--org", "organizations", multiple=True, metavar="SLUG", help="May be repeated."),
    click.option(
        "--enterprise", "enterprises", multiple=True, metavar="SLUG", help="May be repeated."
    ),
    click.option(
        "--metrics-api",
        type=click.Choice(METRICS_APIS),
        help="The default of new scopes is reports.",
    ),
    report_option,
    click.option("--no-check", is_flag=True, help="Do not check what the token can read."),
)


@click.group()
def accounts() -> None:
    """The GitHub accounts whose tokens are stored."""


@accounts.command("import")
@account_options
def import_(token_env: str | None, token_stdin: bool, no_check: bool, **given: Any) -> None:
    """Store an account with its encrypted token and what it collects.

    Without --token-env and --token-stdin the token is read from GITHUB_TOKEN or a hidden prompt. If
    the GitHub user is already imported, the token is replaced and the organizations are added.

    Then every endpoint that the account needs is requested, and stderr says what is missing. The
    exit code is 0 if the account is stored, whatever is missing; `accounts check` tells by its own.
    """
    settings.token_secret()  # reports a missing secret before it asks for a token
    token = _read_token(token_env, token_stdin)
    with open_database() as database:
        account_id = import_account(database, token, AccountOptions(**given))
        _, scopes = one_account(database, account_id)
        print_json({"account_id": account_id})
        if not no_check:
            print_access(database, account_id)
    print_overlap(account_id, scopes)
    if not scopes:
        print_warning("the account collects nothing yet: import it again with --org SLUG.")


@accounts.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List all accounts without their tokens."""
    with open_database() as database:
        found = all_accounts(database)
    print_listing(
        [_describe(account, scopes) for account, scopes in found],
        ("id", "login", "endpoint", "collects", "token expires"),
        [
            (
                account.id,
                account.login,
                account.endpoint,
                ", ".join(short_name(scope) for scope in scopes) or "nothing",
                account.token_expires_at.date() if account.token_expires_at else "unknown",
            )
            for account, scopes in found
        ],
        as_json=as_json,
        empty="No account is imported yet: copilot-pipeline accounts import --org SLUG",
    )


@accounts.command("show")
@click.argument("account_id", metavar="ID", type=ROW_ID)
@json_option
def show(account_id: int, as_json: bool) -> None:
    """Show one account without its token."""
    with open_database() as database:
        account, scopes = one_account(database, account_id)
    described = _describe(account, scopes)
    print_listing(
        described,
        ("field", "value"),
        list({**described, "scopes": _collected(scopes)}.items()),
        as_json=as_json,
    )


@accounts.command("update")
@click.argument("account_id", metavar="ID", type=ROW_ID)
@account_options
def update(
    account_id: int, token_env: str | None, token_stdin: bool, no_check: bool, **given: Any
) -> None:
    """Change the given options of an account, and keep the others.

    An empty or masked (***) token is not changed. Organizations and enterprises are added; `scopes
    remove` removes one. --metrics-api and --report apply to the given organizations and
    enterprises, or to all. --proxy '' removes the proxy. A new endpoint needs the token again. A
    new token and new organizations are checked as after an import.
    """
    token = None
    if token_env is None and not token_stdin and all(each in (None, ()) for each in given.values()):
        raise click.UsageError("give at least one option to change; --help lists them.")
    if token_env is not None or token_stdin:
        token = _read_token(token_env, token_stdin, may_be_empty=True)
        if is_masked(token):
            print_message("The given token is empty or masked: the stored token is kept.")
            token = None
    with open_database() as database:
        update_account(database, account_id, token, AccountOptions(**given))
        account, scopes = one_account(database, account_id)
        print_json(_describe(account, scopes))
        if given["organizations"] or given["enterprises"]:
            print_overlap(account_id, scopes)
        if not no_check and (token is not None or given["organizations"] or given["enterprises"]):
            print_access(database, account_id)


@accounts.command("remove")
@click.argument("account_id", metavar="ID", type=ROW_ID)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(account_id: int, yes: bool) -> int:
    """Delete an account with its token and scopes. Collected data is kept."""
    with open_database() as database:
        account, scopes = one_account(database, account_id)
        question = (
            f"Remove account {account_id}, {one_line(account.login)} at {account.endpoint}, with "
            f"its token and its own metrics? It collects: {_collected(scopes)}. Collected data is "
            "kept."
        )
        if not confirmed(question, yes):
            return 1
        remove_account(database, account_id)
    print_json({"account_id": account_id, "removed": True})
    return 0


@accounts.command("check")
@click.argument("account_id", metavar="[ID]", type=ROW_ID, required=False)
@json_option
def check(account_id: int | None, as_json: bool) -> int:
    """Request every endpoint that is needed, and report what is missing.

    Without an ID all accounts are checked. The exit code is 1 if a check fails, or if a token
    expires within two weeks.
    """
    with open_database() as database:
        selected = select_accounts(database, [] if account_id is None else [account_id])
        reports: list[AccessReport] = []
        for account in selected:
            reports.append(check_access(database, account.id))
            if not prints_json(as_json):
                _print_checks(reports[-1])
    if prints_json(as_json):
        described = [_report(report) for report in reports]
        print_json(described if account_id is None else described[0])
    return 0 if all(report.ok for report in reports) else 1


def _read_token(variable: str | None, from_stdin: bool, *, may_be_empty: bool = False) -> str:
    if variable is not None and from_stdin:
        raise click.UsageError("give --token-env or --token-stdin, not both.")
    if from_stdin and sys.stdin is None:
        raise AccountError("standard input is closed.")
    if from_stdin:
        try:
            return sys.stdin.read().strip()
        except UnicodeDecodeError:
            # The cause contains the input, which may be a token.
            raise AccountError("standard input is not UTF-8 text.") from None
    on_terminal = sys.stdin is not None and sys.stdin.isatty()
    if variable is None and on_terminal and not settings.is_set(DEFAULT_TOKEN_VARIABLE):
        return str(click.prompt("GitHub token", hide_input=True, err=True)).strip()
    return settings.token_from(variable or DEFAULT_TOKEN_VARIABLE, may_be_empty=may_be_empty)


def _collected(scopes: Sequence[Scope]) -> str:
    return ", ".join(str(scope) for scope in scopes) or "nothing"


def _describe(account: Account, scopes: Sequence[Scope]) -> dict[str, Any]:
    fields = asdict(account)
    del fields["sealed"]
    return {
        **fields,
        "scopes": [
            {
                "id": scope.id,
                "kind": scope.kind,
                "slug": scope.slug,
                "metrics_api": scope.metrics_api,
                "reports": [source.name for source in scope.metrics],
            }
            for scope in scopes
        ],
    }


def _report(report: AccessReport) -> dict[str, Any]:
    return {
        "account_id": report.account.id,
        "login": report.account.login,
        "ok": report.ok,
        "token_expires_at": report.token_expires_at,
        "checks": [
            {
                "kind": check.scope and check.scope.kind,
                "slug": check.scope and check.scope.slug,
                "endpoint": check.endpoint,
                "status": check.status,
                "message": check.message,
                "advice": check.advice,
            }
            for check in report.checks
        ],
    }


def _print_checks(report: AccessReport) -> None:
    account, expires_at = report.account, report.token_expires_at
    expiry = f"expires on {expires_at:%Y-%m-%d}" if expires_at else "has no known expiry"
    rows: list[Row] = []
    for scope, checks in groupby(report.checks, lambda check: check.scope):
        named, before = str(scope) if scope else "all", ""
        for check in checks:
            style = "green" if check.status == OK else "red"
            advice = what_to_do(check)
            shown = "(the same)" if advice and advice == before else advice
            rows.append((named, check.endpoint, Cell(check.status, style), shown))
            named, before = "", advice
    print_table(
        ("scope", "endpoint", "status", "what to do"),
        rows,
        title=f"Account {account.id}, {account.login} at {account.endpoint}: its token {expiry}",
    )
