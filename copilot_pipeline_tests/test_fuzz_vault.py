"""Whatever a token is, it opens; whatever is changed in its record, the record does not."""

import base64
import string
import traceback
from dataclasses import fields, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from copilot_pipeline.vault import (
    MAX_LANES,
    MAX_MEMORY_KIB,
    MAX_TIME_COST,
    Identity,
    KeyDerivation,
    SealedToken,
    Vault,
    VaultError,
)
from copilot_pipeline_tests.fuzzing import any_text, examples

pytestmark = [pytest.mark.fuzz, pytest.mark.full_key_derivation]

SECRET = "0123456789abcdef" * 4
PREVIOUS_SECRET = "1123456789abcdef" * 4
TOKEN = "ghp_" + "Sentinel0Token1Of2The3Fuzzed4Vault56"
IDENTITY = Identity("https://api.github.com", 583231)

# The cheapest that Argon2 allows: these tests are about what opens, not about how slowly. One
# changed character makes three digits of the memory at most; no example derives for long.
CHEAP = KeyDerivation(memory_kib=64, time_cost=1, lanes=1)
OTHER = KeyDerivation(memory_kib=72, time_cost=1, lanes=1)
VAULT = Vault(SECRET, CHEAP)

BASE64 = string.ascii_letters + string.digits + "+/="
TEXTS = [field.name for field in fields(SealedToken)]

tokens = st.text(max_size=300)
secrets = st.binary(min_size=32, max_size=32).map(bytes.hex)
identities = st.builds(Identity, st.text(max_size=60), st.integers(-(2**63), 2**63 - 1))
# Each begins with a text that can be looked for in what an error shows.
recognizable_tokens = st.text(max_size=60).map(lambda text: TOKEN + text)


def assert_does_not_open(
    sealed: SealedToken, identity: Identity = IDENTITY, vault: Vault = VAULT
) -> None:
    with pytest.raises(VaultError) as caught:
        vault.open(sealed, identity)
    assert type(caught.value) is VaultError
    assert str(caught.value).startswith("the stored token cannot be decrypted")
    assert_holds_no_secret(caught.value)


def assert_holds_no_secret(error: BaseException) -> None:
    shown = "".join(traceback.format_exception(error))
    chain: BaseException | None = error
    while chain is not None:
        shown += repr(chain) + repr(chain.args) + repr(vars(chain))
        chain = chain.__cause__ or chain.__context__
    for hidden in (TOKEN, SECRET, PREVIOUS_SECRET, repr(bytes.fromhex(SECRET))[2:-1]):
        assert hidden not in shown


@examples(100)
@given(token=tokens, secret=secrets, identity=identities)
def test_any_token_opens_for_its_own_account_and_secret(
    token: str, secret: str, identity: Identity
) -> None:
    vault = Vault(secret, CHEAP)
    assert vault.open(vault.seal(token, identity), identity) == token


@examples(100)
@given(token=recognizable_tokens, identity=identities, other=identities, secret=secrets)
def test_no_token_opens_for_another_account_or_secret(
    token: str, identity: Identity, other: Identity, secret: str
) -> None:
    assume(other != identity)
    assume(secret != SECRET)
    sealed = VAULT.seal(token, identity)
    assert_does_not_open(sealed, other)
    assert_does_not_open(sealed, identity, Vault(secret, CHEAP))


@examples(60)
@given(token=recognizable_tokens, identity=identities)
def test_during_a_rotation_a_record_of_either_secret_opens_and_the_old_one_is_renewed(
    token: str, identity: Identity
) -> None:
    rotating = Vault(SECRET, CHEAP, PREVIOUS_SECRET)
    for secret in (SECRET, PREVIOUS_SECRET):
        sealed = Vault(secret, CHEAP).seal(token, identity)
        assert rotating.open(sealed, identity) == token
        renewed = rotating.reseal(sealed, identity)
        assert (renewed is None) is (secret == SECRET)
        assert VAULT.open(renewed or sealed, identity) == token
        assert_does_not_open(replace(sealed, nonce=sealed.salt), identity, rotating)


@examples(200)
@given(
    token=recognizable_tokens,
    field=st.sampled_from(["ciphertext", "nonce", "salt"]),
    place=st.integers(0, 10**4),
    bits=st.integers(1, 255),
)
def test_no_record_opens_with_a_changed_byte(token: str, field: str, place: int, bits: int) -> None:
    sealed = VAULT.seal(token, IDENTITY)
    data = bytearray(base64.b64decode(getattr(sealed, field)))
    data[place % len(data)] ^= bits
    assert_does_not_open(replace(sealed, **{field: base64.b64encode(data).decode()}))


def test_no_record_opens_with_another_letter_at_the_end_of_a_text() -> None:
    # All of them: some letters there differ only in bits that mean nothing.
    sealed = VAULT.seal(TOKEN, IDENTITY)
    for field in ("ciphertext", "nonce", "salt"):
        text = getattr(sealed, field)
        for place in range(len(text) - 4, len(text)):
            for letter in BASE64:
                changed = text[:place] + letter + text[place + 1 :]
                if changed != text:
                    assert_does_not_open(replace(sealed, **{field: changed}))


base64_characters = st.sampled_from("ABCDwxyz0189+/=-_ \n")


@examples(200)
@given(
    token=recognizable_tokens,
    field=st.sampled_from(TEXTS),
    place=st.integers(0, 10**4),
    character=st.characters(exclude_categories=()) | base64_characters,
    removed=st.integers(0, 1),
)
def test_no_record_opens_with_a_changed_or_added_character(
    token: str, field: str, place: int, character: str, removed: int
) -> None:
    sealed = VAULT.seal(token, IDENTITY)
    text = getattr(sealed, field)
    place %= len(text)
    changed = text[:place] + character + text[place + removed :]
    assume(changed != text)
    assert_does_not_open(replace(sealed, **{field: changed}))


@examples(200)
@given(
    token=recognizable_tokens,
    field=st.sampled_from(TEXTS),
    start=st.integers(0, 10**4),
    end=st.integers(0, 10**4),
)
def test_no_record_opens_with_a_shortened_text(
    token: str, field: str, start: int, end: int
) -> None:
    sealed = VAULT.seal(token, IDENTITY)
    text = getattr(sealed, field)
    shortened = text[start % (len(text) + 1) : end % (len(text) + 1)]
    assume(shortened != text)
    assert_does_not_open(replace(sealed, **{field: shortened}))


@examples(200)
@given(
    token=recognizable_tokens,
    field=st.sampled_from(TEXTS),
    # After the parameters' text digits would only add lanes, more than the memory allows.
    before=any_text,
    after=any_text | st.text("ABCDwxyz0189+/=", max_size=8),
)
def test_no_record_opens_with_a_lengthened_text(
    token: str, field: str, before: str, after: str
) -> None:
    assume(before or after)
    sealed = VAULT.seal(token, IDENTITY)
    assert_does_not_open(replace(sealed, **{field: before + getattr(sealed, field) + after}))


@examples(150)
@given(
    first=recognizable_tokens,
    second=recognizable_tokens,
    moved=st.sets(st.sampled_from(TEXTS), min_size=1, max_size=3),
)
def test_no_record_opens_with_fields_of_another_one(
    first: str, second: str, moved: set[str]
) -> None:
    one, other = VAULT.seal(first, IDENTITY), Vault(SECRET, OTHER).seal(second, IDENTITY)
    swapped = {field: getattr(other, field) for field in moved}
    assert_does_not_open(replace(one, **swapped))
    swapped = {field: getattr(one, field) for field in moved}
    assert_does_not_open(replace(other, **swapped))


costs = st.one_of(
    st.integers(0, 100),
    st.sampled_from([MAX_LANES, MAX_LANES + 1, MAX_MEMORY_KIB, MAX_MEMORY_KIB + 1, 2**32, 10**99]),
    st.sampled_from(["-1", "064", "1e3", " 64", "\uff16\uff14", "", "9" * 5000]),
)
parameter_texts = st.one_of(
    any_text,
    st.builds(
        "argon2{}$v={}$m={},t={},p={}{}".format,
        st.sampled_from(["id"] * 9 + ["i", "ID"]),
        st.sampled_from([19] * 9 + [16, 20, "019"]),
        costs,
        costs,
        costs,
        st.sampled_from([""] * 9 + ["\n", ",data=x"]),
    ),
)


# Only parsed: a text within the bounds may ask for a GiB, and no example should.
@examples(300)
@given(text=parameter_texts)
def test_no_text_of_parameters_asks_for_more_than_the_bounds(text: str) -> None:
    try:
        parsed = KeyDerivation.parse(text)
    except ValueError:
        return
    assert str(parsed) == text
    assert 8 * parsed.lanes <= parsed.memory_kib <= MAX_MEMORY_KIB
    assert 1 <= parsed.time_cost <= MAX_TIME_COST
    assert 1 <= parsed.lanes <= MAX_LANES


@examples(200)
@given(text=parameter_texts)
def test_no_record_opens_with_a_text_that_is_none_of_parameters_within_the_bounds(
    text: str,
) -> None:
    try:
        KeyDerivation.parse(text)
    except ValueError:
        assert_does_not_open(replace(VAULT.seal(TOKEN, IDENTITY), kdf=text))


@examples(200)
@given(texts=st.tuples(any_text, any_text, any_text, st.just(str(CHEAP)) | any_text))
def test_nothing_that_was_never_sealed_opens(texts: tuple[str, str, str, str]) -> None:
    assert_does_not_open(SealedToken(*texts))
