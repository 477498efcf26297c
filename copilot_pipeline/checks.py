"""Asset checks: what is worth a warning in the Dagster UI."""

from datetime import UTC, datetime

import dagster as dg

from copilot_pipeline.access_check import describe_expiry
from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.redaction import one_line
from copilot_pipeline.warehouse.database import Database

TOKEN_EXPIRY = dg.AssetCheckSpec(
    "token_expiry",
    asset="raw_billing",
    description="Warns two weeks before the token of an account expires.",
)


def check_token_expiry(database: Database) -> dg.AssetCheckResult:
    """Looks at the expiry that GitHub stated when the token was stored."""
    now = datetime.now(UTC)
    accounts = [account for account, _ in all_accounts(database)]
    warnings = [
        f"Account {account.id}, {one_line(account.login)}: {warning}"
        for account in accounts
        if (warning := describe_expiry(account.token_expires_at, now)) is not None
    ]
    return dg.AssetCheckResult(
        check_name=TOKEN_EXPIRY.name,
        asset_key=TOKEN_EXPIRY.asset_key,
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(warnings) or "No token expires within two weeks.",
        metadata={"accounts": len(accounts), "expiring": len(warnings)},
    )
