"""The sealed tokens of the warehouse: decrypts one, and rotates the secret of all."""

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
    """The number of accounts, and the number of tokens that were resealed."""

    accounts: int
    resealed: int


def current_vault() -> Vault:
    """Return the vault of the current secret, and of the previous one during a rotation.

    Raises:
        SettingError: a secret is missing or malformed.
    """
    return Vault(settings.token_secret(), previous_secret=settings.previous_token_secret())


def open_credential(database: Database, account: Account) -> Credential:
    """Return the account's credential.

    The token is resealed if the key derivation was raised since it was sealed.

    Raises:
        VaultError: the token cannot be decrypted.
    """
    vault = current_vault()
    with _naming(account):
        token = vault.open(account.sealed, account.identity)
    if vault.is_weak(account.sealed):
        sealed = vault.seal(token, account.identity)
        with database.write() as connection:
            # A rotation may be resealing the same token.
            lock_accounts(connection)
            reseal(connection, account, sealed)
    return PersonalAccessToken(token, account.login)


def rotate_secret(database: Database) -> Rotation:
    """Reseal with the current secret all tokens that were sealed with the previous one.

    All changes are in one transaction.

    Raises:
        SettingError: the previous secret is not set, or equals the current one.
        VaultError: a token cannot be decrypted with either secret. Nothing is changed.
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
                renewed = vault.reseal(account.sealed, account.identity)
            if renewed is not None:
                resealed += reseal(connection, account, renewed)
    return Rotation(len(accounts), resealed)


@contextmanager
def _naming(account: Account) -> Iterator[None]:
    """Add the login of the account to the message of a `VaultError`."""
    try:
        yield
    except VaultError as error:
        raise VaultError(f"account {one_line(account.login)}: {error}") from None
