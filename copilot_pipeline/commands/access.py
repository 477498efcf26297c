"""Says on stderr what the token of an account can read, right after an import."""

from collections.abc import Sequence

import click

from copilot_pipeline.access_check import (
    EXPIRES_SOON,
    OK,
    AccessReport,
    Check,
    check_access,
    what_to_do,
)
from copilot_pipeline.commands.console import print_message, print_warning
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.refusals import RefusalReason
from copilot_pipeline.redaction import redact
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope


def print_access(database: Database, account_id: int) -> None:
    """Check the account's access and print the token, each scope, and the next command.

    An error of the check is a warning: the account is stored already.
    """
    try:
        report = check_access(database, account_id)
    except CopilotPipelineError as error:
        print_warning(f"the access could not be checked: {error}")
        return
    print_message(_describe_token(report))
    of_token = [check for check in report.checks if check.scope is None and check.status != OK]
    for check in of_token:
        print_warning(check.message)
    if all(check.status == EXPIRES_SOON for check in of_token):
        for scope in dict.fromkeys(check.scope for check in report.checks if check.scope):
            _print_scope(scope, [check for check in report.checks if check.scope == scope])
    if any(check.scope and check.status == OK for check in report.checks):
        print_message("Next: copilot-pipeline run --last 365")
    elif any(check.scope for check in report.checks):
        print_message(f"Next, once that is mended: copilot-pipeline accounts check {account_id}")


def _describe_token(report: AccessReport) -> str:
    account, expires_at = report.account, report.token_expires_at
    if account.token_scopes is None:
        scopes = "GitHub does not tell what it may read (it is fine-grained)"
    else:
        scopes = f"its scopes are {account.token_scopes or 'none'}"
    expiry = f"expires on {expires_at:%Y-%m-%d}" if expires_at else "has no known expiry"
    return redact(
        f"The token belongs to {account.login} at {account.endpoint} and {expiry}; {scopes}."
    )


def _print_scope(scope: Scope, checks: Sequence[Check]) -> None:
    bad: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        if check.status != OK:
            bad.setdefault((check.status, what_to_do(check)), []).append(check.endpoint)
    if not bad:
        print_message(f"{scope}: {click.style('ok', fg='green')}")
    for (status, advice), endpoints in bad.items():
        said = redact(f"{scope}, {', '.join(endpoints)}: {status}. {advice}")
        if status == RefusalReason.NOT_FOUND:
            print_warning(said)
        else:
            print_message(said)
