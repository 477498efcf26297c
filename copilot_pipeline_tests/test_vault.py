"""The vault opens what it sealed, for the same account and secret, and nothing else."""

import base64
import json
import traceback
from dataclasses import fields, replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from copilot_pipeline.vault import Identity, KeyDerivation, SealedToken, Vault, VaultError

pytestmark = pytest.mark.full_key_derivation

SECRET = "0123456789abcdef" * 4
OTHER_SECRET = "1123456789abcdef" * 4
# With the 16 bytes of the tag 56 bytes: their base64 ends in unused bits.
TOKEN = "ghp_" + "Sentinel0Token1Of2The3Vault4Tests567"
IDENTITY = Identity("https://api.github.com", 583231)

# The cheapest that Argon2 allows: these tests are about what opens, not about how slowly.
CHEAP = KeyDerivation(memory_kib=64, time_cost=1, lanes=1)
CHEAP_TEXT = "argon2id$v=19$m=64,t=1,p=1"

MESSAGE = (
    "the stored token cannot be decrypted: the secret is not the one it was sealed with, or the "
    "stored record was changed. Set the right secret, or import the account again."
)

VAULT = Vault(SECRET, CHEAP)


def assert_does_not_open(
    sealed: SealedToken, identity: Identity = IDENTITY, vault: Vault = VAULT
) -> VaultError:
    with pytest.raises(VaultError) as caught:
        vault.open(sealed, identity)
    assert str(caught.value) == MESSAGE
    return caught.value


def with_changed_byte(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[0] ^= 1
    return base64.b64encode(bytes(data)).decode()


def with_used_padding_bits(text: str) -> str:
    """Another base64 text of the same bytes: the last letter's unused bits are not zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    letters = text.rstrip("=")
    changed = letters[:-1] + alphabet[alphabet.index(letters[-1]) + 1]
    return changed + "=" * (len(text) - len(letters))


@pytest.mark.parametrize("token", [TOKEN, "ghs_" + "a.b_-" * 104, "tökén"])
def test_a_sealed_token_opens_for_the_same_account_and_secret(token: str) -> None:
    assert VAULT.open(VAULT.seal(token, IDENTITY), IDENTITY) == token


def test_a_stored_token_opens_with_the_default_parameters() -> None:
    sealed = Vault(SECRET).seal(TOKEN, IDENTITY)
    stored = SealedToken(**json.loads(json.dumps(vars(sealed))))
    assert stored.kdf == "argon2id$v=19$m=65536,t=3,p=4"
    assert Vault(SECRET).open(stored, IDENTITY) == TOKEN


def test_a_record_is_aes_256_gcm_under_an_argon2id_key_with_the_account_authenticated() -> None:
    sealed = VAULT.seal(TOKEN, IDENTITY)
    salt, nonce = base64.b64decode(sealed.salt), base64.b64decode(sealed.nonce)
    # An implementation of Argon2 that the vault does not use.
    derive = Argon2id(salt=salt, length=32, iterations=1, lanes=1, memory_cost=64)
    opened = AESGCM(derive.derive(bytes.fromhex(SECRET))).decrypt(
        nonce,
        base64.b64decode(sealed.ciphertext),
        b'["copilot_pipeline token", "https://api.github.com", 583231]',
    )
    assert opened.decode() == TOKEN
    assert (len(salt), len(nonce)) == (16, 12)


def test_two_seals_of_one_token_share_nothing_but_the_parameters() -> None:
    first, second = VAULT.seal(TOKEN, IDENTITY), VAULT.seal(TOKEN, IDENTITY)
    assert first.ciphertext != second.ciphertext
    assert first.nonce != second.nonce
    assert first.salt != second.salt
    assert first.kdf == second.kdf == CHEAP_TEXT


@pytest.mark.parametrize(
    "identity",
    [
        Identity("https://api.octo.ghe.com", 583231),
        Identity("https://api.github.com/", 583231),
        Identity("https://api.github.com", 583232),
        Identity('https://api.github.com", 583231]', 583231),
    ],
    ids=str,
)
def test_a_token_does_not_open_for_another_account(identity: Identity) -> None:
    assert_does_not_open(VAULT.seal(TOKEN, IDENTITY), identity)


def test_a_token_does_not_open_with_another_secret() -> None:
    assert_does_not_open(VAULT.seal(TOKEN, IDENTITY), vault=Vault(OTHER_SECRET, CHEAP))


def test_the_case_of_the_secret_does_not_matter() -> None:
    assert Vault(SECRET.upper(), CHEAP).open(VAULT.seal(TOKEN, IDENTITY), IDENTITY) == TOKEN


@pytest.mark.parametrize("field", ["ciphertext", "nonce", "salt"])
def test_a_record_with_one_changed_bit_does_not_open(field: str) -> None:
    sealed = VAULT.seal(TOKEN, IDENTITY)
    changed = replace(sealed, **{field: with_changed_byte(getattr(sealed, field))})
    assert_does_not_open(changed)


@pytest.mark.parametrize("field", ["ciphertext", "nonce", "salt"])
@pytest.mark.parametrize("kept", [0, 4, 8])
def test_a_record_with_a_shortened_field_does_not_open(field: str, kept: int) -> None:
    sealed = VAULT.seal(TOKEN, IDENTITY)
    assert_does_not_open(replace(sealed, **{field: getattr(sealed, field)[:kept]}))


@pytest.mark.parametrize("field", [field.name for field in fields(SealedToken)])
def test_a_record_with_one_field_of_another_record_does_not_open(field: str) -> None:
    first = VAULT.seal(TOKEN, IDENTITY)
    second = Vault(SECRET, KeyDerivation(128, 1, 1)).seal(TOKEN, IDENTITY)
    assert_does_not_open(replace(first, **{field: getattr(second, field)}))


@pytest.mark.parametrize("field", ["ciphertext", "salt"])
def test_base64_with_used_padding_bits_does_not_open_though_it_means_the_same_bytes(
    field: str,
) -> None:
    sealed = VAULT.seal(TOKEN, IDENTITY)
    text = getattr(sealed, field)
    other = with_used_padding_bits(text)
    assert other != text
    assert base64.b64decode(other) == base64.b64decode(text)
    assert_does_not_open(replace(sealed, **{field: other}))


@pytest.mark.parametrize("field", ["ciphertext", "nonce", "salt"])
@pytest.mark.parametrize(
    ("before", "after"), [("", "\n"), (" ", ""), ("", "===="), ("", "\u00e9"), ("\ud800", "")]
)
def test_base64_with_anything_around_it_does_not_open(field: str, before: str, after: str) -> None:
    sealed = VAULT.seal(TOKEN, IDENTITY)
    assert_does_not_open(replace(sealed, **{field: before + getattr(sealed, field) + after}))


@pytest.mark.parametrize(
    "kdf",
    [
        "",
        "argon2id",
        "argon2i$v=19$m=64,t=1,p=1",
        "argon2id$v=16$m=64,t=1,p=1",
        "argon2id$v=19$m=064,t=1,p=1",
        "argon2id$v=19$m=64,t=1,p=1\n",
        "argon2id$v=19$m=64,t=1,p=1,data=x",
        "argon2id$v=19$m=\uff16\uff14,t=1,p=1",
        "argon2id$v=19$m=-64,t=1,p=1",
        "argon2id$v=19$m=7,t=1,p=1",
        "argon2id$v=19$m=64,t=1,p=9",
        "argon2id$v=19$m=64,t=0,p=1",
        "argon2id$v=19$m=64,t=65,p=1",
        "argon2id$v=19$m=64,t=1,p=0",
        "argon2id$v=19$m=65536,t=1,p=65",
        "argon2id$v=19$m=4194305,t=1,p=1",
        "argon2id$v=19$m=99999999999999999999,t=1,p=1",
        f"argon2id$v=19$m={'9' * 5000},t=1,p=1",
    ],
    ids=lambda kdf: repr(kdf[:40]),
)
def test_absurd_or_altered_argon2_parameters_do_not_open(kdf: str) -> None:
    assert_does_not_open(replace(VAULT.seal(TOKEN, IDENTITY), kdf=kdf))


@pytest.mark.parametrize(
    "absurd", [KeyDerivation(64, time_cost=65, lanes=1), KeyDerivation(520, time_cost=1, lanes=65)]
)
def test_a_record_with_absurd_parameters_does_not_open_though_it_was_sealed_with_them(
    absurd: KeyDerivation,
) -> None:
    assert_does_not_open(Vault(SECRET, absurd).seal(TOKEN, IDENTITY))


@pytest.mark.parametrize(
    "cost", ["m=4194305,t=1,p=1", "m=4294967295,t=1,p=1", "m=64,t=4294967295,p=1"]
)
def test_parameters_that_would_exhaust_the_machine_are_refused_before_use(cost: str) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        KeyDerivation.parse(f"argon2id$v=19${cost}")


def test_raised_parameters_apply_to_new_records_and_old_ones_still_open() -> None:
    old = VAULT.seal(TOKEN, IDENTITY)
    raised = Vault(SECRET, KeyDerivation(memory_kib=128, time_cost=2, lanes=2))
    new = raised.seal(TOKEN, IDENTITY)
    assert (old.kdf, new.kdf) == (CHEAP_TEXT, "argon2id$v=19$m=128,t=2,p=2")
    assert raised.open(old, IDENTITY) == TOKEN
    assert VAULT.open(new, IDENTITY) == TOKEN


def test_the_repr_of_a_vault_holds_no_secret() -> None:
    for text in (repr(VAULT), str(VAULT), f"{VAULT!r:>10}"):
        assert SECRET[:16] not in text
        assert repr(bytes.fromhex(SECRET))[2:-1] not in text


def test_a_sealed_token_holds_nothing_of_the_token_or_the_secret() -> None:
    text = repr(VAULT.seal(TOKEN, IDENTITY))
    for hidden in (TOKEN, base64.b64encode(TOKEN.encode()).decode()[:20], SECRET[:16]):
        assert hidden not in text


@pytest.mark.parametrize("changed", ["ciphertext", "nonce", "salt", "kdf"])
def test_the_error_and_its_traceback_hold_neither_secret_nor_token(changed: str) -> None:
    sealed = replace(VAULT.seal(TOKEN, IDENTITY), **{changed: "not this"})
    error = assert_does_not_open(sealed)
    shown = "".join(traceback.format_exception(error))
    assert MESSAGE in shown
    assert "During handling" not in shown
    chain: BaseException | None = error
    while chain is not None:
        shown += repr(chain) + str(chain)
        chain = chain.__cause__ or chain.__context__
    for hidden in (SECRET, SECRET[:16], TOKEN, TOKEN[:16]):
        assert hidden not in shown
