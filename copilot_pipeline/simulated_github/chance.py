"""Chance that always gives the same result: no clock, and no global randomness.

Every number follows from names, numbers and days alone, so two simulated GitHubs agree about a day.
"""

from __future__ import annotations

import hashlib
import random
from functools import lru_cache


@lru_cache(maxsize=1 << 17)
def chance(*parts: object) -> float:
    """Returns a number in [0, 1) that follows from the parts."""
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest()) / 2**48


def seeded(*parts: object) -> random.Random:
    """Returns a generator whose numbers follow from the parts."""
    return random.Random("/".join(map(str, parts)))
