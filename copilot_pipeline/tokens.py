"""Sealed tokens of the warehouse: opening one, and sealing all anew with another secret."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from copilot_pipeline import settings
from copilot_pipeline.github.credentials import Credential, PersonalAccessToken
from copilot_pipeline.redaction import one_line
from copilot_pipeline.vault import Vault, VaultError
from copilot_pipeline.warehouse.accounts import Account, list_accounts, reseal
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.locks import lock_accounts


@dataclass(frozen=True)
class Rotation:
    """How many accounts there are, and how many of their tokens were sealed anew."""

    accounts: int
    resealed: int


def current_vault() -> Vault:
    """The vault of the present secret, which during a rotation opens with the previous one too."""
    return Vault(settings.token_secret(), previous_secret=settings.previous_token_secret())


def open_credential(database: Database, account: Account) -> Credential:
    """The account's credential. Sealed anew first if the key derivation was raised since."""
    vault = current_vault()
    with _naming(account):
        token = vault.open(account.sealed, account.identity)
    if vault.is_weak(account.sealed):
        sealed = vault.seal(token, account.identity)
        with database.write() as connection:
            # Not while a rotation looks at the same token.
            lock_accounts(connection)
            reseal(connection, account, sealed)
    return PersonalAccessToken(token, account.login)


def rotate_secret(database: Database) -> Rotation:
    """Seals every token with the present secret that opens with the previous one only.

    In one transaction: interrupted, or with a token that opens with neither, nothing has changed.
    """
    vault = current_vault()
    if vault.previous_secret in (None, vault.secret):
        raise settings.SettingError(
            f"there is nothing to rotate: set {settings.TOKEN_SECRET_PREVIOUS} to the old secret "
            f"and {settings.TOKEN_SECRET} to a new one (`openssl rand -hex 32`), wherever "
            "copilot_pipeline runs; then rotate."
        )
    resealed = 0
    with database.write() as connection:
        lock_accounts(connection)
        accounts = list_accounts(connection)
        for account in accounts:
            with _naming(account):
                renewed = vault.renewed(account.sealed, account.identity)
            if renewed is not None:
                resealed += reseal(connection, account, renewed)
    return Rotation(len(accounts), resealed)


@contextmanager
def _naming(account: Account) -> Iterator[None]:
    try:
        yield
    except VaultError as error:
        raise VaultError(f"account {one_line(account.login)}: {error}") from None
