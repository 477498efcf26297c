"""Accounts: the rows of `copilot_github_accounts`, with their sealed tokens."""

from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from copilot_pipeline.clock import utc_now
from copilot_pipeline.vault import Identity, SealedToken
from copilot_pipeline.warehouse.rows import upsert_statement
from copilot_pipeline.warehouse.tables import accounts


@dataclass(frozen=True)
class Profile:
    """The owner and the properties of a token, as reported by GitHub."""

    identity: Identity
    login: str
    node_id: str | None
    avatar_url: str | None
    token_scopes: str | None
    token_expires_at: datetime | None


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


def save_account(connection: Connection, profile: Profile, sealed: SealedToken) -> int:
    """Insert the account, or replace the token and profile of the same user. Return its id."""
    now = utc_now()
    changing = {**_token_columns(profile, sealed), "updated_at": now}
    statement = upsert_statement(connection, accounts).values(
        endpoint=profile.identity.endpoint,
        github_user_id=profile.identity.github_user_id,
        created_at=now,
        **changing,
    )
    statement = statement.on_conflict_do_update(
        index_elements=[accounts.c.endpoint, accounts.c.github_user_id], set_=changing
    )
    return int(connection.execute(statement.returning(accounts.c.id)).scalar_one())


def replace_token(
    connection: Connection, account_id: int, profile: Profile, sealed: SealedToken
) -> None:
    """Replace the account's token, or its endpoint and the token sealed for it."""
    _update(
        connection,
        account_id,
        endpoint=profile.identity.endpoint,
        **_token_columns(profile, sealed),
        updated_at=utc_now(),
    )


def set_proxy(connection: Connection, account_id: int, proxy: str | None) -> None:
    _update(connection, account_id, proxy=proxy, updated_at=utc_now())


def reseal(connection: Connection, account: Account, sealed: SealedToken) -> bool:
    """Store the token sealed again. Return False if it was replaced in the meantime."""
    unchanged = sa.and_(
        accounts.c.id == account.id, accounts.c.token_ciphertext == account.sealed.ciphertext
    )
    change = sa.update(accounts).where(unchanged).values(**_sealed_columns(sealed))
    return connection.execute(change).rowcount == 1


def delete_account(connection: Connection, account_id: int) -> None:
    """Delete the account with its token, scopes and account metrics."""
    connection.execute(sa.delete(accounts).where(accounts.c.id == account_id))


def list_accounts(connection: Connection) -> list[Account]:
    return [_account(row) for row in connection.execute(sa.select(accounts).order_by("id"))]


def find_account_of(connection: Connection, identity: Identity) -> Account | None:
    """Return the account of the GitHub user at the endpoint, or None."""
    query = sa.select(accounts).where(
        accounts.c.endpoint == identity.endpoint,
        accounts.c.github_user_id == identity.github_user_id,
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _account(row)


def _update(connection: Connection, account_id: int, **values: object) -> None:
    connection.execute(sa.update(accounts).where(accounts.c.id == account_id).values(**values))


def _token_columns(profile: Profile, sealed: SealedToken) -> dict[str, Any]:
    return {
        "login": profile.login,
        "node_id": profile.node_id,
        "avatar_url": profile.avatar_url,
        "token_scopes": profile.token_scopes,
        "token_expires_at": profile.token_expires_at,
        **_sealed_columns(sealed),
    }


def _sealed_columns(sealed: SealedToken) -> dict[str, str]:
    return {f"token_{name}": value for name, value in asdict(sealed).items()}


def _account(row: Row[Any]) -> Account:
    values = dict(row._mapping)
    sealed = SealedToken(**{f.name: values.pop(f"token_{f.name}") for f in fields(SealedToken)})
    return Account(**values, sealed=sealed)
