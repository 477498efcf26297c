"""Accounts and scopes: the rows of `copilot_github_accounts` and `_tool_copilot_scopes`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from copilot_pipeline.vault import Identity, SealedToken
from copilot_pipeline.warehouse.rows import upsert_statement
from copilot_pipeline.warehouse.tables import accounts, scopes

DEFAULT_METRICS_API = "reports"

SEALED_COLUMNS = ("token_ciphertext", "token_nonce", "token_salt", "token_kdf")


@dataclass(frozen=True)
class Account:
    """A GitHub identity with its sealed token."""

    id: int
    login: str
    github_user_id: int
    node_id: str | None
    avatar_url: str | None
    endpoint: str
    proxy: str | None
    token_scopes: str | None
    token_expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    sealed: SealedToken = field(repr=False)

    @property
    def identity(self) -> Identity:
        return Identity(self.endpoint, self.github_user_id)


@dataclass(frozen=True)
class Scope:
    """An organization or enterprise that an account collects."""

    id: int
    account_id: int
    kind: str
    slug: str
    name: str | None
    metrics_api: str
    implementation_date: date | None

    def __str__(self) -> str:
        return f"{self.kind} {self.slug}"


def save_account(
    connection: Connection,
    *,
    login: str,
    identity: Identity,
    node_id: str | None,
    avatar_url: str | None,
    proxy: str | None,
    sealed: SealedToken,
    token_scopes: str | None,
    token_expires_at: datetime | None,
) -> int:
    """Inserts the account, or replaces the same GitHub user's token and profile; its id."""
    now = datetime.now(UTC)
    changing = {
        "login": login,
        "node_id": node_id,
        "avatar_url": avatar_url,
        **({} if proxy is None else {"proxy": proxy}),
        "token_ciphertext": sealed.ciphertext,
        "token_nonce": sealed.nonce,
        "token_salt": sealed.salt,
        "token_kdf": sealed.kdf,
        "token_scopes": token_scopes,
        "token_expires_at": token_expires_at,
        "updated_at": now,
    }
    statement = upsert_statement(connection, accounts).values(
        endpoint=identity.endpoint,
        github_user_id=identity.github_user_id,
        created_at=now,
        **changing,
    )
    statement = statement.on_conflict_do_update(
        index_elements=[accounts.c.endpoint, accounts.c.github_user_id], set_=changing
    )
    return int(connection.execute(statement.returning(accounts.c.id)).scalar_one())


def save_scope(
    connection: Connection, account_id: int, kind: str, slug: str, metrics_api: str | None
) -> None:
    """Adds the scope to the account (default: reports), or sets its metrics API if one is given."""
    now = datetime.now(UTC)
    same = (
        scopes.c.account_id == account_id,
        scopes.c.kind == kind,
        sa.func.lower(scopes.c.slug) == slug.lower(),
    )
    changed = (
        {"updated_at": now}
        if metrics_api is None
        else {"updated_at": now, "metrics_api": metrics_api}
    )
    change = sa.update(scopes).where(*same).values(**changed)
    if connection.execute(change).rowcount == 0:
        connection.execute(
            sa.insert(scopes).values(
                account_id=account_id,
                kind=kind,
                slug=slug,
                metrics_api=metrics_api or DEFAULT_METRICS_API,
                created_at=now,
                updated_at=now,
            )
        )


def list_accounts(connection: Connection) -> list[Account]:
    return [_account(row) for row in connection.execute(sa.select(accounts).order_by("id"))]


def find_account(connection: Connection, account_id: int) -> Account | None:
    row = connection.execute(sa.select(accounts).where(accounts.c.id == account_id)).one_or_none()
    return None if row is None else _account(row)


def list_scopes(connection: Connection) -> list[Scope]:
    query = sa.select(*(scopes.c[name] for name in Scope.__annotations__)).order_by(scopes.c.id)
    return [Scope(**row._mapping) for row in connection.execute(query)]


def find_collecting_login(
    connection: Connection, identity: Identity, kind: str, slugs: Sequence[str]
) -> tuple[str, str] | None:
    """A (slug, login) of the scopes that another account of the same endpoint collects already."""
    query = (
        sa.select(scopes.c.slug, accounts.c.login)
        .join(accounts, accounts.c.id == scopes.c.account_id)
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


def _account(row: Row[Any]) -> Account:
    values = dict(row._mapping)
    sealed = SealedToken(*(values.pop(name) for name in SEALED_COLUMNS))
    return Account(**values, sealed=sealed)
