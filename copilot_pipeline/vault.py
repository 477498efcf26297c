"""Encrypts access tokens for storage, and decrypts them. Uses neither the database nor the network.

The key is derived from the secret and a random salt of each record, with Argon2id (RFC 9106, second
recommended option). The token is encrypted with AES-256-GCM (NIST SP 800-38D). The account's
identity is authenticated as associated data, so a token that is copied to another account cannot be
decrypted.
"""

import base64
import binascii
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field

from argon2.exceptions import HashingError
from argon2.low_level import ARGON2_VERSION, hash_secret_raw
from argon2.profiles import RFC_9106_LOW_MEMORY
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from copilot_pipeline.errors import CopilotPipelineError

KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12

# Higher parameters in a stored record are rejected: they would exhaust the memory or the time.
MAX_MEMORY_KIB = 1024 * 1024
MAX_TIME_COST = 64
MAX_LANES = 64


class VaultError(CopilotPipelineError):
    """A stored token cannot be decrypted. The message does not say why, to protect the key."""


@dataclass(frozen=True)
class KeyDerivation:
    """The Argon2id parameters of one record, stored with it so that they can be raised later."""

    memory_kib: int = RFC_9106_LOW_MEMORY.memory_cost
    time_cost: int = RFC_9106_LOW_MEMORY.time_cost
    lanes: int = RFC_9106_LOW_MEMORY.parallelism

    def is_weaker_than(self, other: "KeyDerivation") -> bool:
        """Compare the product of memory and passes."""
        return self.memory_kib * self.time_cost < other.memory_kib * other.time_cost

    def __str__(self) -> str:
        cost = f"m={self.memory_kib},t={self.time_cost},p={self.lanes}"
        return f"argon2id$v={ARGON2_VERSION}${cost}"

    @classmethod
    def parse(cls, text: str) -> "KeyDerivation":
        """Parse the stored text of the parameters.

        Raises:
            ValueError: the text has another form, or a parameter is out of bounds.
        """
        match = re.fullmatch(r"argon2id\$v=(\d+)\$m=(\d+),t=(\d+),p=(\d+)", text, re.ASCII)
        if match is None:
            raise ValueError("not Argon2id parameters")
        version, memory, time_cost, lanes = (int(group) for group in match.groups())
        parsed = cls(memory, time_cost, lanes)
        if (
            version != ARGON2_VERSION
            or str(parsed) != text
            or not 8 * lanes <= memory <= MAX_MEMORY_KIB
            or not 1 <= time_cost <= MAX_TIME_COST
            or not 1 <= lanes <= MAX_LANES
        ):
            raise ValueError("Argon2id parameters out of bounds")
        return parsed


@dataclass(frozen=True)
class SealedToken:
    """An encrypted token as stored: three base64 texts and the key derivation parameters."""

    ciphertext: str
    nonce: str
    salt: str
    kdf: str


@dataclass(frozen=True)
class Identity:
    """The account that a token belongs to: its endpoint and its GitHub user id."""

    endpoint: str
    github_user_id: int

    def as_associated_data(self) -> bytes:
        parts = ["copilot_pipeline token", self.endpoint, self.github_user_id]
        return json.dumps(parts).encode()


@dataclass(frozen=True)
class Vault:
    """Encrypts and decrypts tokens with keys derived from a secret (64 hexadecimal characters).

    During a rotation the vault also decrypts tokens that were sealed with the previous secret.
    """

    secret: str = field(repr=False)
    derivation: KeyDerivation = field(default_factory=KeyDerivation)
    previous_secret: str | None = field(default=None, repr=False)

    def seal(self, token: str, identity: Identity) -> SealedToken:
        """Encrypt a token with a new salt and nonce."""
        salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
        cipher = AESGCM(_key(self.secret, salt, self.derivation))
        sealed = cipher.encrypt(nonce, token.encode(), identity.as_associated_data())
        return SealedToken(
            _to_base64(sealed), _to_base64(nonce), _to_base64(salt), str(self.derivation)
        )

    def open(self, sealed: SealedToken, identity: Identity) -> str:
        """Decrypt a token.

        Raises:
            VaultError: the secret is wrong, or the record or the identity was changed.
        """
        return self._open(sealed, identity)[0]

    def reseal(self, sealed: SealedToken, identity: Identity) -> SealedToken | None:
        """Encrypt a token with the current secret, or return None if it already is.

        Raises:
            VaultError: the token cannot be decrypted with either secret.
        """
        token, secret = self._open(sealed, identity)
        return None if secret == self.secret else self.seal(token, identity)

    def is_weak(self, sealed: SealedToken) -> bool:
        """Return whether the key derivation was raised since the token was sealed."""
        return KeyDerivation.parse(sealed.kdf).is_weaker_than(self.derivation)

    def _open(self, sealed: SealedToken, identity: Identity) -> tuple[str, str]:
        """Return the token, and the secret that decrypted it."""
        for secret in (self.secret, self.previous_secret):
            with suppress(HashingError, InvalidTag, ValueError):
                if secret is not None:
                    return _decrypt(secret, sealed, identity), secret
        # The cause is omitted: it may describe key material, and does not help the user.
        raise VaultError(
            "the stored token cannot be decrypted: the secret is not the one it was sealed with, "
            "or the stored record was changed. Set the right secret, or import the account again."
        )


def _decrypt(secret: str, sealed: SealedToken, identity: Identity) -> str:
    key = _key(secret, _from_base64(sealed.salt), KeyDerivation.parse(sealed.kdf))
    nonce, ciphertext = _from_base64(sealed.nonce), _from_base64(sealed.ciphertext)
    return AESGCM(key).decrypt(nonce, ciphertext, identity.as_associated_data()).decode()


def _key(secret: str, salt: bytes, derivation: KeyDerivation) -> bytes:
    return hash_secret_raw(
        bytes.fromhex(secret),
        salt,
        time_cost=derivation.time_cost,
        memory_cost=derivation.memory_kib,
        parallelism=derivation.lanes,
        hash_len=KEY_BYTES,
        type=RFC_9106_LOW_MEMORY.type,
    )


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    # Several texts decode to the same bytes. Only the canonical one is accepted.
    if _to_base64(data) != text:
        raise ValueError("not canonical base64")
    return data
