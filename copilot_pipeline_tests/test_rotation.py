"""A rotation of the secret: all tokens or none, and every token opens at every moment."""

import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from copilot_pipeline import settings, tokens
from copilot_pipeline.accounts import all_accounts
from copilot_pipeline.simulated_github import SimulatedGitHub, authenticated_user
from copilot_pipeline.tokens import open_credential
from copilot_pipeline.vault import Identity, KeyDerivation, Vault, VaultError
from copilot_pipeline.warehouse.accounts import Account, Profile, reseal, save_account
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.commands import Output, fail, import_with, succeed

OLD, NEW, OTHER = "01" * 32, "a2" * 32, "fe" * 32
CHEAP = KeyDerivation(memory_kib=64, time_cost=1, lanes=1)
TOKENS = {number: f"ghp_{number}".ljust(40, "0") for number in (1, 2, 3)}


@contextmanager
def secrets_set(current: str | None, previous: str | None = None) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in (
            (settings.TOKEN_SECRET, current),
            (settings.TOKEN_SECRET_PREVIOUS, previous),
        ):
            if value is None:
                patch.delenv(variable, raising=False)
            else:
                patch.setenv(variable, value)
        yield


def store(database: Database, number: int, vault: Vault) -> None:
    identity = Identity("https://api.github.com", number)
    profile = Profile(identity, f"octo-{number}", None, None, None, None)
    with database.write() as connection:
        save_account(connection, profile, vault.seal(TOKENS[number], identity))


@pytest.fixture
def warehouse(warehouse_environment: str) -> Iterator[Database]:
    """Three accounts whose tokens are sealed with the old secret."""
    with Database(warehouse_environment) as database:
        for number in TOKENS:
            store(database, number, Vault(OLD))
        yield database


def accounts(database: Database) -> list[Account]:
    return [account for account, _ in all_accounts(database)]


def opened(database: Database) -> dict[int, str]:
    """The tokens by account, opened with the secrets that are set."""
    return {
        each.github_user_id: open_credential(database, each).secrets()[0]
        for each in accounts(database)
    }


def sealed(database: Database) -> list[str]:
    return [account.sealed.ciphertext for account in accounts(database)]


@pytest.mark.both_databases
def test_rotating_seals_every_token_with_the_new_secret(
    warehouse: Database, capsys: Output
) -> None:
    with secrets_set(NEW, OLD):
        assert opened(warehouse) == TOKENS
        assert succeed(["secret", "rotate"], capsys) == {"accounts": 3, "resealed": 3}
        assert opened(warehouse) == TOKENS
    with secrets_set(NEW):
        assert opened(warehouse) == TOKENS
    with secrets_set(OLD), pytest.raises(VaultError):
        opened(warehouse)


def test_rotating_again_changes_nothing(warehouse: Database, capsys: Output) -> None:
    with secrets_set(NEW, OLD):
        succeed(["secret", "rotate"], capsys)
        before = sealed(warehouse)
        assert succeed(["secret", "rotate"], capsys) == {"accounts": 3, "resealed": 0}
        assert sealed(warehouse) == before


@pytest.mark.parametrize(
    ("current", "previous", "words"),
    [
        (NEW, None, "there is nothing to rotate"),
        (NEW, NEW.upper(), "there is nothing to rotate"),
        (None, OLD, "COPILOT_METRICS__TOKEN_SECRET is not set"),
        (NEW, "short", "COPILOT_METRICS__TOKEN_SECRET_PREVIOUS must be 64"),
        (NEW, OTHER, "account octo-1: the stored token cannot be decrypted"),
    ],
)
def test_a_rotation_that_cannot_be_says_why_and_changes_nothing(
    warehouse: Database, capsys: Output, current: str | None, previous: str | None, words: str
) -> None:
    before = sealed(warehouse)
    with secrets_set(current, previous):
        said = fail(["secret", "rotate"], capsys)
    assert words in said
    assert not any(secret in said for secret in (OLD, NEW, OTHER, "short"))
    assert sealed(warehouse) == before


@pytest.mark.both_databases
def test_one_token_that_opens_with_neither_secret_leaves_all_as_they_were(
    warehouse: Database, capsys: Output
) -> None:
    store(warehouse, 3, Vault(OTHER))
    before = sealed(warehouse)
    with secrets_set(NEW, OLD):
        assert "account octo-3" in fail(["secret", "rotate"], capsys)
        assert sealed(warehouse) == before


def test_a_new_import_during_a_rotation_is_sealed_with_the_new_secret(
    warehouse: Database, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    with secrets_set(NEW, OLD):
        account_id = succeed(import_with(github), capsys)["account_id"]
        assert succeed(["secret", "rotate"], capsys) == {"accounts": 4, "resealed": 3}
    with secrets_set(NEW):
        assert [account.id for account in accounts(warehouse)] == [1, 2, 3, account_id]
        assert len(opened(warehouse)) == 4


@pytest.mark.parametrize(
    "after", [1, *(pytest.param(count, marks=pytest.mark.slow) for count in (0, 2))]
)
def test_a_rotation_killed_at_any_token_leaves_every_token_openable(
    warehouse: Database, warehouse_environment: str, after: int
) -> None:
    script = (
        "import os\n"
        "from copilot_pipeline import settings, tokens\n"
        "from copilot_pipeline.warehouse.database import Database\n"
        "stored, count = tokens.reseal, 0\n"
        "def reseal(*arguments):\n"
        "    global count\n"
        "    stored(*arguments)\n"
        f"    if count == {after}:\n"
        "        os.kill(os.getpid(), 9)\n"
        "    count += 1\n"
        "    return True\n"
        "tokens.reseal = reseal\n"
        "tokens.rotate_secret(Database(settings.database_url()))\n"
    )
    before = sealed(warehouse)
    with secrets_set(NEW, OLD):
        ended = subprocess.run([sys.executable, "-c", script], check=False)
        assert ended.returncode == -9
        assert sealed(warehouse) == before
        assert opened(warehouse) == TOKENS
    with secrets_set(OLD):
        assert opened(warehouse) == TOKENS


@pytest.mark.both_databases
def test_a_token_replaced_during_a_rotation_is_not_written_back(
    warehouse: Database, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import waits for the rotation's transaction, or the other way round."""
    replaced = "ghp_replaced_meanwhile_000000000000000000"
    github.accept(replaced, authenticated_user("octo-4", 4))
    with Database(str(settings.database_url())) as database:
        identity = Identity(github.url, 4)
        profile = Profile(identity, "octo-4", None, None, None, None)
        with database.write() as connection:
            save_account(connection, profile, Vault(OLD).seal(TOKENS[1], identity))
    begun = threading.Event()

    def slow_reseal(*arguments: object) -> bool:
        begun.set()
        time.sleep(0.3)
        return reseal(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(tokens, "reseal", slow_reseal)
    with secrets_set(NEW, OLD):
        rotating = threading.Thread(target=tokens.rotate_secret, args=[warehouse])
        rotating.start()
        assert begun.wait(20)
        monkeypatch.setenv("GITHUB_TOKEN", replaced)
        succeed(import_with(github), capsys)
        rotating.join()
        assert opened(warehouse)[4] == replaced


@pytest.mark.full_key_derivation
def test_raised_parameters_seal_anew_on_the_next_use(warehouse: Database) -> None:
    store(warehouse, 1, Vault(NEW, CHEAP))
    store(warehouse, 2, Vault(OLD, CHEAP))
    strong = str(KeyDerivation())
    with secrets_set(NEW, OLD):
        assert opened(warehouse) == TOKENS
        assert [account.sealed.kdf for account in accounts(warehouse)] == [strong] * 3
        before = sealed(warehouse)
        assert opened(warehouse) == TOKENS
        assert sealed(warehouse) == before


@pytest.mark.full_key_derivation
def test_a_token_replaced_before_it_is_sealed_anew_is_not_overwritten(
    warehouse: Database,
) -> None:
    store(warehouse, 1, Vault(NEW, CHEAP))
    stale = accounts(warehouse)[0]
    store(warehouse, 1, Vault(NEW))
    before = sealed(warehouse)
    with secrets_set(NEW, OLD):
        assert open_credential(warehouse, stale).secrets()[0] == TOKENS[1]
    assert sealed(warehouse) == before


@pytest.mark.full_key_derivation
def test_stronger_parameters_than_ours_are_left_alone(warehouse: Database) -> None:
    stronger = KeyDerivation(memory_kib=128 * 1024, time_cost=2)
    store(warehouse, 1, Vault(NEW, stronger))
    with secrets_set(NEW, OLD):
        opened(warehouse)
    assert accounts(warehouse)[0].sealed.kdf == str(stronger)


def test_the_vault_opens_with_the_present_or_the_previous_secret_only() -> None:
    identity = Identity("https://api.github.com", 1)
    both = Vault(NEW, CHEAP, previous_secret=OLD)
    for secret in (NEW, OLD):
        assert both.open(Vault(secret, CHEAP).seal("token", identity), identity) == "token"
    foreign = Vault(secrets.token_hex(32), CHEAP).seal("token", identity)
    with pytest.raises(VaultError):
        both.open(foreign, identity)
    assert OLD not in repr(both)
    assert Vault(NEW, CHEAP).open(both.seal("token", identity), identity) == "token"
